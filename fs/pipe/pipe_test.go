package pipe

import (
	"bytes"
	"math/rand"
	"sync"
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/mm/frame"
	"cleave/wait"
)

// newPipe returns a pipe with both ends open, and checks at the end of the test that no frame is lost.
func newPipe(t testing.TB) *Pipe {
	p, _ := newPipePool(t)
	return p
}

func newPipePool(t testing.TB) (*Pipe, *frame.Pool) {
	pool := frame.NewArena(600)
	p := New(pool)
	p.readers, p.writers = 1, 1
	t.Cleanup(func() {
		(&end{p: p, mode: reads}).leave()
		(&end{p: p, mode: writes}).leave()
		if n := pool.Stats().InUse(); n != 0 {
			t.Errorf("%d frames are lost", n)
		}
	})
	return p, pool
}

func (p *Pipe) put(t testing.TB, b []byte) (int, error) {
	t.Helper()
	return p.Write(&fs.Bytes{B: b})
}

func (p *Pipe) get(t testing.TB, n int) ([]byte, error) {
	t.Helper()
	b := make([]byte, n)
	k, err := p.Read(&fs.Bytes{B: b})
	return b[:k], err
}

func pattern(n, seed int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8 + seed)
	}
	return b
}

func TestReadWrite(t *testing.T) {
	p := newPipe(t)
	if _, err := p.get(t, 10); err != abi.EAGAIN {
		t.Errorf("empty pipe: %v, want EAGAIN", err)
	}
	p.put(t, []byte("hello "))
	p.put(t, []byte("world"))
	if b, err := p.get(t, 8); string(b) != "hello wo" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	if b, err := p.get(t, 8); string(b) != "rld" || err != nil {
		t.Errorf("%q, %v: a read gives what there is", b, err)
	}
}

func TestAtomicWrites(t *testing.T) {
	p := newPipe(t)
	if n, err := p.put(t, make([]byte, DefaultSize-100)); n != DefaultSize-100 || err != nil {
		t.Fatal(n, err)
	}
	if n, err := p.put(t, make([]byte, 101)); n != 0 || err != abi.EAGAIN {
		t.Errorf("a small write that does not fit: %d, %v; want 0, EAGAIN", n, err)
	}
	if n, err := p.put(t, make([]byte, 5000)); n != 100 || err != abi.EAGAIN {
		t.Errorf("a large write that does not fit: %d, %v; want 100, EAGAIN", n, err)
	}
	if n, err := p.put(t, make([]byte, 1)); n != 0 || err != abi.EAGAIN {
		t.Errorf("full pipe: %d, %v", n, err)
	}
}

func TestDefaultSizeHoldsSingleBytes(t *testing.T) {
	p := newPipe(t)
	n := 0
	for ; ; n++ {
		if _, err := p.put(t, []byte{1}); err != nil {
			break
		}
	}
	if n != DefaultSize {
		t.Errorf("%d bytes fit, want %d", n, DefaultSize)
	}
}

// TestStream pushes pieces of all sizes through and compares what comes out.
func TestStream(t *testing.T) {
	p := newPipe(t)
	r := rand.New(rand.NewSource(1))
	var in, out []byte
	for i := 0; i < 3000; i++ {
		if r.Intn(2) == 0 {
			b := pattern(r.Intn(9000), i)
			n, err := p.put(t, b)
			if err != nil && err != abi.EAGAIN {
				t.Fatal(err)
			}
			in = append(in, b[:n]...)
		} else {
			b, _ := p.get(t, 1+r.Intn(9000))
			out = append(out, b...)
		}
		if i%500 == 499 {
			if _, err := p.SetSize(uint32(DefaultSize<<(i/500%3)), false); err != nil && err != abi.EBUSY {
				t.Fatal(err)
			}
		}
	}
	for p.Len() > 0 {
		b, _ := p.get(t, 5000)
		out = append(out, b...)
	}
	if !bytes.Equal(in, out) {
		t.Errorf("%d bytes went in, %d came out, or not the same", len(in), len(out))
	}
}

// faulty is memory of which only the first good bytes exist.
type faulty struct {
	fs.Bytes
	good int
}

func (f *faulty) CopyIn(p []byte) (int, error) {
	n, err := f.Bytes.CopyIn(p[:min(len(p), f.good)])
	f.good -= n
	if n < len(p) {
		err = abi.EFAULT
	}
	return n, err
}

func (f *faulty) CopyOut(p []byte) (int, error) {
	n, err := f.Bytes.CopyOut(p[:min(len(p), f.good)])
	f.good -= n
	if n < len(p) {
		err = abi.EFAULT
	}
	return n, err
}

func TestFaults(t *testing.T) {
	p := newPipe(t)
	if n, err := p.Write(&faulty{fs.Bytes{B: make([]byte, 100)}, 0}); n != 0 || err != abi.EFAULT {
		t.Errorf("write from bad memory: %d, %v", n, err)
	}
	if n, err := p.Write(&faulty{fs.Bytes{B: pattern(9000, 0)}, 5000}); n != 5000 || err != nil {
		t.Errorf("write from memory that is bad later: %d, %v", n, err)
	}
	if n, err := p.Read(&faulty{fs.Bytes{B: make([]byte, 9000)}, 0}); n != 0 || err != abi.EFAULT {
		t.Errorf("read to bad memory: %d, %v", n, err)
	}
	if b, _ := p.get(t, 9000); !bytes.Equal(b, pattern(5000, 0)) {
		t.Error("a failed read lost bytes")
	}
}

func TestSetSize(t *testing.T) {
	p := newPipe(t)
	p.put(t, pattern(6000, 1))
	p.get(t, 1000)
	for _, c := range []struct {
		size uint32
		priv bool
		n    int
		err  error
	}{
		{4096, false, 0, abi.EBUSY},
		{0, false, 0, abi.EINVAL},
		{1<<31 + 1, true, 0, abi.EINVAL},
		{MaxSize + 1, false, 0, abi.EPERM},
		{8192, false, 8192, nil},
		{8193, false, 16384, nil},
		{2 * MaxSize, true, 2 * MaxSize, nil},
		{MaxSize, false, MaxSize, nil},
	} {
		if n, err := p.SetSize(c.size, c.priv); n != c.n || err != c.err {
			t.Errorf("SetSize(%d, %v) = %d, %v; want %d, %v", c.size, c.priv, n, err, c.n, c.err)
		}
	}
	if b, _ := p.get(t, 6000); !bytes.Equal(b, pattern(6000, 1)[1000:]) {
		t.Error("a change of size damaged the content")
	}
}

func TestNoMemory(t *testing.T) {
	p, pool := newPipePool(t)
	pool.FailAt(2)
	if n, err := p.put(t, pattern(9000, 0)); n != 4096 || err != nil {
		t.Errorf("%d, %v; want the page that there was", n, err)
	}
	pool.FailAt(1)
	if n, err := p.put(t, pattern(9000, 0)); n != 0 || err != abi.ENOMEM {
		t.Errorf("%d, %v; want ENOMEM", n, err)
	}
	pool.FailAt(1)
	if _, err := p.SetSize(8192, false); err != abi.ENOMEM {
		t.Errorf("SetSize: %v, want ENOMEM", err)
	}
	pool.FailAt(0)
	if b, _ := p.get(t, 9000); !bytes.Equal(b, pattern(4096, 0)) {
		t.Error("content is damaged")
	}
}

// waker counts events.
type waker struct {
	mu sync.Mutex
	ch chan struct{}
	ev wait.Events
}

func (w *waker) Notify(_ *wait.Entry, ev wait.Events) {
	w.mu.Lock()
	w.ev |= ev
	w.mu.Unlock()
	select {
	case w.ch <- struct{}{}:
	default:
	}
}

func (w *waker) take() wait.Events {
	w.mu.Lock()
	defer w.mu.Unlock()
	ev := w.ev
	w.ev = 0
	return ev
}

func TestNotifications(t *testing.T) {
	p := newPipe(t)
	w := &waker{}
	e := &wait.Entry{L: w, Mask: wait.In | wait.Out}
	p.queue.Register(e)
	defer p.queue.Unregister(e)
	p.put(t, make([]byte, DefaultSize))
	if ev := w.take(); ev != wait.In {
		t.Errorf("write: %#x, want In", ev)
	}
	p.get(t, 100)
	if ev := w.take(); ev != 0 {
		t.Errorf("a read that makes no room for an atomic write: %#x, want nothing", ev)
	}
	p.get(t, 4000)
	if ev := w.take(); ev != wait.Out {
		t.Errorf("read: %#x, want Out", ev)
	}
}

// blocking does what a task does with an operation that says EAGAIN.
func blocking(q *wait.Queue, ev wait.Events, op func() (int, error)) (int, error) {
	w := &waker{ch: make(chan struct{}, 1)}
	e := &wait.Entry{L: w, Mask: ev}
	q.Register(e)
	defer q.Unregister(e)
	total := 0
	for {
		n, err := op()
		total += n
		if err != abi.EAGAIN {
			return total, err
		}
		<-w.ch
	}
}

// TestManyWriters has writers of small messages that must not be mixed, and readers that take what comes.
func TestManyWriters(t *testing.T) {
	p := newPipe(t)
	const writers, count, size = 4, 300, 1000
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for range count {
				b := &fs.Bytes{B: bytes.Repeat([]byte{byte('a' + i)}, size)}
				if n, err := blocking(&p.queue, wait.Out, func() (int, error) { return p.Write(b) }); n != size || err != nil {
					t.Errorf("write: %d, %v", n, err)
				}
			}
		})
	}
	var got []byte
	for len(got) < writers*count*size {
		b := make([]byte, 3000)
		n, err := blocking(&p.queue, wait.In, func() (int, error) { return p.Read(&fs.Bytes{B: b}) })
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, b[:n]...)
	}
	wg.Wait()
	for i := 0; i < len(got); i += size {
		if bytes.Count(got[i:i+size], got[i:i+1]) != size {
			t.Fatalf("message at %d is mixed", i)
		}
	}
}

func TestLargeWriteBlocksUntilDone(t *testing.T) {
	p := newPipe(t)
	in := pattern(10*DefaultSize, 9)
	done := make(chan error, 1)
	go func() {
		b := &fs.Bytes{B: in}
		n, err := blocking(&p.queue, wait.Out, func() (int, error) { return p.Write(b) })
		if n != len(in) {
			t.Errorf("wrote %d of %d", n, len(in))
		}
		done <- err
	}()
	var out []byte
	for len(out) < len(in) {
		b := make([]byte, 10000)
		n, err := blocking(&p.queue, wait.In, func() (int, error) { return p.Read(&fs.Bytes{B: b}) })
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b[:n]...)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if !bytes.Equal(in, out) {
		t.Error("bytes are damaged")
	}
}

func TestEndOfFileAndBrokenPipe(t *testing.T) {
	p := newPipe(t)
	p.unnamed = true
	r, w := &end{p: p, mode: reads}, &end{p: p, mode: writes}
	p.put(t, []byte("last"))
	w.leave()
	if ev := r.Poll(nil); ev != wait.Readable|wait.Hup {
		t.Errorf("poll: %#x", ev)
	}
	if b, err := p.get(t, 10); string(b) != "last" || err != nil {
		t.Errorf("%q, %v: what was written must still come", b, err)
	}
	if b, err := p.get(t, 10); len(b) != 0 || err != nil {
		t.Errorf("%q, %v: want the end of the file", b, err)
	}
	p.writers = 1
	r.leave()
	if _, err := p.put(t, []byte("x")); err != abi.EPIPE {
		t.Errorf("write without readers: %v, want EPIPE", err)
	}
	if ev := w.Poll(nil); ev != wait.Writable|wait.Err {
		t.Errorf("poll: %#x", ev)
	}
	p.readers = 1
}

func TestPipeAllocatesNothing(t *testing.T) {
	p := newPipe(t)
	in, out := &fs.Bytes{}, &fs.Bytes{}
	b := make([]byte, 9000)
	if n := testing.AllocsPerRun(100, func() {
		in.B, out.B = b, b
		if _, err := p.Write(in); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Read(out); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkByte(b *testing.B)      { benchmark(b, 1) }
func BenchmarkKilobytes(b *testing.B) { benchmark(b, 64<<10) }

func benchmark(b *testing.B, size int) {
	p := newPipe(b)
	buf := make([]byte, size)
	in, out := &fs.Bytes{}, &fs.Bytes{}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		in.B, out.B = buf, buf
		p.Write(in)
		p.Read(out)
	}
}
