package mm

import (
	"testing"

	"cleave/abi"
	"cleave/fs"
)

const (
	mayMove   = abi.MREMAP_MAYMOVE
	moveFixed = abi.MREMAP_MAYMOVE | abi.MREMAP_FIXED
	dontUnmap = abi.MREMAP_MAYMOVE | abi.MREMAP_DONTUNMAP
)

func TestRemap(t *testing.T) {
	const p, a, b = PageSize, uint32(testAddr), uint32(0x30000000)
	for _, c := range []struct {
		name              string
		old, oldLen       uint32
		newLen, flags, to uint32
		want              uint32
		err               error
		layout            string
	}{
		{"same", a, 4 * p, 4 * p, 0, 0, a, nil, "10000-10004:3 "},
		{"shrink", a, 4 * p, p, 0, 0, a, nil, "10000-10001:3 "},
		{"grow", a, 4 * p, 6 * p, 0, 0, a, nil, "10000-10006:3 "},
		{"grow, no room", a, 4 * p, 40 * p, 0, 0, 0, abi.ENOMEM, "10000-10004:3 "},
		{"grow, elsewhere", a, 4 * p, 40 * p, mayMove, 0, 0xf7fd6000, nil, "f7fd6-f7ffe:3 "},
		{"grow the head", a, 2 * p, 3 * p, mayMove, 0, 0xf7ffb000, nil, "10002-10004:3 f7ffb-f7ffe:3 "},
		{"move", a, 4 * p, 4 * p, moveFixed, b, b, nil, "30000-30004:3 "},
		{"move the middle", a + p, p, p, moveFixed, b, b, nil, "10000-10001:3 10002-10004:3 30000-30001:3 "},
		{"move and shrink", a, 4 * p, p, moveFixed, b, b, nil, "30000-30001:3 "},
		{"move, rest stays", a, 4 * p, 4 * p, dontUnmap, 0, 0xf7ffa000, nil, "10000-10004:3 f7ffa-f7ffe:3 "},
		{"onto itself", a, 4 * p, 4 * p, moveFixed, a + p, 0, abi.EINVAL, "10000-10004:3 "},
		{"fixed, may not move", a, p, p, abi.MREMAP_FIXED, b, 0, abi.EINVAL, "10000-10004:3 "},
		{"rest stays, other length", a, p, 2 * p, dontUnmap, 0, 0, abi.EINVAL, "10000-10004:3 "},
		{"unaligned", a + 1, p, p, 0, 0, 0, abi.EINVAL, "10000-10004:3 "},
		{"to unaligned", a, p, p, moveFixed, b + 1, 0, abi.EINVAL, "10000-10004:3 "},
		{"to the kernel", a, p, 2 * p, moveFixed, 0xffffd000, 0, abi.EINVAL, "10000-10004:3 "},
		{"to the bottom", a, p, p, moveFixed, 0x1000, 0, abi.EPERM, "10000-10004:3 "},
		{"to nothing", a, p, 0, mayMove, 0, 0, abi.EINVAL, "10000-10004:3 "},
		{"unknown flag", a, p, p, 8, 0, 0, abi.EINVAL, "10000-10004:3 "},
		{"from nothing", b, p, 2 * p, mayMove, 0, 0, abi.EFAULT, "10000-10004:3 "},
		{"more than is mapped", a, 5 * p, 6 * p, mayMove, 0, 0, abi.EFAULT, "10000-10004:3 "},
		{"copy of private memory", a, 0, p, mayMove, 0, 0, abi.EINVAL, "10000-10004:3 "},
	} {
		t.Run(c.name, func(t *testing.T) {
			as := newSpace(t, newMemory(t, 128))
			mustMap(t, as, a, 4, rw)
			for i := range uint32(4) {
				mustStore(t, as, a+i*p, i+1)
			}
			mustMap(t, as, a+20*p, 1, 0) // keeps it from growing far
			got, err := as.Remap(c.old, c.oldLen, c.newLen, c.flags, c.to)
			if got != c.want || err != c.err {
				t.Fatalf("%#x, %v, want %#x, %v", got, err, c.want, c.err)
			}
			if err := as.Unmap(a+20*p, p); err != nil {
				t.Fatal(err)
			}
			wantLayout(t, as, c.layout)
			if c.err != nil {
				return
			}
			first := (c.old - a) / p
			for i := range min(c.oldLen, c.newLen) / p {
				wantWord(t, as, got+i*p, first+i+1)
			}
			if c.flags == dontUnmap {
				wantWord(t, as, a, 0)
			}
		})
	}
}

func TestRemapKeepsFilePages(t *testing.T) {
	m := newMemory(t, 64)
	f := newFile(t, m, 8)
	as := newSpace(t, m)
	mapFile(t, as, f, 1, 4, rw, abi.MAP_SHARED)
	to, err := as.Remap(testAddr+PageSize, 2*PageSize, 4*PageSize, moveFixed, 0x30000000)
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint32(4) {
		wantWord(t, as, to+i*PageSize, (i+3)*0x01010101)
	}
	wantWord(t, as, testAddr, 0x02020202)
	wantWord(t, as, testAddr+3*PageSize, 0x05050505)
	if f.file.Refs() != 4 { // ours and three mappings
		t.Errorf("the file has %d references", f.file.Refs())
	}
}

func TestAdvise(t *testing.T) {
	m := newMemory(t, 64)
	f := newFile(t, m, 8)
	as := newSpace(t, m)
	mapFile(t, as, f, 0, 4, rw, abi.MAP_PRIVATE)
	mustMap(t, as, 0x20000000, 4, rw)
	mustStore(t, as, testAddr, 7)
	mustStore(t, as, 0x20000000, 8)
	mustStore(t, as, 0x20001000, 8)
	for _, c := range []struct {
		name    string
		addr, n uint32
		advice  int32
		want    error
	}{
		{"unknown", testAddr, PageSize, 77, abi.EINVAL},
		{"unaligned", testAddr + 1, PageSize, abi.MADV_NORMAL, abi.EINVAL},
		{"nothing", 0x40000000, 0, abi.MADV_DONTNEED, nil},
		{"hole", testAddr + 2*PageSize, 8 * PageSize, abi.MADV_WILLNEED, abi.ENOMEM},
		{"drop file page", testAddr, PageSize, abi.MADV_DONTNEED, nil},
		{"drop", 0x20000000, PageSize, abi.MADV_DONTNEED, nil},
		{"free", 0x20001000, PageSize, abi.MADV_FREE, nil},
		{"free file page", testAddr, PageSize, abi.MADV_FREE, abi.EINVAL},
		{"wipe file page", testAddr, PageSize, abi.MADV_WIPEONFORK, abi.EINVAL},
		{"remove private page", testAddr, PageSize, abi.MADV_REMOVE, abi.EACCES},
		{"remove anonymous page", 0x20000000, PageSize, abi.MADV_REMOVE, abi.EINVAL},
		{"populate", 0x20002000, 2 * PageSize, abi.MADV_POPULATE_WRITE, nil},
		{"populate nothing", 0x40000000, PageSize, abi.MADV_POPULATE_READ, abi.ENOMEM},
	} {
		wantErr(t, c.name, as.Advise(c.addr, c.n, c.advice), c.want)
	}
	wantWord(t, as, testAddr, 0x01010101)
	wantWord(t, as, 0x20000000, 0)
	wantWord(t, as, 0x20001000, 0)
	if s := as.Stats(); s.Anonymous != 2 {
		t.Errorf("%d anonymous pages, want the 2 that were populated", s.Anonymous)
	}
}

func TestSyncAndInCore(t *testing.T) {
	m := newMemory(t, 64)
	f := newFile(t, m, 8)
	as := newSpace(t, m)
	mapFile(t, as, f, 2, 4, rw, abi.MAP_SHARED)
	var page, n uint64
	sync := func(file *fs.File, p, k uint64) error { page, n = p, k; return nil }
	wantErr(t, "sync", as.Sync(testAddr+PageSize, 2*PageSize, abi.MS_SYNC, sync), nil)
	if page != 3 || n != 2 {
		t.Errorf("synced %d pages from %d, want 2 from 3", n, page)
	}
	wantErr(t, "sync and async", as.Sync(testAddr, PageSize, abi.MS_SYNC|abi.MS_ASYNC, sync), abi.EINVAL)
	wantErr(t, "hole", as.Sync(testAddr+3*PageSize, 2*PageSize, abi.MS_ASYNC, sync), abi.ENOMEM)
	wantErr(t, "unaligned", as.Sync(testAddr+1, 1, 0, sync), abi.EINVAL)
	wantWord(t, as, testAddr, 0x03030303)
	if err := f.ReadPage(4); err != nil { // in the cache, not mapped
		t.Fatal(err)
	}
	vec := make([]byte, 4)
	if err := as.InCore(testAddr, vec); err != nil || string(vec) != "\x01\x00\x01\x00" {
		t.Errorf("in core: %v, %v", vec, err)
	}
	wantErr(t, "in core, hole", as.InCore(testAddr+PageSize, vec), abi.ENOMEM)
	wantErr(t, "in core, unaligned", as.InCore(testAddr+1, vec), abi.EINVAL)
}
