package user

import (
	"bytes"
	"fmt"
	"io"

	"cleave/abi"
)

// ShowMap writes the map as uid_map, gid_map or projid_map of /proc/PID show it to a reader in namespace reader: the
// lower ids are the reader's, or, when he is in n itself, the parent's; -1 where he has none.
func (n *Namespace) ShowMap(w io.Writer, kind MapKind, reader *Namespace) {
	m := n.maps[kind].Load()
	if m == nil {
		return
	}
	lower := reader
	if lower == n && n.parent != nil {
		lower = n.parent
	}
	to := lower.maps[kind].Load()
	for _, e := range m.inside {
		fmt.Fprintf(w, "%10d %10d %10d\n", e.Inside, to.fromKernel(e.Kernel), e.Count)
	}
}

// WriteMap defines a map of n by a write of data at offset to its file, which opener opened and writer writes.
// Errors: EINVAL and EPERM as user_namespaces(7), "Defining user and group ID mappings", lists them.
func (n *Namespace) WriteMap(kind MapKind, opener, writer *Cred, offset int64, data []byte) error {
	if n.parent == nil || opener.NS != n && opener.NS != n.parent {
		return abi.EPERM
	}
	if offset != 0 || len(data) >= abi.PageSize {
		return abi.EINVAL
	}
	n.mapMu.Lock()
	defer n.mapMu.Unlock()
	if n.maps[kind].Load() != nil {
		return abi.EPERM
	}
	if kind != ProjIDMap && !opener.Has(CapSysAdmin, n) {
		return abi.EPERM
	}
	ext, err := parseMap(data)
	if err != nil {
		return err
	}
	if !n.mayMap(kind, ext, opener, writer) {
		return abi.EPERM
	}
	up := n.parent.maps[kind].Load()
	for i := range ext {
		if ext[i].Kernel = up.toKernel(ext[i].Kernel, ext[i].Count); ext[i].Kernel == invalidID {
			return abi.EPERM
		}
	}
	n.maps[kind].Store(newIDMap(ext))
	return nil
}

// mayMap applies the permission rules. The extents still have ids of the parent in Kernel.
func (n *Namespace) mayMap(kind MapKind, ext []Extent, opener, writer *Cred) bool {
	cp := CapSetuid
	switch kind {
	case ProjIDMap:
		return true
	case GIDMap:
		cp = CapSetgid
	case UIDMap:
		if !n.mayMapRoot(ext, opener) {
			return false
		}
	}
	if len(ext) == 1 && ext[0].Count == 1 && n.maker == opener.EUID {
		id := ext[0].Kernel
		if kind == UIDMap && n.parent.ToKUID(UID(id)) == opener.EUID {
			return true
		}
		if kind == GIDMap && !n.setgroups.Load() && n.parent.ToKGID(GID(id)) == opener.EGID {
			return true
		}
	}
	return writer.Has(cp, n.parent) && opener.Has(cp, n.parent)
}

// mayMapRoot: who maps the parent's user 0 could make programs with file capabilities that count in the parent.
func (n *Namespace) mayMapRoot(ext []Extent, opener *Cred) bool {
	for _, e := range ext {
		if e.Kernel == 0 {
			if opener.NS == n {
				return n.couldSetFCap
			}
			return opener.Has(CapSetfcap, n.parent)
		}
	}
	return true
}

// parseMap reads lines of three numbers. EINVAL for anything else. Numbers are cut to 32 bits, as on Linux.
func parseMap(data []byte) ([]Extent, error) {
	if i := bytes.IndexByte(data, 0); i >= 0 {
		data = data[:i]
	}
	var ext []Extent
	for more := true; more; {
		var line []byte
		line, data, more = bytes.Cut(data, []byte{'\n'})
		more = more && len(data) > 0
		e, ok := parseExtent(line)
		if !ok || overlaps(ext, e) {
			return nil, abi.EINVAL
		}
		ext = append(ext, e)
		if len(ext) == MaxExtents && more {
			return nil, abi.EINVAL
		}
	}
	return ext, nil
}

func parseExtent(line []byte) (e Extent, ok bool) {
	var v [3]uint32
	for i := range v {
		line = skipSpaces(line)
		digits := 0
		for digits < len(line) && line[digits] >= '0' && line[digits] <= '9' {
			v[i] = v[i]*10 + uint32(line[digits]-'0')
			digits++
		}
		line = line[digits:]
		if len(line) > 0 && !isSpace(line[0]) {
			return e, false
		}
		if i < 2 && len(line) == 0 {
			return e, false
		}
	}
	e = Extent{v[0], v[1], v[2]}
	ok = len(skipSpaces(line)) == 0 && e.Inside != invalidID && e.Kernel != invalidID &&
		e.Inside+e.Count > e.Inside && e.Kernel+e.Count > e.Kernel
	return e, ok
}

func skipSpaces(s []byte) []byte {
	for len(s) > 0 && isSpace(s[0]) {
		s = s[1:]
	}
	return s
}

// isSpace is isspace of Linux, which takes Latin-1's no-break space for one.
func isSpace(b byte) bool { return b == ' ' || b >= '\t' && b <= '\r' || b == 0xa0 }

// overlaps reports whether e has an id, inside or lower, in common with one of ext.
func overlaps(ext []Extent, e Extent) bool {
	for _, x := range ext {
		if meet(x.Inside, x.Count, e.Inside, e.Count) || meet(x.Kernel, x.Count, e.Kernel, e.Count) {
			return true
		}
	}
	return false
}

func meet(a, na, b, nb uint32) bool { return a <= b+(nb-1) && b <= a+(na-1) }

// SetGroupsState is the text of the setgroups file of /proc/PID: "allow" or "deny".
func (n *Namespace) SetGroupsState() string {
	if n.setgroups.Load() {
		return "allow"
	}
	return "deny"
}

// WriteSetGroups is a write to the setgroups file. Who opens it for writing needs CAP_SYS_ADMIN in n, else EACCES.
// EINVAL: neither allow nor deny; EPERM: deny when the group map is set, allow when it is denied.
func (n *Namespace) WriteSetGroups(offset int64, data []byte) error {
	if offset != 0 || len(data) >= len("allow")+3 {
		return abi.EINVAL
	}
	if i := bytes.IndexByte(data, 0); i >= 0 {
		data = data[:i]
	}
	word := data
	for len(word) > 0 && isSpace(word[len(word)-1]) {
		word = word[:len(word)-1]
	}
	n.mapMu.Lock()
	defer n.mapMu.Unlock()
	switch string(word) {
	case "allow":
		if !n.setgroups.Load() {
			return abi.EPERM
		}
	case "deny":
		if n.maps[GIDMap].Load() != nil {
			return abi.EPERM
		}
		n.setgroups.Store(false)
	default:
		return abi.EINVAL
	}
	return nil
}
