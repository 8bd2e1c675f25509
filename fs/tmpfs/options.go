package tmpfs

import (
	"strconv"
	"strings"

	"cleave/abi"
	"cleave/fs"
	"cleave/ns/user"
)

// options are the mount options of tmpfs(5).
type options struct {
	pages, inodes       int64 // 0: no limit
	mode                uint32
	uid                 user.KUID
	gid                 user.KGID
	hasPages, hasInodes bool
	hasMode             bool
	hasUID, hasGID      bool
	total               int64 // pages of memory, for percentages
	owner               *user.Namespace
}

// defaults are half of the memory, as many inodes, mode 1777, and the mounter's ids.
func (t *FS) defaults(r *fs.MountRequest) options {
	total := int64(r.VFS.Pool.Stats().Total)
	o := options{pages: total / 2, inodes: total / 2, mode: 0o1777, total: total}
	if r.Caller != nil {
		o.uid, o.gid = r.Caller.Cred.FSUID, r.Caller.Cred.FSGID
	}
	return o
}

// apply makes o the options in force.
func (t *FS) apply(o options) {
	t.opts = o
	t.maxPages.Store(o.pages)
	t.maxInodes.Store(o.inodes)
}

// parse reads comma-separated options. EINVAL.
func (o *options) parse(text string, owner *user.Namespace) error {
	o.owner = owner
	for opt := range strings.SplitSeq(text, ",") {
		if opt == "" {
			continue
		}
		key, value, _ := strings.Cut(opt, "=")
		if err := o.set(key, value); err != nil {
			return err
		}
	}
	return nil
}

func (o *options) set(key, value string) error {
	var n uint64
	var err error
	switch key {
	case "size":
		o.hasPages = true
		o.pages, err = parseSize(value, o.total)
		return err
	case "nr_blocks":
		o.hasPages = true
		o.pages, err = parseCount(value)
		return err
	case "nr_inodes":
		o.hasInodes = true
		o.inodes, err = parseCount(value)
		return err
	case "mode":
		o.hasMode = true
		n, err = strconv.ParseUint(value, 8, 32)
		o.mode = uint32(n) & abi.S_IALLUGO
	case "uid":
		o.hasUID = true
		n, err = strconv.ParseUint(value, 10, 32)
		o.uid = user.KUID(n)
		if o.owner != nil {
			o.uid = o.owner.ToKUID(user.UID(n))
		}
		if !o.uid.Valid() {
			return abi.EINVAL
		}
	case "gid":
		o.hasGID = true
		n, err = strconv.ParseUint(value, 10, 32)
		o.gid = user.KGID(n)
		if o.owner != nil {
			o.gid = o.owner.ToKGID(user.GID(n))
		}
		if !o.gid.Valid() {
			return abi.EINVAL
		}
	case "huge", "mpol", "inode32", "inode64", "noswap": // they change nothing here
	default:
		return abi.EINVAL
	}
	if err != nil {
		return abi.EINVAL
	}
	return nil
}

// parseCount reads a number with a suffix k, m or g.
func parseCount(s string) (int64, error) {
	shift := 0
	if s != "" {
		switch s[len(s)-1] | 0x20 {
		case 'k':
			shift = 10
		case 'm':
			shift = 20
		case 'g':
			shift = 30
		}
	}
	if shift != 0 {
		s = s[:len(s)-1]
	}
	n, err := strconv.ParseInt(s, 0, 64)
	if err != nil || n < 0 || n > 1<<62>>shift {
		return 0, abi.EINVAL
	}
	return n << shift, nil
}

// parseSize reads a size in bytes, or a percentage of memory, and returns pages.
func parseSize(s string, total int64) (int64, error) {
	if p, ok := strings.CutSuffix(s, "%"); ok {
		n, err := strconv.ParseInt(p, 10, 32)
		if err != nil || n < 0 {
			return 0, abi.EINVAL
		}
		return total * n / 100, nil
	}
	n, err := parseCount(s)
	return (n + abi.PageSize - 1) / abi.PageSize, err
}

// Options shows what was asked for.
func (t *FS) Options(*fs.Superblock) string {
	o := &t.opts
	var b []byte
	if o.hasPages {
		b = append(strconv.AppendInt(append(b, ",size="...), o.pages*abi.PageSize/1024, 10), 'k')
	}
	if o.hasInodes {
		b = strconv.AppendInt(append(b, ",nr_inodes="...), o.inodes, 10)
	}
	if o.hasMode && o.mode != 0o1777 {
		b = strconv.AppendUint(append(b, ",mode="...), uint64(o.mode), 8)
	}
	if o.uid != 0 {
		b = strconv.AppendUint(append(b, ",uid="...), uint64(o.uid), 10)
	}
	if o.gid != 0 {
		b = strconv.AppendUint(append(b, ",gid="...), uint64(o.gid), 10)
	}
	return string(b)
}

// Remount changes the limits. EINVAL: below what is in use, or an unknown option.
func (t *FS) Remount(sb *fs.Superblock, _ uint32, text string) error {
	o := t.opts
	if err := o.parse(text, sb.Owner()); err != nil {
		return err
	}
	if o.pages != 0 && o.pages < t.pages.Load() || o.inodes != 0 && o.inodes < t.inodes.Load() {
		return abi.EINVAL
	}
	o.mode, o.uid, o.gid = t.opts.mode, t.opts.uid, t.opts.gid // those of the root are not changed by it
	t.apply(o)
	return nil
}
