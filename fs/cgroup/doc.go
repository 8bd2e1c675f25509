// Package cgroup has control groups, version 2 (cgroups(7), Linux's Documentation/admin-guide/cgroup-v2.rst): a tree of
// groups of processes, as directories of a file system (type cgroup2), with controllers that limit what the processes of
// a group and of those below it may use. There are two: pids counts tasks, memory counts page frames.
//
// A process is in one group. What processes are, this package learns through the interface Processes.
//
// DIVERGES: threaded groups do not exist: all threads of a process are in one group, cgroup.type can't be changed, and no
// controller, pids included, can be given to children of a group that has processes itself.
//
// # Locks
//
// Hierarchy.mu guards the tree and all counts. It is taken with package proc's task lock held, and with Inode.mu of a
// directory; only the lock of the frame pool is taken under it. The methods of Processes are called without it.
package cgroup
