// Package cpio fills a tmpfs from an archive in the newc format (cpio(5)), as initramfs images are: plain, or
// compressed with gzip or zstd, several of them one after the other.
//
// A plain archive that lies in memory is not copied: names and targets of links point into it, and the data of a file
// that starts on a page boundary become page cache by adoption of their frames when they are first used. cmd/cleave
// packs files of a page or more that way, by padding the name before them with NULs.
package cpio

import (
	"bytes"
	"fmt"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/tmpfs"
	"cleave/mm/frame"
)

// Error says where an archive is damaged, and how. For a compressed archive Offset counts unpacked bytes.
type Error struct {
	Offset int
	Cause  string
}

func (e *Error) Error() string { return fmt.Sprintf("cpio archive, offset %d: %s", e.Offset, e.Cause) }

// Image is an archive in memory.
type Image struct {
	Data []byte
	// First is the frame in which Data starts, at its first byte, if the frames of Data are nobody's: they may be adopted.
	// 0: they may not.
	First frame.PFN
}

// Unpack puts the archive's files into t. inPlace reports that t goes on using the image's memory. On an error, which is
// an *Error or want of memory, t has some of the files.
func Unpack(t *tmpfs.FS, image Image) (inPlace bool, err error) {
	u := unpacker{fs: t, fill: t.NewFiller(), vfs: t.Superblock().VFS(), root: t.Superblock().Root()}
	data := image.Data
	for at := 0; ; {
		for at < len(data) && data[at] == 0 {
			at++
		}
		if at == len(data) {
			return inPlace, nil
		}
		var n int
		rest := data[at:]
		switch {
		case bytes.HasPrefix(rest, gzipMagic):
			n, err = u.unpackGzip(rest)
		case bytes.HasPrefix(rest, zstdMagic):
			n, err = u.unpackZstd(rest)
		case at%4 != 0:
			err = &Error{at, "an archive must start at a multiple of 4"}
		default:
			inPlace = true
			n, err = u.unpackPlain(image, at)
		}
		if err != nil {
			return inPlace, err
		}
		at += n
	}
}

var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

const (
	headerSize = 110
	maxName    = abi.PathMax + abi.PageSize // a path, its NUL, and our padding
	trailer    = "TRAILER!!!"
)

// The fields of a header after the magic number, each of 8 hexadecimal digits.
const (
	fieldIno = iota
	fieldMode
	fieldUID
	fieldGID
	fieldNlink
	fieldMtime
	fieldSize
	fieldDevMajor
	fieldDevMinor
	fieldRdevMajor
	fieldRdevMinor
	fieldNameSize
)

// header is the start of an entry.
type header [headerSize]byte

// hexDigit has the value of each hexadecimal digit, and 0x80 for other bytes.
var hexDigit = func() (t [256]byte) {
	for i := range t {
		t[i] = 0x80
	}
	for i := range byte(10) {
		t['0'+i] = i
	}
	for i := range byte(6) {
		t['a'+i], t['A'+i] = 10+i, 10+i
	}
	return t
}()

// field reads a field. ok is false for what is no number.
func (h *header) field(f int) (v uint32, ok bool) {
	bad := byte(0)
	for _, c := range h[6+8*f : 14+8*f] {
		d := hexDigit[c]
		bad |= d
		v = v<<4 | uint32(d&15)
	}
	return v, bad&0x80 == 0
}

// fields reads those that every entry needs.
func (h *header) fields() (e entry, err string) {
	if string(h[:5]) != "07070" || h[5] != '1' && h[5] != '2' {
		return e, "no newc header (magic 070701) where one must be"
	}
	ok := true
	get := func(f int) uint32 {
		v, good := h.field(f)
		ok = ok && good
		return v
	}
	e.mode, e.uid, e.gid = get(fieldMode), get(fieldUID), get(fieldGID)
	e.nlink, e.mtime, e.size, e.nameSize = get(fieldNlink), get(fieldMtime), get(fieldSize), get(fieldNameSize)
	switch e.mode & abi.S_IFMT {
	case abi.S_IFCHR, abi.S_IFBLK:
		e.rdev = fs.MakeDev(get(fieldRdevMajor)&0xfff, get(fieldRdevMinor))
	case abi.S_IFREG:
		if e.nlink > 1 {
			e.link = linkKey{get(fieldIno), get(fieldDevMajor), get(fieldDevMinor)}
		}
	}
	switch {
	case !ok:
		err = "a header field is no hexadecimal number"
	case e.nameSize == 0 || e.nameSize > maxName:
		err = "the length of a name is out of range"
	}
	return e, err
}

// entry is a header, read.
type entry struct {
	mode, uid, gid, nlink, mtime, size, nameSize uint32
	rdev                                         fs.Dev
	link                                         linkKey
}

// linkKey tells files with several links apart.
type linkKey struct{ ino, major, minor uint32 }

// unpackPlain unpacks the archive at offset at of the image, up to and with its trailer, and returns its length.
func (u *unpacker) unpackPlain(image Image, at int) (int, error) {
	data := image.Data
	start := at
	u.links = nil
	for {
		if len(data)-at < headerSize {
			return 0, &Error{at, "the archive ends inside a header, or without a trailer"}
		}
		e, bad := (*header)(data[at : at+headerSize]).fields()
		if bad != "" {
			return 0, &Error{at, bad}
		}
		nameEnd := align4(at + headerSize + int(e.nameSize))
		end := align4(nameEnd + int(e.size))
		if end > len(data)+3 || nameEnd+int(e.size) > len(data) {
			return 0, &Error{at, "the archive ends inside a file"}
		}
		name := cutNUL(data[at+headerSize : at+headerSize+int(e.nameSize)])
		if string(name) == trailer {
			return min(end, len(data)) - start, nil
		}
		d, bad := u.add(name, &e, data[nameEnd:nameEnd+int(e.size)])
		if bad != "" {
			return 0, &Error{at, bad}
		}
		// Of several links, any may come with the data; they are the same.
		if e.mode&abi.S_IFMT == abi.S_IFREG && e.size > 0 && d.Inode().Size() == 0 {
			first := frame.PFN(0)
			if image.First != 0 && nameEnd%abi.PageSize == 0 {
				first = image.First + frame.PFN(nameEnd/abi.PageSize)
			}
			u.fill.SetData(d, data[nameEnd:nameEnd+int(e.size):nameEnd+int(e.size)], first)
		}
		at = end
	}
}

func align4(n int) int { return (n + 3) &^ 3 }

func cutNUL(b []byte) []byte {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return b[:i:i]
	}
	return b
}
