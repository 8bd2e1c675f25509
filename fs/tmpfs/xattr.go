package tmpfs

import (
	"bytes"
	"slices"

	"cleave/abi"
	"cleave/fs"
)

// GetXattr returns an attribute. ENODATA; EOPNOTSUPP for system.*, as ACLs are not kept.
func (n *node) GetXattr(_ *fs.Inode, name []byte) ([]byte, error) {
	if bytes.HasPrefix(name, []byte("system.")) {
		return nil, abi.EOPNOTSUPP
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	v, ok := n.xattrs[string(name)]
	if !ok {
		return nil, abi.ENODATA
	}
	return v, nil
}

// maxXattrBytes is how much a file's attributes may take. ENOSPC beyond.
const maxXattrBytes = 1 << 17

// SetXattr sets or, with a nil value, removes an attribute.
func (n *node) SetXattr(_ *fs.Inode, name, value []byte, flags int) error {
	if bytes.HasPrefix(name, []byte("system.")) {
		return abi.EOPNOTSUPP
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	old, have := n.xattrs[string(name)]
	switch {
	case have && flags&abi.XATTR_CREATE != 0:
		return abi.EEXIST
	case !have && flags&abi.XATTR_REPLACE != 0:
		return abi.ENODATA
	case value == nil:
		delete(n.xattrs, string(name))
		return nil
	}
	total := len(value) - len(old)
	for k, v := range n.xattrs {
		total += len(k) + len(v)
	}
	if total > maxXattrBytes {
		return abi.ENOSPC
	}
	if n.xattrs == nil {
		n.xattrs = map[string][]byte{}
	}
	n.xattrs[string(name)] = bytes.Clone(value)
	return nil
}

// ListXattr returns the names in order.
func (n *node) ListXattr(*fs.Inode) ([]byte, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	names := make([]string, 0, len(n.xattrs))
	for k := range n.xattrs {
		names = append(names, k)
	}
	slices.Sort(names)
	var out []byte
	for _, k := range names {
		out = append(append(out, k...), 0)
	}
	return out, nil
}
