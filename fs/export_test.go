package fs

// LooseNames returns how many names are cached that a file system could look up again.
func (v *VFS) LooseNames() int {
	v.tree.RLock()
	defer v.tree.RUnlock()
	return v.names.loose
}

// MaxLooseNames is how many are kept.
const MaxLooseNames = maxLooseNames

// Namespaces returns how many mount namespaces can be found by their number.
func (v *VFS) Namespaces() int { return len(v.namespaces) }
