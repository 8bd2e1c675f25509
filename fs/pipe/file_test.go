package pipe

import (
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/fstest"
	"cleave/wait"
)

func newFIFO(t *testing.T) *fstest.Kit {
	k := fstest.New(t)
	Register(k.V)
	if err := k.Mknodat(abi.AT_FDCWD, []byte("/fifo"), abi.S_IFIFO|0o644, 0); err != nil {
		t.Fatal(err)
	}
	return k
}

func TestPair(t *testing.T) {
	k := fstest.New(t)
	r, w, err := NewPair(k.V, abi.O_NONBLOCK, k.Cred)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := NewPair(k.V, abi.O_DIRECT, k.Cred); err != abi.EINVAL {
		t.Errorf("O_DIRECT: %v", err)
	}
	if !r.Nonblock() || r.Inode() != w.Inode() || r.Inode().Type() != abi.S_IFIFO {
		t.Error("the ends' files are wrong")
	}
	k.Put(w, "hello")
	mem := fstest.Memory(make([]byte, 4))
	if _, err := r.Ops.Ioctl(r, k.Caller, abi.FIONREAD, 0, mem); err != nil || mem[0] != 5 {
		t.Errorf("FIONREAD: % x, %v", mem, err)
	}
	if _, err := r.Ops.Ioctl(r, k.Caller, abi.TCGETS, 0, mem); err != abi.ENOTTY {
		t.Errorf("TCGETS: %v", err)
	}
	if _, err := k.Get(w, 5); err != abi.EBADF {
		t.Errorf("reading the writer's end: %v", err)
	}
	if _, err := r.Seek(0, abi.SEEK_CUR); err != abi.ESPIPE {
		t.Errorf("seek: %v", err)
	}
	if Of(r).Size() != DefaultSize {
		t.Errorf("size %d", Of(r).Size())
	}
	w.Put()
	if got, err := k.Get(r, 9); got != "hello" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	r.Put()
}

func TestFIFOOpenWaitsForPeer(t *testing.T) {
	k := newFIFO(t)
	r, err := k.Try("/fifo", abi.O_RDONLY)
	if r == nil || err != abi.EAGAIN {
		t.Fatalf("opened for reading: %v", err)
	}
	slow := r.Ops.(fs.SlowOpener)
	s := fstest.NewSleeper()
	e := &wait.Entry{L: s, Mask: wait.In}
	r.Ops.Queue(r).Register(e)
	w := k.Open("/fifo", abi.O_WRONLY)
	if s.Woken == 0 {
		t.Error("the reader was not told of the writer")
	}
	r.Ops.Queue(r).Unregister(e)
	w.Put() // a writer that came and went has come
	if err := slow.OpenReady(r); err != nil {
		t.Errorf("OpenReady: %v", err)
	}
	if got, err := k.Get(r, 5); got != "" || err != nil {
		t.Errorf("read %q, %v; want the end", got, err)
	}
	if ev := r.Ops.Poll(r); ev != wait.Hup {
		t.Errorf("poll: %#x", ev)
	}
	r.Put()
}

func TestFIFONonblock(t *testing.T) {
	k := newFIFO(t)
	if _, err := k.Try("/fifo", abi.O_WRONLY|abi.O_NONBLOCK); err != abi.ENXIO {
		t.Errorf("writing without a reader: %v, want ENXIO", err)
	}
	r := k.Open("/fifo", abi.O_RDONLY|abi.O_NONBLOCK)
	if ev := r.Ops.Poll(r); ev != 0 {
		t.Errorf("poll before the first writer: %#x", ev)
	}
	w := k.Open("/fifo", abi.O_WRONLY|abi.O_NONBLOCK)
	k.Put(w, "x")
	w.Put()
	w = k.Open("/fifo", abi.O_RDWR)
	k.Put(w, "y")
	if got, err := k.Get(r, 5); got != "xy" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	k.Put(w, "lost")
	w.Put()
	r.Put()
	r = k.Open("/fifo", abi.O_RDONLY|abi.O_NONBLOCK)
	if got, err := k.Get(r, 5); got != "" || err != nil {
		t.Errorf("read %q, %v; what nobody read is gone with the last end", got, err)
	}
	r.Put()
}

func TestInterruptedFIFOOpen(t *testing.T) {
	k := newFIFO(t)
	w, err := k.Try("/fifo", abi.O_WRONLY)
	if err != abi.EAGAIN {
		t.Fatal(err)
	}
	w.Put() // a signal came
	if _, err := k.Try("/fifo", abi.O_WRONLY|abi.O_NONBLOCK); err != abi.ENXIO {
		t.Errorf("%v: an open that was given up has left an end behind", err)
	}
}
