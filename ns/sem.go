package ns

import (
	"cleave/abi"
	"cleave/ns/user"
	"cleave/wait"
)

const maxSemValue = 32767

// Sem is a set of System V semaphores (semget(2)).
type Sem struct {
	p            IPCPerm // guarded by ns.mu, as is the rest
	ns           *IPCNamespace
	value        []int32
	pid          []*PID // who changed each last
	otime, ctime int64
	first, last  *SemWait
	undo         map[*SemUndo][]int32 // what is to be added to each semaphore when the undo list's last user exits
}

func (s *Sem) perm() *IPCPerm { return &s.p }

// SemOp is one operation of semop(2).
type SemOp struct {
	Num  uint16
	Op   int16
	Flag int16 // IPC_NOWAIT, SEM_UNDO
}

// SemWait is a semop that could not be done at once. It waits in the set's queue until it can; whoever makes that
// possible carries it out. The waiter sleeps on Queue, looks at Result, and calls Cancel when it gives up.
type SemWait struct {
	Queue wait.Queue

	sem        *Sem
	ops        []SemOp
	undo       *SemUndo
	pid        *PID
	blocked    *SemOp // the operation that it waits for
	done       bool
	err        error
	next, prev *SemWait
}

// SemStat is struct semid_ds.
type SemStat struct {
	IPCPerm
	Otime, Ctime int64
	Count        int
}

// Semget is semget(2). EINVAL, EEXIST, ENOENT, EACCES, ENOSPC.
func (n *IPCNamespace) Semget(c *user.Cred, key int32, count int, flags int32) (int32, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if count < 0 || count > n.limits.SemMSL {
		return 0, abi.EINVAL
	}
	s, ok, err := n.sem.byKey(n, c, key, flags, func(s *Sem) error {
		if count > len(s.value) {
			return abi.EINVAL
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	if ok {
		return s.p.ID, nil
	}
	if count == 0 {
		return 0, abi.EINVAL
	}
	if n.semaphores()+count > n.limits.SemMNS {
		return 0, abi.ENOSPC
	}
	s = &Sem{ns: n, value: make([]int32, count), pid: make([]*PID, count), ctime: n.config.Now()}
	return n.sem.add(s, c, key, flags, n.limits.SemMNI)
}

func (n *IPCNamespace) semaphores() int {
	sum := 0
	for _, s := range n.sem.used {
		sum += len(s.value)
	}
	return sum
}

// Semop is semop(2). A nil SemWait and a nil error: it is done. With a SemWait it waits for its turn. undo may be nil if
// no operation has SEM_UNDO.
// EINVAL: no such set, no operations; E2BIG: too many; EFBIG: no such semaphore; EACCES; EAGAIN: IPC_NOWAIT; ERANGE.
func (n *IPCNamespace) Semop(c *user.Cred, pid *PID, undo *SemUndo, id int32, ops []SemOp) (*SemWait, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(ops) < 1 {
		return nil, abi.EINVAL
	}
	if len(ops) > n.limits.SemOPM {
		return nil, abi.E2BIG
	}
	s, err := n.sem.byID(id)
	if err != nil {
		return nil, err
	}
	want := int32(0o444)
	for i := range ops {
		if int(ops[i].Num) >= len(s.value) {
			return nil, abi.EFBIG
		}
		if ops[i].Op != 0 {
			want = 0o222
		}
	}
	if err := s.p.allows(n, c, want); err != nil {
		return nil, err
	}
	w := &SemWait{sem: s, ops: ops, undo: undo, pid: pid}
	if s.tryLocked(w) {
		if w.err == nil {
			s.otime = n.config.Now()
			s.runWaitersLocked()
		}
		return nil, w.err
	}
	w.ops = append([]SemOp(nil), ops...)
	s.enqueueLocked(w)
	return w, nil
}

// tryLocked carries out all operations of w, or none. It reports whether w is finished, in w.err the result.
func (s *Sem) tryLocked(w *SemWait) bool {
	for i := range w.ops {
		op := &w.ops[i]
		v := s.value[op.Num] + int32(op.Op)
		blocked := v < 0 || op.Op == 0 && v != 0
		var err error
		switch {
		case blocked && op.Flag&abi.IPC_NOWAIT != 0:
			err = abi.EAGAIN
		case blocked:
			w.blocked = op
		case v > maxSemValue || op.Flag&abi.SEM_UNDO != 0 && !s.mayUndoLocked(w, i):
			err = abi.ERANGE
		default:
			s.value[op.Num] = v
			continue
		}
		for i--; i >= 0; i-- {
			s.value[w.ops[i].Num] -= int32(w.ops[i].Op)
		}
		w.err = err
		return err != nil
	}
	for i := range w.ops {
		op := &w.ops[i]
		s.pid[op.Num] = w.pid
		if op.Flag&abi.SEM_UNDO != 0 && op.Op != 0 {
			s.adjustLocked(w.undo)[op.Num] -= int32(op.Op)
		}
	}
	w.err = nil
	return true
}

// mayUndoLocked reports whether operation i, after those before it, leaves its adjustment in range.
func (s *Sem) mayUndoLocked(w *SemWait, i int) bool {
	var adj int32
	if a := s.undo[w.undo]; a != nil {
		adj = a[w.ops[i].Num]
	}
	for j := 0; j <= i; j++ {
		if w.ops[j].Num == w.ops[i].Num && w.ops[j].Flag&abi.SEM_UNDO != 0 {
			adj -= int32(w.ops[j].Op)
		}
	}
	return adj >= -maxSemValue-1 && adj <= maxSemValue
}

// runWaitersLocked carries out what can be done now, in the order of arrival, until nothing changes any more.
func (s *Sem) runWaitersLocked() {
	for w := s.first; w != nil; {
		next := w.next
		if s.tryLocked(w) {
			s.dequeueLocked(w)
			w.finishLocked(w.err)
			if w.err == nil {
				s.otime = s.ns.config.Now()
				next = s.first
			}
		}
		w = next
	}
}

func (s *Sem) enqueueLocked(w *SemWait) {
	w.prev = s.last
	if s.last != nil {
		s.last.next = w
	} else {
		s.first = w
	}
	s.last = w
}

func (s *Sem) dequeueLocked(w *SemWait) {
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		s.first = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		s.last = w.prev
	}
	w.next, w.prev = nil, nil
}

func (w *SemWait) finishLocked(err error) {
	w.done, w.err = true, err
	w.Queue.Notify(wait.In)
}

// Result is nil when the operations have been done, EAGAIN while they have not; EIDRM: the set was removed; ERANGE.
func (w *SemWait) Result() error {
	w.sem.ns.mu.Lock()
	defer w.sem.ns.mu.Unlock()
	if !w.done {
		return abi.EAGAIN
	}
	return w.err
}

// Cancel takes the operations back, unless they are finished; it gives the Result at that moment.
func (w *SemWait) Cancel() error {
	w.sem.ns.mu.Lock()
	defer w.sem.ns.mu.Unlock()
	if w.done {
		return w.err
	}
	w.sem.dequeueLocked(w)
	w.done, w.err = true, abi.EAGAIN
	return abi.EAGAIN
}

// SemStat is IPC_STAT (cmd IPC_STAT takes an id, SEM_STAT and SEM_STAT_ANY an index). EINVAL, EACCES.
func (n *IPCNamespace) SemStat(c *user.Cred, id, cmd int32) (*SemStat, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	find := n.sem.byID
	if cmd != abi.IPC_STAT {
		find = n.sem.byIndex
	}
	s, err := find(id)
	if err != nil {
		return nil, err
	}
	if cmd != abi.SEM_STAT_ANY {
		if err := s.p.allows(n, c, 0o444); err != nil {
			return nil, err
		}
	}
	return &SemStat{IPCPerm: s.p, Otime: s.otime, Ctime: s.ctime, Count: len(s.value)}, nil
}

// SemSet is IPC_SET. EINVAL, EPERM.
func (n *IPCNamespace) SemSet(c *user.Cred, id int32, uid user.UID, gid user.GID, mode uint16) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	s, err := n.sem.byID(id)
	if err != nil {
		return err
	}
	if err := s.p.mayChange(n, c); err != nil {
		return err
	}
	s.ctime = n.config.Now()
	return s.p.set(c, uid, gid, mode)
}

// SemRemove is IPC_RMID: who waits gets EIDRM. EINVAL, EPERM.
func (n *IPCNamespace) SemRemove(c *user.Cred, id int32) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	s, err := n.sem.byID(id)
	if err != nil {
		return err
	}
	if err := s.p.mayChange(n, c); err != nil {
		return err
	}
	n.sem.remove(s)
	for s.first != nil {
		w := s.first
		s.dequeueLocked(w)
		w.finishLocked(abi.EIDRM)
	}
	return nil
}

// openSemLocked finds a set for semctl(2). want: permission bits, as of byKey. num: a semaphore that must exist, or -1.
func (n *IPCNamespace) openSemLocked(c *user.Cred, id, want int32, num int) (*Sem, error) {
	s, err := n.sem.byID(id)
	if err != nil {
		return nil, err
	}
	if num < -1 || num >= len(s.value) {
		return nil, abi.EINVAL
	}
	return s, s.p.allows(n, c, want)
}

// SemValue is GETVAL: also the pid that changed it last (GETPID, nil: nobody), and how many wait for more (GETNCNT) and
// for zero (GETZCNT). EINVAL, EACCES.
func (n *IPCNamespace) SemValue(c *user.Cred, id int32, num int) (value int32, pid *PID, more, zero int, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if num < 0 {
		return 0, nil, 0, 0, abi.EINVAL
	}
	s, err := n.openSemLocked(c, id, 0o444, num)
	if err != nil {
		return 0, nil, 0, 0, err
	}
	for w := s.first; w != nil; w = w.next {
		switch {
		case int(w.blocked.Num) != num:
		case w.blocked.Op == 0:
			zero++
		default:
			more++
		}
	}
	return s.value[num], s.pid[num], more, zero, nil
}

// SemCount is how many semaphores a set has. EINVAL.
func (n *IPCNamespace) SemCount(id int32) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s, err := n.sem.byID(id)
	if err != nil {
		return 0, err
	}
	return len(s.value), nil
}

// SemValues is GETALL. EINVAL, EACCES.
func (n *IPCNamespace) SemValues(c *user.Cred, id int32) ([]uint16, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s, err := n.openSemLocked(c, id, 0o444, -1)
	if err != nil {
		return nil, err
	}
	all := make([]uint16, len(s.value))
	for i, v := range s.value {
		all[i] = uint16(v)
	}
	return all, nil
}

// SemSetValue is SETVAL. EINVAL, EACCES, ERANGE.
func (n *IPCNamespace) SemSetValue(c *user.Cred, pid *PID, id int32, num int, value int32) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if value < 0 || value > maxSemValue {
		return abi.ERANGE
	}
	if num < 0 {
		return abi.EINVAL
	}
	s, err := n.openSemLocked(c, id, 0o222, num)
	if err != nil {
		return err
	}
	s.setLocked(num, value, pid)
	s.changedLocked()
	return nil
}

// SemSetValues is SETALL; values has one for each semaphore of the set . EINVAL, EACCES, ERANGE; EIDRM: the
// set has another size now (SemCount).
func (n *IPCNamespace) SemSetValues(c *user.Cred, pid *PID, id int32, values []uint16) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	s, err := n.openSemLocked(c, id, 0o222, -1)
	if err != nil {
		return err
	}
	if len(values) != len(s.value) {
		return abi.EIDRM
	}
	for _, v := range values {
		if v > maxSemValue {
			return abi.ERANGE
		}
	}
	for i, v := range values {
		s.setLocked(i, int32(v), pid)
	}
	s.changedLocked()
	return nil
}

// setLocked gives a semaphore a value and forgets all adjustments to it.
func (s *Sem) setLocked(num int, value int32, pid *PID) {
	s.value[num], s.pid[num] = value, pid
	for _, adj := range s.undo {
		adj[num] = 0
	}
}

func (s *Sem) changedLocked() {
	s.ctime = s.ns.config.Now()
	s.runWaitersLocked()
}

// SemUsage is IPC_INFO and SEM_INFO.
func (n *IPCNamespace) SemUsage() IPCUsage {
	n.mu.Lock()
	defer n.mu.Unlock()
	return IPCUsage{Limits: n.limits, MaxIndex: n.sem.max, Objects: len(n.sem.used), Items: uint64(n.semaphores())}
}

// EachSem lists the sets (/proc/sysvipc/sem).
func (n *IPCNamespace) EachSem(f func(*SemStat)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sem.each(func(s *Sem) {
		f(&SemStat{IPCPerm: s.p, Otime: s.otime, Ctime: s.ctime, Count: len(s.value)})
	})
}

// SemUndo is a list of adjustments that SEM_UNDO has collected in one IPC namespace. Tasks share it with CLONE_SYSVSEM;
// who goes to another IPC namespace leaves it.
type SemUndo struct {
	ns    *IPCNamespace
	users int // guarded by ns.mu
}

// NewSemUndo makes an empty list with one user, a task in n.
func (n *IPCNamespace) NewSemUndo() *SemUndo { return &SemUndo{ns: n, users: 1} }

// Share counts one more user and gives u.
func (u *SemUndo) Share() *SemUndo {
	u.ns.mu.Lock()
	u.users++
	u.ns.mu.Unlock()
	return u
}

// Shared reports whether there is more than one user.
func (u *SemUndo) Shared() bool {
	u.ns.mu.Lock()
	defer u.ns.mu.Unlock()
	return u.users > 1
}

// Leave drops a user, a task with the given pid that exits or unshares. After the last one all adjustments are made: a
// semaphore does not go below 0 nor above its limit.
func (u *SemUndo) Leave(pid *PID) {
	u.ns.mu.Lock()
	defer u.ns.mu.Unlock()
	u.users--
	if u.users > 0 {
		return
	}
	for _, s := range u.ns.sem.used {
		adj := s.undo[u]
		if adj == nil {
			continue
		}
		delete(s.undo, u)
		for i, a := range adj {
			if a != 0 {
				s.value[i] = min(max(s.value[i]+a, 0), maxSemValue)
				s.pid[i] = pid
			}
		}
		s.otime = u.ns.config.Now()
		s.runWaitersLocked()
	}
}

// adjustLocked gives the adjustments of s in u.
func (s *Sem) adjustLocked(u *SemUndo) []int32 {
	adj := s.undo[u]
	if adj == nil {
		if s.undo == nil {
			s.undo = map[*SemUndo][]int32{}
		}
		adj = make([]int32, len(s.value))
		s.undo[u] = adj
	}
	return adj
}
