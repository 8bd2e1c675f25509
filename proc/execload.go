package proc

import (
	"cleave/abi"
	"cleave/fs"
	"cleave/mm"
	"cleave/ns/user"
	"cleave/proc/elf"
)

const (
	pageMask = abi.PageSize - 1
	// pieBase is where position-independent programs start that have an interpreter: two thirds up, as on Linux.
	pieBase    = 0x56555000
	pieRandom  = 0xff // pages by which it moves up
	stackSpare = 128 << 10
)

// load builds the address space of the program.
func (p *program) load() error {
	t := p.task
	as, err := t.k.Memory.NewAddressSpace(t.group.limits.forMM(p.cred))
	if err != nil {
		return err
	}
	p.mm = as
	as.SetAccount(t.group.account.Load())
	if p.persona&abi.ADDR_NO_RANDOMIZE == 0 {
		as.Randomize()
	}
	if p.stackTop, err = as.MapStack(p.stackBytes(), p.stackProt()); err != nil {
		return err
	}
	if err := p.loadProgram(); err != nil {
		return err
	}
	if p.loaderImage != nil {
		if p.base, err = p.loadImage(p.loader, p.loaderImage, 0); err != nil {
			return err
		}
		p.entry = p.loaderImage.Entry + p.base
	}
	if p.entry >= t.k.ABI.Target().Limit {
		return abi.EINVAL
	}
	if p.vdso, p.landing, err = t.k.ABI.MapVDSO(as, t.set.TimeForChildren.Shifted()); err != nil {
		return err
	}
	as.SetExe(p.file)
	return p.stack()
}

// stackBytes is the size of the first stack: the arguments and some room.
func (p *program) stackBytes() uint32 {
	n := stackSpare
	for _, list := range [...][]string{p.args, p.env} {
		for _, s := range list {
			n += len(s) + 1 + argPointer
		}
	}
	return uint32(n)
}

func (p *program) stackProt() mm.Prot {
	if p.image.Stack == elf.StackNoExec {
		return mm.ProtRead | mm.ProtWrite
	}
	return mm.ProtAll
}

// loadProgram maps the program itself, and puts the heap behind it.
func (p *program) loadProgram() error {
	hint := uint32(0)
	if p.image.Relocatable && p.loaderImage != nil {
		hint = pieBase
		if p.persona&abi.ADDR_NO_RANDOMIZE == 0 {
			var r [1]byte
			p.task.k.Random(r[:])
			hint += uint32(r[0]) & pieRandom * abi.PageSize
		}
	}
	bias, err := p.loadImage(p.file, p.image, hint)
	if err != nil {
		return err
	}
	p.bias = bias
	p.entry = p.image.Entry + bias
	brk := p.image.High + bias
	if p.image.Relocatable && p.loaderImage == nil {
		brk = pieBase // a static program lies among the mappings, where its heap could not grow
	}
	p.mm.SetBreak(brk)
	return nil
}

// loadImage maps the segments of an image and returns the load bias. hint is where a relocatable one should be, 0:
// anywhere.
func (p *program) loadImage(f *fs.File, img *elf.Image, hint uint32) (uint32, error) {
	bias := uint32(0)
	if img.Relocatable {
		at, err := p.reserve(img, hint)
		if err != nil {
			return 0, err
		}
		bias = at - img.Low
	}
	pages, err := f.Ops.Mmap(f)
	if err != nil {
		return 0, abi.ENOEXEC
	}
	for i := range img.Segments {
		s := &img.Segments[i]
		m := mm.Map{File: f, Mapping: pages}
		if err := p.mapSegment(m, s, s.Addr+bias); err != nil {
			return 0, err
		}
	}
	return bias, nil
}

// reserve finds room for an image.
func (p *program) reserve(img *elf.Image, hint uint32) (uint32, error) {
	n := img.High - img.Low
	extra := img.Align - abi.PageSize
	if n+extra < n {
		return 0, abi.ENOMEM
	}
	at, err := p.mm.Map(mm.Map{
		Addr: hint, Len: n + extra, Flags: abi.MAP_PRIVATE | abi.MAP_ANONYMOUS | abi.MAP_NORESERVE, MaxProt: mm.ProtAll,
	})
	if err != nil {
		return 0, err
	}
	if err := p.mm.Unmap(at, n+extra); err != nil {
		return 0, err
	}
	low := at + (img.Low-at)&(img.Align-1) // the first place with the alignment of the image
	return low, nil
}

// mapSegment maps one segment at addr: its part of the file, zeros to the end of that page, and zero pages behind.
func (p *program) mapSegment(m mm.Map, s *elf.Segment, addr uint32) error {
	m.Prot = p.segmentProt(s.Flags)
	m.MaxProt = mm.ProtAll
	m.Low = p.cred.Has(user.CapSysRawio, p.cred.NS.Initial())
	start := addr &^ pageMask
	fileEnd := addr + s.FileSize
	anon := start
	if s.FileSize != 0 {
		m.Addr, m.Len = start, fileEnd-start
		m.Page = uint64(s.Offset) / abi.PageSize
		m.Flags = abi.MAP_PRIVATE | abi.MAP_FIXED
		if _, err := p.mm.Map(m); err != nil {
			return err
		}
		anon = (fileEnd + pageMask) &^ pageMask
		// To the end of the page, not of the segment: ld.so takes its first memory from there.
		if s.MemSize > s.FileSize && m.Prot&mm.ProtWrite != 0 {
			if err := p.mm.ZeroOut(fileEnd, int(anon-fileEnd)); err != nil {
				return err
			}
		}
	}
	end := (addr + s.MemSize + pageMask) &^ pageMask
	if end <= anon {
		return nil
	}
	_, err := p.mm.Map(mm.Map{
		Addr: anon, Len: end - anon, Prot: m.Prot | mm.ProtRead | mm.ProtWrite, MaxProt: mm.ProtAll, Low: m.Low,
		Flags: abi.MAP_PRIVATE | abi.MAP_FIXED | abi.MAP_ANONYMOUS,
	})
	return err
}

func (p *program) segmentProt(flags uint32) mm.Prot {
	var prot mm.Prot
	if flags&elf.FlagRead != 0 {
		prot |= mm.ProtRead
		if p.persona&abi.READ_IMPLIES_EXEC != 0 {
			prot |= mm.ProtExec
		}
	}
	if flags&elf.FlagWrite != 0 {
		prot |= mm.ProtWrite
	}
	if flags&elf.FlagExec != 0 {
		prot |= mm.ProtExec
	}
	return prot
}

// stack fills the stack.
func (p *program) stack() error {
	c := p.cred
	s := StartInfo{
		Args: p.args, Env: p.env, ExecFn: p.execFn, StackTop: p.stackTop, Image: p.image, Bias: p.bias, Base: p.base,
		Entry: p.image.Entry + p.bias, VDSO: p.vdso, Secure: p.secure,
		UID: c.NS.ShowKUID(c.UID), EUID: c.NS.ShowKUID(c.EUID), GID: c.NS.ShowKGID(c.GID), EGID: c.NS.ShowKGID(c.EGID),
	}
	p.task.k.Random(s.Random[:])
	p.setSegments()
	sp, err := p.task.k.ABI.StartStack(p.mm, &s)
	p.sp = sp
	return err
}

// setSegments records where code and data are, for /proc/PID/stat.
func (p *program) setSegments() {
	var seg mm.Segments
	for _, s := range p.image.Segments {
		if s.Flags&elf.FlagExec != 0 {
			seg.CodeStart, seg.CodeEnd = s.Addr+p.bias, s.Addr+p.bias+s.FileSize
		} else if s.Flags&elf.FlagWrite != 0 {
			seg.DataStart, seg.DataEnd = s.Addr+p.bias, s.Addr+p.bias+s.FileSize
		}
	}
	p.mm.SetSegments(seg)
}
