// Package zstd unpacks Zstandard (RFC 8878). It knows no dictionaries. Nothing runs and no table is built before the
// first use, as a kernel starts with every package that it has.
package zstd

import (
	"encoding/binary"
	"errors"
	"io"
)

var (
	errCut        = errors.New("zstd: the data end early")
	errCorrupt    = errors.New("zstd: the data are damaged")
	errChecksum   = errors.New("zstd: the checksum is wrong")
	errDictionary = errors.New("zstd: a dictionary is needed")
	errWindow     = errors.New("zstd: the window is too large")
)

const (
	frameMagic    = 0xfd2fb528
	skippableMask = 0xfffffff0
	skippable     = 0x184d2a50
	maxBlock      = 1 << 17
	maxWindow     = 1 << 27 // what `zstd --long` needs
)

// Reader unpacks the frames of src, one after the other.
type Reader struct {
	src []byte // what is left

	frame  bool // in a frame
	last   bool // its last block has been unpacked
	sum    bool // a checksum follows
	hash   xxhash
	window int

	out  []byte // history and what was unpacked
	read int    // up to where Read has given it away

	literals []byte
	huffman  huffman
	hasTree  bool
	tables   [3]fseTable // literal lengths, offsets, match lengths of the last block
	hasTable [3]bool
	repeat   [3]int // offsets
	weights  fseTable
}

// NewReader returns a reader of src.
func NewReader(src []byte) *Reader { return &Reader{src: src} }

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	for r.read == len(r.out) {
		if err := r.step(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.out[r.read:])
	r.read += n
	return n, nil
}

// step does the next thing that a stream has: a frame's start, a block, a frame's end.
func (r *Reader) step() error {
	switch {
	case !r.frame:
		return r.start()
	case !r.last:
		r.slide()
		return r.block()
	}
	r.frame = false
	if !r.sum {
		return nil
	}
	b, err := r.take(4)
	if err == nil && binary.LittleEndian.Uint32(b) != uint32(r.hash.sum()) {
		err = errChecksum
	}
	return err
}

// take returns the next n bytes of the source.
func (r *Reader) take(n int) ([]byte, error) {
	if n > len(r.src) {
		return nil, errCut
	}
	b := r.src[:n]
	r.src = r.src[n:]
	return b, nil
}

// number reads n bytes as a little-endian number.
func (r *Reader) number(n int) (uint64, error) {
	b, err := r.take(n)
	v := uint64(0)
	for i := len(b) - 1; i >= 0; i-- {
		v = v<<8 | uint64(b[i])
	}
	return v, err
}

// start reads a frame's header (RFC 8878, 3.1.1.1).
func (r *Reader) start() error {
	if len(r.src) == 0 {
		return io.EOF
	}
	magic, err := r.number(4)
	if err != nil {
		return err
	}
	if magic&skippableMask == skippable {
		n, err := r.number(4)
		if err == nil {
			_, err = r.take(int(n))
		}
		return err
	}
	if magic != frameMagic {
		return errCorrupt
	}
	d, window, err := r.descriptor()
	if err != nil {
		return err
	}
	r.window = max(int(window), 1<<10)
	r.frame, r.last, r.sum = true, false, d&4 != 0
	r.out, r.read = r.out[:0], 0
	r.hash.reset()
	r.hasTree, r.hasTable, r.repeat = false, [3]bool{}, [3]int{1, 4, 8}
	return nil
}

// descriptor reads the frame's descriptor and what it announces: the size of the window, a dictionary, the size of the
// contents (RFC 8878, 3.1.1.1.1 to 3.1.1.1.4).
func (r *Reader) descriptor() (d, window uint64, err error) {
	if d, err = r.number(1); err != nil {
		return d, 0, err
	}
	single := d&0x20 != 0
	if !single {
		w, err := r.number(1)
		if err != nil {
			return d, 0, err
		}
		base := uint64(1) << (10 + w>>3)
		window = base + base/8*(w&7)
	}
	dict, err := r.number([4]int{0, 1, 2, 4}[d&3])
	if err != nil {
		return d, 0, err
	}
	sizeBytes := [4]int{0, 2, 4, 8}[d>>6]
	if single && sizeBytes == 0 {
		sizeBytes = 1
	}
	size, err := r.number(sizeBytes)
	switch {
	case err != nil:
		return d, 0, err
	case dict != 0:
		return d, 0, errDictionary
	case d&8 != 0:
		return d, 0, errCorrupt
	case single && sizeBytes == 2:
		size += 256
	}
	if single {
		window = size
	}
	if window > maxWindow {
		return d, 0, errWindow
	}
	return d, window, nil
}

// slide drops what no match can reach any more, all of it having been read.
func (r *Reader) slide() {
	if len(r.out) < 2*r.window+maxBlock {
		return
	}
	n := copy(r.out, r.out[len(r.out)-r.window:])
	r.out, r.read = r.out[:n], n
}

// block unpacks a block (3.1.1.2).
func (r *Reader) block() error {
	h, err := r.number(3)
	if err != nil {
		return err
	}
	r.last = h&1 != 0
	size := int(h >> 3)
	start := len(r.out)
	if size > maxBlock {
		return errCorrupt
	}
	switch h >> 1 & 3 {
	case 0:
		b, err := r.take(size)
		if err != nil {
			return err
		}
		r.out = append(r.out, b...)
	case 1:
		b, err := r.take(1)
		if err != nil {
			return err
		}
		for range size {
			r.out = append(r.out, b[0])
		}
	case 2:
		b, err := r.take(size)
		if err != nil {
			return err
		}
		if err := r.compressed(b); err != nil {
			return err
		}
		if len(r.out)-start > maxBlock {
			return errCorrupt
		}
	default:
		return errCorrupt
	}
	if r.sum {
		r.hash.write(r.out[start:])
	}
	return nil
}

// compressed unpacks a compressed block: literals, then sequences.
func (r *Reader) compressed(b []byte) error {
	b, err := r.readLiterals(b)
	if err != nil {
		return err
	}
	return r.sequences(b)
}
