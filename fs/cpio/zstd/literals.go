package zstd

import (
	"encoding/binary"
	"math/bits"
)

// maxHuffmanBits is the length of the longest Huffman code (RFC 8878, 4.2.1).
const maxHuffmanBits = 11

// huffman is a decoder: the entry at the next log bits has the symbol and how many of them are its code.
type huffman struct {
	log     int
	entries [1 << maxHuffmanBits]struct{ symbol, bits uint8 }
}

// readLiterals reads the literals of a block (3.1.1.3.1) and returns what follows.
func (r *Reader) readLiterals(b []byte) ([]byte, error) {
	if len(b) == 0 {
		return nil, errCut
	}
	kind, format := b[0]&3, b[0]>>2&3
	var h [8]byte
	copy(h[:], b)
	v := binary.LittleEndian.Uint64(h[:])
	var header, size, packed int
	if kind < 2 {
		switch format {
		case 0, 2:
			header, size = 1, int(v>>3&0x1f)
		case 1:
			header, size = 2, int(v>>4&0xfff)
		case 3:
			header, size = 3, int(v>>4&0xfffff)
		}
		packed = size
		if kind == 1 {
			packed = 1
		}
	} else {
		width := [4]int{10, 10, 14, 18}[format]
		header = [4]int{3, 3, 4, 5}[format]
		size = int(v >> 4 & (1<<width - 1))
		packed = int(v >> (4 + width) & (1<<width - 1))
	}
	if size > maxBlock || header+packed > len(b) {
		return nil, errCorrupt
	}
	rest := b[header+packed:]
	b = b[header : header+packed]
	switch kind {
	case 0:
		r.literals = append(r.literals[:0], b...)
	case 1:
		r.literals = r.literals[:0]
		for range size {
			r.literals = append(r.literals, b[0])
		}
	default:
		return rest, r.huffmanLiterals(b, size, kind == 2, format == 0)
	}
	return rest, nil
}

// huffmanLiterals unpacks literals that a tree precedes, or that use the last block's.
func (r *Reader) huffmanLiterals(b []byte, size int, tree, single bool) error {
	if tree {
		var err error
		if b, err = r.readTree(b); err != nil {
			return err
		}
		r.hasTree = true
	}
	if !r.hasTree {
		return errCorrupt
	}
	r.literals = append(r.literals[:0], make([]byte, size)...)
	if single {
		return r.huffman.decode(r.literals, b)
	}
	if len(b) < 6 {
		return errCut
	}
	each := (size + 3) / 4
	at := 6
	for k := range 4 {
		end := len(b)
		if k < 3 {
			end = at + int(binary.LittleEndian.Uint16(b[2*k:]))
		}
		lo, hi := min(k*each, size), min((k+1)*each, size)
		if end > len(b) || k < 3 && hi-lo != each {
			return errCorrupt
		}
		if err := r.huffman.decode(r.literals[lo:hi], b[at:end]); err != nil {
			return err
		}
		at = end
	}
	return nil
}

// decode fills out from a stream.
func (h *huffman) decode(out, b []byte) error {
	in, err := newBackward(b)
	if err != nil {
		return err
	}
	for i := range out {
		e := h.entries[in.peek(h.log)]
		out[i] = e.symbol
		in.skip(int(e.bits))
	}
	if !in.empty() {
		return errCorrupt
	}
	return nil
}

// readTree reads the weights of a tree (4.2.1), builds it, and returns what follows.
func (r *Reader) readTree(b []byte) ([]byte, error) {
	if len(b) == 0 {
		return nil, errCut
	}
	var weights [256]uint8
	n, head := 0, int(b[0])
	b = b[1:]
	if head >= 128 {
		n = head - 127
		size := (n + 1) / 2
		if size > len(b) {
			return nil, errCut
		}
		for i := range n {
			weights[i] = b[i/2] >> (4 - 4*(i&1)) & 15
		}
		b = b[size:]
	} else {
		if head > len(b) {
			return nil, errCut
		}
		var err error
		if n, err = r.readWeights(b[:head], &weights); err != nil {
			return nil, err
		}
		b = b[head:]
	}
	return b, r.huffman.build(&weights, n)
}

// readWeights unpacks weights that two states of one table take turns at.
func (r *Reader) readWeights(b []byte, weights *[256]uint8) (int, error) {
	t := &r.weights
	b, err := t.readFSE(b, 6, 255)
	if err != nil {
		return 0, err
	}
	in, err := newBackward(b)
	if err != nil {
		return 0, err
	}
	states := [2]uint64{in.get(t.log), in.get(t.log)}
	for n := 0; n < 254; n++ {
		s := &states[n&1]
		e := t.entries[*s]
		weights[n] = e.symbol
		*s = uint64(e.base) + in.get(int(e.bits))
		if in.over > 0 {
			weights[n+1] = t.entries[states[n&1^1]].symbol
			return n + 2, nil
		}
	}
	return 0, errCorrupt
}

// build makes the table of n weights and the one that follows from them.
func (h *huffman) build(weights *[256]uint8, n int) error {
	sum := uint32(0)
	for _, w := range weights[:n] {
		if w > maxHuffmanBits {
			return errCorrupt
		}
		sum += 1 << w >> 1
	}
	if sum == 0 || n > 255 {
		return errCorrupt
	}
	h.log = bits.Len32(sum)
	left := uint32(1)<<h.log - sum
	if h.log > maxHuffmanBits || left&(left-1) != 0 {
		return errCorrupt
	}
	weights[n] = uint8(bits.Len32(left))
	at := 0
	for w := 1; w <= h.log; w++ {
		for s, x := range weights[:n+1] {
			if int(x) != w {
				continue
			}
			for range 1 << (w - 1) {
				h.entries[at].symbol, h.entries[at].bits = uint8(s), uint8(h.log+1-w)
				at++
			}
		}
	}
	if at != 1<<h.log {
		return errCorrupt
	}
	return nil
}
