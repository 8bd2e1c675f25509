package linux386

import (
	"cleave/abi"
	"cleave/proc"
)

// Bits of userDesc.Flags.
const (
	desc32bit        = 1 << 0
	descContents     = 3 << 1 // 0: data, 1: stack (expand down), 2: code, 3: conforming code
	descReadExecOnly = 1 << 3
	descLimitInPages = 1 << 4
	descNotPresent   = 1 << 5
	descUseable      = 1 << 6
)

// Parts of a segment descriptor (SDM vol. 3, 3.4.5).
const (
	segAccessed = 1 << 40
	segWritable = 1 << 41
	segDown     = 1 << 42
	segExec     = 1 << 43
	segUser     = 1<<44 | 3<<45 // code or data, privilege level 3
	segPresent  = 1 << 47
	segAVL      = 1 << 52
	seg32bit    = 1 << 54
	segPages    = 1 << 55
)

// empty reports whether the description asks for an empty descriptor.
func (d *userDesc) empty() bool {
	return d.Base == 0 && d.Limit == 0 && (d.Flags&^descUseable == descReadExecOnly|descNotPresent || d.Flags == 0)
}

// descriptor returns the segment that d describes. EINVAL: what set_thread_area(2) refuses: 16-bit and code segments,
// and those that are not present, none of which threads need.
func (d *userDesc) descriptor() (uint64, error) {
	if d.empty() {
		return 0, nil
	}
	if d.Flags&desc32bit == 0 || d.Flags&descContents > 1<<1 || d.Flags&descNotPresent != 0 {
		return 0, abi.EINVAL
	}
	v := uint64(d.Limit&0xffff) | uint64(d.Base&0xffffff)<<16 | uint64(d.Limit>>16&0xf)<<48 | uint64(d.Base>>24)<<56 |
		segAccessed | segUser | segPresent | seg32bit
	if d.Flags&descReadExecOnly == 0 {
		v |= segWritable
	}
	if d.Flags&descContents != 0 {
		v |= segDown
	}
	if d.Flags&descLimitInPages != 0 {
		v |= segPages
	}
	if d.Flags&descUseable != 0 {
		v |= segAVL
	}
	return v, nil
}

// describe is the inverse of descriptor.
func describe(entry uint32, v uint64) userDesc {
	d := userDesc{Entry: entry}
	if v == 0 {
		d.Flags = descReadExecOnly | descNotPresent
		return d
	}
	d.Base = uint32(v>>16&0xffffff) | uint32(v>>56)<<24
	d.Limit = uint32(v&0xffff) | uint32(v>>48&0xf)<<16
	set := func(bit uint64, flag uint32) {
		if v&bit != 0 {
			d.Flags |= flag
		}
	}
	d.Flags |= descReadExecOnly
	if v&segWritable != 0 {
		d.Flags &^= descReadExecOnly
	}
	set(segDown, 1<<1)
	set(segPages, descLimitInPages)
	set(segAVL, descUseable)
	set(seg32bit, desc32bit)
	return d
}

// setTLS stores what d describes in the entry that d names, or in a free one with Entry -1, whose number it sets.
// EINVAL; ESRCH: all are used.
func setTLS(c *proc.Context, d *userDesc) error {
	v, err := d.descriptor()
	if err != nil {
		return err
	}
	if d.Entry == ^uint32(0) {
		i := 0
		for i < len(c.TLS) && c.TLS[i] != 0 {
			i++
		}
		if i == len(c.TLS) {
			return abi.ESRCH
		}
		d.Entry = proc.TLSFirst + uint32(i)
	}
	i := d.Entry - proc.TLSFirst
	if i >= uint32(len(c.TLS)) {
		return abi.EINVAL
	}
	c.TLS[i] = v
	return nil
}

// CloneTLS implements proc.ABI: tls is the address of a struct user_desc, which must name an entry.
func (a *ABI) CloneTLS(t *proc.Task, c *proc.Context, tls uint32) error {
	d, err := Ptr[userDesc](tls).Load(t)
	if err != nil {
		return err
	}
	if d.Entry == ^uint32(0) {
		return abi.EINVAL
	}
	return setTLS(c, &d)
}

// sysSetThreadArea is set_thread_area(2).
func sysSetThreadArea(t *proc.Task, p InOut[userDesc]) error {
	d, err := p.Load(t)
	if err != nil {
		return err
	}
	choose := d.Entry == ^uint32(0)
	saved := t.Ctx.TLS
	if err := setTLS(t.Ctx, &d); err != nil {
		return err
	}
	if choose {
		if err := p.Store(t, &d); err != nil {
			t.Ctx.TLS = saved
			return err
		}
	}
	t.Kernel().CPU().Reload(t.Ctx)
	return nil
}

// sysGetThreadArea is get_thread_area(2).
func sysGetThreadArea(t *proc.Task, p InOut[userDesc]) error {
	d, err := p.Load(t)
	if err != nil {
		return err
	}
	i := d.Entry - proc.TLSFirst
	if i >= uint32(len(t.Ctx.TLS)) {
		return abi.EINVAL
	}
	d = describe(d.Entry, t.Ctx.TLS[i])
	return p.Store(t, &d)
}
