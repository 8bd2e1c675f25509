package linux386

import "cleave/proc"

func sysUnshare(t *proc.Task, flags CloneFlags) error { return t.Unshare(uint64(flags)) }
