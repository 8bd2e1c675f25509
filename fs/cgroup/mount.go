package cgroup

import (
	"strings"

	"cleave/abi"
	"cleave/fs"
	"cleave/ns/user"
)

// superOps is the file system as a whole.
type superOps struct {
	fs.NoSuper
	h *Hierarchy
}

// Options shows nsdelegate.
func (s superOps) Options(*fs.Superblock) string {
	if s.h.nsdelegate.Load() {
		return ",nsdelegate"
	}
	return ""
}

// Remount changes the options.
func (s superOps) Remount(_ *fs.Superblock, _ uint32, options string) error {
	on, err := parseOptions(options)
	if err == nil {
		s.h.nsdelegate.Store(on)
	}
	return err
}

// ShowRoot names a group as the reader's cgroup namespace does (/proc/PID/mountinfo).
func (s superOps) ShowRoot(d *fs.Dentry, reader *fs.Caller) string {
	root := s.h.root
	if reader != nil {
		root, _ = s.h.tasks.Namespace(reader.Task)
	}
	return d.Inode().Ops().(*node).g.Path(root)
}

// parseOptions reads mount options. EINVAL: an unknown one.
func parseOptions(text string) (nsdelegate bool, err error) {
	for word := range strings.SplitSeq(text, ",") {
		switch word {
		case "", "memory_localevents", "memory_recursiveprot", "favordynmods", "nofavordynmods":
		case "nsdelegate":
			nsdelegate = true
		default:
			return false, abi.EINVAL
		}
	}
	return nsdelegate, nil
}

// Owned is a cgroup namespace that says which user namespace it belongs to.
type Owned interface{ Owner() *user.Namespace }

// fileSystem is the type for mount(2). There is one file system for all; a mount shows it from the root of the mounter's
// cgroup namespace on. EPERM: no CAP_SYS_ADMIN over that.
func (h *Hierarchy) fileSystem() *fs.Type {
	switches := []string{"nsdelegate", "memory_localevents", "memory_recursiveprot", "favordynmods", "nofavordynmods"}
	return &fs.Type{Name: "cgroup2", Flags: fs.TypeNoDev | fs.TypeUserNS, Switches: switches, Mount: func(r *fs.MountRequest) (*fs.Superblock, error) {
		on, err := parseOptions(r.Options)
		if err != nil {
			return nil, err
		}
		root, ns := h.tasks.Namespace(r.Caller.Task)
		if o, ok := ns.(Owned); ok && !r.Caller.Cred.Has(user.CapSysAdmin, o.Owner()) {
			return nil, abi.EPERM
		}
		if root == h.root {
			h.nsdelegate.Store(on)
		} else if r.Root, err = h.dentry(root); err != nil {
			return nil, err
		}
		h.sb.Get()
		return h.sb, nil
	}}
}

// dentry finds the place of g in the file system.
func (h *Hierarchy) dentry(g *Group) (*fs.Dentry, error) {
	d := h.sb.Root()
	for name := range strings.SplitSeq(strings.TrimPrefix(g.Path(h.root), "/"), "/") {
		var err error
		if d, err = h.vfs.Entry(d, []byte(name)); err != nil {
			return nil, err
		}
	}
	return d, nil
}
