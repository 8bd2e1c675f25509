package poll

import (
	"testing"
	"time"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/fstest"
	"cleave/wait"
)

// dummy is a file whose events the test sets.
type dummy struct {
	fs.NoFile
	ev wait.Events
	q  wait.Queue
}

func (d *dummy) Poll(*fs.File) wait.Events  { return d.ev }
func (d *dummy) Queue(*fs.File) *wait.Queue { return &d.q }

func (d *dummy) set(ev wait.Events) {
	d.ev = ev
	d.q.Notify(ev)
}

func newFiles(k *fstest.Kit, n int) ([]*dummy, []*fs.File) {
	var ds []*dummy
	var files []*fs.File
	for range n {
		d := &dummy{}
		ds = append(ds, d)
		f := k.V.NewAnonFile(d, "dummy", nil, abi.O_RDWR, k.Cred)
		files = append(files, f)
		k.T.Cleanup(f.Put)
	}
	return ds, files
}

func TestReadyAtOnce(t *testing.T) {
	ds, files := newFiles(fstest.New(t), 3)
	ds[1].ev = wait.Readable | wait.Writable
	ds[2].ev = wait.Hup
	var s Set
	for _, f := range files {
		s.Add(f.Get(), wait.In)
	}
	s.Add(nil, wait.In)
	s.AddInvalid()
	n, err := s.Wait(nil, 0, false)
	if n != 3 || err != nil {
		t.Errorf("Wait = %d, %v; want 3", n, err)
	}
	want := []wait.Events{0, wait.In, wait.Hup, 0, wait.Nval}
	for i, w := range want {
		if s.Got(i) != w {
			t.Errorf("file %d: %#x, want %#x", i, s.Got(i), w)
		}
	}
	s.Clear()
	for i, f := range files {
		if f.Refs() != 1 {
			t.Errorf("file %d has %d references after Clear", i, f.Refs())
		}
	}
}

func TestWakesUp(t *testing.T) {
	ds, files := newFiles(fstest.New(t), 2)
	var s Set
	for _, f := range files {
		s.Add(f.Get(), wait.In)
	}
	defer s.Clear()
	task := fstest.NewSleeper()
	ds[0].q.Notify(wait.Out) // not wanted, and too early
	files[1].Ops = &onRegister{d: ds[1]}
	if n, err := s.Wait(task, 0, false); n != 1 || err != nil || s.Got(1) != wait.In {
		t.Errorf("Wait = %d, %v, got %#x", n, err, s.Got(1))
	}
	if !ds[0].q.Empty() || !ds[1].q.Empty() {
		t.Error("entries are left in the queues")
	}
}

// onRegister is a file that becomes readable between the look after the registration and the sleep.
type onRegister struct {
	fs.NoFile
	d     *dummy
	looks int
}

func (o *onRegister) Queue(*fs.File) *wait.Queue { return &o.d.q }
func (o *onRegister) Poll(*fs.File) wait.Events {
	o.looks++
	if o.looks == 1 {
		go o.d.set(wait.In)
		return 0
	}
	return wait.In
}

func TestTimeout(t *testing.T) {
	_, files := newFiles(fstest.New(t), 1)
	var s Set
	s.Add(files[0].Get(), wait.In)
	defer s.Clear()
	task := fstest.NewSleeper()
	if n, err := s.Wait(task, time.Now().UnixNano()+1e6, false); n != 0 || err != nil {
		t.Errorf("Wait = %d, %v; want nothing", n, err)
	}
	if n, err := s.Wait(nil, 0, true); n != 0 || err != nil {
		t.Errorf("Wait without waiting = %d, %v", n, err)
	}
}

type interrupted struct{ fstest.Sleeper }

func (*interrupted) Block(int64) error { return abi.ERESTARTNOHAND }

func TestInterrupted(t *testing.T) {
	_, files := newFiles(fstest.New(t), 1)
	var s Set
	s.Add(files[0].Get(), wait.In)
	defer s.Clear()
	if n, err := s.Wait(&interrupted{}, 0, false); n != 0 || err != abi.ERESTARTNOHAND {
		t.Errorf("Wait = %d, %v; want the signal's error", n, err)
	}
}

func TestAllocatesNothing(t *testing.T) {
	ds, files := newFiles(fstest.New(t), 10)
	ds[9].ev = wait.In
	var s Set
	if n := testing.AllocsPerRun(100, func() {
		for _, f := range files {
			s.Add(f.Get(), wait.In)
		}
		if n, err := s.Wait(nil, 0, false); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		s.Clear()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkTen(b *testing.B) {
	ds, files := newFiles(fstest.New(b), 10)
	ds[9].ev = wait.In
	var s Set
	b.ReportAllocs()
	for b.Loop() {
		for _, f := range files {
			s.Add(f.Get(), wait.In)
		}
		s.Wait(nil, 0, false)
		s.Clear()
	}
}
