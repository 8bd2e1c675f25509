package devpts

import (
	"fmt"
	"strconv"
	"strings"

	"cleave/abi"
	"cleave/fs"
	"cleave/ns/user"
)

// options are the mount options (mount(8), devpts).
type options struct {
	mode, ptmxMode uint32
	uid            user.KUID
	gid            user.KGID
	hasUID, hasGID bool
	max            uint32
}

// parse reads comma-separated options. newinstance is what every mount is. EINVAL.
func (o *options) parse(text string, owner *user.Namespace) error {
	for opt := range strings.SplitSeq(text, ",") {
		key, value, _ := strings.Cut(opt, "=")
		var err error
		switch key {
		case "", "newinstance":
		case "mode":
			o.mode, err = number(value, 8, 0o7777)
		case "ptmxmode":
			o.ptmxMode, err = number(value, 8, 0o7777)
		case "max":
			o.max, err = number(value, 10, 1<<20)
			o.max = min(o.max, limit)
		case "uid":
			var n uint32
			n, err = number(value, 10, 1<<32-1)
			o.uid, o.hasUID = user.KUID(n), true
			if owner != nil {
				o.uid = owner.ToKUID(user.UID(n))
			}
			if !o.uid.Valid() {
				return abi.EINVAL
			}
		case "gid":
			var n uint32
			n, err = number(value, 10, 1<<32-1)
			o.gid, o.hasGID = user.KGID(n), true
			if owner != nil {
				o.gid = owner.ToKGID(user.GID(n))
			}
			if !o.gid.Valid() {
				return abi.EINVAL
			}
		default:
			return abi.EINVAL
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func number(s string, base int, most uint64) (uint32, error) {
	n, err := strconv.ParseUint(s, base, 64)
	if err != nil || n > most {
		return 0, abi.EINVAL
	}
	return uint32(n), nil
}

// Options shows the options in /proc/mounts.
func (d *FS) Options(*fs.Superblock) string {
	d.mu.Lock()
	o := d.opts
	d.mu.Unlock()
	var b strings.Builder
	if o.hasUID {
		fmt.Fprintf(&b, ",uid=%d", o.uid)
	}
	if o.hasGID {
		fmt.Fprintf(&b, ",gid=%d", o.gid)
	}
	fmt.Fprintf(&b, ",mode=%03o,ptmxmode=%03o", o.mode, o.ptmxMode)
	if o.max < limit {
		fmt.Fprintf(&b, ",max=%d", o.max)
	}
	return b.String()
}

// Remount changes the options for slaves that are made from now on, and the mode of ptmx. EINVAL.
func (d *FS) Remount(sb *fs.Superblock, _ uint32, text string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	o := d.opts
	if err := o.parse(text, sb.Owner()); err != nil {
		return err
	}
	d.opts = o
	d.ptmx.inode.SetMode(abi.S_IFCHR | o.ptmxMode)
	return nil
}

// Statfs shows a file system without blocks.
func (d *FS) Statfs(_ *fs.Superblock, s *fs.Statfs) error {
	s.Namelen = abi.NameMax
	return nil
}
