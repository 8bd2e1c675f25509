package procfs

import (
	"cleave/abi"
	"cleave/fs"
	"cleave/fs/mqueue"
	"cleave/ns/user"
	"cleave/proc"
)

// mqueueSettings are the limits of the POSIX message queues of the reader's IPC namespace (mq_overview(7)).
func mqueueSettings() entry {
	dir := entry{name: "mqueue", mode: dir0555}
	for _, f := range []struct {
		name  string
		field func(l *mqueue.Limits) *int
	}{
		{"queues_max", func(l *mqueue.Limits) *int { return &l.Queues }},
		{"msg_max", func(l *mqueue.Limits) *int { return &l.Messages }},
		{"msgsize_max", func(l *mqueue.Limits) *int { return &l.MessageSize }},
		{"msg_default", func(l *mqueue.Limits) *int { return &l.MessagesDef }},
		{"msgsize_default", func(l *mqueue.Limits) *int { return &l.MessageSizeDef }},
	} {
		e := integer(f.name, 0, 1<<31-1, func(x *access) int64 {
			l := x.queues().Limits()
			return int64(*f.field(&l))
		}, func(x *access, v int64) error {
			return x.queues().SetLimits(func(l *mqueue.Limits) { *f.field(l) = int(v) })
		})
		e.setting.owner = ipcOwner
		dir.table = append(dir.table, e)
	}
	return dir
}

// queues are the POSIX message queues of the reader's IPC namespace.
func (x *access) queues() *mqueue.FS { return x.ipc().Queues(x.Kernel.VFS) }

// ipcOwner is the user namespace that the acting task's IPC namespace belongs to.
func ipcOwner(c *fs.Caller) *user.Namespace {
	if r := (&access{c: c}).reader(); r != nil {
		return r.NS().IPC.Owner()
	}
	return c.Cred.NS.Initial()
}

// seccompSettings tell which actions filters have (seccomp(2)).
//
// DIVERGES: which of them are logged can't be changed.
func seccompSettings() entry {
	return entry{name: "seccomp", mode: dir0555, table: []entry{
		constant("actions_avail", proc.SeccompActions),
		setting{
			get: func(*access) string { return proc.SeccompLogged },
			set: func(_ *access, v string) error {
				if v != proc.SeccompLogged {
					return abi.EINVAL
				}
				return nil
			},
		}.file("actions_logged", 0o644),
	}}
}
