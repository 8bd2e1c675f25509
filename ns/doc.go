// Package ns has the namespaces of a task, but for user namespaces (package user) and mount namespaces (package fs), and
// the way in which clone, unshare and setns change them: everything is prepared first, then swapped at once.
//
// References are explicit, so that a namespace that nobody uses is gone at a moment that can be seen: a Set has one on
// each of its namespaces, a PID on the pid namespaces it has numbers in, an open ns file on what it is a file of, and a
// namespace on the user namespace that owns it.
package ns
