package zstd

import (
	"encoding/binary"
	"math/bits"
)

// backward reads bits from the end of a buffer to its start; the highest set bit of the last byte marks the end
// (RFC 8878, 4.1).
type backward struct {
	b    []byte
	acc  uint64 // the next bits, at the top
	n    int    // how many are in acc
	over int    // how many bits were asked for beyond the start
}

func newBackward(b []byte) (backward, error) {
	if len(b) == 0 || b[len(b)-1] == 0 {
		return backward{}, errCorrupt
	}
	r := backward{b: b}
	r.fill()
	r.skip(bits.LeadingZeros8(b[len(b)-1]) + 1)
	return r, nil
}

// fill brings at least 56 bits into acc, zeros beyond the start.
func (r *backward) fill() {
	for r.n <= 56 && len(r.b) > 0 {
		if r.n == 0 && len(r.b) >= 8 {
			r.acc = binary.LittleEndian.Uint64(r.b[len(r.b)-8:])
			r.b = r.b[:len(r.b)-8]
			r.n = 64
			return
		}
		r.acc |= uint64(r.b[len(r.b)-1]) << (56 - r.n)
		r.b = r.b[:len(r.b)-1]
		r.n += 8
	}
}

func (r *backward) skip(n int) {
	r.acc <<= n
	r.n -= n
	if r.n < 0 {
		r.over -= r.n
		r.n = 0
	}
}

// peek returns the next n bits, up to 56.
func (r *backward) peek(n int) uint64 {
	if r.n < n {
		r.fill()
	}
	return r.acc >> 1 >> (63 - n)
}

// get reads n bits, up to 56.
func (r *backward) get(n int) uint64 {
	v := r.peek(n)
	r.skip(n)
	return v
}

// empty reports whether all bits have been read, and no more.
func (r *backward) empty() bool { return r.n == 0 && len(r.b) == 0 && r.over == 0 }

// fseEntry is a state of a finite state entropy decoder (4.1).
type fseEntry struct {
	base   uint16 // of the next state
	symbol uint8
	bits   uint8 // to read and add to base
}

// fseTable is a decoder.
type fseTable struct {
	log     int
	entries [1 << 9]fseEntry
}

// readFSE reads the description of a table with symbols up to maxSymbol, and builds it. It returns what follows.
func (t *fseTable) readFSE(b []byte, maxLog, maxSymbol int) ([]byte, error) {
	var counts [256]int16
	at := 0 // in bits
	peek := func() uint32 {
		var w [4]byte
		copy(w[:], b[min(at/8, len(b)):])
		return binary.LittleEndian.Uint32(w[:]) >> (at & 7)
	}
	log := int(peek()&15) + 5
	at += 4
	if log > maxLog {
		return nil, errCorrupt
	}
	left, threshold, width := 1<<log+1, 1<<log, log+1
	symbol := 0
	for left > 1 {
		if symbol > maxSymbol || at > 8*len(b) {
			return nil, errCorrupt
		}
		low := 2*threshold - 1 - left
		v := int(peek())
		count := v & (threshold - 1)
		if count < low {
			at += width - 1
		} else {
			if count = v & (2*threshold - 1); count >= threshold {
				count -= low
			}
			at += width
		}
		count--
		left -= max(count, -count)
		counts[symbol] = int16(count)
		symbol++
		for count == 0 {
			zeros := int(peek() & 3)
			at += 2
			symbol += zeros
			if zeros < 3 {
				break
			}
			if symbol > maxSymbol+1 || at > 8*len(b) {
				return nil, errCorrupt
			}
		}
		for left < threshold {
			width--
			threshold >>= 1
		}
	}
	used := (at + 7) / 8
	if left != 1 || symbol > maxSymbol+1 || used > len(b) {
		return nil, errCorrupt
	}
	t.build(counts[:symbol], log)
	return b[used:], nil
}

// build makes the table of a distribution; a count of -1 is a probability of less than one state.
func (t *fseTable) build(counts []int16, log int) {
	t.log = log
	size := 1 << log
	high := size - 1
	var next [256]uint16
	for s, c := range counts {
		next[s] = uint16(max(c, 1))
		if c == -1 {
			t.entries[high].symbol = uint8(s)
			high--
		}
	}
	at, step := 0, size>>1+size>>3+3
	for s, c := range counts {
		for range max(c, 0) {
			t.entries[at].symbol = uint8(s)
			for {
				if at = (at + step) & (size - 1); at <= high {
					break
				}
			}
		}
	}
	for i := range t.entries[:size] {
		e := &t.entries[i]
		x := next[e.symbol]
		next[e.symbol]++
		e.bits = uint8(log - (bits.Len16(x) - 1))
		e.base = x<<e.bits - uint16(size)
	}
}

// one makes a table that always gives one symbol.
func (t *fseTable) one(symbol byte) {
	t.log = 0
	t.entries[0] = fseEntry{symbol: symbol}
}
