package fs

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"cleave/abi"
)

// fsContext is what fsopen(2) and fspick(2) open: the making or the changing of a file system.
type fsContext struct {
	NoFile
	typ *Type

	mu      sync.Mutex
	phase   contextPhase // guarded by mu, as is all that follows
	source  string
	options []string
	flags   uint32
	sb      *Superblock // made, or picked; one reference
	root    *Dentry     // of sb, that the mount is to show
	log     []string
}

// contextPhase says what may be done with a context.
type contextPhase int

const (
	phaseCreate      contextPhase = iota // options are taken, then the file system is made
	phaseMount                           // it is made, and can be mounted
	phaseReconfigure                     // it is mounted; options are taken, then it is changed
	phaseFailed                          // nothing more
)

// maxLog is how many messages a context keeps.
const maxLog = 8

// Release lets go of what the context has.
func (x *fsContext) Release(*File) {
	if x.sb != nil {
		x.sb.Put()
	}
}

// Read gives the oldest message of the log. ENODATA: there is none; EMSGSIZE: it is longer than b, and stays.
func (x *fsContext) Read(_ *File, _ *Caller, b Buffer, _ int64) (int, error) {
	x.mu.Lock()
	if len(x.log) == 0 {
		x.mu.Unlock()
		return 0, abi.ENODATA
	}
	text := x.log[0]
	if len(text) > b.Len() {
		x.mu.Unlock()
		return 0, abi.EMSGSIZE
	}
	x.log = x.log[1:]
	x.mu.Unlock()
	return b.CopyOut([]byte(text))
}

// sayLocked adds a message to the log, which begins with e, w or i for an error, a warning or a hint (fsopen(2)).
func (x *fsContext) sayLocked(format string, args ...any) {
	if len(x.log) == maxLog {
		x.log = slices.Delete(x.log, 0, 1)
	}
	x.log = append(x.log, fmt.Sprintf(format, args...)+"\n")
}

// refuseLocked adds an error about an option to the log. EINVAL.
func (x *fsContext) refuseLocked(what, key string) error {
	x.sayLocked("e %s: %s '%s'", x.typ.Name, what, key)
	return abi.EINVAL
}

// Fsopen is fsopen(2). EPERM; ENODEV: unknown type; EINVAL.
func (c *Caller) Fsopen(fstype string, flags uint32) (*File, error) {
	switch {
	case !c.mayMount():
		return nil, abi.EPERM
	case flags&^abi.FSOPEN_CLOEXEC != 0:
		return nil, abi.EINVAL
	}
	t := c.VFS.findType(fstype)
	if t == nil {
		return nil, abi.ENODEV
	}
	return c.VFS.NewAnonFile(&fsContext{typ: t}, "anon_inode:[fscontext]", nil, abi.O_RDWR, c.Cred), nil
}

// Fspick is fspick(2): the context changes the file system that is mounted at a path. EINVAL: not a mount's root.
func (c *Caller) Fspick(dirfd int, path []byte, flags uint32) (*File, error) {
	const known = abi.FSPICK_CLOEXEC | abi.FSPICK_SYMLINK_NOFOLLOW | abi.FSPICK_NO_AUTOMOUNT | abi.FSPICK_EMPTY_PATH
	switch {
	case !c.mayMount():
		return nil, abi.EPERM
	case flags&^known != 0:
		return nil, abi.EINVAL
	}
	walk := uint32(walkFollow)
	if flags&abi.FSPICK_SYMLINK_NOFOLLOW != 0 {
		walk = 0
	}
	if flags&abi.FSPICK_EMPTY_PATH != 0 {
		walk |= walkEmpty
	}
	p, err := c.lookup(dirfd, path, walk, 0)
	if err != nil {
		return nil, err
	}
	defer p.Put()
	if p.Dentry != p.Mount.root {
		return nil, abi.EINVAL
	}
	x := &fsContext{typ: p.Mount.sb.typ, sb: p.Mount.sb}
	x.sb.Get()
	x.beginReconfigureLocked()
	return c.VFS.NewAnonFile(x, "anon_inode:[fscontext]", nil, abi.O_RDWR, c.Cred), nil
}

// IsFSContext reports whether f is what fsconfig(2) and fsmount(2) take.
func IsFSContext(f *File) bool {
	_, ok := f.Ops.(*fsContext)
	return ok
}

// Fsconfig is fsconfig(2). value is that of FSCONFIG_SET_STRING; values that are binary, paths or descriptors no file
// system here takes, so that they need not be given. EINVAL: f is no context, or the option or its value does not fit,
// which the log tells; EBUSY: the context is past that; EOPNOTSUPP: unknown command.
func (c *Caller) Fsconfig(f *File, cmd int, key, value string) error {
	x, ok := f.Ops.(*fsContext)
	if !ok {
		return abi.EINVAL
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	switch cmd {
	case abi.FSCONFIG_SET_FLAG, abi.FSCONFIG_SET_STRING, abi.FSCONFIG_SET_BINARY, abi.FSCONFIG_SET_PATH, abi.FSCONFIG_SET_PATH_EMPTY,
		abi.FSCONFIG_SET_FD:
		if x.phase != phaseCreate && x.phase != phaseReconfigure {
			return abi.EBUSY
		}
		return x.setLocked(c, cmd, key, value)
	case abi.FSCONFIG_CMD_CREATE, abi.FSCONFIG_CMD_CREATE_EXCL:
		return x.createLocked(c, cmd == abi.FSCONFIG_CMD_CREATE_EXCL)
	case abi.FSCONFIG_CMD_RECONFIGURE:
		return x.reconfigureLocked(c)
	}
	return abi.EOPNOTSUPP
}

func (x *fsContext) setLocked(c *Caller, cmd int, key, value string) error {
	switch key {
	case "ro":
		x.flags |= abi.MS_RDONLY
		return nil
	case "rw":
		x.flags &^= abi.MS_RDONLY
		return nil
	case "sync", "async", "dirsync", "lazytime", "nolazytime", "mand", "nomand":
		return nil // they make no difference, as for mount(2)
	case "source":
		return x.setSourceLocked(cmd, value)
	}
	option := key
	switch {
	case slices.Contains(x.typ.Switches, key):
		if cmd != abi.FSCONFIG_SET_FLAG {
			return x.refuseLocked("Unexpected value for", key)
		}
	case slices.Contains(x.typ.Values, key):
		option += "=" + value
		if cmd != abi.FSCONFIG_SET_STRING || strings.Contains(value, ",") || x.typ.Check != nil && x.typ.Check(option, c.Cred.NS) != nil {
			return x.refuseLocked("Bad value for", key)
		}
	default:
		return x.refuseLocked("Unknown parameter", key)
	}
	x.options = append(x.options, option)
	return nil
}

func (x *fsContext) setSourceLocked(cmd int, value string) error {
	switch {
	case cmd != abi.FSCONFIG_SET_STRING:
		x.sayLocked("e Non-string source")
		return abi.EINVAL
	case x.source != "":
		x.sayLocked("e Multiple sources")
		return abi.EINVAL
	}
	x.source = value
	return nil
}

// createLocked makes the file system. EBUSY: with exclusive, it is one that there was before.
func (x *fsContext) createLocked(c *Caller, exclusive bool) error {
	if x.phase != phaseCreate {
		return abi.EBUSY
	}
	x.phase = phaseFailed
	sb, root, err := c.makeSuper(x.source, x.typ.Name, x.flags, strings.Join(x.options, ","))
	if err != nil {
		return err
	}
	if exclusive && sb.active.Load() > 1 {
		sb.Put()
		x.sayLocked("w %s: reusing existing filesystem not allowed", x.typ.Name)
		return abi.EBUSY
	}
	x.phase, x.sb, x.root = phaseMount, sb, root
	return nil
}

// beginReconfigureLocked lets the context take options that change sb.
func (x *fsContext) beginReconfigureLocked() {
	x.phase, x.source, x.options, x.flags = phaseReconfigure, "", nil, 0
	if x.sb.readonly.Load() {
		x.flags = abi.MS_RDONLY
	}
}

func (x *fsContext) reconfigureLocked(c *Caller) error {
	if x.phase != phaseReconfigure {
		return abi.EBUSY
	}
	x.phase = phaseFailed
	if err := c.reconfigure(x.sb, x.flags, strings.Join(x.options, ",")); err != nil {
		return err
	}
	x.beginReconfigureLocked()
	return nil
}

// Fsmount is fsmount(2): a detached mount of what a context has made, which then changes that file system. EINVAL: it
// has made nothing; EBUSY: it is mounted already; EPERM.
func (c *Caller) Fsmount(f *File, flags, attrs uint32) (*File, error) {
	if !c.mayMount() {
		return nil, abi.EPERM
	}
	if flags&^abi.FSMOUNT_CLOEXEC != 0 {
		return nil, abi.EINVAL
	}
	bits, err := attrFlags(attrs)
	if err != nil {
		return nil, err
	}
	x, ok := f.Ops.(*fsContext)
	if !ok {
		return nil, abi.EINVAL
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case x.sb == nil:
		return nil, abi.EINVAL
	case x.phase != phaseMount:
		return nil, abi.EBUSY
	}
	v := c.VFS
	x.sb.Get()
	m := v.newMount(x.sb, x.root, c.Cred.NS, bits)
	m.source = x.source
	var gone dropped
	var out *File
	v.tree.Lock()
	if err = c.revealsLocked(m); err != nil {
		v.discardLocked(m, &gone)
	} else {
		out = newFile(Path{m, m.root}.Get(), treeFile{ns: v.detachedLocked(m)}, abi.O_PATH, c.Cred)
		x.beginReconfigureLocked()
	}
	v.tree.Unlock()
	gone.finish(v)
	return out, err
}
