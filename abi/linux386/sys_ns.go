package linux386

import (
	"cleave/abi"
	"cleave/ns"
	"cleave/ns/user"
	"cleave/proc"
)

func sysUnshare(t *proc.Task, flags CloneFlags) error { return t.Unshare(uint64(flags)) }

// sysSetns takes the file of a namespace, or a pidfd and the kinds of its process's namespaces.
func sysSetns(t *proc.Task, fd FD, kinds CloneFlags) error {
	f, err := t.Files().GetIO(int(fd))
	if err != nil {
		return err
	}
	defer f.Put()
	if n, ok := ns.FromFile(f); ok {
		if kinds != 0 && uint64(kinds) != n.Kind().CloneFlag() {
			return abi.EINVAL
		}
		return t.Join([]user.Any{n})
	}
	list, err := t.PidfdNamespaces(f, uint64(kinds))
	if err != nil {
		return err
	}
	err = t.Join(list)
	for _, n := range list {
		n.Put()
	}
	return err
}
