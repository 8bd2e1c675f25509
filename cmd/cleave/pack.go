package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/u-root/u-root/pkg/cpio"
)

const (
	newcHeader = 110  // bytes of a newc header (cpio(5))
	pageSize   = 4096 // file data of at least a page begins on one, so that the kernel can use it where it lies
)

// packer writes a newc archive in which the data of larger files begin at page boundaries. The room before them is made
// by NUL bytes after the entry's name, which every reader of the format passes over.
type packer struct {
	out  *bufio.Writer
	w    cpio.RecordWriter
	pos  int64           // bytes written so far
	ino  uint64          // the last inode number given out
	seen map[string]bool // names of entries, to leave doubles out
}

func newPacker(w io.Writer) (*packer, error) {
	format, err := cpio.Format("newc")
	if err != nil {
		return nil, err
	}
	p := &packer{out: bufio.NewWriterSize(w, 1<<20), seen: make(map[string]bool)}
	p.w = format.Writer(p.out)
	return p, nil
}

func round(n, to int64) int64 { return (n + to - 1) / to * to }

// add writes one record. The first record of a name stays; later ones are left out.
func (p *packer) add(r cpio.Record) error {
	name := strings.Trim(filepath.ToSlash(filepath.Clean(r.Name)), "/")
	if p.seen[name] {
		return nil
	}
	p.seen[name] = true
	r.Name = name
	if r.NLink <= 1 || r.Mode&cpio.S_IFMT == cpio.S_IFDIR {
		p.ino++
		r.Ino = 1<<31 + p.ino // apart from the numbers that the recorder gives to hard links
	}
	if r.ReaderAt == nil {
		r.FileSize = 0 // a further name of a file whose data are in the archive already
	}
	data := p.pos + round(newcHeader+int64(len(name))+1, 4)
	if r.FileSize >= pageSize && r.Mode&cpio.S_IFMT == cpio.S_IFREG {
		pad := round(data, pageSize) - data
		r.Name += string(make([]byte, pad))
		data += pad
	}
	p.pos = round(data+int64(r.FileSize), 4)
	if err := p.w.WriteRecord(r); err != nil {
		return fmt.Errorf("packing %s: %w", name, err)
	}
	return nil
}

// dirs adds the folders that lead to name.
func (p *packer) dirs(name string) error {
	dir := filepath.Dir(strings.Trim(name, "/"))
	if dir == "." {
		return nil
	}
	if err := p.dirs(dir); err != nil {
		return err
	}
	return p.add(cpio.Directory(dir, 0o755))
}

// addFile adds the host's file at path under name, as a regular file owned by root.
func (p *packer) addFile(path, name string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	if err := p.dirs(name); err != nil {
		return err
	}
	return p.add(cpio.StaticFile(name, string(data), uint64(st.Mode().Perm())))
}

// addTree adds everything below dir, with its owners, modes, devices and links, at the root of the archive.
func (p *packer) addTree(dir string) error {
	rec := cpio.NewRecorder()
	var names []string
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path != dir {
			names = append(names, path)
		}
		return nil
	})
	if err != nil {
		return err
	}
	sort.Strings(names)
	for _, path := range names {
		r, err := rec.GetRecord(path)
		if err != nil {
			return fmt.Errorf("packing %s: %w", path, err)
		}
		if r.Mode&cpio.S_IFMT == cpio.S_IFSOCK {
			continue
		}
		if r.Name, err = filepath.Rel(dir, path); err != nil {
			return err
		}
		if err := p.add(r); err != nil {
			return err
		}
	}
	return nil
}

// close writes the trailer and fills up the last page, so that another archive can follow in alignment.
func (p *packer) close() error {
	if err := cpio.WriteTrailer(p.w); err != nil {
		return err
	}
	p.pos = round(p.pos+newcHeader+int64(len(cpio.Trailer))+1, 4)
	fill := round(p.pos, pageSize) - p.pos
	p.pos += fill
	if _, err := p.out.Write(make([]byte, fill)); err != nil {
		return err
	}
	return p.out.Flush()
}

// writeArchive makes the file out and lets fill add to it.
func writeArchive(out string, fill func(*packer) error) (err error) {
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			os.Remove(out)
		}
	}()
	p, err := newPacker(f)
	if err != nil {
		return err
	}
	if err := fill(p); err != nil {
		return err
	}
	return p.close()
}

// listNames gives the names in an uncompressed newc archive, without a leading slash.
func listNames(archive []byte) (map[string]bool, error) {
	format, err := cpio.Format("newc")
	if err != nil {
		return nil, err
	}
	names := make(map[string]bool)
	records, err := cpio.ReadAllRecords(format.Reader(bytes.NewReader(archive)))
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		names[strings.Trim(strings.TrimRight(r.Name, "\x00"), "/")] = true
	}
	return names, nil
}

func packMain(args []string) (int, error) {
	flags := flag.NewFlagSet("pack", flag.ContinueOnError)
	out := flags.String("o", "", "the archive `FILE.cpio` to write")
	if err := flags.Parse(args); err != nil {
		return usageStatus(err), errUsage
	}
	if *out == "" || flags.NArg() == 0 {
		return statusUsage, fmt.Errorf("pack needs -o FILE.cpio and at least one folder or program")
	}
	err := step("packing "+*out, func() error {
		return writeArchive(*out, func(p *packer) error {
			for _, path := range flags.Args() {
				st, err := os.Stat(path)
				if err == nil && st.IsDir() {
					err = p.addTree(path)
				} else if err == nil {
					err = p.addFile(path, filepath.Join("bin", filepath.Base(path)))
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err != nil {
		return 1, err
	}
	return 0, nil
}
