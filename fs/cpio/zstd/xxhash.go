package zstd

import (
	"encoding/binary"
	"math/bits"
)

// xxhash is XXH64 with seed 0, the checksum of a frame.
type xxhash struct {
	lanes [4]uint64
	total uint64
	buf   [32]byte
	n     int // bytes in buf
}

const (
	prime1 uint64 = 11400714785074694791
	prime2 uint64 = 14029467366897019727
	prime3 uint64 = 1609587929392839161
	prime4 uint64 = 9650029242287828579
	prime5 uint64 = 2870177450012600261
)

func (h *xxhash) reset() {
	one, two := prime1, prime2
	*h = xxhash{lanes: [4]uint64{one + two, two, 0, -one}}
}

func round(acc, v uint64) uint64 { return bits.RotateLeft64(acc+v*prime2, 31) * prime1 }

func (h *xxhash) stripe(b []byte) {
	for i := range h.lanes {
		h.lanes[i] = round(h.lanes[i], binary.LittleEndian.Uint64(b[8*i:]))
	}
}

func (h *xxhash) write(b []byte) {
	h.total += uint64(len(b))
	if h.n > 0 {
		k := copy(h.buf[h.n:], b)
		h.n += k
		b = b[k:]
		if h.n < len(h.buf) {
			return
		}
		h.stripe(h.buf[:])
		h.n = 0
	}
	for ; len(b) >= 32; b = b[32:] {
		h.stripe(b)
	}
	h.n = copy(h.buf[:], b)
}

func (h *xxhash) sum() uint64 {
	s := h.lanes[2] + prime5
	if h.total >= 32 {
		l := &h.lanes
		s = bits.RotateLeft64(l[0], 1) + bits.RotateLeft64(l[1], 7) + bits.RotateLeft64(l[2], 12) + bits.RotateLeft64(l[3], 18)
		for _, v := range l {
			s = (s^round(0, v))*prime1 + prime4
		}
	}
	s += h.total
	b := h.buf[:h.n]
	for ; len(b) >= 8; b = b[8:] {
		s = bits.RotateLeft64(s^round(0, binary.LittleEndian.Uint64(b)), 27)*prime1 + prime4
	}
	if len(b) >= 4 {
		s = bits.RotateLeft64(s^uint64(binary.LittleEndian.Uint32(b))*prime1, 23)*prime2 + prime3
		b = b[4:]
	}
	for _, c := range b {
		s = bits.RotateLeft64(s^uint64(c)*prime5, 11) * prime1
	}
	s = (s ^ s>>33) * prime2
	s = (s ^ s>>29) * prime3
	return s ^ s>>32
}
