package mm

import (
	"bytes"
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/mm/frame"
)

const (
	rw       = ProtRead | ProtWrite
	rx       = ProtRead | ProtExec
	private  = abi.MAP_PRIVATE | abi.MAP_ANONYMOUS
	fixed    = private | abi.MAP_FIXED
	shared   = abi.MAP_SHARED | abi.MAP_ANONYMOUS
	testAddr = 0x10000000
)

// newMemory returns a Memory over n frames; at the end of the test, all frames must be free again.
func newMemory(t testing.TB, n int) *Memory {
	t.Helper()
	m, err := New(Config{Pool: frame.NewArena(n), NX: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		m.Close()
		if s := m.pool.Stats(); s.InUse() != 0 || s.Reserved != 0 || s.Free != s.Total {
			t.Errorf("frames leaked: %+v", s)
		}
		if n := m.Spaces(); n != 0 {
			t.Errorf("%d address spaces leaked", n)
		}
	})
	return m
}

// newSpace returns an empty address space, which the end of the test releases.
func newSpace(t testing.TB, m *Memory) *AddressSpace {
	t.Helper()
	as, err := m.NewAddressSpace(DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		checkSpace(t, as)
		as.Unref()
	})
	return as
}

// mustMap maps n pages of private memory at addr.
func mustMap(t testing.TB, as *AddressSpace, addr uint32, n uint32, p Prot) {
	t.Helper()
	if _, err := as.Map(Map{Addr: addr, Len: n * PageSize, Prot: p, Flags: fixed}); err != nil {
		t.Fatalf("map %#x: %v", addr, err)
	}
}

func mustStore(t testing.TB, as *AddressSpace, addr, v uint32) {
	t.Helper()
	if err := as.Store32(addr, v); err != nil {
		t.Fatalf("store at %#x: %v", addr, err)
	}
}

func wantWord(t testing.TB, as *AddressSpace, addr, want uint32) {
	t.Helper()
	if v, err := as.Load32(addr); err != nil || v != want {
		t.Errorf("load at %#x: %#x, %v, want %#x", addr, v, err, want)
	}
}

func wantErr(t testing.TB, what string, got, want error) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// testFile is a File of n pages whose page i is filled with byte i+1. Pages are read on demand.
type testFile struct {
	frame.Mappers
	pool  *frame.Pool
	pages []frame.PFN
	n     uint64
	file  *fs.File
	reads int
	dirty map[uint64]bool
	fail  error
}

func newFile(t testing.TB, m *Memory, n uint64) *testFile {
	v := fs.New(m.pool, func() int64 { return 0 })
	f := &testFile{file: v.NewAnonFile(fs.NoFile{}, "file", nil, abi.O_RDWR, nil), pool: m.pool, pages: make([]frame.PFN, n), n: n, dirty: map[uint64]bool{}}
	t.Cleanup(func() {
		f.drop(0, n)
		if f.file.Refs() != 1 || f.Mapped() {
			t.Errorf("file keeps %d references, mapped %v", f.file.Refs(), f.Mapped())
		}
	})
	return f
}

// drop takes pages out of the cache.
func (f *testFile) drop(idx, n uint64) {
	for i := idx; i < idx+n; i++ {
		if f.pages[i] != 0 {
			f.pool.Unref(f.pages[i])
			f.pages[i] = 0
		}
	}
}

// truncate makes the file n pages long.
func (f *testFile) truncate(n uint64) {
	old := f.n
	f.n = n
	f.Unmap(f, n, old-n, true)
	f.drop(n, old-n)
}

func (f *testFile) DirtyPage(idx uint64) { f.dirty[idx] = true }

func (f *testFile) LookupPages(idx uint64, out []frame.PFN) int {
	return frame.LookupEach(f, idx, out)
}

func (f *testFile) LookupPage(idx uint64) (frame.PFN, bool) {
	if idx >= f.n || f.pages[idx] == 0 {
		return 0, false
	}
	f.pool.Ref(f.pages[idx])
	return f.pages[idx], true
}

func (f *testFile) ReadPage(idx uint64) error {
	if f.fail != nil {
		return f.fail
	}
	if idx >= f.n {
		return abi.EFAULT
	}
	f.reads++
	p, err := f.pool.Alloc(frame.PageCache)
	if err != nil {
		return err
	}
	copy(f.pool.Page(p)[:], bytes.Repeat([]byte{byte(idx + 1)}, PageSize))
	f.pages[idx] = p
	return nil
}

func TestMapStoreLoadUnmap(t *testing.T) {
	as := newSpace(t, newMemory(t, 64))
	mustMap(t, as, testAddr, 4, rw)
	wantWord(t, as, testAddr, 0)
	mustStore(t, as, testAddr+0x1000, 42)
	wantWord(t, as, testAddr+0x1000, 42)
	if err := as.Unmap(testAddr, 0x4000); err != nil {
		t.Fatal(err)
	}
	_, err := as.Load32(testAddr)
	wantErr(t, "load of unmapped memory", err, abi.EFAULT)
	if s := as.Stats(); s.Resident != 0 || s.Size != 0 || s.PageTables != 3 {
		t.Errorf("after unmap: %+v", s)
	}
}

func TestForkCopiesOnWrite(t *testing.T) {
	as := newSpace(t, newMemory(t, 64))
	mustMap(t, as, testAddr, 2, rw)
	mustStore(t, as, testAddr, 1)
	child, err := as.Fork()
	if err != nil {
		t.Fatal(err)
	}
	defer child.Unref()
	mustStore(t, child, testAddr, 2)
	wantWord(t, as, testAddr, 1)
	mustStore(t, as, testAddr, 3)
	wantWord(t, child, testAddr, 2)
	wantWord(t, as, testAddr, 3)
}
