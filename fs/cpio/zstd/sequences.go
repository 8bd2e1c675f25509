package zstd

// code is what a length code stands for: a base and how many bits are added to it (RFC 8878, 3.1.1.3.2.1.1).
type code struct {
	base uint32
	bits uint8
}

var literalCodes = [36]code{
	{0, 0}, {1, 0}, {2, 0}, {3, 0}, {4, 0}, {5, 0}, {6, 0}, {7, 0}, {8, 0}, {9, 0}, {10, 0}, {11, 0}, {12, 0}, {13, 0},
	{14, 0}, {15, 0}, {16, 1}, {18, 1}, {20, 1}, {22, 1}, {24, 2}, {28, 2}, {32, 3}, {40, 3}, {48, 4}, {64, 6}, {128, 7},
	{256, 8}, {512, 9}, {1024, 10}, {2048, 11}, {4096, 12}, {8192, 13}, {16384, 14}, {32768, 15}, {65536, 16},
}

var matchCodes = [53]code{
	{3, 0}, {4, 0}, {5, 0}, {6, 0}, {7, 0}, {8, 0}, {9, 0}, {10, 0}, {11, 0}, {12, 0}, {13, 0}, {14, 0}, {15, 0}, {16, 0},
	{17, 0}, {18, 0}, {19, 0}, {20, 0}, {21, 0}, {22, 0}, {23, 0}, {24, 0}, {25, 0}, {26, 0}, {27, 0}, {28, 0}, {29, 0},
	{30, 0}, {31, 0}, {32, 0}, {33, 0}, {34, 0}, {35, 1}, {37, 1}, {39, 1}, {41, 1}, {43, 2}, {47, 2}, {51, 3}, {59, 3},
	{67, 4}, {83, 4}, {99, 5}, {131, 7}, {259, 8}, {515, 9}, {1027, 10}, {2051, 11}, {4099, 12}, {8195, 13}, {16387, 14},
	{32771, 15}, {65539, 16},
}

// The kinds of codes of a sequence, in the order of their tables.
const (
	kindLiteral = iota
	kindOffset
	kindMatch
)

// kinds has for each kind of code the largest symbol, the largest table and the predefined distribution (3.1.1.3.2.2).
var kinds = [3]struct {
	maxSymbol, maxLog, log int
	counts                 []int16
}{
	{35, 9, 6, []int16{4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1}},
	{31, 8, 5, []int16{1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1}},
	{52, 9, 6, []int16{1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
		1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1}},
}

// sequences carries out the sequences of a block: so many literals, then a match.
func (r *Reader) sequences(b []byte) error {
	n, b, err := countSequences(b)
	if err != nil {
		return err
	}
	if n == 0 {
		if len(b) != 0 {
			return errCorrupt
		}
		r.out = append(r.out, r.literals...)
		return nil
	}
	if len(b) == 0 {
		return errCut
	}
	modes := b[0]
	b = b[1:]
	if modes&3 != 0 {
		return errCorrupt
	}
	for k := range 3 {
		if b, err = r.readTable(k, modes>>(6-2*k)&3, b); err != nil {
			return err
		}
	}
	in, err := newBackward(b)
	if err != nil {
		return err
	}
	return r.execute(&in, n)
}

func countSequences(b []byte) (int, []byte, error) {
	switch {
	case len(b) == 0:
		return 0, nil, errCut
	case b[0] < 128:
		return int(b[0]), b[1:], nil
	case b[0] < 255 && len(b) > 1:
		return int(b[0]-128)<<8 + int(b[1]), b[2:], nil
	case len(b) > 2:
		return int(b[1]) + int(b[2])<<8 + 0x7f00, b[3:], nil
	}
	return 0, nil, errCut
}

// readTable readies the table of one kind of code.
func (r *Reader) readTable(k int, mode byte, b []byte) ([]byte, error) {
	t, kind := &r.tables[k], &kinds[k]
	switch mode {
	case 0:
		t.build(kind.counts, kind.log)
	case 1:
		if len(b) == 0 || int(b[0]) > kind.maxSymbol {
			return nil, errCorrupt
		}
		t.one(b[0])
		b = b[1:]
	case 2:
		var err error
		if b, err = t.readFSE(b, kind.maxLog, kind.maxSymbol); err != nil {
			return nil, err
		}
	default:
		if !r.hasTable[k] {
			return nil, errCorrupt
		}
	}
	r.hasTable[k] = true
	return b, nil
}

// execute decodes n sequences and carries them out.
func (r *Reader) execute(in *backward, n int) error {
	var states [3]uint64
	for k := range states {
		states[k] = in.get(r.tables[k].log)
	}
	literals := r.literals
	start := len(r.out)
	for i := range n {
		lit := &r.tables[kindLiteral].entries[states[kindLiteral]]
		off := &r.tables[kindOffset].entries[states[kindOffset]]
		mat := &r.tables[kindMatch].entries[states[kindMatch]]
		value := int(1<<off.symbol + in.get(int(off.symbol)))
		mc, lc := matchCodes[mat.symbol], literalCodes[lit.symbol]
		match := int(mc.base) + int(in.get(int(mc.bits)))
		length := int(lc.base) + int(in.get(int(lc.bits)))
		if i < n-1 {
			states[kindLiteral] = uint64(lit.base) + in.get(int(lit.bits))
			states[kindMatch] = uint64(mat.base) + in.get(int(mat.bits))
			states[kindOffset] = uint64(off.base) + in.get(int(off.bits))
		}
		offset := r.offset(value, length)
		if length > len(literals) || in.over > 0 {
			return errCorrupt
		}
		r.out = append(r.out, literals[:length]...)
		literals = literals[length:]
		if offset <= 0 || offset > len(r.out) || offset > r.window || len(r.out)+match-start > maxBlock {
			return errCorrupt
		}
		r.match(offset, match)
	}
	if !in.empty() {
		return errCorrupt
	}
	r.out = append(r.out, literals...)
	return nil
}

// offset turns an offset value into a distance: the last three distances have short values (3.1.1.5).
func (r *Reader) offset(value, literals int) int {
	p := &r.repeat
	if value > 3 {
		p[0], p[1], p[2] = value-3, p[0], p[1]
		return p[0]
	}
	if literals == 0 {
		value++
	}
	switch value {
	case 2:
		p[0], p[1] = p[1], p[0]
	case 3:
		p[0], p[1], p[2] = p[2], p[0], p[1]
	case 4:
		p[0], p[1], p[2] = p[0]-1, p[0], p[1]
	}
	return p[0]
}

// match appends n bytes that are offset back; the two may overlap.
func (r *Reader) match(offset, n int) {
	for n > 0 {
		from := len(r.out) - offset
		k := min(n, offset)
		r.out = append(r.out, r.out[from:from+k]...)
		n -= k
	}
}
