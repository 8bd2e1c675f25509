package linux386

import (
	"math/bits"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/epoll"
	"cleave/fs/eventfd"
	"cleave/fs/poll"
	"cleave/mm"
	"cleave/proc"
	"cleave/wait"
)

// until turns a length of time into a deadline of the monotonic clock. Negative is never, 0 is now.
func until(t *proc.Task, ns int64) (deadline int64, nowait bool) {
	if ns <= 0 {
		return 0, ns == 0
	}
	now := t.Kernel().Clock.Monotonic()
	if d := now + ns; d > now {
		return d, false
	}
	return 0, false
}

// interrupted turns the error of a wait that a signal has ended into that of the poll family: it is made again if no
// handler runs.
func interrupted(err error) error {
	if err == abi.ERESTARTSYS {
		return abi.ERESTARTNOHAND
	}
	return err
}

// pollOnStack is how many descriptors poll(2) takes without allocating.
const pollOnStack = 16

func pollFiles(t *proc.Task, at, n uint32, ns int64) (Int, error) {
	if uint64(n) > uint64(t.NoFile()) {
		return 0, abi.EINVAL
	}
	var few [pollOnStack]pollFD
	fds := few[:min(n, pollOnStack)]
	if n > pollOnStack {
		fds = make([]pollFD, n)
	}
	if err := mm.LoadSlice(t.MM(), fds, at); err != nil {
		return 0, err
	}
	ready := 0
	if own := t.Files().Own(); own != nil {
		ready = pollNow(own, fds)
	} else {
		ready = pollShared(t.Files(), fds)
	}
	if deadline, nowait := until(t, ns); ready == 0 && !nowait {
		var err error
		if ready, err = pollSleep(t, fds, deadline); err != nil {
			return 0, interrupted(err)
		}
	}
	return Int(ready), mm.StoreSlice(t.MM(), at, fds)
}

// pollNow notes the events that hold now and are wanted, and returns how many descriptors have any.
func pollNow(own []*fs.File, fds []pollFD) int {
	ready := 0
	for i := range fds {
		p := &fds[i]
		p.Revents = 0
		if p.FD < 0 {
			continue
		}
		got := wait.Nval
		if fd := int(p.FD); fd < len(own) {
			if f := own[fd]; f != nil && f.Flags()&abi.O_PATH == 0 {
				got = f.Ops.Poll(f) & (wait.Events(p.Events) | wait.Always)
			}
		}
		if got != 0 {
			p.Revents = uint16(got)
			ready++
		}
	}
	return ready
}

// pollShared is pollNow for a table that others can change meanwhile.
func pollShared(files *fs.FDTable, fds []pollFD) int {
	ready := 0
	for i := range fds {
		p := &fds[i]
		p.Revents = 0
		if p.FD < 0 {
			continue
		}
		got := wait.Nval
		if f, err := files.GetIO(int(p.FD)); err == nil {
			got = f.Ops.Poll(f) & (wait.Events(p.Events) | wait.Always)
			f.Put()
		}
		if got != 0 {
			p.Revents = uint16(got)
			ready++
		}
	}
	return ready
}

// pollSleep waits until one of the files has events, and returns how many have. The files are held meanwhile: whoever
// shares the table may close their descriptors.
func pollSleep(t *proc.Task, fds []pollFD, deadline int64) (int, error) {
	set := t.PollSet()
	for _, p := range fds {
		if p.FD < 0 {
			set.Add(nil, 0)
		} else if f, err := t.Files().GetIO(int(p.FD)); err != nil {
			set.AddInvalid()
		} else {
			set.Add(f, wait.Events(p.Events))
		}
	}
	ready, err := set.Sleep(t, deadline)
	for i := range fds {
		fds[i].Revents = uint16(set.Got(i))
	}
	set.Clear()
	return ready, err
}

func sysPoll(t *proc.Task, fds Addr, n Uint, ms Int) (Int, error) {
	return pollFiles(t, uint32(fds), uint32(n), int64(ms)*1e6)
}

// withMask makes the signal mask at set, unless set is null, that of the task until the call ends.
func withMask(t *proc.Task, set SigSet, size Size) error {
	if set == 0 {
		return nil
	}
	m, err := set.load(t, size)
	if err != nil {
		return err
	}
	t.WithMask(m)
	return nil
}

// endMask brings the mask back at the end of a call that ends with err. A call that is to be made again keeps it until a
// handler has run.
func endMask(t *proc.Task, mask SigSet, err error) {
	if mask != 0 && err != abi.ERESTARTNOHAND {
		t.Unmask()
	}
}

// timeLeft is the limit of a call that tells how much of it is left: in ns, negative for none.
type timeLeft struct {
	limit, end int64
}

func newTimeLeft(t *proc.Task, ns int64) timeLeft {
	return timeLeft{ns, t.Kernel().Clock.Monotonic() + ns}
}

func (l timeLeft) left(t *proc.Task) int64 { return max(0, l.end-t.Kernel().Clock.Monotonic()) }

func sysPpoll[T spec[T]](t *proc.Task, fds Addr, n Uint, timeout InOut[T], mask SigSet, size Size) (Int, error) {
	limit := int64(-1)
	var err error
	if timeout != 0 {
		if limit, err = loadTime(t, Ptr[T](timeout)); err != nil {
			return 0, err
		}
	}
	if err := withMask(t, mask, size); err != nil {
		return 0, err
	}
	end := newTimeLeft(t, limit)
	ready, err := pollFiles(t, uint32(fds), uint32(n), limit)
	endMask(t, mask, err)
	tellLeft(t, timeout, end)
	return ready, err
}

// tellLeft stores what is left of a time-out. Linux ignores it if that can't be stored: the memory may be read-only.
func tellLeft[T spec[T]](t *proc.Task, p InOut[T], end timeLeft) {
	if p != 0 && t.Personality()&abi.STICKY_TIMEOUTS == 0 {
		_ = storeTime(t, Ret[T](p), end.left(t))
	}
}

// fdSets are the three sets of select(2), as words of 32 descriptors.
type fdSets struct {
	addr [3]uint32
	set  [3][]uint32
	few  [3][4]uint32
}

// load reads the sets; those with a null address are empty.
func (s *fdSets) load(t *proc.Task, words int) error {
	for i, at := range s.addr {
		if words <= len(s.few[i]) {
			s.set[i] = s.few[i][:words]
		} else {
			s.set[i] = make([]uint32, words)
		}
		if at == 0 {
			continue
		}
		if err := mm.LoadSlice(t.MM(), s.set[i], at); err != nil {
			return err
		}
	}
	return nil
}

var selectEvents = [3]wait.Events{poll.SelectRead, poll.SelectWrite, poll.SelectExcept}

// add puts the descriptors below n that are in any set into the poll set, in ascending order. EBADF.
func (s *fdSets) add(t *proc.Task, n int, set *poll.Set) error {
	for w := range s.set[0] {
		for any := s.any(w, n); any != 0; any &= any - 1 {
			bit := any & -any
			var want wait.Events
			for k := range s.set {
				if s.set[k][w]&bit != 0 {
					want |= selectEvents[k]
				}
			}
			f, err := t.Files().GetIO(w*32 + bits.TrailingZeros32(bit))
			if err != nil {
				return err
			}
			set.Add(f, want)
		}
	}
	return nil
}

// any returns the descriptors of word w that are in any set, without those from n on.
func (s *fdSets) any(w, n int) uint32 {
	v := s.set[0][w] | s.set[1][w] | s.set[2][w]
	if n < w*32+32 {
		v &= 1<<(n&31) - 1
	}
	return v
}

// result turns the sets into those of the ready descriptors and returns how many bits are set.
func (s *fdSets) result(n int, set *poll.Set) (count int) {
	i := 0
	for w := range s.set[0] {
		in := [3]uint32{s.set[0][w], s.set[1][w], s.set[2][w]}
		any := s.any(w, n)
		s.set[0][w], s.set[1][w], s.set[2][w] = 0, 0, 0
		for ; any != 0; any &= any - 1 {
			bit := any & -any
			got := set.Got(i)
			i++
			for k := range s.set {
				if in[k]&bit != 0 && got&selectEvents[k] != 0 {
					s.set[k][w] |= bit
					count++
				}
			}
		}
	}
	return count
}

func (s *fdSets) store(t *proc.Task) error {
	for i, at := range s.addr {
		if at == 0 {
			continue
		}
		if err := mm.StoreSlice(t.MM(), at, s.set[i]); err != nil {
			return err
		}
	}
	return nil
}

func selectFiles(t *proc.Task, n Int, r, w, x Addr, ns int64) (Int, error) {
	if n < 0 {
		return 0, abi.EINVAL
	}
	limit := min(int(n), t.Files().SizeOf())
	s := fdSets{addr: [3]uint32{uint32(r), uint32(w), uint32(x)}}
	if err := s.load(t, (limit+31)/32); err != nil {
		return 0, err
	}
	set := t.PollSet()
	if err := s.add(t, limit, set); err != nil {
		set.Clear()
		return 0, err
	}
	deadline, nowait := until(t, ns)
	_, err := set.Wait(t, deadline, nowait)
	count := s.result(limit, set)
	set.Clear()
	if err != nil {
		return 0, interrupted(err)
	}
	return Int(count), s.store(t)
}

func sysSelect(t *proc.Task, n Int, r, w, x Addr, timeout InOut[timeval32]) (Int, error) {
	if timeout == 0 {
		return selectFiles(t, n, r, w, x, -1)
	}
	v, err := timeout.Load(t)
	if err != nil {
		return 0, err
	}
	if v.Us < 0 || v.Sec < 0 {
		return 0, abi.EINVAL
	}
	limit, err := toNs(int64(v.Sec)+int64(v.Us)/1e6, int64(v.Us)%1e6*1000)
	if err != nil {
		return 0, err
	}
	end := newTimeLeft(t, limit)
	ready, err := selectFiles(t, n, r, w, x, limit)
	if t.Personality()&abi.STICKY_TIMEOUTS == 0 {
		left := newTimeval(end.left(t))
		_ = timeout.Store(t, &left) // as tellLeft
	}
	return ready, err
}

// selectArgs is struct sel_arg_struct, the only argument of the first select(2).
type selectArgs struct {
	N                  int32
	Read, Write, Xcept uint32
	Timeout            uint32
}

func sysOldSelect(t *proc.Task, p Ptr[selectArgs]) (Int, error) {
	a, err := p.Load(t)
	if err != nil {
		return 0, err
	}
	return sysSelect(t, Int(a.N), Addr(a.Read), Addr(a.Write), Addr(a.Xcept), InOut[timeval32](a.Timeout))
}

// maskArg is the last argument of pselect6: where a signal set is, and its size.
type maskArg struct {
	Set  uint32
	Size uint32
}

func sysPselect6[T spec[T]](t *proc.Task, n Int, r, w, x Addr, timeout InOut[T], mask Ptr[maskArg]) (Int, error) {
	limit := int64(-1)
	var err error
	if timeout != 0 {
		if limit, err = loadTime(t, Ptr[T](timeout)); err != nil {
			return 0, err
		}
	}
	var m maskArg
	if mask != 0 {
		if m, err = mask.Load(t); err != nil {
			return 0, err
		}
	}
	if err := withMask(t, SigSet(m.Set), Size(m.Size)); err != nil {
		return 0, err
	}
	end := newTimeLeft(t, limit)
	ready, err := selectFiles(t, n, r, w, x, limit)
	endMask(t, SigSet(m.Set), err)
	tellLeft(t, timeout, end)
	return ready, err
}

func sysEpollCreate(t *proc.Task, size Int) (FD, error) {
	if size <= 0 {
		return 0, abi.EINVAL
	}
	return sysEpollCreate1(t, 0)
}

func sysEpollCreate1(t *proc.Task, flags OpenFlags) (FD, error) {
	if flags&^abi.EPOLL_CLOEXEC != 0 {
		return 0, abi.EINVAL
	}
	return install(t, epoll.NewFile(t.Caller.VFS, t.Cred()), uint32(flags))
}

func sysEpollCtl(t *proc.Task, epfd FD, op Int, fd FD, ev Ptr[epollEvent]) error {
	var e epollEvent
	if op != abi.EPOLL_CTL_DEL {
		var err error
		if e, err = ev.Load(t); err != nil {
			return err
		}
	}
	self, err := t.Files().GetIO(int(epfd))
	if err != nil {
		return err
	}
	f, err := t.Files().GetIO(int(fd))
	if err != nil {
		self.Put()
		return err
	}
	if ep := epoll.Of(self); ep == nil {
		err = abi.EINVAL
	} else {
		err = ep.Control(self, int(op), f, int(fd), epoll.Event{Events: e.Events, Data: e.Data.join()})
	}
	f.Put()
	self.Put()
	return err
}

// epollBatch is how many events a call takes at most: a program that has room for more calls again.
const epollBatch = 64

func epollWait(t *proc.Task, epfd FD, at uint32, n Int, ns int64) (Int, error) {
	const maxEvents = 1<<31 - 1
	if n <= 0 || n > maxEvents/12 {
		return 0, abi.EINVAL
	}
	f, err := t.Files().GetIO(int(epfd))
	if err != nil {
		return 0, err
	}
	ep := epoll.Of(f)
	if ep == nil {
		f.Put()
		return 0, abi.EINVAL
	}
	var got [epollBatch]epoll.Event
	deadline, nowait := until(t, ns)
	k, err := ep.Wait(t, t.WaitEntry(), got[:min(int(n), epollBatch)], deadline, nowait)
	f.Put()
	if err != nil {
		return 0, interrupted(err)
	}
	var out [epollBatch]epollEvent
	for i, e := range got[:k] {
		out[i] = epollEvent{e.Events, split(e.Data)}
	}
	return Int(k), mm.StoreSlice(t.MM(), at, out[:k])
}

func sysEpollWait(t *proc.Task, epfd FD, ev Addr, n, ms Int) (Int, error) {
	return epollWait(t, epfd, uint32(ev), n, int64(ms)*1e6)
}

func sysEpollPwait(t *proc.Task, epfd FD, ev Addr, n, ms Int, mask SigSet, size Size) (Int, error) {
	if err := withMask(t, mask, size); err != nil {
		return 0, err
	}
	k, err := epollWait(t, epfd, uint32(ev), n, int64(ms)*1e6)
	endMask(t, mask, err)
	return k, err
}

func sysEpollPwait2(t *proc.Task, epfd FD, ev Addr, n Int, timeout Ptr[timespec64], mask SigSet, size Size) (Int, error) {
	limit := int64(-1)
	var err error
	if timeout != 0 {
		if limit, err = loadTime(t, timeout); err != nil {
			return 0, err
		}
	}
	if err := withMask(t, mask, size); err != nil {
		return 0, err
	}
	k, err := epollWait(t, epfd, uint32(ev), n, limit)
	endMask(t, mask, err)
	return k, err
}

func sysEventfd2(t *proc.Task, n Uint, flags OpenFlags) (FD, error) {
	if flags&^(abi.EFD_SEMAPHORE|abi.EFD_CLOEXEC|abi.EFD_NONBLOCK) != 0 {
		return 0, abi.EINVAL
	}
	f := eventfd.NewFile(t.Caller.VFS, uint32(n), flags&abi.EFD_SEMAPHORE != 0, abi.O_RDWR|uint32(flags)&abi.O_NONBLOCK, t.Cred())
	return install(t, f, uint32(flags))
}

func sysEventfd(t *proc.Task, n Uint) (FD, error) { return sysEventfd2(t, n, 0) }
