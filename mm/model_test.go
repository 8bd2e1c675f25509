package mm

import (
	"math/rand/v2"
	"testing"

	"cleave/abi"
	"cleave/mm/frame"
)

// checkSpace checks what must always hold of an address space: mappings in order, merged where they can be, sizes that add
// up, entries that give no more rights than their mapping, tables only where mappings are.
func checkSpace(t testing.TB, as *AddressSpace) {
	t.Helper()
	as.mu.Lock()
	defer as.mu.Unlock()
	var size, data, locked uint32
	var rss [numRSS]uint32
	tables := map[uint32]bool{}
	for i, v := range as.vmas {
		if v.start >= v.end || v.end > UserLimit>>12 || i > 0 && as.vmas[i-1].end > v.start {
			t.Fatalf("mapping %d is out of order: %+v", i, v)
		}
		if i > 0 && as.vmas[i-1].joins(v) {
			t.Errorf("mapping %d is not merged with the one before", i)
		}
		size += v.pages()
		if v.isData() {
			data += v.pages()
		}
		if v.flags&vmLocked != 0 {
			locked += v.pages()
		}
		for p := v.start; p < v.end; p++ {
			if as.pt.table(p) != nil {
				tables[p>>9] = true
			}
			checkEntry(t, as, v, p, &rss)
		}
	}
	if size != as.size || data != as.data || locked != as.locked || rss != as.rss {
		t.Errorf("size %d data %d locked %d rss %v, counted %d %d %d %v", as.size, as.data, as.locked, as.rss, size, data,
			locked, rss)
	}
	n := 2 + len(tables)
	for _, d := range as.pt.dirs {
		if d != nil {
			n++
		}
	}
	if n != as.pt.frames {
		t.Errorf("%d frames of page tables, counted %d", as.pt.frames, n)
	}
}

// checkEntry checks the entry of a page and counts it in rss.
func checkEntry(t testing.TB, as *AddressSpace, v *vma, page uint32, rss *[numRSS]uint32) {
	ep := as.pt.entry(page)
	if ep == nil || *ep == 0 {
		return
	}
	e := *ep
	present, writable, exec := v.prot != 0, v.prot&ProtWrite != 0, v.prot&ProtExec != 0
	if e&ptePresent != 0 && !present || e&pteWrite != 0 && !writable || e&pteNX == 0 && !exec {
		t.Errorf("page %#x: entry %#x gives more than rights %d", page, e, v.prot)
	}
	f := pteFrame(e)
	switch {
	case e&pteHeld == 0:
		if f != as.mem.zero || e&pteWrite != 0 {
			t.Errorf("page %#x: entry %#x does not own its frame", page, e)
		}
	case e&pteAnon != 0:
		rss[rssAnon]++
		if e&pteWrite != 0 && as.mem.pool.Refs(f) != 1 {
			t.Errorf("page %#x: private, writable, and shared by %d", page, as.mem.pool.Refs(f))
		}
	default:
		rss[v.kind()]++
		if e&pteWrite != 0 && v.flags&vmShared == 0 {
			t.Errorf("page %#x: a page of a file is writable by a private mapping", page)
		}
	}
}

// model is what an address space should look like: the rights and the first word of each page. Shared pages have one word
// in all models.
type model struct {
	as    *AddressSpace
	pages [modelPages]*modelPage
}

type modelPage struct {
	prot   Prot
	shared bool
	word   *uint32
	clean  uint32 // what the word is again when a private page is dropped
}

// The pages of the model lie on both sides of a boundary between page tables.
const (
	modelPages = 40
	modelAddr  = 0x10200000 - modelPages/2*PageSize
)

// machine runs the same operations on address spaces and on their models.
type machine struct {
	t      testing.TB
	mem    *Memory
	file   *testFile
	spaces []*model
	next   func(n int) int // the next decision
	stamp  uint32
}

// step does one operation.
func (x *machine) step() {
	m := x.spaces[x.next(len(x.spaces))]
	from := x.next(modelPages)
	n := 1 + x.next(min(6, modelPages-from))
	addr, size := uint32(modelAddr+from*PageSize), uint32(n*PageSize)
	switch x.next(12) {
	case 0:
		x.doMap(m, from, n, addr, size)
	case 1:
		x.ok(m.as.Unmap(addr, size))
		clear(m.pages[from : from+n])
	case 2:
		x.doProtect(m, from, n, addr, size)
	case 3:
		x.doRemap(m, from, n, addr, size)
	case 4:
		if len(x.spaces) < 4 {
			x.doFork(m)
		}
	case 5:
		if len(x.spaces) > 1 {
			x.doExit(m)
		}
	case 6:
		x.doDrop(m, from, n, addr, size)
	case 7:
		x.file.TryUnmap(x.file, uint64(from), uint64(n))
	default:
		x.doAccess(m, from, addr)
	}
}

func (x *machine) ok(err error) {
	x.t.Helper()
	if err != nil {
		x.t.Fatal(err)
	}
}

func (x *machine) doMap(m *model, from, n int, addr, size uint32) {
	prot := []Prot{0, ProtRead, rw, rw, ProtAll}[x.next(5)]
	d := Map{Addr: addr, Len: size, Prot: prot, MaxProt: ProtAll, Flags: fixed}
	kind := x.next(3)
	switch kind {
	case 1:
		d.Flags = shared | abi.MAP_FIXED
	case 2:
		d.Flags, d.Mapping, d.File, d.Page = abi.MAP_PRIVATE|abi.MAP_FIXED, x.file, x.file.file, uint64(from)
	}
	_, err := m.as.Map(d)
	x.ok(err)
	for i := from; i < from+n; i++ {
		p := &modelPage{prot: prot, shared: kind == 1, word: new(uint32)}
		if kind == 2 {
			p.clean = uint32(i+1) * 0x01010101
			*p.word = p.clean
		}
		m.pages[i] = p
	}
}

func (x *machine) doProtect(m *model, from, n int, addr, size uint32) {
	prot := []Prot{0, ProtRead, rw, ProtAll}[x.next(4)]
	want := error(nil)
	for _, p := range m.pages[from : from+n] {
		if p == nil {
			want = abi.ENOMEM
		}
	}
	if err := m.as.Protect(addr, size, prot, 0); err != want {
		x.t.Fatalf("protect: %v, want %v", err, want)
	}
	if want == nil {
		for _, p := range m.pages[from : from+n] {
			p.prot = prot
		}
	}
}

func (x *machine) doRemap(m *model, from, n int, addr, size uint32) {
	to := x.next(modelPages - n + 1)
	_, err := m.as.Remap(addr, size, size, abi.MREMAP_MAYMOVE|abi.MREMAP_FIXED, uint32(modelAddr+to*PageSize))
	switch {
	case to < from+n && from < to+n:
		if err != abi.EINVAL {
			x.t.Fatalf("remap onto itself: %v", err)
		}
	case err == nil:
		copy(m.pages[to:to+n], m.pages[from:from+n])
		clear(m.pages[from : from+n])
	case err != abi.EFAULT:
		x.t.Fatalf("remap: %v", err)
	default: // more than one mapping: the target was not touched
	}
}

func (x *machine) doFork(m *model) {
	as, err := m.as.Fork()
	x.ok(err)
	c := &model{as: as}
	for i, p := range m.pages {
		if p == nil {
			continue
		}
		q := *p
		if !p.shared {
			q.word = new(uint32)
			*q.word = *p.word
		}
		c.pages[i] = &q
	}
	x.spaces = append(x.spaces, c)
}

func (x *machine) doExit(m *model) {
	m.as.Unref()
	for i, s := range x.spaces {
		if s == m {
			x.spaces = append(x.spaces[:i], x.spaces[i+1:]...)
			return
		}
	}
}

func (x *machine) doDrop(m *model, from, n int, addr, size uint32) {
	if err := m.as.Advise(addr, size, abi.MADV_DONTNEED); err != nil && err != abi.ENOMEM {
		x.t.Fatal(err)
	}
	for _, p := range m.pages[from : from+n] {
		if p != nil && !p.shared {
			*p.word = p.clean
		}
	}
}

// doAccess reads or writes a word and compares it with the model.
func (x *machine) doAccess(m *model, from int, addr uint32) {
	p := m.pages[from]
	if x.next(2) == 0 {
		v, err := m.as.Load32(addr)
		if p == nil || p.prot == 0 {
			if err != abi.EFAULT {
				x.t.Fatalf("load from page %d without rights: %#x, %v", from, v, err)
			}
		} else if err != nil || v != *p.word {
			x.t.Fatalf("load from page %d: %#x, %v, want %#x", from, v, err, *p.word)
		}
		return
	}
	x.stamp++
	err := m.as.Store32(addr, x.stamp)
	if p == nil || p.prot&ProtWrite == 0 {
		if err != abi.EFAULT {
			x.t.Fatalf("store to page %d without rights: %v", from, err)
		}
		return
	}
	x.ok(err)
	*p.word = x.stamp
}

// finish compares every page with the model and releases the address spaces.
func (x *machine) finish() {
	for _, m := range x.spaces {
		checkSpace(x.t, m.as)
		for i := range m.pages {
			want := abi.EFAULT
			v, err := m.as.Load32(uint32(modelAddr + i*PageSize))
			p := m.pages[i]
			if p != nil && p.prot != 0 && (err != nil || v != *p.word) || (p == nil || p.prot == 0) && err != want {
				x.t.Fatalf("page %d at the end: %#x, %v, want %+v", i, v, err, p)
			}
		}
		m.as.Unref()
	}
}

// runModel runs operations as next decides, for as long as more.
func runModel(t testing.TB, next func(n int) int, more func() bool) {
	m := newMemory(t, 1024)
	f := newFile(t, m, modelPages)
	as, err := m.NewAddressSpace(DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	x := &machine{t: t, mem: m, file: f, next: next, spaces: []*model{{as: as}}}
	for i := 0; more(); i++ {
		x.step()
		if i%16 == 0 {
			for _, m := range x.spaces {
				checkSpace(t, m.as)
			}
		}
	}
	x.finish()
}

func TestRandomOperations(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		n := 400
		runModel(t, r.IntN, func() bool { n--; return n >= 0 })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func FuzzOperations(f *testing.F) {
	f.Add([]byte("\x00\x00\x03\x00\x02\x00\x00\x00\x03\x08\x01\x00\x00\x04"))
	f.Fuzz(func(t *testing.T, ops []byte) {
		next := func(n int) int {
			if len(ops) == 0 {
				return 0
			}
			b := ops[0]
			ops = ops[1:]
			return int(b) % n
		}
		runModel(t, next, func() bool { return len(ops) > 0 })
	})
}

var _ frame.Mapper = (*AddressSpace)(nil)
