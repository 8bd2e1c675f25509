package pipe

import (
	"bytes"
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/fstest"
	"cleave/wait"
)

func newPair(k *fstest.Kit) (r, w *fs.File) {
	r, w, err := NewPair(k.V, 0, k.Cred)
	if err != nil {
		k.T.Fatal(err)
	}
	k.T.Cleanup(func() {
		r.Put()
		w.Put()
	})
	return r, w
}

func TestSplice(t *testing.T) {
	k := fstest.New(t)
	r, w := newPair(k)
	r2, w2 := newPair(k)
	file := k.Open("/file", abi.O_CREAT|abi.O_RDWR)
	defer file.Put()
	text := pattern(10000, 1)
	k.Put(file, string(text))
	off := int64(100)
	n, _, err := Splice(k.Caller, file, &off, w, nil, 9000)
	if n != 9000 || err != nil || off != 9100 {
		t.Fatalf("file to pipe: %d, %v, offset %d", n, err, off)
	}
	if n, _, err = Splice(k.Caller, r, nil, w2, nil, 5000); n != 5000 || err != nil {
		t.Fatalf("pipe to pipe: %d, %v", n, err)
	}
	out := k.Open("/out", abi.O_CREAT|abi.O_RDWR)
	defer out.Put()
	for _, p := range []*fs.File{r2, r} {
		if n, _, err = Splice(k.Caller, p, nil, out, nil, 9000); n == 0 || err != nil {
			t.Fatalf("pipe to file: %d, %v", n, err)
		}
	}
	got := make([]byte, 9000)
	if n, err := k.Pread(out, &fs.Bytes{B: got}, 0); n != 9000 || err != nil || !bytes.Equal(got, text[100:9100]) {
		t.Errorf("%d bytes, %v, or damaged", n, err)
	}
}

func TestTee(t *testing.T) {
	k := fstest.New(t)
	r, w := newPair(k)
	r2, w2 := newPair(k)
	k.Put(w, "hello")
	if n, _, err := Tee(k.Caller, r, w2, 4); n != 4 || err != nil {
		t.Fatalf("tee: %d, %v", n, err)
	}
	if got, _ := k.Get(r2, 10); got != "hell" {
		t.Errorf("copy %q", got)
	}
	if got, _ := k.Get(r, 10); got != "hello" {
		t.Errorf("original %q", got)
	}
}

func TestSpliceBlocks(t *testing.T) {
	k := fstest.New(t)
	r, w := newPair(k)
	r2, w2 := newPair(k)
	n, b, err := Splice(k.Caller, r, nil, w2, nil, 10)
	if n != 0 || err != abi.EAGAIN || b != (Blocked{r, wait.In}) {
		t.Errorf("empty pipe: %d, %v, %v", n, err, b)
	}
	k.Put(w, "xyz")
	k.Put(w2, string(make([]byte, DefaultSize-2)))
	if n, _, err = Splice(k.Caller, r, nil, w2, nil, 10); n != 2 || err != nil {
		t.Errorf("a pipe with room for two: %d, %v", n, err)
	}
	n, b, err = Splice(k.Caller, r, nil, w2, nil, 10)
	if n != 0 || err != abi.EAGAIN || b != (Blocked{w2, wait.Out}) {
		t.Errorf("full pipe: %d, %v, %v", n, err, b)
	}
	file := k.Open("/file", abi.O_CREAT|abi.O_RDWR)
	defer file.Put()
	k.Put(file, "more")
	off := int64(0)
	if n, b, err = Splice(k.Caller, file, &off, w2, nil, 10); n != 0 || err != abi.EAGAIN || b.File != w2 {
		t.Errorf("file to a full pipe: %d, %v, %v", n, err, b)
	}
	if got, _ := k.Get(r, 10); got != "z" {
		t.Errorf("left %q", got)
	}
	k.Get(r2, 1)
}

func TestSpliceErrors(t *testing.T) {
	k := fstest.New(t)
	r, w := newPair(k)
	file := k.Open("/file", abi.O_CREAT|abi.O_RDWR)
	appending := k.Open("/file", abi.O_WRONLY|abi.O_APPEND)
	defer file.Put()
	defer appending.Put()
	off := int64(0)
	for i, c := range []struct {
		in     *fs.File
		inOff  *int64
		out    *fs.File
		outOff *int64
		want   error
	}{
		{w, nil, w, nil, abi.EBADF},
		{r, nil, r, nil, abi.EBADF},
		{r, nil, w, nil, abi.EINVAL},
		{file, nil, file, nil, abi.EINVAL},
		{r, &off, file, nil, abi.ESPIPE},
		{file, nil, w, &off, abi.ESPIPE},
		{r, nil, appending, nil, abi.EINVAL},
	} {
		if _, _, err := Splice(k.Caller, c.in, c.inOff, c.out, c.outOff, 10); err != c.want {
			t.Errorf("case %d: %v, want %v", i, err, c.want)
		}
	}
	if _, _, err := Tee(k.Caller, r, w, 10); err != abi.EINVAL {
		t.Errorf("tee of a pipe to itself: %v", err)
	}
	if _, _, err := Tee(k.Caller, r, file, 10); err != abi.EINVAL {
		t.Errorf("tee to a file: %v", err)
	}
}
