// Package user has user namespaces in both models, id maps, credentials, capabilities and the accounts of users.
//
// Ids inside the kernel (KUID, KGID) are those of the initial user namespace; they are converted to what a task of
// some namespace sees (UID, GID) only where a system call or a file shows them.
package user

// KUID is a user id inside the kernel: the number that the initial user namespace shows.
type KUID uint32

// KGID is a group id inside the kernel.
type KGID uint32

// KProjID is a project id (disk quotas) inside the kernel.
type KProjID uint32

// UID is a user id as the tasks of some user namespace see it.
type UID uint32

// GID is a group id as the tasks of some user namespace see it.
type GID uint32

// ProjID is a project id as the tasks of some user namespace see it.
type ProjID uint32

// The id -1 is nobody's: it stands for "no such id", or in calls such as setreuid(2) for "leave it".
const (
	InvalidKUID   = ^KUID(0)
	InvalidKGID   = ^KGID(0)
	InvalidProjID = ^ProjID(0)
	InvalidUID    = ^UID(0)
	InvalidGID    = ^GID(0)
)

// RootKUID and RootKGID are root of the initial user namespace.
const (
	RootKUID KUID = 0
	RootKGID KGID = 0
)

// DefaultOverflow is shown for an id that a namespace does not map (/proc/sys/kernel/overflowuid, proc(5)).
const DefaultOverflow = 65534

// Valid reports whether k is an id, not -1.
func (k KUID) Valid() bool { return k != InvalidKUID }

// Valid reports whether k is an id, not -1.
func (k KGID) Valid() bool { return k != InvalidKGID }

// Valid reports whether u is an id, not -1.
func (u UID) Valid() bool { return u != InvalidUID }

// Valid reports whether g is an id, not -1.
func (g GID) Valid() bool { return g != InvalidGID }
