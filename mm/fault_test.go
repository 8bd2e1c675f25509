package mm

import (
	"errors"
	"testing"

	"cleave/abi"
	"cleave/mm/frame"
)

// mapFile maps pages of f at testAddr.
func mapFile(t testing.TB, as *AddressSpace, f *testFile, first uint64, n uint32, p Prot, flags uint32) {
	t.Helper()
	if _, err := as.Map(Map{Addr: testAddr, Len: n * PageSize, Prot: p, MaxProt: ProtAll, Flags: flags | abi.MAP_FIXED,
		Mapping: f, File: f.file, Page: first}); err != nil {
		t.Fatal(err)
	}
}

func TestFaultErrors(t *testing.T) {
	m := newMemory(t, 64)
	f := newFile(t, m, 2)
	as := newSpace(t, m)
	mapFile(t, as, f, 1, 4, ProtRead, abi.MAP_PRIVATE)
	mustMap(t, as, 0x20000000, 1, 0)
	for _, c := range []struct {
		name string
		addr uint32
		a    Access
		want *FaultError
		sig  int32
	}{
		{"nothing there", 0x30000000, Read, ErrMap, 11},
		{"the kernel", 0xfffff000, Read, ErrMap, 11},
		{"PROT_NONE", 0x20000000, Read, ErrAccess, 11},
		{"write to read-only", testAddr, Write, ErrAccess, 11},
		{"behind the file", testAddr + PageSize, Read, ErrBus, 7},
	} {
		err := as.Fault(c.addr, c.a|User)
		var fe *FaultError
		if !errors.As(err, &fe) || fe != c.want || fe.Signal != c.sig || !errors.Is(err, abi.EFAULT) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	f.fail = abi.ENOMEM
	wantErr(t, "no memory for the page cache", as.Fault(testAddr, Read), abi.ENOMEM)
	f.fail = abi.EIO
	wantErr(t, "error of the disk", as.Fault(testAddr, Read), ErrBus)
}

func TestReadsShareThePageOfZeros(t *testing.T) {
	m := newMemory(t, 64)
	as := newSpace(t, m)
	mustMap(t, as, testAddr, 8, rw)
	before := m.pool.Stats().InUse()
	for i := range uint32(8) {
		wantWord(t, as, testAddr+i*PageSize, 0)
	}
	if n := m.pool.Stats().InUse() - before; n != 2 { // the tables
		t.Errorf("reading took %d frames, want 2", n)
	}
	mustStore(t, as, testAddr, 1)
	wantWord(t, as, testAddr+PageSize, 0)
	if s := as.Stats(); s.Anonymous != 1 || s.Resident != 1 {
		t.Errorf("after a write: %+v", s)
	}
}

func TestSequenceOfFaultsMapsAhead(t *testing.T) {
	m := newMemory(t, 2048)
	as := newSpace(t, m)
	mustMap(t, as, testAddr, 64, rw)
	for i := range uint32(64) {
		mustStore(t, as, testAddr+i*PageSize, i)
	}
	if n := as.Stats().MinorFaults; n > 14 {
		t.Errorf("%d faults for 64 pages in sequence", n)
	}
	mustMap(t, as, 0x20000000, 64, rw)
	for i := uint32(0); i < 64; i += 3 {
		mustStore(t, as, 0x20000000+i*PageSize, i)
	}
	if n := as.Stats().Anonymous; n != 64+22 {
		t.Errorf("%d pages, want %d: pages were mapped that nobody touched", n, 64+22)
	}
}

func TestFilePrivate(t *testing.T) {
	m := newMemory(t, 64)
	f := newFile(t, m, 8)
	as := newSpace(t, m)
	mapFile(t, as, f, 2, 4, rw, abi.MAP_PRIVATE)
	wantWord(t, as, testAddr, 0x03030303)
	mustStore(t, as, testAddr, 1)
	mustStore(t, as, testAddr+PageSize, 2) // not read before
	wantWord(t, as, testAddr+4, 0x03030303)
	wantWord(t, as, testAddr+PageSize+4, 0x04040404)
	if f.pool.Page(f.pages[2])[0] != 3 || len(f.dirty) != 0 {
		t.Error("a private write reached the file")
	}
	if s := as.Stats(); s.Anonymous != 2 || s.File != 0 {
		t.Errorf("%+v", s)
	}
	if f.file.Refs() != 2 {
		t.Errorf("the mapping holds %d references to the file, want 1", f.file.Refs()-1)
	}
}

func TestFileShared(t *testing.T) {
	m := newMemory(t, 64)
	f := newFile(t, m, 8)
	as := newSpace(t, m)
	mapFile(t, as, f, 0, 4, rw, abi.MAP_SHARED)
	wantWord(t, as, testAddr, 0x01010101)
	if f.dirty[0] {
		t.Error("a read made the page dirty")
	}
	mustStore(t, as, testAddr, 0xaa)
	mustStore(t, as, testAddr+PageSize, 0xbb)
	if !f.dirty[0] || !f.dirty[1] || f.dirty[2] {
		t.Errorf("dirty pages: %v", f.dirty)
	}
	if f.pool.Page(f.pages[0])[0] != 0xaa {
		t.Error("a shared write did not reach the file")
	}
	if s := as.Stats(); s.File != 2 || s.MajorFaults != 2 {
		t.Errorf("%+v", s)
	}
}

func TestFaultAround(t *testing.T) {
	m := newMemory(t, 64)
	f := newFile(t, m, 32)
	as := newSpace(t, m)
	for i := range uint64(32) {
		if err := f.ReadPage(i); err != nil {
			t.Fatal(err)
		}
	}
	mapFile(t, as, f, 0, 32, rx, abi.MAP_PRIVATE)
	wantWord(t, as, testAddr+5*PageSize, 0x06060606)
	if s := as.Stats(); s.File != 16 || s.MinorFaults != 1 {
		t.Errorf("one fault mapped %d pages: %+v", s.File, s)
	}
	for i := range uint32(32) {
		wantWord(t, as, testAddr+i*PageSize, (i+1)*0x01010101)
	}
	if s := as.Stats(); s.File != 32 || s.MinorFaults != 2 {
		t.Errorf("%+v", s)
	}
}

func TestTruncateUnmaps(t *testing.T) {
	m := newMemory(t, 64)
	f := newFile(t, m, 4)
	as := newSpace(t, m)
	mapFile(t, as, f, 0, 4, rw, abi.MAP_PRIVATE)
	mustStore(t, as, testAddr+3*PageSize, 1)
	wantWord(t, as, testAddr+2*PageSize, 0x03030303)
	wantWord(t, as, testAddr, 0x01010101)
	c, err := as.Fork()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Unref()
	f.truncate(2)
	for _, x := range []*AddressSpace{as, c} {
		wantWord(t, x, testAddr, 0x01010101)
		wantErr(t, "a page that was cut off", x.Fault(testAddr+2*PageSize, Read), ErrBus)
		wantErr(t, "a private copy of one", x.Fault(testAddr+3*PageSize, Read), ErrBus)
	}
}

func TestReclaimUnmaps(t *testing.T) {
	m := newMemory(t, 64)
	f := newFile(t, m, 4)
	as := newSpace(t, m)
	mapFile(t, as, f, 0, 4, rw, abi.MAP_PRIVATE)
	wantWord(t, as, testAddr, 0x01010101)
	mustStore(t, as, testAddr+PageSize, 9)
	as.mu.Lock()
	if f.TryUnmap(f, 0, 4) {
		t.Error("TryUnmap took a lock that was held")
	}
	as.mu.Unlock()
	if !f.TryUnmap(f, 0, 4) || m.pool.Refs(f.pages[0]) != 1 {
		t.Errorf("page is still mapped: %d references", m.pool.Refs(f.pages[0]))
	}
	wantWord(t, as, testAddr+PageSize, 9)
	wantWord(t, as, testAddr, 0x01010101)
	if err := as.Lock(testAddr, 1, 0); err != nil {
		t.Fatal(err)
	}
	if f.TryUnmap(f, 0, 4) {
		t.Error("TryUnmap took a locked page")
	}
}

func TestSharedAnonymous(t *testing.T) {
	m := newMemory(t, 64)
	as := newSpace(t, m)
	a, err := as.Map(Map{Len: 4 * PageSize, Prot: rw, Flags: shared})
	if err != nil {
		t.Fatal(err)
	}
	mustStore(t, as, a, 1)
	c, err := as.Fork()
	if err != nil {
		t.Fatal(err)
	}
	mustStore(t, c, a, 2)
	mustStore(t, c, a+PageSize, 3)
	wantWord(t, as, a, 2)
	wantWord(t, as, a+PageSize, 3)
	if s := as.Stats(); s.Shared != 2 {
		t.Errorf("%+v", s)
	}
	c.Unref()
	wantWord(t, as, a+PageSize, 3)
	b, err := as.Remap(a, 0, 4*PageSize, abi.MREMAP_MAYMOVE, 0) // a second mapping of the same memory
	if err != nil {
		t.Fatal(err)
	}
	mustStore(t, as, b, 7)
	wantWord(t, as, a, 7)
	if err := as.Advise(a, PageSize, abi.MADV_DONTNEED); err != nil {
		t.Fatal(err)
	}
	wantWord(t, as, a, 7)
	if err := as.Advise(a, PageSize, abi.MADV_REMOVE); err != nil {
		t.Fatal(err)
	}
	wantWord(t, as, b, 0)
}

func TestSharedMemorySegment(t *testing.T) {
	m := newMemory(t, 64)
	s := m.NewSharedMemory(600)
	as := newSpace(t, m)
	a, err := as.Map(Map{Len: 601 * PageSize, Prot: rw, MaxProt: rw, Flags: abi.MAP_SHARED, Mapping: s})
	if err != nil {
		t.Fatal(err)
	}
	mustStore(t, as, a+599*PageSize, 1)
	wantErr(t, "behind the segment", as.Fault(a+600*PageSize, Read), ErrBus)
	if err := as.Unmap(a, 601*PageSize); err != nil {
		t.Fatal(err)
	}
	if s.Pages() != 1 || m.pool.Stats().Used[frame.Anonymous] != 1 {
		t.Errorf("the segment has %d pages, want 1", s.Pages())
	}
	s.Unref()
	if n := m.pool.Stats().Used[frame.Anonymous]; n != 0 {
		t.Errorf("%d frames are left of the segment", n)
	}
}

func TestFutexKeys(t *testing.T) {
	m := newMemory(t, 64)
	f := newFile(t, m, 4)
	as := newSpace(t, m)
	mapFile(t, as, f, 1, 2, rw, abi.MAP_SHARED)
	mustMap(t, as, 0x20000000, 1, rw)
	c, err := as.Fork()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Unref()
	key := func(x *AddressSpace, addr uint32, private bool) FutexKey {
		k, err := x.FutexKey(addr, private)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	if key(as, testAddr+8, false) != key(c, testAddr+8, false) {
		t.Error("one word of a file, two keys")
	}
	if key(as, testAddr, false) == key(as, testAddr+PageSize, false) {
		t.Error("two words of a file, one key")
	}
	if key(as, 0x20000000, false) == key(c, 0x20000000, false) {
		t.Error("private memory of two processes, one key")
	}
	if key(as, 0x20000000, false) != key(as, 0x20000000, true) {
		t.Error("private memory, two keys")
	}
	_, err = as.FutexKey(testAddr+1, true)
	wantErr(t, "unaligned", err, abi.EINVAL)
	_, err = as.FutexKey(0x30000000, false)
	wantErr(t, "unmapped", err, abi.EFAULT)
}

// A program whose own file pages fill the memory must get them reclaimed by its faults.
func TestFaultsReclaimOwnFilePages(t *testing.T) {
	m := newMemory(t, 64)
	f := newFile(t, m, 40)
	as := newSpace(t, m)
	m.pool.AddReclaimer(func(n int) int {
		got := 0
		for i := uint64(0); i < 40 && got < n; i++ {
			if f.pages[i] != 0 && f.TryUnmap(f, i, 1) && m.pool.Refs(f.pages[i]) == 1 {
				f.drop(i, 1)
				got++
			}
		}
		return got
	})
	mapFile(t, as, f, 0, 40, ProtRead, abi.MAP_PRIVATE)
	for i := range uint32(40) {
		wantWord(t, as, testAddr+i*PageSize, (i+1)*0x01010101)
	}
	mustMap(t, as, 0x20000000, 48, rw)
	for i := range uint32(48) {
		mustStore(t, as, 0x20000000+i*PageSize, i)
	}
	c, err := as.Fork()
	if err != nil {
		t.Fatal(err)
	}
	c.Unref()
	wantWord(t, as, testAddr, 0x01010101)
}

func TestShortOfMemory(t *testing.T) {
	m := newMemory(t, 12)
	as := newSpace(t, m)
	mustMap(t, as, testAddr, 12, rw)
	var err error
	n := uint32(0)
	for ; err == nil; n++ {
		err = as.Fault(testAddr+n*PageSize, Write)
	}
	wantErr(t, "the last fault", err, abi.ENOMEM)
	wantErr(t, "a copy", as.CopyOut(testAddr+n*PageSize, []byte{1}), abi.ENOMEM)
	_, err = as.Fork()
	wantErr(t, "fork", err, abi.ENOMEM)
	if err := as.Advise(testAddr, PageSize, abi.MADV_DONTNEED); err != nil {
		t.Fatal(err)
	}
	wantErr(t, "after a page was given back", as.Fault(testAddr, Write), nil)
}
