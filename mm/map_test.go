package mm

import (
	"fmt"
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/mm/frame"
)

// layout describes the mappings of an address space.
func layout(as *AddressSpace) string {
	s := ""
	as.Mappings(0, func(m *Mapping) bool {
		s += fmt.Sprintf("%x-%x:%d ", m.Start>>12, m.End>>12, m.Prot)
		return true
	})
	return s
}

func wantLayout(t testing.TB, as *AddressSpace, want string) {
	t.Helper()
	if got := layout(as); got != want {
		t.Errorf("mappings %q, want %q", got, want)
	}
}

func TestMapErrors(t *testing.T) {
	m := newMemory(t, 64)
	as := newSpace(t, m)
	mustMap(t, as, testAddr, 4, rw)
	l := DefaultLimits()
	l.Memlock = 2 * PageSize
	as.SetLimits(l)
	f := newFile(t, m, 4)
	for _, c := range []struct {
		name string
		m    Map
		want error
	}{
		{"no length", Map{Flags: private}, abi.EINVAL},
		{"no type", Map{Len: 1, Flags: abi.MAP_ANONYMOUS}, abi.EINVAL},
		{"shared and validated, anonymous", Map{Len: 1, Flags: abi.MAP_SHARED_VALIDATE | abi.MAP_ANONYMOUS}, abi.EINVAL},
		{"too long", Map{Len: 0xffffffff, Flags: private}, abi.ENOMEM},
		{"longer than user memory", Map{Len: 0xfffff000, Flags: private}, abi.ENOMEM},
		{"fixed, unaligned", Map{Addr: testAddr + 1, Len: 1, Flags: fixed}, abi.EINVAL},
		{"fixed, behind user memory", Map{Addr: 0xffffd000, Len: 0x2000, Flags: fixed}, abi.ENOMEM},
		{"fixed, wraps around", Map{Addr: 0xffffd000, Len: 0xf0000000, Flags: fixed}, abi.ENOMEM},
		{"fixed, too low", Map{Addr: 0x1000, Len: 1, Flags: fixed}, abi.EPERM},
		{"fixed, taken", Map{Addr: testAddr + 0x3000, Len: 1, Flags: private | abi.MAP_FIXED_NOREPLACE}, abi.EEXIST},
		{"more than the machine has", Map{Len: 1 << 30, Prot: rw, Flags: private}, abi.ENOMEM},
		{"growing down, shared", Map{Len: 1, Flags: shared | abi.MAP_GROWSDOWN}, abi.EINVAL},
		{"too much locked", Map{Len: 3 * PageSize, Flags: private | abi.MAP_LOCKED}, abi.EAGAIN},
		{"rights that the file does not give", Map{Len: 1, Prot: rw, MaxProt: ProtRead, Flags: abi.MAP_SHARED, Mapping: f}, abi.EACCES},
		{"page number overflows", Map{Len: PageSize, MaxProt: ProtAll, Flags: abi.MAP_SHARED, Mapping: f, Page: 1<<64 - 1}, abi.EOVERFLOW},
	} {
		_, err := as.Map(c.m)
		wantErr(t, c.name, err, c.want)
	}
	wantLayout(t, as, "10000-10004:3 ")
	if _, err := as.Map(Map{Addr: 0, Len: 1, Flags: fixed, Low: true}); err != nil {
		t.Errorf("page 0 for who may: %v", err)
	}
}

func TestPlacement(t *testing.T) {
	as := newSpace(t, newMemory(t, 64))
	place := func(addr, n uint32) uint32 {
		t.Helper()
		a, err := as.Map(Map{Addr: addr, Len: n, Flags: private, Prot: ProtRead, MaxProt: ProtAll})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	check := func(what string, got, want uint32) {
		t.Helper()
		if got != want {
			t.Errorf("%s at %#x, want %#x", what, got, want)
		}
	}
	a := place(0, 0x1000)
	check("first", a, 0xf7ffd000)
	b := place(0, 0x3000)
	check("second, below", b, a-0x3000)
	if err := as.Unmap(a, 0x1000); err != nil {
		t.Fatal(err)
	}
	check("too big for the hole", place(0, 0x2000), b-0x2000)
	check("fits into the hole", place(0, 0x1000), a)
	check("hint", place(0x20000abc, 0x1000), 0x20000000)
	check("hint that is taken", place(0x20000000, 0x1000), b-0x3000)
	check("hint that is too low", place(1, 0x1000), MinAddr)
	check("too big for below the stack's room", place(0, 0xa0000000), b-0x3000-0xa0000000)
}

func TestPlacementAvoidsStackGuard(t *testing.T) {
	as := newSpace(t, newMemory(t, 64))
	if _, err := as.Map(Map{Addr: 0x20000000, Len: PageSize, Prot: rw, Flags: fixed | abi.MAP_GROWSDOWN}); err != nil {
		t.Fatal(err)
	}
	a, err := as.Map(Map{Addr: 0x1ffff000, Len: PageSize, Prot: rw, Flags: private})
	if err != nil || a == 0x1ffff000 {
		t.Errorf("mapped at %#x, in the stack's guard, %v", a, err)
	}
}

func TestUnmapSplitsAndMapMerges(t *testing.T) {
	as := newSpace(t, newMemory(t, 64))
	mustMap(t, as, testAddr, 8, rw)
	for _, p := range []uint32{0, 3, 7} {
		if err := as.Unmap(testAddr+p*PageSize, PageSize); err != nil {
			t.Fatal(err)
		}
	}
	wantLayout(t, as, "10001-10003:3 10004-10007:3 ")
	mustMap(t, as, testAddr+3*PageSize, 1, rw)
	wantLayout(t, as, "10001-10007:3 ")
	mustMap(t, as, testAddr+3*PageSize, 1, ProtRead)
	wantLayout(t, as, "10001-10003:3 10003-10004:1 10004-10007:3 ")
	if err := as.Protect(testAddr+3*PageSize, PageSize, rw, 0); err != nil {
		t.Fatal(err)
	}
	wantLayout(t, as, "10001-10007:3 ")
	wantErr(t, "unmap, unaligned", as.Unmap(testAddr+1, PageSize), abi.EINVAL)
	wantErr(t, "unmap of nothing", as.Unmap(testAddr, 0), abi.EINVAL)
	wantErr(t, "unmap, behind user memory", as.Unmap(testAddr, 0xffffffff), abi.EINVAL)
	wantErr(t, "unmap where nothing is", as.Unmap(0x40000000, PageSize), nil)
}

func TestProtect(t *testing.T) {
	m := newMemory(t, 64)
	f := newFile(t, m, 1)
	as := newSpace(t, m)
	mustMap(t, as, testAddr, 4, rw)
	mustStore(t, as, testAddr+PageSize, 7)
	if err := as.Protect(testAddr+PageSize, PageSize, ProtRead, 0); err != nil {
		t.Fatal(err)
	}
	wantErr(t, "store to read-only memory", as.Store32(testAddr+PageSize, 8), abi.EFAULT)
	wantErr(t, "its fault", as.Fault(testAddr+PageSize, Write|User), ErrAccess)
	if err := as.Protect(testAddr, 4*PageSize, 0, 0); err != nil {
		t.Fatal(err)
	}
	_, err := as.Load32(testAddr + PageSize)
	wantErr(t, "load of PROT_NONE", err, abi.EFAULT)
	if err := as.Protect(testAddr, 4*PageSize, rw, 0); err != nil {
		t.Fatal(err)
	}
	wantWord(t, as, testAddr+PageSize, 7)
	mustStore(t, as, testAddr+PageSize, 9)
	wantErr(t, "execution of data", as.Fault(testAddr, Exec|User), ErrAccess)
	wantErr(t, "a hole", as.Protect(testAddr+2*PageSize, 4*PageSize, ProtRead, 0), abi.ENOMEM)
	wantErr(t, "unaligned", as.Protect(testAddr+1, 1, ProtRead, 0), abi.EINVAL)
	wantErr(t, "nothing", as.Protect(testAddr, 0, ProtRead, 0), nil)
	wantErr(t, "growing down, but no stack", as.Protect(testAddr, 1, ProtRead, abi.PROT_GROWSDOWN), abi.EINVAL)
	wantLayout(t, as, "10000-10004:3 ")
	if _, err := as.Map(Map{Addr: 0x20000000, Len: 1, Prot: ProtRead, MaxProt: rx, Flags: abi.MAP_SHARED | abi.MAP_FIXED, Mapping: f}); err != nil {
		t.Fatal(err)
	}
	wantErr(t, "write to a file that is read-only", as.Protect(0x20000000, 1, rw, 0), abi.EACCES)
}

func TestPageTableRights(t *testing.T) {
	as := newSpace(t, newMemory(t, 64))
	mustMap(t, as, testAddr, 1, rw)
	mustStore(t, as, testAddr, 1)
	for _, c := range []struct {
		prot      Prot
		want, not uint64
	}{
		{ProtRead, ptePresent | pteUser | pteNX, pteWrite},
		{rw, ptePresent | pteUser | pteNX | pteWrite, 0},
		{rx, ptePresent | pteUser, pteNX | pteWrite},
		{ProtAll, ptePresent | pteUser | pteWrite, pteNX},
		{0, pteHeld, ptePresent},
	} {
		if err := as.Protect(testAddr, PageSize, c.prot, 0); err != nil {
			t.Fatal(err)
		}
		if e := *as.pt.entry(testAddr >> 12); e&c.want != c.want || e&c.not != 0 {
			t.Errorf("rights %d: entry %#x", c.prot, e)
		}
	}
}

func TestStackGrows(t *testing.T) {
	as := newSpace(t, newMemory(t, 4096))
	top, err := as.MapStack(2*PageSize, rw)
	if err != nil || top != UserLimit {
		t.Fatalf("stack ends at %#x, %v", top, err)
	}
	mustStore(t, as, top-100*PageSize, 1)
	wantErr(t, "beyond the limit", as.Fault(top-(8<<20)-4, Write), ErrMap)
	mustStore(t, as, top-(8<<20), 1)
	mustMap(t, as, top-(10<<20), 1, rw)
	l := DefaultLimits()
	l.Stack = 64 << 20
	as.SetLimits(l)
	wantErr(t, "into the guard", as.Fault(top-(10<<20)+2*PageSize, Write), ErrMap)
	mustStore(t, as, top-(8<<20)-PageSize, 1)
	if s := as.Stats(); s.Stack != 2049 {
		t.Errorf("stack of %d pages, want 2049", s.Stack)
	}
}

func TestBreak(t *testing.T) {
	as := newSpace(t, newMemory(t, 64))
	as.SetBreak(testAddr + 0x123)
	for _, c := range []struct{ addr, want uint32 }{
		{0, testAddr + 0x123},
		{testAddr + 0x3456, testAddr + 0x3456},
		{testAddr, testAddr + 0x3456},
		{0xfffffff0, testAddr + 0x3456},
		{testAddr + 0x1001, testAddr + 0x1001},
	} {
		if got := as.Break(c.addr); got != c.want {
			t.Errorf("brk(%#x) = %#x, want %#x", c.addr, got, c.want)
		}
	}
	wantLayout(t, as, "10001-10002:3 ")
	mustStore(t, as, testAddr+PageSize, 5)
	mustMap(t, as, testAddr+0x4000, 1, rw)
	if got := as.Break(testAddr + 0x5000); got != testAddr+0x1001 {
		t.Errorf("heap grew into another mapping: %#x", got)
	}
	l := DefaultLimits()
	l.Data = 2 * PageSize
	as.SetLimits(l)
	if got := as.Break(testAddr + 0x3000); got != testAddr+0x1001 {
		t.Errorf("heap grew beyond RLIMIT_DATA: %#x", got)
	}
	if s, e := as.Heap(); s != testAddr+0x123 || e != testAddr+0x1001 {
		t.Errorf("heap %#x-%#x", s, e)
	}
}

func TestLimits(t *testing.T) {
	as := newSpace(t, newMemory(t, 64))
	l := DefaultLimits()
	l.AS = 4 * PageSize
	as.SetLimits(l)
	mustMap(t, as, testAddr, 3, rw)
	_, err := as.Map(Map{Len: 2 * PageSize, Prot: rw, Flags: private})
	wantErr(t, "beyond RLIMIT_AS", err, abi.ENOMEM)
	mustMap(t, as, testAddr+PageSize, 3, rw) // replaces two pages
	_, err = as.Remap(testAddr, 4*PageSize, 5*PageSize, abi.MREMAP_MAYMOVE, 0)
	wantErr(t, "remap beyond RLIMIT_AS", err, abi.ENOMEM)
	l.AS, l.Data = NoLimit, 4*PageSize
	as.SetLimits(l)
	_, err = as.Map(Map{Len: PageSize, Prot: rw, Flags: private})
	wantErr(t, "beyond RLIMIT_DATA", err, abi.ENOMEM)
	a, err := as.Map(Map{Len: PageSize, Prot: ProtRead, Flags: private})
	wantErr(t, "read-only memory is no data", err, nil)
	wantErr(t, "becomes data", as.Protect(a, PageSize, rw, 0), abi.ENOMEM)
}

func TestMaxMappings(t *testing.T) {
	as := newSpace(t, newMemory(t, 256))
	for i := uint32(0); i < MaxMappings; i++ { // every other page, so that none merge
		if _, err := as.Map(Map{Addr: testAddr + i*2*PageSize, Len: PageSize, Flags: fixed}); err != nil {
			t.Fatalf("mapping %d: %v", i, err)
		}
	}
	_, err := as.Map(Map{Addr: 0x9000000, Len: PageSize, Flags: fixed})
	wantErr(t, "one mapping more", err, abi.ENOMEM)
	if _, err := as.Map(Map{Addr: testAddr, Len: 3 * PageSize, Flags: fixed}); err != nil {
		t.Errorf("one mapping less: %v", err)
	}
	wantErr(t, "a split", as.Protect(testAddr+PageSize, PageSize, rw, 0), abi.ENOMEM)
}

func TestLocking(t *testing.T) {
	as := newSpace(t, newMemory(t, 64))
	l := DefaultLimits()
	l.Memlock = 3 * PageSize
	as.SetLimits(l)
	mustMap(t, as, testAddr, 4, rw)
	wantErr(t, "too much", as.Lock(testAddr, 4*PageSize, 0), abi.ENOMEM)
	wantErr(t, "a hole", as.Lock(testAddr+3*PageSize, 2*PageSize, 0), abi.ENOMEM)
	wantErr(t, "bad flags", as.Lock(testAddr, 1, 2), abi.EINVAL)
	wantErr(t, "unaligned", as.Lock(testAddr+1, PageSize, 0), nil)
	if s := as.Stats(); s.Locked != 2 || s.Anonymous != 2 {
		t.Errorf("two locked pages: %+v", s)
	}
	wantErr(t, "dontneed of locked memory", as.Advise(testAddr, PageSize, abi.MADV_DONTNEED), abi.EINVAL)
	wantErr(t, "unlock", as.Unlock(testAddr, 4*PageSize), nil)
	wantErr(t, "all, too much", as.LockAll(abi.MCL_CURRENT), abi.ENOMEM)
	wantErr(t, "nothing of all", as.LockAll(abi.MCL_ONFAULT), abi.EINVAL)
	l.Memlock = NoLimit
	as.SetLimits(l)
	wantErr(t, "all", as.LockAll(abi.MCL_CURRENT), nil)
	if s := as.Stats(); s.Locked != 4 || s.Anonymous != 4 {
		t.Errorf("all locked: %+v", s)
	}
	wantErr(t, "free of locked memory", as.Advise(testAddr, PageSize, abi.MADV_FREE), abi.EINVAL)
	wantErr(t, "future", as.LockAll(abi.MCL_FUTURE), nil)
	a, err := as.Map(Map{Len: PageSize, Prot: rw, Flags: private})
	if err != nil {
		t.Fatal(err)
	}
	vec := []byte{9}
	if err := as.InCore(a, vec); err != nil || vec[0] != 1 {
		t.Errorf("locked page is not in memory: %v %v", vec, err)
	}
	wantErr(t, "no flags", as.LockAll(0), abi.EINVAL)
	as.UnlockAll()
	if s := as.Stats(); s.Locked != 0 {
		t.Errorf("%d pages stay locked", s.Locked)
	}
}

func TestKernelFrames(t *testing.T) {
	m := newMemory(t, 64)
	as := newSpace(t, m)
	f, err := m.pool.AllocZeroed(frame.Kernel)
	if err != nil {
		t.Fatal(err)
	}
	defer m.pool.Unref(f)
	m.pool.Page(f)[8] = 0x77
	a, err := as.MapFrames(Map{Prot: rx, MaxProt: rx, Name: "[vdso]"}, []frame.PFN{f})
	if err != nil {
		t.Fatal(err)
	}
	wantWord(t, as, a+8, 0x77)
	m.pool.Page(f)[8] = 0x78
	wantWord(t, as, a+8, 0x78)
	wantErr(t, "a write", as.Store32(a, 1), abi.EFAULT)
	wantErr(t, "rights", as.Protect(a, PageSize, rw, 0), abi.EACCES)
	if mp, ok := as.Find(a + 5); !ok || mp.Name != "[vdso]" || mp.Start != a {
		t.Errorf("found %+v, %v", mp, ok)
	}
}

func TestExeAndSegments(t *testing.T) {
	as := newSpace(t, newMemory(t, 64))
	f := new(fs.File).Get()
	as.SetExe(f)
	as.SetSegments(Segments{ArgStart: 5})
	c, err := as.Fork()
	if err != nil {
		t.Fatal(err)
	}
	if c.Exe() != f || f.Refs() != 4 || c.Segments().ArgStart != 5 {
		t.Errorf("exe has %d references, segments %+v", f.Refs(), c.Segments())
	}
	c.Unref()
	as.SetExe(nil)
	if f.Refs() != 2 { // ours, and the one that Exe gave us
		t.Errorf("%d references are left", f.Refs())
	}
	if as.TryRef(); as.Users() != 2 || c.TryRef() {
		t.Error("users are counted wrongly")
	}
	as.Unref()
}

func TestRandomize(t *testing.T) {
	m := newMemory(t, 64)
	m.random = func() uint32 { return 0xffffffff }
	as := newSpace(t, m)
	as.Randomize()
	top, err := as.MapStack(PageSize, rw)
	if err != nil || top != UserLimit-0x7ff000 {
		t.Errorf("stack ends at %#x, %v", top, err)
	}
	a, err := as.Map(Map{Len: PageSize, Flags: private})
	if err != nil || a != 0xf7ffd000-0xff000 {
		t.Errorf("mapping at %#x, %v", a, err)
	}
	as.SetBreak(testAddr + 1)
	if got := as.Break(0); got != testAddr+PageSize+0x1fff000 {
		t.Errorf("heap at %#x", got)
	}
}
