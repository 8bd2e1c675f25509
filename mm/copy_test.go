package mm

import (
	"bytes"
	"strings"
	"testing"

	"cleave/abi"
)

func TestCopies(t *testing.T) {
	as := newSpace(t, newMemory(t, 64))
	mustMap(t, as, testAddr, 3, rw)
	src := bytes.Repeat([]byte("cleave!"), 1000)
	if err := as.CopyOut(testAddr+100, src); err != nil {
		t.Fatal(err)
	}
	dst := make([]byte, len(src))
	if err := as.CopyIn(dst, testAddr+100); err != nil || !bytes.Equal(src, dst) {
		t.Errorf("what came back differs, %v", err)
	}
	if err := as.ZeroOut(testAddr+4000, 200); err != nil {
		t.Fatal(err)
	}
	clear(src[3900:4100])
	if err := as.CopyIn(dst, testAddr+100); err != nil || !bytes.Equal(src, dst) {
		t.Errorf("ZeroOut cleared something else, %v", err)
	}
}

func TestBadCopies(t *testing.T) {
	as := newSpace(t, newMemory(t, 64))
	mustMap(t, as, testAddr, 1, rw)
	mustMap(t, as, UserLimit-PageSize, 1, rw)
	buf := make([]byte, 64)
	for _, addr := range []uint32{0, 0x20000000, testAddr + PageSize - 10, UserLimit - 10, UserLimit, 0xffffffff} {
		wantErr(t, "copy in", as.CopyIn(buf, addr), abi.EFAULT)
		wantErr(t, "copy out", as.CopyOut(addr, buf), abi.EFAULT)
		wantErr(t, "zero out", as.ZeroOut(addr, len(buf)), abi.EFAULT)
	}
	wantErr(t, "huge", as.ZeroOut(testAddr, 1<<40), abi.EFAULT)
	wantErr(t, "negative", as.ZeroOut(testAddr, -1), abi.EFAULT)
	wantErr(t, "nothing", as.CopyIn(nil, testAddr), nil)
	_, err := as.Load32(testAddr + 2)
	wantErr(t, "unaligned word", err, abi.EINVAL)
	wantErr(t, "word of the kernel", as.Store32(0xfffffffc, 1), abi.EFAULT)
}

func TestCopyInString(t *testing.T) {
	as := newSpace(t, newMemory(t, 64))
	mustMap(t, as, testAddr, 2, rw)
	long := strings.Repeat("x", 5000)
	for _, c := range []struct {
		at   uint32
		s    string
		size int
		err  error
	}{
		{testAddr, "", 10, nil},
		{testAddr + 60, "across a piece", 4096, nil},
		{testAddr + PageSize - 3, "across a page", 4096, nil},
		{testAddr + 1, long, 6000, nil},
		{testAddr + 1, long, 5000, abi.ENAMETOOLONG},
		{testAddr + 1, long, 5001, nil},
	} {
		if err := as.CopyOut(c.at, append([]byte(c.s), 0)); err != nil {
			t.Fatal(err)
		}
		got, err := as.CopyInString(make([]byte, c.size), c.at)
		if err != c.err || err == nil && string(got) != c.s {
			t.Errorf("%d bytes at %#x: %d bytes, %v", len(c.s), c.at, len(got), err)
		}
	}
	if err := as.CopyOut(testAddr+2*PageSize-4, []byte("endl")); err != nil {
		t.Fatal(err)
	}
	_, err := as.CopyInString(make([]byte, 100), testAddr+2*PageSize-4)
	wantErr(t, "runs into a hole", err, abi.EFAULT)
	mustMap(t, as, UserLimit-PageSize, 1, rw)
	if err := as.CopyOut(UserLimit-4, []byte("endl")); err != nil {
		t.Fatal(err)
	}
	_, err = as.CopyInString(make([]byte, 100), UserLimit-4)
	wantErr(t, "runs into the kernel", err, abi.EFAULT)
}

type pair struct {
	A uint32
	B uint16
	C [2]uint8
}

func TestStructs(t *testing.T) {
	as := newSpace(t, newMemory(t, 64))
	mustMap(t, as, testAddr, 2, rw)
	in := pair{0x11223344, 0x5566, [2]uint8{7, 8}}
	if err := Store(as, testAddr+PageSize-4, &in); err != nil {
		t.Fatal(err)
	}
	if out, err := Load[pair](as, testAddr+PageSize-4); err != nil || out != in {
		t.Errorf("%+v, %v", out, err)
	}
	ins, outs := []pair{in, {A: 1}, {A: 2}}, make([]pair, 3)
	if err := StoreSlice(as, testAddr, ins); err != nil {
		t.Fatal(err)
	}
	if err := LoadSlice(as, outs, testAddr); err != nil || outs[0] != in || outs[2].A != 2 {
		t.Errorf("%+v, %v", outs, err)
	}
	_, err := Load[pair](as, testAddr+2*PageSize-4)
	wantErr(t, "half a struct", err, abi.EFAULT)
	if err := LoadSlice[pair](as, nil, 0); err != nil {
		t.Errorf("no structs: %v", err)
	}
}

func TestWords(t *testing.T) {
	as := newSpace(t, newMemory(t, 64))
	mustMap(t, as, testAddr, 1, rw)
	if _, ok := as.TryLoad32(testAddr); ok {
		t.Error("TryLoad32 resolved a fault")
	}
	if seen, err := as.CompareAndSwap32(testAddr, 0, 5); seen != 0 || err != nil {
		t.Errorf("swap: %d, %v", seen, err)
	}
	if seen, err := as.CompareAndSwap32(testAddr, 0, 6); seen != 5 || err != nil {
		t.Errorf("swap of another value: %d, %v", seen, err)
	}
	if v, ok := as.TryLoad32(testAddr); v != 5 || !ok {
		t.Errorf("word is %d, %v", v, ok)
	}
}

func TestUserBuffer(t *testing.T) {
	as := newSpace(t, newMemory(t, 64))
	mustMap(t, as, testAddr, 1, rw)
	mustMap(t, as, 0x20000000, 1, rw)
	var b UserBuffer
	iov := []Iovec{{testAddr + 10, 3}, {0, 0}, {0x20000000, 2}, {testAddr + 20, 4}}
	if err := b.InitVec(as, iov); err != nil || b.Len() != 9 {
		t.Fatalf("%d bytes, %v", b.Len(), err)
	}
	if n, err := b.CopyOut([]byte("abcd")); n != 4 || err != nil || b.Len() != 5 {
		t.Errorf("%d, %v, %d left", n, err, b.Len())
	}
	if n, err := b.ZeroOut(1); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := b.CopyOut([]byte("efghi")); n != 4 || err != abi.EFAULT {
		t.Errorf("more than there is room: %d, %v", n, err)
	}
	got := make([]byte, 9)
	if err := b.InitVec(as, iov); err != nil {
		t.Fatal(err)
	}
	if n, err := b.CopyIn(got); n != 9 || err != nil || string(got) != "abcd\x00efgh" {
		t.Errorf("%q, %d, %v", got, n, err)
	}
	if err := b.Init(as, testAddr+PageSize-2, 8); err != nil {
		t.Fatal(err)
	}
	if n, err := b.CopyOut([]byte("12345678")); n != 2 || err != abi.EFAULT || b.Len() != 6 {
		t.Errorf("into a hole: %d, %v, %d left", n, err, b.Len())
	}
}

func TestUserBufferErrors(t *testing.T) {
	as := newSpace(t, newMemory(t, 64))
	var b UserBuffer
	wantErr(t, "wraps around", b.Init(as, 0x80000000, 0x90000000), abi.EFAULT)
	wantErr(t, "kernel", b.Init(as, 0xfffffff0, 1), abi.EFAULT)
	wantErr(t, "nothing", b.Init(as, 0, 0), nil)
	wantErr(t, "long", b.Init(as, 0, 0x7fffffff), nil)
	if b.Len() != MaxTransfer {
		t.Errorf("length %#x", b.Len())
	}
	wantErr(t, "too many", b.InitVec(as, make([]Iovec, 1025)), abi.EINVAL)
	wantErr(t, "negative length", b.InitVec(as, []Iovec{{0, 0x80000000}}), abi.EINVAL)
	wantErr(t, "piece in the kernel", b.InitVec(as, []Iovec{{0, 1}, {0xfffff000, 1}}), abi.EFAULT)
	wantErr(t, "long pieces", b.InitVec(as, []Iovec{{0, 0x7fffffff}, {0, 0x7fffffff}}), nil)
	if b.Len() != MaxTransfer {
		t.Errorf("length %#x", b.Len())
	}
}

func TestPeekAndPoke(t *testing.T) {
	m := newMemory(t, 64)
	f := newFile(t, m, 4)
	as := newSpace(t, m)
	mapFile(t, as, f, 0, 2, rx, abi.MAP_PRIVATE)
	mustMap(t, as, 0x20000000, 2, 0)
	buf := make([]byte, 4)
	if n, err := as.Poke(testAddr+PageSize-2, []byte{0xcc, 0xcc, 0xcc, 0xcc}); n != 4 || err != nil {
		t.Errorf("breakpoint: %d, %v", n, err)
	}
	wantWord(t, as, testAddr+PageSize, 0x0202cccc)
	if f.pool.Page(f.pages[1])[0] != 2 {
		t.Error("the breakpoint reached the file")
	}
	wantErr(t, "a write by the program", as.Store32(testAddr, 1), abi.EFAULT)
	if n, err := as.Poke(0x20000000, []byte{1, 2}); n != 2 || err != nil {
		t.Errorf("poke of PROT_NONE: %d, %v", n, err)
	}
	if n, err := as.Peek(buf, 0x20000000); n != 4 || err != nil || buf[1] != 2 {
		t.Errorf("peek of PROT_NONE: %v, %d, %v", buf, n, err)
	}
	if n, err := as.Peek(buf, 0x20000000+2*PageSize-1); n != 1 || err != abi.EFAULT {
		t.Errorf("peek into a hole: %d, %v", n, err)
	}
	if err := as.Protect(0x20000000, PageSize, ProtRead, 0); err != nil {
		t.Fatal(err)
	}
	wantWord(t, as, 0x20000000, 0x0201)
	mapFile(t, as, f, 0, 1, ProtRead, abi.MAP_SHARED)
	_, err := as.Poke(testAddr, []byte{1})
	wantErr(t, "poke of a shared read-only page", err, abi.EFAULT)
	_, err = as.Peek(buf, 0xfffffff0)
	wantErr(t, "peek of the kernel", err, abi.EFAULT)
}
