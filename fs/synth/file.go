package synth

import (
	"cleave/abi"
	"cleave/fs"
)

// maxWrite is how much one write may bring.
const maxWrite = 1 << 16

// fileOps is what an open generated file does.
type fileOps struct{ fs.NoFile }

// Read generates the text when it starts at 0, and copies from it.
func (fileOps) Read(f *fs.File, c *fs.Caller, b fs.Buffer, off int64) (int, error) {
	o := Of(f.Inode())
	s, ok := f.Private.(*snapshot)
	if o.node.Read == nil || !ok {
		return 0, abi.EINVAL
	}
	// The lock is this open file's own; a page fault of the copy does not need it.
	s.mu.Lock()
	defer s.mu.Unlock()
	if off == 0 || s.text == nil {
		text, err := o.node.Read(o, c, s.text[:0])
		if err != nil {
			return 0, err
		}
		s.text = text
	}
	if off >= int64(len(s.text)) {
		return 0, nil
	}
	text := s.text[off:]
	return b.CopyOut(text[:min(len(text), b.Len())])
}

// Write hands one call's data to the node.
func (fileOps) Write(f *fs.File, c *fs.Caller, b fs.Buffer, off int64) (int, error) {
	o := Of(f.Inode())
	switch {
	case o.node.Write == nil:
		return 0, abi.EINVAL
	case b.Len() > maxWrite:
		return 0, abi.EINVAL
	}
	data := make([]byte, b.Len())
	if _, err := b.CopyIn(data); err != nil {
		return 0, err
	}
	if err := o.node.Write(o, f, c, data, off); err != nil {
		return 0, err
	}
	return len(data), nil
}

// Seek goes anywhere; the size of a generated file is not known.
func (fileOps) Seek(_ *fs.File, pos, off int64, whence int) (int64, error) {
	if whence == abi.SEEK_END {
		return 0, abi.EINVAL
	}
	return fs.SeekWithin(pos, off, whence, 0, 1<<62)
}

// dirOps is what an open directory does.
type dirOps struct{ fs.NoFile }

// Read refuses.
func (dirOps) Read(*fs.File, *fs.Caller, fs.Buffer, int64) (int, error) { return 0, abi.EISDIR }

// Seek goes to a position that ReadDir has told.
func (dirOps) Seek(_ *fs.File, pos, off int64, whence int) (int64, error) {
	if whence == abi.SEEK_END {
		return 0, abi.EINVAL
	}
	return fs.SeekWithin(pos, off, whence, 0, 1<<62)
}

// Sync has nothing to write.
func (dirOps) Sync(*fs.File, bool) error { return nil }

// dots is how many entries stand before the fixed ones: . and ..
const dots = 2

// ReadDir gives the fixed entries, and then those of the node.
func (dirOps) ReadDir(f *fs.File, c *fs.Caller, pos int64, sink fs.DirSink) (int64, error) {
	o := Of(f.Inode())
	pos, ok := fs.EmitDots(f, pos, sink)
	fixed := o.node.Children
	for ok && pos < dots+int64(len(fixed)) {
		k := int(pos - dots)
		n := fixed[k].Node
		if ok = sink.Entry([]byte(fixed[k].Name), o.kids+uint64(k), uint8(n.Mode>>12&15), pos+1); ok {
			pos++
		}
	}
	if !ok || o.node.List == nil {
		return pos, nil
	}
	base := dots + int64(len(fixed))
	next, err := o.node.List(o, c, pos-base, &shifted{sink, base})
	return next + base, err
}

// shifted is a sink whose positions start after the fixed entries.
type shifted struct {
	sink fs.DirSink
	base int64
}

// Entry implements fs.DirSink.
func (s *shifted) Entry(name []byte, ino uint64, typ uint8, next int64) bool {
	return s.sink.Entry(name, ino, typ, next+s.base)
}
