//go:build cleave

package main

import (
	"bytes"
	"fmt"
	"unsafe"

	"cleave/boot/x86"
	"cleave/mm/frame"
)

var memoryTests = []test{
	{"copies in, of all lengths, up to the end of a page", copyInEdges},
	{"copies out, of all lengths, up to the end of a page", copyOutEdges},
	{"zeroing, of all lengths, up to the end of a page", zeroEdges},
	{"copies out to a page that is read-only", copyOutReadOnly},
	{"copies across pages and long ones", copyLong},
	{"words: load, store, compare and swap", words},
	{"pages are cleared and copied", pageRoutines},
	{"page tables: activate, drop, invalidate, flush", tables},
}

// lengths are tried at every offset around the end of the mapped pages.
var lengths = []int{1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 100, 128, 129, 200, 511, 512, 513, 600, 1024}

// fill returns n bytes that differ from their neighbours.
func fill(n int, seed byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = seed + byte(i*7) + byte(i>>8)
	}
	return b
}

// edges calls f for each length with user addresses from which the room that is left before the hole is 0 to more than
// the length.
func edges(f func(addr uint32, n, room int) error) error {
	for _, n := range lengths {
		for _, room := range []int{0, 1, 2, 3, 5, 8, 13, 16, 17, 31, 32, 40, 63, 64, 65, 100, 127, 128, 200, 333, 512, 600, 1030} {
			if err := f(holeAddr-uint32(room), n, room); err != nil {
				return fmt.Errorf("%d bytes, of which %d are mapped: %w", n, room, err)
			}
		}
	}
	return nil
}

func copyInEdges(m *machine) error {
	copy(m.ro, fill(pageSize, 3))
	return edges(func(addr uint32, n, room int) error {
		want := min(n, room)
		dst := fill(n+2, 200)
		guard := dst[n:]
		save := bytes.Clone(guard)
		if got := m.cpu.CopyIn(m.root, dst[:n], addr); got != want {
			return expect("done", got, want)
		}
		if !bytes.Equal(dst[:want], m.ro[pageSize-room:][:want]) || !bytes.Equal(guard, save) {
			return fmt.Errorf("wrong bytes: % x", dst)
		}
		return nil
	})
}

// withHole runs f with the page before the hole writable, and gives its memory.
func withHole(m *machine, f func(page []byte) error) error {
	e := m.entry(constAddr)
	*e |= pteW
	m.cpu.Invalidate(m.root, constAddr)
	err := f(m.ro)
	*e &^= pteW
	m.cpu.Invalidate(m.root, constAddr)
	return err
}

func copyOutEdges(m *machine) error {
	return withHole(m, func(page []byte) error {
		return edges(func(addr uint32, n, room int) error {
			clear(page)
			want := min(n, room)
			src := fill(n, 9)
			if got := m.cpu.CopyOut(m.root, addr, src); got != want {
				return expect("done", got, want)
			}
			if !bytes.Equal(src[:want], page[pageSize-room:][:want]) || bytes.Count(page[:pageSize-room], []byte{0}) != pageSize-room {
				return fmt.Errorf("wrong bytes")
			}
			return nil
		})
	})
}

func zeroEdges(m *machine) error {
	return withHole(m, func(page []byte) error {
		return edges(func(addr uint32, n, room int) error {
			for i := range page {
				page[i] = 0xff
			}
			want := min(n, room)
			if got := m.cpu.Zero(m.root, addr, n); got != want {
				return expect("done", got, want)
			}
			if bytes.Count(page, []byte{0}) != want || bytes.Count(page[pageSize-room:][:want], []byte{0}) != want {
				return fmt.Errorf("wrong bytes")
			}
			return nil
		})
	})
}

func copyOutReadOnly(m *machine) error {
	before := bytes.Clone(m.ro)
	for _, n := range lengths {
		if got := m.cpu.CopyOut(m.root, constAddr+8, fill(n, 1)); got != 0 {
			return expect("done", got, 0)
		}
		// The page before can be written, this one not.
		if got := m.cpu.CopyOut(m.root, constAddr-3, fill(n, 1)); got != min(n, 3) {
			return expect("done before the page", got, min(n, 3))
		}
	}
	if !bytes.Equal(before, m.ro) {
		return fmt.Errorf("the page has changed")
	}
	return nil
}

func copyLong(m *machine) error {
	src := fill(2*pageSize, 5)
	for _, n := range []int{1, 513, 4095, 4096, 4097, 8000, 8192} {
		clear(m.data)
		dst := make([]byte, n)
		if got := m.cpu.CopyOut(m.root, dataAddr, src[:n]); got != n || !bytes.Equal(m.data[:n], src[:n]) {
			return fmt.Errorf("out: %d of %d", got, n)
		}
		if got := m.cpu.CopyIn(m.root, dst, dataAddr); got != n || !bytes.Equal(dst, src[:n]) {
			return fmt.Errorf("in: %d of %d", got, n)
		}
		if got := m.cpu.Zero(m.root, dataAddr, n); got != n || bytes.Count(m.data, []byte{0}) < n {
			return fmt.Errorf("zero: %d of %d", got, n)
		}
	}
	return nil
}

func words(m *machine) error {
	m.setWord(3, 5)
	if v, ok := m.cpu.Load32(m.root, dataAddr+12); v != 5 || !ok {
		return fmt.Errorf("load: %d %v", v, ok)
	}
	if ok := m.cpu.Store32(m.root, dataAddr+12, 6); !ok || m.word(3) != 6 {
		return fmt.Errorf("store: %d %v", m.word(3), ok)
	}
	if v, ok := m.cpu.CompareAndSwap32(m.root, dataAddr+12, 5, 7); v != 6 || !ok || m.word(3) != 6 {
		return fmt.Errorf("compare: %d %v, now %d", v, ok, m.word(3))
	}
	if v, ok := m.cpu.CompareAndSwap32(m.root, dataAddr+12, 6, 7); v != 6 || !ok || m.word(3) != 7 {
		return fmt.Errorf("swap: %d %v, now %d", v, ok, m.word(3))
	}
	_, load := m.cpu.Load32(m.root, holeAddr)
	store := m.cpu.Store32(m.root, holeAddr, 1)
	_, swap := m.cpu.CompareAndSwap32(m.root, holeAddr, 0, 1)
	storeRO := m.cpu.Store32(m.root, constAddr, 1)
	_, swapRO := m.cpu.CompareAndSwap32(m.root, constAddr, 0x12345678, 1)
	if load || store || swap || storeRO || swapRO {
		return fmt.Errorf("no fault: %v %v %v %v %v", load, store, swap, storeRO, swapRO)
	}
	return nil
}

func pageRoutines(m *machine) error {
	b := pages(4)
	copy(b, fill(len(b), 1))
	x86.ZeroPage(page(b[pageSize:]))
	x86.CopyPage(page(b[2*pageSize:]), page(b))
	want := fill(len(b), 1)
	clear(want[pageSize : 2*pageSize])
	copy(want[2*pageSize:3*pageSize], want)
	if !bytes.Equal(b, want) {
		return fmt.Errorf("wrong bytes")
	}
	return nil
}

func page(b []byte) *frame.Page { return (*frame.Page)(unsafe.Pointer(&b[0])) }

func tables(m *machine) error {
	m.cpu.Activate(m.root)
	if m.cpu.Root() != m.root || readCR3()>>12 != uint64(m.root) {
		return fmt.Errorf("not active: %#x", readCR3())
	}
	m.cpu.Drop(m.root)
	if readCR3()>>12 != uint64(m.cpu.KernelRoot()) {
		return fmt.Errorf("not dropped: %#x", readCR3())
	}
	// A page that moves: with a flush the new one shows.
	copy(m.post, "new")
	copy(m.data, "old")
	e := m.entry(dataAddr)
	old := *e
	defer func() { *e = old; m.cpu.Flush(m.root) }()
	for _, forget := range []func(){
		func() { m.cpu.Invalidate(m.root, dataAddr) }, func() { m.cpu.Flush(m.root) }, func() { m.cpu.FlushAll() }, func() { m.cpu.Drop(m.root) },
	} {
		var b [3]byte
		*e = old
		m.cpu.Flush(m.root)
		m.cpu.CopyIn(m.root, b[:], dataAddr)
		first := string(b[:])
		*e = physical(unsafe.Pointer(&m.post[0])) | old&^pteAddress
		forget()
		m.cpu.CopyIn(m.root, b[:], dataAddr)
		if first != "old" || string(b[:]) != "new" {
			return fmt.Errorf("read %q, then %q", first, b)
		}
	}
	return nil
}
