package cpio

import (
	"bytes"
	"compress/gzip"
	"io"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/cpio/zstd"
	"cleave/mm/frame"
)

// unpackGzip unpacks the gzip member at the start of data and returns its length.
func (u *unpacker) unpackGzip(data []byte) (int, error) {
	src := bytes.NewReader(data)
	z, err := gzip.NewReader(src)
	if err != nil {
		return 0, &Error{0, "gzip: " + err.Error()}
	}
	z.Multistream(false)
	if err := u.unpackStream(z); err != nil {
		return 0, err
	}
	return len(data) - src.Len(), nil
}

// unpackZstd unpacks the zstd frames at the start of data, which must be the last of the image.
func (u *unpacker) unpackZstd(data []byte) (int, error) {
	return len(data), u.unpackStream(zstd.NewReader(data))
}

// stream reads a compressed archive.
type stream struct {
	u     *unpacker
	r     io.Reader
	at    int
	names []byte // room for names and targets, which stay
}

// unpackStream unpacks the archives in r. Data go straight into page frames.
func (u *unpacker) unpackStream(r io.Reader) error {
	s := stream{u: u, r: r}
	u.links, u.lastDentry = nil, nil
	for {
		more, err := s.next()
		if err != nil || !more {
			return err
		}
	}
}

// fail makes an error of what reading has ended with.
func (s *stream) fail(err error, where string) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return &Error{s.at, "the archive ends inside " + where}
	}
	return &Error{s.at, err.Error()}
}

func (s *stream) read(p []byte, where string) error {
	n, err := io.ReadFull(s.r, p)
	s.at += n
	if err != nil {
		return s.fail(err, where)
	}
	return nil
}

// keep returns n bytes that stay.
func (s *stream) keep(n int) []byte {
	if n > len(s.names) {
		s.names = make([]byte, max(n, 1<<14))
	}
	b := s.names[:n:n]
	s.names = s.names[n:]
	return b
}

// next unpacks one entry. more is false at the end of the stream.
func (s *stream) next() (more bool, err error) {
	var h header
	if more, err := s.start(&h); err != nil || !more {
		return false, err
	}
	at := s.at - headerSize
	e, bad := h.fields()
	if bad != "" {
		return false, &Error{at, bad}
	}
	padded := align4(at+headerSize+int(e.nameSize)) - s.at
	name := s.keep(padded)
	if err := s.read(name, "a name"); err != nil {
		return false, err
	}
	name = cutNUL(name[:e.nameSize])
	if string(name) == trailer {
		s.u.links = nil
		return true, s.skip(align4(int(e.size)))
	}
	var target []byte
	if e.mode&abi.S_IFMT == abi.S_IFLNK {
		if e.size >= abi.PathMax {
			return false, &Error{at, "the target of a symbolic link is empty or too long"}
		}
		target = s.keep(int(e.size))
		if err := s.read(target, "a symbolic link"); err != nil {
			return false, err
		}
	}
	d, bad := s.u.add(name, &e, target)
	if bad != "" {
		return false, &Error{at, bad}
	}
	left := int(e.size) - len(target)
	if e.mode&abi.S_IFMT == abi.S_IFREG && left > 0 && d.Inode().Size() == 0 {
		if err := s.data(d, left); err != nil {
			return false, err
		}
		left = 0
	}
	return true, s.skip(left + align4(int(e.size)) - int(e.size))
}

// start reads a header, over the zeros that may be between archives.
func (s *stream) start(h *header) (more bool, err error) {
	for {
		n, err := io.ReadFull(s.r, h[:4])
		s.at += n
		switch {
		case err == io.EOF:
			return false, nil
		case err == io.ErrUnexpectedEOF:
			return false, nil // zeros that are no multiple of 4
		case err != nil:
			return false, s.fail(err, "")
		}
		if h[0] != 0 || h[1] != 0 || h[2] != 0 || h[3] != 0 {
			return true, s.read(h[4:], "a header")
		}
	}
}

// data reads n bytes of a file into page frames.
func (s *stream) data(d *fs.Dentry, n int) error {
	pool := s.u.vfs.Pool
	for n > 0 {
		pfn, err := pool.Alloc(frame.PageCache)
		if err != nil {
			return err
		}
		k := min(n, abi.PageSize)
		page := pool.Page(pfn)
		if err := s.read(page[:k], "a file"); err != nil {
			pool.Unref(pfn)
			return err
		}
		clear(page[k:])
		s.u.fill.Append(d, pfn, k)
		n -= k
	}
	return nil
}

// skip reads over n bytes.
func (s *stream) skip(n int) error {
	k, err := io.CopyN(io.Discard, s.r, int64(n))
	s.at += int(k)
	if err == io.EOF && s.u.links == nil {
		return nil // the padding of the last trailer may be missing
	}
	if err != nil {
		return s.fail(err, "a file")
	}
	return nil
}
