package ns

import (
	"maps"
	"slices"
	"sync"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/mqueue"
	"cleave/ns/user"
)

// IPCNamespace has System V shared memory, semaphores and message queues, and POSIX message queues (ipc_namespaces(7)).
type IPCNamespace struct {
	user.Base
	config IPCConfig

	mu     sync.Mutex // guards all objects of the namespace
	limits IPCLimits
	shm    ipcTable[*Shm]
	sem    ipcTable[*Sem]
	msg    ipcTable[*Msg]
	pages  uint64     // of all segments
	queues *mqueue.FS // POSIX message queues; nil until they are asked for
}

// IPCConfig is what IPC namespaces need of the rest of the kernel.
type IPCConfig struct {
	// NewFile makes a file of size bytes that has no name in any directory, for shared memory; nil: there is no shared memory.
	NewFile func(name string, size int64, c *user.Cred) (*fs.File, error)
	// Now is the time in seconds since 1970; nil: always 0.
	Now func() int64
}

// IPCLimits are the limits of /proc/sys/kernel (sysvipc(7), proc(5)).
type IPCLimits struct {
	ShmMax uint64 // bytes of a segment
	ShmAll uint64 // pages of all segments
	ShmMNI int    // segments
	SemMSL int    // semaphores of a set
	SemMNS int    // semaphores
	SemOPM int    // operations of a call
	SemMNI int    // sets
	MsgMax uint32 // bytes of a message
	MsgMNB uint32 // bytes of a queue
	MsgMNI int    // queues
}

// DefaultIPCLimits are those of a new namespace, as on Linux.
var DefaultIPCLimits = IPCLimits{
	ShmMax: 1<<64 - 1 - 1<<24, ShmAll: 1<<64 - 1 - 1<<24, ShmMNI: 4096,
	SemMSL: 32000, SemMNS: 1024000000, SemOPM: 500, SemMNI: 32000,
	MsgMax: 8192, MsgMNB: 16384, MsgMNI: 32000,
}

// NewInitialIPC makes the initial IPC namespace.
func NewInitialIPC(owner *user.Namespace, config IPCConfig) *IPCNamespace {
	if config.Now == nil {
		config.Now = func() int64 { return 0 }
	}
	n := &IPCNamespace{config: config, limits: DefaultIPCLimits}
	n.BeginFirst(user.KindIPC, owner, nil)
	return n
}

// NewChild makes an empty IPC namespace for a task with credentials c. ENOSPC: too many.
func (n *IPCNamespace) NewChild(c *user.Cred) (*IPCNamespace, error) {
	m := &IPCNamespace{config: n.config, limits: DefaultIPCLimits}
	if err := m.Begin(user.KindIPC, c.NS, c.EUID, m.removeAll); err != nil {
		return nil, err
	}
	return m, nil
}

// removeAll lets go of all objects when the namespace is gone. Nobody waits for them any more.
func (n *IPCNamespace) removeAll() {
	n.mu.Lock()
	segments := slices.Collect(maps.Values(n.shm.used))
	n.sem.used, n.msg.used = nil, nil
	queues := n.queues
	n.queues = nil
	n.mu.Unlock()
	if queues != nil {
		queues.Release()
	}
	for _, s := range segments {
		s.remove()
	}
}

// Queues gives the POSIX message queues of n, which are files of v. It makes them when they are asked for first. The
// caller has a reference on n.
func (n *IPCNamespace) Queues(v *fs.VFS) *mqueue.FS {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.queues == nil {
		n.queues = mqueue.New(v, n.Owner())
	}
	return n.queues
}

// Limits gives the limits.
func (n *IPCNamespace) Limits() IPCLimits {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.limits
}

// SetLimits changes the limits by change. EINVAL: one of them would be negative or above 32768 objects.
func (n *IPCNamespace) SetLimits(change func(*IPCLimits)) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.limits
	change(&l)
	for _, v := range [...]int{l.ShmMNI, l.SemMNI, l.MsgMNI} {
		if v < 0 || v > maxIPCObjects {
			return abi.EINVAL
		}
	}
	if l.SemMSL < 0 || l.SemMNS < 0 || l.SemOPM < 0 || l.MsgMax > 1<<31-1 || l.MsgMNB > 1<<31-1 {
		return abi.EINVAL
	}
	n.limits = l
	return nil
}

// IPCPerm is who may use an object of System V IPC (struct ipc_perm, sysvipc(7)).
type IPCPerm struct {
	ID      int32
	Key     int32
	UID     user.KUID
	GID     user.KGID
	CUID    user.KUID // of the creator
	CGID    user.KGID
	Mode    uint16
	Seq     uint16
	users   *user.Namespace // whose users UID and CUID are
	removed bool
	index   int
}

// allows checks the permission bits of want (r 4, w 2), repeated for owner, group and others, as flags of shmget(2) have
// them. EACCES.
func (p *IPCPerm) allows(n *IPCNamespace, c *user.Cred, flags int32) error {
	want := uint16(flags>>6|flags>>3|flags) & 7
	granted := p.Mode
	switch {
	case p.isOwner(c):
		granted >>= 6
	case c.InEffectiveGroup(p.CGID) || c.InEffectiveGroup(p.GID):
		granted >>= 3
	}
	if want&^granted != 0 && !c.Has(user.CapIpcOwner, n.Owner()) {
		return abi.EACCES
	}
	return nil
}

func (p *IPCPerm) isOwner(c *user.Cred) bool {
	return user.SameUser(c.NS, c.EUID, p.users, p.UID) || user.SameUser(c.NS, c.EUID, p.users, p.CUID)
}

// mayChange checks for IPC_SET and IPC_RMID. EPERM.
func (p *IPCPerm) mayChange(n *IPCNamespace, c *user.Cred) error {
	if p.isOwner(c) || c.Has(user.CapSysAdmin, n.Owner()) {
		return nil
	}
	return abi.EPERM
}

// set is IPC_SET: new owner, group and permission bits. EINVAL: an id that is not mapped.
func (p *IPCPerm) set(c *user.Cred, uid user.UID, gid user.GID, mode uint16) error {
	u, g := c.NS.ToKUID(uid), c.NS.ToKGID(gid)
	if !u.Valid() || !g.Valid() {
		return abi.EINVAL
	}
	p.UID, p.GID = u, g
	p.Mode = p.Mode&^0o777 | mode&0o777
	return nil
}

const (
	maxIPCObjects = 1 << ipcIndexBits
	ipcIndexBits  = 15
	maxIPCSeq     = 1<<16 - 1
	minIPCCycle   = 64
)

// ipcObject is a segment, a set of semaphores, or a queue.
type ipcObject interface {
	comparable
	perm() *IPCPerm
}

// ipcTable finds objects by id and key. An id is a sequence number and an index, so that an old id does not name a new
// object soon.
type ipcTable[T ipcObject] struct {
	used map[int]T // by index
	keys map[int32]T
	last int
	seq  uint16
	max  int // highest index in use, for SHM_INFO and its kin
}

// add gives o an id. ENOSPC: there are limit objects already.
func (t *ipcTable[T]) add(o T, c *user.Cred, key, flags int32, limit int) (int32, error) {
	if len(t.used) >= limit {
		return 0, abi.ENOSPC
	}
	if t.used == nil {
		t.used, t.keys, t.last = map[int]T{}, map[int32]T{}, -1
	}
	round := min(max(len(t.used)*3/2, minIPCCycle), maxIPCObjects)
	i := t.last
	for {
		if i++; i >= round {
			i = 0
			round = maxIPCObjects
		}
		if _, busy := t.used[i]; !busy {
			break
		}
	}
	if i <= t.last {
		t.seq = (t.seq + 1) % maxIPCSeq
	}
	t.last = i
	*o.perm() = IPCPerm{
		ID: int32(t.seq)<<ipcIndexBits | int32(i), Key: key, UID: c.EUID, CUID: c.EUID, GID: c.EGID, CGID: c.EGID,
		Mode: uint16(flags & 0o777), Seq: t.seq, users: c.NS, index: i,
	}
	t.used[i] = o
	t.max = max(t.max, i)
	if key != abi.IPC_PRIVATE {
		t.keys[key] = o
	}
	return o.perm().ID, nil
}

// byKey is the common part of shmget, semget and msgget: it finds the object of a key, or says that one is to be made.
// ENOENT, EEXIST, EACCES; check is asked last, for an object that is there.
func (t *ipcTable[T]) byKey(n *IPCNamespace, c *user.Cred, key, flags int32, check func(T) error) (found T, ok bool, err error) {
	if key != abi.IPC_PRIVATE {
		found, ok = t.keys[key]
	}
	if !ok {
		if key != abi.IPC_PRIVATE && flags&abi.IPC_CREAT == 0 {
			err = abi.ENOENT
		}
		return found, false, err
	}
	if flags&abi.IPC_CREAT != 0 && flags&abi.IPC_EXCL != 0 {
		return found, true, abi.EEXIST
	}
	if err := check(found); err != nil {
		return found, true, err
	}
	return found, true, found.perm().allows(n, c, flags)
}

// byID finds an object. EINVAL: there is none.
func (t *ipcTable[T]) byID(id int32) (T, error) {
	o, ok := t.used[int(id&(maxIPCObjects-1))]
	if !ok || id < 0 || o.perm().ID != id {
		var none T
		return none, abi.EINVAL
	}
	return o, nil
}

// byIndex finds an object for SHM_STAT and its kin, which list all. EINVAL: there is none.
func (t *ipcTable[T]) byIndex(i int32) (T, error) {
	o, ok := t.used[int(i)]
	if !ok {
		return o, abi.EINVAL
	}
	return o, nil
}

// unkey takes an object out of the keys, so that nobody finds it any more.
func (t *ipcTable[T]) unkey(o T) {
	p := o.perm()
	if t.keys[p.Key] == o {
		delete(t.keys, p.Key)
	}
}

func (t *ipcTable[T]) remove(o T) {
	t.unkey(o)
	p := o.perm()
	p.removed = true
	delete(t.used, p.index)
	if p.index == t.max {
		t.max = 0
		for i := range t.used {
			t.max = max(t.max, i)
		}
	}
}

// each calls f for every object by ascending index.
func (t *ipcTable[T]) each(f func(T)) {
	for i := 0; i <= t.max; i++ {
		if o, ok := t.used[i]; ok {
			f(o)
		}
	}
}

// IPCUsage is what IPC_INFO, SHM_INFO, SEM_INFO and MSG_INFO tell.
type IPCUsage struct {
	Limits   IPCLimits
	MaxIndex int    // highest index in use; the result of those calls
	Objects  int    // segments, sets or queues
	Items    uint64 // pages, semaphores or messages
	Bytes    uint64 // of messages
	Resident uint64 // pages of segments in memory
}
