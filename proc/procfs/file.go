package procfs

import (
	"bytes"
	"fmt"
	"sync"

	"cleave/abi"
	"cleave/fs"
	"cleave/ns"
)

// text is what a file is going to say.
type text struct{ bytes.Buffer }

func (w *text) printf(format string, args ...any) { fmt.Fprintf(&w.Buffer, format, args...) }

// textFile is an open file whose text is made when it is read from its beginning.
type textFile struct {
	fs.NoFile
	n *node

	mu   sync.Mutex
	made bool
	text []byte
}

// Read implements fs.FileOps.
func (o *textFile) Read(f *fs.File, c *fs.Caller, b fs.Buffer, off int64) (int, error) {
	if o.n.e.show == nil {
		return 0, abi.EINVAL
	}
	data, err := o.content(f, c, off == 0)
	if err != nil {
		return 0, err
	}
	return copyText(b, data, off)
}

// copyText gives what is asked for of a text.
func copyText(b fs.Buffer, data []byte, off int64) (int, error) {
	if off >= int64(len(data)) {
		return 0, nil
	}
	return b.CopyOut(data[off:min(int64(len(data)), off+int64(b.Len()))])
}

// content gives the text, made anew when again is set. It is never changed once it is made.
func (o *textFile) content(f *fs.File, c *fs.Caller, again bool) ([]byte, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.made && !again {
		return o.text, nil
	}
	x, err := o.n.enter(c, f)
	if err != nil {
		return nil, err
	}
	var w text
	if err := o.n.e.show(x, &w); err != nil {
		return nil, err
	}
	o.text, o.made = w.Bytes(), true
	return o.text, nil
}

// maxWrite is how much of one write is looked at. No file takes more.
const maxWrite = abi.PageSize

// Write implements fs.FileOps.
func (o *textFile) Write(f *fs.File, c *fs.Caller, b fs.Buffer, off int64) (int, error) {
	if o.n.e.write == nil {
		return 0, abi.EINVAL
	}
	data := make([]byte, min(b.Len(), maxWrite))
	if _, err := b.CopyIn(data); err != nil {
		return 0, err
	}
	x, err := o.n.enter(c, f)
	if err != nil {
		return 0, err
	}
	return o.n.e.write(x, off, data)
}

// Seek implements fs.FileOps.
func (o *textFile) Seek(f *fs.File, pos, off int64, whence int) (int64, error) {
	if whence == abi.SEEK_END {
		return 0, abi.EINVAL
	}
	return fs.SeekWithin(pos, off, whence, 0, 1<<62)
}

// directory is an open directory.
type directory struct {
	fs.NoFile
	n *node
}

// ProcessPID implements proc.ProcessDirectory.
func (d directory) ProcessPID() *ns.PID {
	if d.n.isProcessDir() {
		return d.n.pid
	}
	return nil
}

// Seek implements fs.FileOps.
func (directory) Seek(f *fs.File, pos, off int64, whence int) (int64, error) {
	return fs.SeekWithin(pos, off, whence, 0, 1<<62)
}

// Read implements fs.FileOps.
func (directory) Read(*fs.File, *fs.Caller, fs.Buffer, int64) (int, error) { return 0, abi.EISDIR }

// Sync implements fs.FileOps.
func (directory) Sync(*fs.File, bool) error { return nil }

// Positions in a directory: . and .., then the table, then what comes and goes.
const firstEntryPos = 2

// ReadDir implements fs.FileOps.
func (d directory) ReadDir(f *fs.File, c *fs.Caller, pos int64, sink fs.DirSink) (int64, error) {
	x, err := d.n.enter(c, f)
	if err != nil {
		return pos, abi.ENOENT
	}
	pos, ok := fs.EmitDots(f, pos, sink)
	if !ok {
		return pos, nil
	}
	table := d.n.e.table
	if d.n.m.options.pidOnly && d.n.inode.Ino() == rootIno {
		table = nil
	}
	pos = max(pos, firstEntryPos)
	for ; pos < firstPIDPos; pos++ {
		i := int(pos - firstEntryPos)
		if i >= len(table) {
			break
		}
		e := &table[i]
		if !sink.Entry([]byte(e.name), childIno(d.n.inode.Ino(), i), uint8(e.mode>>12), pos+1) {
			return pos, nil
		}
	}
	if d.n.e.list == nil {
		return pos, nil
	}
	return d.n.e.list(x, max(pos, firstPIDPos), func(name string, ino uint64, typ uint8, next int64) bool {
		return sink.Entry([]byte(name), ino, typ, next)
	})
}
