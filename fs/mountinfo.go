package fs

import (
	"cmp"
	"slices"
	"strconv"

	"cleave/abi"
	"cleave/ns/user"
)

// MountsText appends /proc/PID/mounts of namespace n, as who has the root directory root sees it, to buf.
func (n *MountNamespace) MountsText(buf []byte, root Path, _ *Caller) []byte {
	return n.text(buf, root, (*Mount).appendMounts)
}

// MountInfoText appends /proc/PID/mountinfo.
func (n *MountNamespace) MountInfoText(buf []byte, root Path, reader *Caller) []byte {
	return n.text(buf, root, func(m *Mount, buf, at []byte, root Path) []byte {
		return m.appendMountInfo(buf, at, root, reader)
	})
}

// MountStatsText appends /proc/PID/mountstats.
func (n *MountNamespace) MountStatsText(buf []byte, root Path, _ *Caller) []byte {
	return n.text(buf, root, (*Mount).appendMountStats)
}

// byAgeLocked lists the mounts of n, the oldest first.
func (n *MountNamespace) byAgeLocked() []*Mount {
	list := make([]*Mount, 0, n.count)
	for m := n.root; m != nil; m = m.below(n.root) {
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b *Mount) int { return cmp.Compare(a.id, b.id) })
	return list
}

// text appends a line for each mount that can be reached from root.
func (n *MountNamespace) text(buf []byte, root Path, line func(m *Mount, buf, at []byte, root Path) []byte) []byte {
	v := n.vfs
	v.tree.RLock()
	defer v.tree.RUnlock()
	var at []byte
	for _, m := range n.byAgeLocked() {
		var reach Reach
		at, reach = v.pathTextLocked(at[:0], m.placeLocked(root), root)
		if reach == Reached {
			buf = line(m, buf, at, root)
		}
	}
	return buf
}

// placeLocked returns where m is mounted; its own root if that is root. The mount point exists, while the name of what
// is mounted may have been removed.
func (m *Mount) placeLocked(root Path) Path {
	if m.parent == nil || m == root.Mount && m.root == root.Dentry {
		return Path{m, m.root}
	}
	return Path{m.parent, m.mountpoint}
}

// appendEscaped appends text with space, tab, newline and backslash as octal escapes (fstab(5)).
func appendEscaped(buf, text []byte) []byte {
	for _, b := range text {
		switch b {
		case ' ', '\t', '\n', '\\', '#':
			buf = append(buf, '\\', '0'+b>>6, '0'+b>>3&7, '0'+b&7)
		default:
			buf = append(buf, b)
		}
	}
	return buf
}

func (m *Mount) typeName() string {
	if m.sb.typ == nil {
		return "none"
	}
	return m.sb.typ.Name
}

func (m *Mount) appendSource(buf []byte) []byte {
	if m.source == "" {
		return append(buf, "none"...)
	}
	return appendEscaped(buf, []byte(m.source))
}

var mountOptions = [...]struct {
	flag uint32
	text string
}{
	{MountNoSUID, ",nosuid"}, {MountNoDev, ",nodev"}, {MountNoExec, ",noexec"}, {MountNoAtime, ",noatime"},
	{MountNoDirAtime, ",nodiratime"}, {MountRelatime, ",relatime"}, {MountNoSymFollow, ",nosymfollow"},
}

func (m *Mount) appendFlags(buf []byte) []byte {
	fl := m.flags.Load()
	for _, o := range mountOptions {
		if fl&o.flag != 0 {
			buf = append(buf, o.text...)
		}
	}
	if m.shareNS {
		buf = append(buf, ",share_userns"...)
	}
	return buf
}

func rwText(readonly bool) string {
	if readonly {
		return "ro"
	}
	return "rw"
}

// appendMounts writes a line of /proc/PID/mounts: source, place, type, options, 0, 0 (fstab(5)).
func (m *Mount) appendMounts(buf, at []byte, _ Path) []byte {
	buf = append(m.appendSource(buf), ' ')
	buf = append(appendEscaped(buf, at), ' ')
	buf = append(append(buf, m.typeName()...), ' ')
	buf = append(buf, rwText(m.wantWrite() != nil)...)
	buf = m.appendFlags(buf)
	buf = append(buf, m.sb.ops.Options(m.sb)...)
	return append(buf, " 0 0\n"...)
}

// appendMountStats writes a line of /proc/PID/mountstats.
func (m *Mount) appendMountStats(buf, at []byte, _ Path) []byte {
	if m.source == "" {
		buf = append(buf, "no device"...)
	} else {
		buf = append(buf, "device "...)
		buf = m.appendSource(buf)
	}
	buf = append(buf, " mounted on "...)
	buf = appendEscaped(buf, at)
	buf = append(buf, " with fstype "...)
	return append(append(buf, m.typeName()...), '\n')
}

// appendMountInfo writes a line of /proc/PID/mountinfo (proc_pid_mountinfo(5)).
func (m *Mount) appendMountInfo(buf, at []byte, root Path, reader *Caller) []byte {
	buf = append(strconv.AppendUint(buf, m.id, 10), ' ')
	parent := m.id
	if m.parent != nil {
		parent = m.parent.id
	}
	buf = append(strconv.AppendUint(buf, parent, 10), ' ')
	buf = append(strconv.AppendUint(buf, uint64(m.sb.dev.Major()), 10), ':')
	buf = append(strconv.AppendUint(buf, uint64(m.sb.dev.Minor()), 10), ' ')
	buf = append(m.appendRootText(buf, reader), ' ')
	buf = append(appendEscaped(buf, at), ' ')
	buf = append(buf, rwText(m.flags.Load()&MountReadOnly != 0)...)
	buf = m.appendFlags(buf)
	buf = m.appendPropagation(buf, root)
	buf = append(buf, " - "...)
	buf = append(append(buf, m.typeName()...), ' ')
	buf = append(m.appendSource(buf), ' ')
	buf = append(buf, rwText(m.sb.readonly.Load())...)
	buf = append(buf, m.sb.ops.Options(m.sb)...)
	return append(buf, '\n')
}

// RootShower is implemented by SuperOps of a file system that names the root of a mount to each reader in his own way.
type RootShower interface {
	// ShowRoot returns the name of directory d; reader nil is the kernel. It is called with VFS.tree held.
	ShowRoot(d *Dentry, reader *Caller) string
}

// appendRootText writes the path of the mount's root inside its file system.
func (m *Mount) appendRootText(buf []byte, reader *Caller) []byte {
	return appendEscaped(buf, m.rootText(reader))
}

// rootText is that path as it is.
func (m *Mount) rootText(reader *Caller) []byte {
	d := m.root
	if s, ok := m.sb.ops.(RootShower); ok {
		return []byte(s.ShowRoot(d, reader))
	}
	if d.parent == d && d.name != nil {
		return d.name // such as net:[4026531840]
	}
	if d.parent == d {
		return []byte("/")
	}
	var text []byte
	for ; d.parent != d; d = d.parent {
		text = append(appendReversed(text, d.name), '/')
	}
	reverse(text)
	if !m.root.hashed {
		text = append(text, `//deleted`...)
	}
	return text
}

// appendPropagation writes the optional fields.
func (m *Mount) appendPropagation(buf []byte, root Path) []byte {
	if m.group != 0 {
		buf = strconv.AppendInt(append(buf, " shared:"...), int64(m.group), 10)
	}
	if m.master != nil {
		buf = strconv.AppendInt(append(buf, " master:"...), int64(m.master.group), 10)
		if g := m.nearestDominating(root); g != 0 && g != m.master.group {
			buf = strconv.AppendInt(append(buf, " propagate_from:"...), int64(g), 10)
		}
	}
	if m.flags.Load()&MountUnbindable != 0 {
		buf = append(buf, " unbindable"...)
	}
	return buf
}

// nearestDominating returns the closest peer group, up the chain of masters, with a member that can be reached from
// root; 0 if there is none.
func (m *Mount) nearestDominating(root Path) int32 {
	v := m.sb.vfs
	for x := m.master; x != nil; x = x.master {
		for q := x; ; {
			if q.ns == root.Mount.ns && v.reachesLocked(Path{q, q.root}, root) {
				return q.group
			}
			if q = q.peerNext; q == nil || q == x {
				break
			}
		}
	}
	return 0
}

// MaySUID reports whether set-id bits of programs on m count for a task in mount namespace n with credentials cred:
// the mount is not nosuid, the task's own, and of a file system of its user namespace or an ancestor.
func (m *Mount) MaySUID(n *MountNamespace, cred *user.Cred) bool {
	v := m.sb.vfs
	v.tree.RLock()
	own := m.ns == n
	v.tree.RUnlock()
	return own && m.flags.Load()&abi.MS_NOSUID == 0 && (m.sb.owner == nil || cred.NS.Within(m.sb.owner))
}
