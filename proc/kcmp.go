package proc

import "cleave/abi"

// Shares reports whether two tasks have a thing in common, a kind of kcmp(2) other than KCMP_FILE. EINVAL: another kind.
// A task that exits has nothing any more, and two that have nothing share it, as on Linux.
func (t *Task) Shares(o *Task, kind int) (bool, error) {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	switch kind {
	case abi.KCMP_VM:
		return t.mm == o.mm, nil
	case abi.KCMP_FILES:
		return t.Caller.Files == o.Caller.Files, nil
	case abi.KCMP_FS:
		return t.Caller.FS == o.Caller.FS, nil
	case abi.KCMP_SIGHAND:
		return t.handlers == o.handlers, nil
	case abi.KCMP_IO: // there are no I/O contexts here; on Linux, too, most tasks have none
		return true, nil
	case abi.KCMP_SYSVSEM:
		return t.undo == o.undo, nil
	}
	return false, abi.EINVAL
}
