package user

import (
	"sync/atomic"

	"cleave/abi"
)

// Resource is something that is counted for each user.
type Resource uint8

// What an Account counts.
const (
	Processes      Resource = iota // tasks with this real user id, RLIMIT_NPROC
	PendingSignals                 // queued signals, RLIMIT_SIGPENDING
	QueueBytes                     // of POSIX message queues, RLIMIT_MSGQUEUE
	LockedPages                    // RLIMIT_MEMLOCK
	PipePages                      // /proc/sys/fs/pipe-user-pages-soft
	EpollWatches
	InotifyInstances
	InotifyWatches
	FlyingFiles // descriptors in flight over unix sockets
	NumResources
)

// Account is what one user of one table of users has in use. Two credentials are the same user's if they have the same Account.
type Account struct {
	table *Namespace
	uid   KUID
	count [NumResources]atomic.Int64
	kinds [NumKinds]atomic.Int32 // namespaces charged to this user in this user namespace
	refs  int                    // tasks and charged namespaces; guarded by table.accountMu
}

// UID is the user whose account this is.
func (a *Account) UID() KUID { return a.uid }

// Count is how much of r is in use.
func (a *Account) Count(r Resource) int64 { return a.count[r].Load() }

// Add counts n more of r, or -n less.
func (a *Account) Add(r Resource, n int64) int64 { return a.count[r].Add(n) }

// Charge counts n more of r unless that makes more than limit. It reports whether it did.
func (a *Account) Charge(r Resource, n, limit int64) bool {
	for {
		old := a.count[r].Load()
		if old+n > limit {
			return false
		}
		if a.count[r].CompareAndSwap(old, old+n) {
			return true
		}
	}
}

// ProcessLimitExempt reports whether the account is that of user 0 of its own table, who may have any number of processes there.
func (a *Account) ProcessLimitExempt() bool { return a.uid == RootKUID }

// account gives the account of a user in n's own table, with one more reference.
func (n *Namespace) account(k KUID) *Account {
	n.accountMu.Lock()
	defer n.accountMu.Unlock()
	a := n.accounts[k]
	if a == nil {
		a = &Account{table: n, uid: k}
		n.accounts[k] = a
	}
	a.refs++
	return a
}

// drop lets go of a reference; an account that nobody refers to is forgotten.
func (a *Account) drop() {
	a.table.accountMu.Lock()
	defer a.table.accountMu.Unlock()
	a.refs--
	if a.refs == 0 {
		delete(a.table.accounts, a.uid)
	}
}

// hold takes one more reference; the caller has one.
func (a *Account) hold() {
	a.table.accountMu.Lock()
	a.refs++
	a.table.accountMu.Unlock()
}

// Hold keeps the account, and what it counts, although its user may have no task any more: something that is charged to
// it outlives tasks. Release ends that.
func (a *Account) Hold() { a.hold() }

// Release undoes Hold.
func (a *Account) Release() { a.drop() }

// Accounts is the number of accounts in n's own table, for tests.
func (n *Namespace) Accounts() int {
	n.accountMu.Lock()
	defer n.accountMu.Unlock()
	return len(n.accounts)
}

// SameUser reports whether user a of namespace na and user b of namespace nb are one user: the same number, in the
// same table of accounts. Every test of one user id against another goes through it.
func SameUser(na *Namespace, a KUID, nb *Namespace, b KUID) bool {
	return a == b && na.users == nb.users
}

// Limits of the number of namespaces and inotify objects (/proc/sys/user/max_*), one for each Kind and then these.
const (
	LimitInotifyInstances = NumKinds + iota
	LimitInotifyWatches
	numLimits
)

const noLimit = 1<<31 - 1

var initialLimits = [numLimits]int32{
	KindUser: 16384, KindMount: 16384, KindUTS: 16384, KindIPC: 16384,
	KindPID: 16384, KindNet: 16384, KindCgroup: 16384, KindTime: 16384,
	LimitInotifyInstances: 128, LimitInotifyWatches: 65536,
}

// LimitName is the name of the file of limit i in /proc/sys/user, "" when there is no such limit.
func LimitName(i int) string {
	switch {
	case i == LimitInotifyInstances:
		return "max_inotify_instances"
	case i == LimitInotifyWatches:
		return "max_inotify_watches"
	case i < 0 || i >= NumKinds:
		return ""
	}
	return "max_" + Kind(i).String() + "_namespaces"
}

// Limit is the value of a limit in n.
func (n *Namespace) Limit(i int) int32 { return n.limits[i].Load() }

// SetLimit changes it for c, which needs CAP_SYS_RESOURCE in n. EPERM: it has not; EINVAL: negative.
func (n *Namespace) SetLimit(c *Cred, i int, v int32) error {
	if !c.Has(CapSysResource, n) {
		return abi.EPERM
	}
	if v < 0 {
		return abi.EINVAL
	}
	n.limits[i].Store(v)
	return nil
}

// charge counts a new namespace of kind k, owned by n, for user maker in n, and for the makers of n and its ancestors
// in each one's parent. It gives the account in n. ENOSPC: one of them is at its limit; nothing is counted then.
func (n *Namespace) charge(maker KUID, k Kind) (*Account, error) {
	a := n.account(maker)
	for x := a; x != nil; x = x.table.charged {
		if !x.chargeKind(k, x.table.limits[k].Load()) {
			for y := a; y != x; y = y.table.charged {
				y.kinds[k].Add(-1)
			}
			a.drop()
			return nil, abi.ENOSPC
		}
	}
	return a, nil
}

func (a *Account) chargeKind(k Kind, limit int32) bool {
	for {
		old := a.kinds[k].Load()
		if old >= limit {
			return false
		}
		if a.kinds[k].CompareAndSwap(old, old+1) {
			return true
		}
	}
}

// uncharge undoes charge.
func (a *Account) uncharge(k Kind) {
	for x := a; x != nil; x = x.table.charged {
		x.kinds[k].Add(-1)
	}
	a.drop()
}

// Namespaces is the number of namespaces of kind k charged to the account.
func (a *Account) Namespaces(k Kind) int32 { return a.kinds[k].Load() }
