package epoll

import (
	"sync"
	"testing"
	"time"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/fstest"
	"cleave/fs/pipe"
	"cleave/ns/user"
	"cleave/wait"
)

// bench is an epoll instance and a pipe.
type bench struct {
	*fstest.Kit
	file *fs.File
	ep   *Epoll
	r, w *fs.File
}

func newBench(t testing.TB) *bench {
	k := fstest.New(t)
	b := &bench{Kit: k}
	b.file = NewFile(k.V, k.Cred)
	b.ep = Of(b.file)
	t.Cleanup(func() {
		if n := k.Cred.Account.Count(user.EpollWatches); n != 0 {
			t.Errorf("%d items are charged at the end", n)
		}
	})
	b.r, b.w = b.pipe()
	t.Cleanup(b.file.Put)
	return b
}

func (b *bench) pipe() (r, w *fs.File) {
	r, w, err := pipe.NewPair(b.V, abi.O_NONBLOCK, b.Cred)
	if err != nil {
		b.T.Fatal(err)
	}
	b.T.Cleanup(func() {
		for _, f := range [...]*fs.File{r, w} {
			if f.Refs() > 0 {
				f.Put()
			}
		}
	})
	return r, w
}

func (b *bench) ctl(op int, f *fs.File, fd int, events uint32) error {
	return b.ep.Control(b.file, op, f, fd, Event{events, uint64(fd)})
}

func (b *bench) add(f *fs.File, fd int, events uint32) {
	b.T.Helper()
	if err := b.ctl(abi.EPOLL_CTL_ADD, f, fd, events); err != nil {
		b.T.Fatal(err)
	}
}

// expect collects events and compares: pairs of descriptor and events.
func (b *bench) expect(want ...uint32) {
	b.T.Helper()
	var ev [16]Event
	n := b.ep.Collect(ev[:])
	var got []uint32
	for _, e := range ev[:n] {
		got = append(got, uint32(e.Data), e.Events)
	}
	if len(got) != len(want) {
		b.T.Errorf("got %#x, want %#x", got, want)
		return
	}
	for i := range got {
		if got[i] != want[i] {
			b.T.Errorf("got %#x, want %#x", got, want)
			return
		}
	}
}

const (
	in  = uint32(wait.In)
	out = uint32(wait.Out)
	hup = uint32(wait.Hup)
)

func TestLevelTriggered(t *testing.T) {
	b := newBench(t)
	b.add(b.r, 3, in)
	b.expect()
	b.Kit.Put(b.w, "xy")
	b.expect(3, in)
	b.expect(3, in)
	b.Get(b.r, 1)
	b.expect(3, in)
	b.Get(b.r, 1)
	b.expect()
	b.w.Put()
	b.expect(3, hup)
	b.expect(3, hup)
}

func TestEdgeTriggered(t *testing.T) {
	b := newBench(t)
	b.Kit.Put(b.w, "x")
	b.add(b.r, 3, in|abi.EPOLLET)
	b.expect(3, in)
	b.expect()
	b.Kit.Put(b.w, "y")
	b.expect(3, in)
	b.Get(b.r, 1)
	b.expect()
	b.Get(b.r, 1)
	b.Kit.Put(b.w, "z")
	b.Get(b.r, 1)
	b.expect() // it came and went
}

func TestOneShot(t *testing.T) {
	b := newBench(t)
	b.add(b.r, 3, in|abi.EPOLLONESHOT)
	b.Kit.Put(b.w, "x")
	b.expect(3, in)
	b.Kit.Put(b.w, "y")
	b.expect()
	if err := b.ctl(abi.EPOLL_CTL_MOD, b.r, 3, in|abi.EPOLLONESHOT); err != nil {
		t.Fatal(err)
	}
	b.expect(3, in)
	b.expect()
}

func TestModifyAndRemove(t *testing.T) {
	b := newBench(t)
	b.add(b.w, 4, in)
	b.expect()
	b.ctl(abi.EPOLL_CTL_MOD, b.w, 4, out)
	b.expect(4, out)
	if err := b.ctl(abi.EPOLL_CTL_DEL, b.w, 4, 0); err != nil {
		t.Fatal(err)
	}
	b.expect()
	if !b.w.Ops.Queue(b.w).Empty() {
		t.Error("the removed item still listens")
	}
}

func TestRoundRobin(t *testing.T) {
	b := newBench(t)
	for fd := uint32(10); fd < 13; fd++ {
		_, w := b.pipe()
		b.add(w, int(fd), out)
	}
	var ev [2]Event
	seen := map[uint64]int{}
	for range 6 {
		for _, e := range ev[:b.ep.Collect(ev[:])] {
			seen[e.Data]++
		}
	}
	for fd := uint64(10); fd < 13; fd++ {
		if seen[fd] != 4 {
			t.Errorf("descriptor %d was told %d times of 12 among three, want 4", fd, seen[fd])
		}
	}
}

func TestErrors(t *testing.T) {
	b := newBench(t)
	b.add(b.r, 3, in)
	regular := b.Open("/file", abi.O_CREAT|abi.O_RDWR)
	defer regular.Put()
	for _, c := range []struct {
		what   string
		op     int
		f      *fs.File
		fd     int
		events uint32
		want   error
	}{
		{"twice", abi.EPOLL_CTL_ADD, b.r, 3, in, abi.EEXIST},
		{"another descriptor", abi.EPOLL_CTL_ADD, b.r, 5, in, nil},
		{"change what is not there", abi.EPOLL_CTL_MOD, b.w, 3, in, abi.ENOENT},
		{"remove what is not there", abi.EPOLL_CTL_DEL, b.w, 3, in, abi.ENOENT},
		{"itself", abi.EPOLL_CTL_ADD, b.file, 6, in, abi.EINVAL},
		{"a regular file", abi.EPOLL_CTL_ADD, regular, 6, in, abi.EPERM},
		{"bad operation", 9, b.r, 3, in, abi.EINVAL},
		{"exclusive with oneshot", abi.EPOLL_CTL_ADD, b.w, 4, out | abi.EPOLLEXCLUSIVE | abi.EPOLLONESHOT, abi.EINVAL},
		{"exclusive", abi.EPOLL_CTL_ADD, b.w, 4, out | abi.EPOLLEXCLUSIVE, nil},
		{"change of exclusive", abi.EPOLL_CTL_MOD, b.w, 4, out, abi.EINVAL},
		{"change to exclusive", abi.EPOLL_CTL_MOD, b.r, 3, in | abi.EPOLLEXCLUSIVE, abi.EINVAL},
	} {
		if err := b.ctl(c.op, c.f, c.fd, c.events); err != c.want {
			t.Errorf("%s: %v, want %v", c.what, err, c.want)
		}
	}
}

func TestLimitOfItems(t *testing.T) {
	b := newBench(t)
	b.ep.limit = 2
	for fd, want := range []error{nil, nil, abi.ENOSPC} {
		if err := b.ctl(abi.EPOLL_CTL_ADD, b.r, fd, in); err != want {
			t.Errorf("item %d: %v, want %v", fd, err, want)
		}
	}
}

func TestClosedFileLeaves(t *testing.T) {
	b := newBench(t)
	b.add(b.w, 4, out)
	other := b.w.Get()
	b.w.Put()
	b.expect(4, out) // another descriptor of the same open file is left
	other.Put()
	b.expect()
	if len(b.ep.items) != 0 {
		t.Error("the item of a closed file is left")
	}
}

func TestNested(t *testing.T) {
	b := newBench(t)
	outer := NewFile(b.V, b.Cred)
	defer outer.Put()
	o := Of(outer)
	if err := o.Control(outer, abi.EPOLL_CTL_ADD, b.file, 7, Event{in, 7}); err != nil {
		t.Fatal(err)
	}
	b.add(b.r, 3, in)
	s := fstest.NewSleeper()
	e := &wait.Entry{L: s, Mask: wait.In}
	o.queue.Register(e)
	var ev [4]Event
	if n := o.Collect(ev[:]); n != 0 {
		t.Errorf("%d events in the outer instance at first", n)
	}
	b.Kit.Put(b.w, "x")
	if s.Woken == 0 {
		t.Error("the outer instance was not told")
	}
	o.queue.Unregister(e)
	if n := o.Collect(ev[:]); n != 1 || ev[0] != (Event{in, 7}) {
		t.Errorf("outer: %d events, %v", n, ev[0])
	}
	b.Get(b.r, 1)
	if n := o.Collect(ev[:]); n != 0 {
		t.Errorf("outer: %d events after the inner one has none", n)
	}
	if err := b.ctl(abi.EPOLL_CTL_ADD, outer, 8, in); err != abi.ELOOP {
		t.Errorf("a circle: %v, want ELOOP", err)
	}
}

func TestNestingLimit(t *testing.T) {
	for _, upwards := range []bool{true, false} {
		k := fstest.New(t)
		var files []*fs.File
		for range 7 {
			f := NewFile(k.V, k.Cred)
			files = append(files, f)
			defer f.Put()
		}
		for i := range 6 {
			n := i
			if !upwards {
				n = 5 - i
			}
			err := Of(files[n+1]).Control(files[n+1], abi.EPOLL_CTL_ADD, files[n], n, Event{in, 0})
			if want := i >= 4; (err == abi.ELOOP) != want {
				t.Errorf("upwards %v, step %d: %v", upwards, i, err)
			}
			if err != nil {
				break
			}
		}
	}
}

func TestWaitIsWoken(t *testing.T) {
	b := newBench(t)
	b.add(b.r, 3, in)
	started := make(chan struct{})
	var ev [4]Event
	var n int
	var wg sync.WaitGroup
	wg.Go(func() {
		var e wait.Entry
		s := fstest.NewSleeper()
		close(started)
		n, _ = b.ep.Wait(s, &e, ev[:], 0, false)
	})
	<-started
	b.Kit.Put(b.w, "x")
	wg.Wait()
	if n != 1 || ev[0].Data != 3 {
		t.Errorf("%d events, %v", n, ev[0])
	}
	var e wait.Entry
	b.Get(b.r, 1)
	if n, err := b.ep.Wait(fstest.NewSleeper(), &e, ev[:], time.Now().UnixNano()+1e6, false); n != 0 || err != nil {
		t.Errorf("%d, %v at the deadline", n, err)
	}
}

// TestConcurrent closes, changes and collects at the same time; the race detector and the locks are what is tested.
func TestConcurrent(t *testing.T) {
	b := newBench(t)
	var wg sync.WaitGroup
	for fd := range 4 {
		wg.Go(func() {
			for range 200 {
				r, w, err := pipe.NewPair(b.V, abi.O_NONBLOCK, b.Cred)
				if err != nil {
					t.Error(err)
					return
				}
				b.ep.Control(b.file, abi.EPOLL_CTL_ADD, r, fd, Event{in | abi.EPOLLET, 0})
				w.Ops.Write(w, nil, &fs.Bytes{B: []byte("x")}, 0)
				w.Put()
				b.ep.Control(b.file, abi.EPOLL_CTL_MOD, r, fd, Event{in, 0})
				r.Put()
			}
		})
	}
	stop := make(chan struct{})
	var collector sync.WaitGroup
	collector.Go(func() {
		var ev [8]Event
		for {
			select {
			case <-stop:
				return
			default:
				b.ep.Collect(ev[:])
			}
		}
	})
	wg.Wait()
	close(stop)
	collector.Wait()
	if len(b.ep.items) != 0 {
		t.Errorf("%d items are left", len(b.ep.items))
	}
}

func TestAllocatesNothing(t *testing.T) {
	b := newBench(t)
	b.add(b.r, 3, in)
	var ev [4]Event
	buf := &fs.Bytes{}
	p := make([]byte, 1)
	if n := testing.AllocsPerRun(100, func() {
		buf.B = p
		b.w.Ops.Write(b.w, nil, buf, 0)
		if b.ep.Collect(ev[:]) != 1 {
			t.Fatal("no event")
		}
		buf.B = p
		b.r.Ops.Read(b.r, nil, buf, 0)
		b.ep.Collect(ev[:])
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
