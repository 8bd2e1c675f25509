package proc

import (
	"encoding/binary"
	"time"

	"cleave/abi"
	"cleave/fs/netlink"
	"cleave/ns/user"
)

// This file is what netlink sockets have to know of tasks: events of the connector, and TASKSTATS. Nobody holds the task
// lock when an event is told.

// announced reports whether somebody wants to be told of what happens to tasks.
func (k *Kernel) announced() bool { return k.set.Net.Netlink.TellsProcesses() }

// announce tells of an event of t, with what there is to say after its ids.
func (t *Task) announce(what uint32, data ...uint32) {
	e := netlink.ProcessEvent{What: what, Time: t.Monotonic()}
	copy(e.Data[:], append(t.ids(), data...))
	t.k.set.Net.Netlink.TellProcess(&e)
}

// ids are the ids of t and its process in the initial pid namespace.
func (t *Task) ids() []uint32 {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	return t.idPairLocked()
}

func (t *Task) idPairLocked() []uint32 {
	return []uint32{uint32(t.pid.Global()), uint32(t.group.leader.pid.Global())}
}

// parentIDs are the ids of the parent; nobody's are 0.
func (t *Task) parentIDs() []uint32 {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	if p := t.group.parent; p != nil && p.pid != nil && p.group.leader.pid != nil {
		return p.idPairLocked()
	}
	return []uint32{0, 0}
}

// announceFork tells of a new task, which does not run yet.
func (t *Task) announceFork() {
	e := netlink.ProcessEvent{What: abi.PROC_EVENT_FORK, Time: t.Monotonic()}
	copy(e.Data[:], append(t.parentIDs(), t.ids()...))
	t.k.set.Net.Netlink.TellProcess(&e)
}

// announceExit tells that t ends, before its parent can have waited for it.
func (t *Task) announceExit() {
	parent := t.parentIDs()
	t.k.mu.Lock()
	signal := ^uint32(0)
	if t.group.leader == t {
		signal = uint32(t.group.exitSignal)
	}
	t.k.mu.Unlock()
	t.announce(abi.PROC_EVENT_EXIT, uint32(t.exitCode), signal, parent[0], parent[1])
}

// announceCred tells of new ids.
func (t *Task) announceCred(old, c *user.Cred) {
	if old.UID != c.UID || old.EUID != c.EUID || old.SUID != c.SUID || old.FSUID != c.FSUID {
		t.announce(abi.PROC_EVENT_UID, uint32(c.UID), uint32(c.EUID))
	}
	if old.GID != c.GID || old.EGID != c.EGID || old.SGID != c.SGID || old.FSGID != c.FSGID {
		t.announce(abi.PROC_EVENT_GID, uint32(c.GID), uint32(c.EGID))
	}
}

// announceComm tells of a new name, which fills words.
func (t *Task) announceComm(name string) {
	var b [16]byte
	copy(b[:], name)
	words := make([]uint32, 4)
	for i := range words {
		words[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	t.announce(abi.PROC_EVENT_COMM, words...)
}

// InInitialNamespaces implements netlink.Task.
func (t *Task) InInitialNamespaces() bool {
	return t.Caller.Cred.NS == t.k.UserNS && t.pidNS == t.k.pidNS
}

// Monotonic implements netlink.Task.
func (t *Task) Monotonic() int64 { return t.k.Clock.Monotonic() }

// TaskStats implements netlink.Task.
func (t *Task) TaskStats(pid int32, group bool) (*netlink.TaskStats, error) {
	o := t.FindTask(pid)
	if o == nil {
		return nil, abi.ESRCH
	}
	i := o.Info(t.pidNS, group)
	reader := t.Caller.Cred.NS
	now := t.Monotonic()
	s := &netlink.TaskStats{
		ExitCode: uint32(i.ExitCode), Nice: int8(i.Nice), Comm: i.Comm, Policy: uint8(i.Policy), UID: reader.ShowKUID(i.Cred.UID), GID: reader.ShowKGID(i.Cred.GID),
		PID: i.PID, TGID: i.TGID, PPID: i.PPID, Began: (t.k.Clock.Realtime() - now + i.Started) / int64(time.Second), Elapsed: now - i.Started,
		UTime: i.Usage.UTime, STime: i.Usage.STime, MinorFaults: i.Usage.MinorFaults, MajorFaults: i.Usage.MajorFaults,
		Voluntary: i.Usage.Voluntary, Involuntary: i.Usage.Involuntary,
	}
	if as := o.AddressSpace(); as != nil {
		const pageKiB = abi.PageSize / 1024
		st := as.Stats()
		s.MaxRSS, s.MaxVM = int64(st.MaxResident)*pageKiB, int64(st.MaxSize)*pageKiB
		as.Unref()
	}
	return s, nil
}
