package procfs

import (
	"encoding/binary"

	"cleave/abi"
	"cleave/fs"
	"cleave/mm"
	"cleave/ns/user"
)

// The bits of an entry of pagemap (Documentation/admin-guide/mm/pagemap.rst); those below 55 are the frame's number.
const (
	pagemapEntry     = 8 // bytes
	pagemapExclusive = 1 << 56
	pagemapFile      = 1 << 61 // or shared anonymous memory
	pagemapPresent   = 1 << 63
)

// pagemapFileOps is pagemap: 8 bytes for each page of a process.
type pagemapFileOps struct{ memoryFile }

func openPagemap(_ *node, _ *fs.File, x *access) (fs.FileOps, error) {
	return &pagemapFileOps{memoryFile{as: unheld(x.t.AddressSpace())}}, nil
}

// Read implements fs.FileOps. EINVAL: a part of an entry. Who opened the file without CAP_SYS_ADMIN does not see where in
// the machine's memory a page is.
func (o *pagemapFileOps) Read(f *fs.File, _ *fs.Caller, b fs.Buffer, off int64) (int, error) {
	if off%pagemapEntry != 0 || b.Len()%pagemapEntry != 0 {
		return 0, abi.EINVAL
	}
	showFrame := f.Cred.Has(user.CapSysAdmin, f.Cred.NS.Initial())
	const all = mm.UserLimit / abi.PageSize
	var pages [64]mm.PageInfo
	var text [len(pages) * pagemapEntry]byte
	done := 0
	if !o.hold() {
		return 0, nil
	}
	defer o.as.Unref()
	for page := off / pagemapEntry; page < all && b.Len() > 0; {
		list := pages[:min(int64(len(pages)), int64(b.Len()/pagemapEntry), all-page)]
		o.as.Pages(uint32(page), list)
		for i := range list {
			binary.LittleEndian.PutUint64(text[i*pagemapEntry:], pagemapWord(&list[i], showFrame))
		}
		n, err := b.CopyOut(text[:len(list)*pagemapEntry])
		done += n
		if err != nil {
			return done, err
		}
		page += int64(len(list))
	}
	return done, nil
}

// Write implements fs.FileOps: it is not possible.
func (*pagemapFileOps) Write(*fs.File, *fs.Caller, fs.Buffer, int64) (int, error) {
	return 0, abi.EINVAL
}

func pagemapWord(p *mm.PageInfo, showFrame bool) uint64 {
	if p.Frame == 0 {
		return 0
	}
	w := uint64(pagemapPresent)
	if showFrame {
		w |= uint64(p.Frame)
	}
	if !p.Anonymous {
		w |= pagemapFile
	}
	if p.Exclusive {
		w |= pagemapExclusive
	}
	return w
}
