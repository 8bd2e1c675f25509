package mm

import (
	"testing"

	"cleave/abi"
)

func TestHotPathsDoNotAllocate(t *testing.T) {
	m := newMemory(t, 256)
	as := newSpace(t, m)
	mustMap(t, as, testAddr, 64, rw)
	var b UserBuffer
	iov := []Iovec{{testAddr, 100}, {testAddr + PageSize, 100}}
	for name, f := range map[string]func(){
		"fault": func() {
			_ = as.Fault(testAddr+PageSize, Write)
			_ = as.Advise(testAddr, 64*PageSize, abi.MADV_DONTNEED)
		},
		"bad fault":        func() { _ = as.Fault(4, Write) },
		"map and unmap":    func() { a, _ := as.Map(Map{Len: PageSize, Prot: ProtRead, Flags: private}); _ = as.Unmap(a, PageSize) },
		"word":             func() { _ = as.Store32(testAddr, 1); _, _ = as.Load32(testAddr) },
		"compare and swap": func() { _, _ = as.CompareAndSwap32(testAddr, 1, 2) },
		"copies":           func() { var s [64]byte; _ = as.CopyIn(s[:], testAddr); _ = as.CopyOut(testAddr, s[:]) },
		"string":           func() { var s [64]byte; _, _ = as.CopyInString(s[:], testAddr+8) },
		"structs":          func() { p, _ := Load[pair](as, testAddr); _ = Store(as, testAddr, &p) },
		"buffer": func() {
			var s [128]byte
			_ = b.InitVec(as, iov)
			_, _ = b.CopyOut(s[:])
			_, _ = b.ZeroOut(10)
			_, _ = b.CopyIn(s[:50])
		},
		"futex key": func() { _, _ = as.FutexKey(testAddr, false) },
		"break":     func() { as.SetBreak(0x20000000); as.Break(0x20001000); as.Break(0x20000000) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func benchSpace(b *testing.B) *AddressSpace {
	as := newSpace(b, newMemory(b, 4096))
	mustMap(b, as, testAddr, 1024, rw)
	b.ReportAllocs()
	return as
}

func BenchmarkFaultAnonymous(b *testing.B) {
	as := benchSpace(b)
	i := uint32(0)
	for b.Loop() {
		if i%1024 == 0 {
			_ = as.Advise(testAddr, 1024*PageSize, abi.MADV_DONTNEED)
		}
		_ = as.Fault(testAddr+i*37%1024*PageSize, Write)
		i++
	}
}

func BenchmarkCopyOut4096(b *testing.B) {
	as := benchSpace(b)
	buf := make([]byte, PageSize)
	b.SetBytes(PageSize)
	for b.Loop() {
		_ = as.CopyOut(testAddr, buf)
	}
}

func BenchmarkLoadStruct(b *testing.B) {
	as := benchSpace(b)
	for b.Loop() {
		_, _ = Load[pair](as, testAddr)
	}
}

func BenchmarkMapUnmap(b *testing.B) {
	as := benchSpace(b)
	for b.Loop() {
		a, _ := as.Map(Map{Len: 16 * PageSize, Prot: rw, Flags: private})
		_ = as.Unmap(a, 16*PageSize)
	}
}

// BenchmarkFork copies and releases an address space like that of a small program: 100 pages in use.
func BenchmarkFork(b *testing.B) {
	as := benchSpace(b)
	for i := range uint32(100) {
		_ = as.Fault(testAddr+i*PageSize, Write)
	}
	for b.Loop() {
		c, err := as.Fork()
		if err != nil {
			b.Fatal(err)
		}
		c.Unref()
	}
}
