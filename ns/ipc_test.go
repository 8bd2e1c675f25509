package ns

import (
	"fmt"
	"slices"
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/mm/frame"
	"cleave/ns/user"
	"cleave/wait"
)

func testIPC() IPCConfig {
	v := fs.New(frame.NewArena(16), func() int64 { return 0 })
	return IPCConfig{
		Now: func() int64 { return 12345 },
		NewFile: func(name string, size int64, c *user.Cred) (*fs.File, error) {
			i := v.NewAnonInode(abi.S_IFREG|0o600, c)
			i.SetSize(size)
			return v.NewAnonFile(fs.NoFile{}, name, i, abi.O_RDWR, c), nil
		},
	}
}

// other is an ordinary user.
func (w *world) other(id uint32) *user.Cred {
	c, err := w.root.SetRESGID(user.GID(id), user.GID(id), user.GID(id))
	wantErr(w.t, "setresgid", err, 0)
	c, err = c.SetRESUID(user.UID(id), user.UID(id), user.UID(id))
	wantErr(w.t, "setresuid", err, 0)
	return c
}

// TestIPCIDs holds for all three kinds.
func TestIPCIDs(t *testing.T) {
	w := newWorld(t)
	n := w.set.IPC
	a, b := w.other(1000), w.other(2000)
	for _, kind := range []struct {
		name   string
		get    func(c *user.Cred, key, flags int32) (int32, error)
		stat   func(c *user.Cred, id, cmd int32) error
		set    func(c *user.Cred, id int32, u user.UID, mode uint16) error
		remove func(c *user.Cred, id int32) error
		limit  func(l *IPCLimits, v int)
	}{
		{"shm", func(c *user.Cred, key, flags int32) (int32, error) { return n.Shmget(c, nil, key, 4096, flags) },
			func(c *user.Cred, id, cmd int32) error { _, err := n.ShmStat(c, id, cmd); return err },
			func(c *user.Cred, id int32, u user.UID, m uint16) error { return n.ShmSet(c, id, u, 0, m) },
			n.ShmRemove, func(l *IPCLimits, v int) { l.ShmMNI = v }},
		{"sem", func(c *user.Cred, key, flags int32) (int32, error) { return n.Semget(c, key, 2, flags) },
			func(c *user.Cred, id, cmd int32) error { _, err := n.SemStat(c, id, cmd); return err },
			func(c *user.Cred, id int32, u user.UID, m uint16) error { return n.SemSet(c, id, u, 0, m) },
			n.SemRemove, func(l *IPCLimits, v int) { l.SemMNI = v }},
		{"msg", n.Msgget, func(c *user.Cred, id, cmd int32) error { _, err := n.MsgStat(c, id, cmd); return err },
			func(c *user.Cred, id int32, u user.UID, m uint16) error { return n.MsgSet(c, id, u, 0, m, 100) },
			n.MsgRemove, func(l *IPCLimits, v int) { l.MsgMNI = v }},
	} {
		check := func(what string, err error, want abi.Errno) {
			t.Helper()
			wantErr(t, kind.name+": "+what, err, want)
		}
		_, err := kind.get(a, 5, 0)
		check("no such key", err, abi.ENOENT)
		id, err := kind.get(a, 5, abi.IPC_CREAT|0o640)
		check("create", err, 0)
		again, err := kind.get(a, 5, abi.IPC_CREAT|0o600)
		check("get", err, 0)
		if again != id {
			t.Errorf("%s: another id for the same key", kind.name)
		}
		_, err = kind.get(a, 5, abi.IPC_CREAT|abi.IPC_EXCL)
		check("exclusive", err, abi.EEXIST)
		_, err = kind.get(b, 5, 0o400)
		check("another user", err, abi.EACCES)
		_, err = kind.get(b, 5, 0)
		check("another user, asking for nothing", err, 0)
		check("stat by another user", kind.stat(b, id, abi.IPC_STAT), abi.EACCES)
		check("stat", kind.stat(a, id, abi.IPC_STAT), 0)
		check("stat by index", kind.stat(a, id&0x7fff, abi.SHM_STAT), 0)
		check("stat of no id", kind.stat(a, id+1, abi.IPC_STAT), abi.EINVAL)
		check("stat of -1", kind.stat(a, -1, abi.IPC_STAT), abi.EINVAL)
		check("set by another user", kind.set(b, id, 2000, 0o666), abi.EPERM)
		check("give away", kind.set(a, id, 2000, 0o600), 0)
		check("stat by the new owner", kind.stat(b, id, abi.IPC_STAT), 0)
		check("stat by the creator", kind.stat(a, id, abi.IPC_STAT), 0)
		check("remove by a stranger", kind.remove(w.other(3000), id), abi.EPERM)
		check("remove by the new owner", kind.remove(b, id), 0)
		check("gone", kind.stat(b, id, abi.IPC_STAT), abi.EINVAL)
		seen := map[int32]bool{id: true}
		for range 300 {
			id, err := kind.get(a, abi.IPC_PRIVATE, 0o600)
			check("private", err, 0)
			if seen[id] {
				t.Fatalf("%s: id %d comes again", kind.name, id)
			}
			seen[id] = true
			check("remove", kind.remove(a, id), 0)
		}
		check("limit", n.SetLimits(func(l *IPCLimits) { kind.limit(l, 2) }), 0)
		for _, want := range []abi.Errno{0, 0, abi.ENOSPC} {
			_, err := kind.get(a, abi.IPC_PRIVATE, 0)
			check("up to the limit", err, want)
		}
		check("a limit that can't be", n.SetLimits(func(l *IPCLimits) { kind.limit(l, 1<<15+1) }), abi.EINVAL)
	}
}

func TestIPCOwnedUsers(t *testing.T) {
	w := newWorld(t)
	w.root.NS.SetNewModel(user.Owned)
	c, err := w.root.Create(false)
	wantErr(t, "owned", err, 0)
	in, out := w.other(1000), c.Copy()
	in.Effective, out.Effective = 0, 0
	out.UID, out.EUID, out.EGID = 1000, 1000, 7
	id, err := w.set.IPC.Msgget(in, abi.IPC_PRIVATE, 0o600)
	wantErr(t, "create", err, 0)
	_, err = w.set.IPC.MsgStat(out, id, abi.IPC_STAT)
	wantErr(t, "the same uid in another user namespace", err, abi.EACCES)
	wantErr(t, "remove", w.set.IPC.MsgRemove(out, id), abi.EPERM)
}

func TestShm(t *testing.T) {
	w := newWorld(t)
	n := w.set.IPC
	for _, test := range []struct {
		size uint32
		want abi.Errno
	}{{0, abi.EINVAL}, {1, 0}, {4097, 0}, {1 << 21, abi.EINVAL}} {
		wantErr(t, "limit", n.SetLimits(func(l *IPCLimits) { l.ShmMax, l.ShmAll = 1<<20, 3 }), 0)
		_, err := n.Shmget(w.root, nil, abi.IPC_PRIVATE, test.size, 0o600)
		wantErr(t, fmt.Sprint("size ", test.size), err, test.want)
	}
	_, err := n.Shmget(w.root, nil, abi.IPC_PRIVATE, 1, 0)
	wantErr(t, "too many pages", err, abi.ENOSPC)
	wantErr(t, "limit", n.SetLimits(func(l *IPCLimits) { l.ShmAll = 100 }), 0)
	_, err = n.Shmget(w.root, nil, abi.IPC_PRIVATE, 1, abi.SHM_HUGETLB)
	wantErr(t, "huge pages", err, abi.ENOMEM)

	pid, err := w.pid.Alloc(nil)
	wantErr(t, "pid", err, 0)
	id, err := n.Shmget(w.root, pid, 77, 4097, abi.IPC_CREAT|0o644)
	wantErr(t, "create", err, 0)
	_, err = n.Shmget(w.root, nil, 77, 8192, 0)
	wantErr(t, "too large", err, abi.EINVAL)
	if u := n.ShmUsage(); u.Items != 5 || u.Objects != 3 {
		t.Errorf("usage %+v", u)
	}
	reader := w.other(1000)
	_, _, err = n.Attach(reader, pid, id, 0)
	wantErr(t, "attach for writing", err, abi.EACCES)
	f, size, err := n.Attach(reader, pid, id, abi.SHM_RDONLY)
	wantErr(t, "attach", err, 0)
	g, _, err := n.Attach(w.root, pid, id, 0)
	wantErr(t, "attach", err, 0)
	if size != 4097 || f != g || ShmOf(f) == nil {
		t.Error("not the segment")
	}
	wantErr(t, "lock by a stranger", n.ShmLock(reader, id, true), abi.EPERM)
	wantErr(t, "lock", n.ShmLock(w.root, id, true), 0)
	wantErr(t, "remove", n.ShmRemove(w.root, id), 0)
	wantErr(t, "remove again", n.ShmRemove(w.root, id), 0)
	st, err := n.ShmStat(w.root, id, abi.IPC_STAT)
	wantErr(t, "stat of a removed one that is attached", err, 0)
	if st.Attached != 2 || st.Mode != 0o644|abi.SHM_DEST|abi.SHM_LOCKED || st.Key != 0 || st.CPID.In(w.pid) != 1 {
		t.Errorf("%+v", st)
	}
	_, err = n.Shmget(w.root, nil, 77, 0, 0)
	wantErr(t, "its key", err, abi.ENOENT)
	ShmOf(f).Detached(pid)
	f.Put()
	g.Put()
	_, err = n.ShmStat(w.root, id, abi.IPC_STAT)
	wantErr(t, "after the last detach", err, abi.EINVAL)
	if u := n.ShmUsage(); u.Items != 3 || u.Objects != 2 {
		t.Errorf("usage %+v", u)
	}
}

func TestShmNamespaceGone(t *testing.T) {
	w := newWorld(t)
	n, err := w.set.IPC.NewChild(w.root)
	wantErr(t, "child", err, 0)
	id, err := n.Shmget(w.root, nil, 5, 4096, abi.IPC_CREAT|0o600)
	wantErr(t, "create", err, 0)
	_, err = w.set.IPC.Shmget(w.root, nil, 5, 0, 0)
	wantErr(t, "in another namespace", err, abi.ENOENT)
	f, _, err := n.Attach(w.root, nil, id, 0)
	wantErr(t, "attach", err, 0)
	n.Put()
	if f.Refs() != 1 || n.ShmUsage().Objects != 1 {
		t.Error("what is attached stays")
	}
	f.Put()
	if n.ShmUsage().Objects != 0 || w.root.NS.Live(user.KindIPC) != 1 {
		t.Error("a segment is left")
	}
}

func TestSemErrors(t *testing.T) {
	w := newWorld(t)
	n := w.set.IPC
	for _, count := range []int{-1, 0, 32001} {
		_, err := n.Semget(w.root, abi.IPC_PRIVATE, count, 0o600)
		wantErr(t, fmt.Sprint("count ", count), err, abi.EINVAL)
	}
	id, err := n.Semget(w.root, 9, 2, abi.IPC_CREAT|0o444)
	wantErr(t, "create", err, 0)
	_, err = n.Semget(w.root, 9, 3, 0)
	wantErr(t, "more than there are", err, abi.EINVAL)
	_, err = n.Semget(w.root, 9, 0, 0)
	wantErr(t, "any number", err, 0)
	wantErr(t, "limit", n.SetLimits(func(l *IPCLimits) { l.SemMNS = 3 }), 0)
	_, err = n.Semget(w.root, abi.IPC_PRIVATE, 2, 0)
	wantErr(t, "too many semaphores", err, abi.ENOSPC)

	reader := w.other(1000)
	undo := n.NewSemUndo()
	for _, test := range []struct {
		name string
		c    *user.Cred
		id   int32
		ops  []SemOp
		want abi.Errno
	}{
		{"none", w.root, id, nil, abi.EINVAL},
		{"too many", w.root, id, make([]SemOp, 501), abi.E2BIG},
		{"no set", w.root, id + 1, make([]SemOp, 1), abi.EINVAL},
		{"no semaphore", w.root, id, []SemOp{{2, 1, 0}}, abi.EFBIG},
		{"reader changes", reader, id, []SemOp{{0, 1, 0}}, abi.EACCES},
		{"reader tests", reader, id, []SemOp{{0, 0, 0}}, 0},
		{"would wait", w.root, id, []SemOp{{0, 1, 0}, {1, -1, abi.IPC_NOWAIT}}, abi.EAGAIN},
		{"too high", w.root, id, []SemOp{{0, 32767, 0}, {0, 1, 0}}, abi.ERANGE},
		{"highest", w.root, id, []SemOp{{0, 32767, 0}}, 0},
		{"zero, not now", w.root, id, []SemOp{{0, 0, abi.IPC_NOWAIT}}, abi.EAGAIN},
		{"back", w.root, id, []SemOp{{0, -32767, abi.SEM_UNDO}}, 0},
		{"up", w.root, id, []SemOp{{0, 32767, 0}}, 0},
		{"undo out of range", w.root, id, []SemOp{{0, -1, abi.SEM_UNDO}}, abi.ERANGE},
		{"down", w.root, id, []SemOp{{0, -32767, 0}, {0, 0, 0}}, 0},
	} {
		wait, err := n.Semop(test.c, nil, undo, test.id, test.ops)
		wantErr(t, test.name, err, test.want)
		if wait != nil {
			t.Errorf("%s waits", test.name)
		}
	}
	wantErr(t, "setval", n.SemSetValue(w.root, nil, id, 0, 32768), abi.ERANGE)
	wantErr(t, "setval", n.SemSetValue(w.root, nil, id, 2, 1), abi.EINVAL)
	wantErr(t, "setval", n.SemSetValue(w.root, nil, id, -1, 1), abi.EINVAL)
	wantErr(t, "setval", n.SemSetValue(reader, nil, id, 0, 1), abi.EACCES)
	wantErr(t, "setall", n.SemSetValues(w.root, nil, id, []uint16{5, 40000}), abi.ERANGE)
	wantErr(t, "setall", n.SemSetValues(w.root, nil, id, []uint16{5}), abi.EIDRM)
	wantErr(t, "setall", n.SemSetValues(w.root, nil, id, []uint16{5, 6}), 0)
	all, err := n.SemValues(reader, id)
	wantErr(t, "getall", err, 0)
	if !slices.Equal(all, []uint16{5, 6}) {
		t.Error(all)
	}
	undo.Leave(nil)
	if v, _, _, _, _ := n.SemValue(w.root, id, 0); v != 5 {
		t.Errorf("%d: a value that was set is not adjusted", v)
	}
}

// woken is a listener that counts.
type woken int

func (w *woken) Notify(*wait.Entry, wait.Events) { *w++ }

func TestSemWaiters(t *testing.T) {
	w := newWorld(t)
	n := w.set.IPC
	id, err := n.Semget(w.root, abi.IPC_PRIVATE, 2, 0o600)
	wantErr(t, "create", err, 0)
	var wakes [4]woken
	var waits [4]*SemWait
	for i, ops := range [][]SemOp{
		{{0, -2, 0}},            // first come
		{{0, -1, 0}, {1, 1, 0}}, // first served
		{{1, -1, abi.SEM_UNDO}}, // needs what the second does
		{{0, 5, 0}, {1, -9, 0}}, // for ever
	} {
		wt, err := n.Semop(w.root, nil, n.NewSemUndo(), id, ops)
		if err != nil || wt == nil {
			t.Fatal(err, wt)
		}
		wt.Queue.Register(&wait.Entry{L: &wakes[i], Mask: wait.In})
		waits[i] = wt
	}
	count := func(num int) (more, zero int) {
		_, _, more, zero, err := n.SemValue(w.root, id, num)
		wantErr(t, "value", err, 0)
		return more, zero
	}
	if m, z := count(0); m != 2 || z != 0 {
		t.Errorf("%d wait for more, %d for zero", m, z)
	}
	z, err := n.Semop(w.root, nil, nil, id, []SemOp{{0, 1, 0}, {0, 0, 0}})
	wantErr(t, "adds one and waits for zero", err, 0)
	if m, zero := count(0); m != 2 || zero != 1 {
		t.Errorf("%d wait for more, %d for zero", m, zero)
	}
	wantErr(t, "give up", z.Cancel(), abi.EAGAIN)
	_, err = n.Semop(w.root, nil, nil, id, []SemOp{{0, 1, 0}})
	wantErr(t, "up", err, 0)
	for i, want := range []abi.Errno{abi.EAGAIN, 0, 0, abi.EAGAIN} {
		wantErr(t, fmt.Sprint("waiter ", i), waits[i].Result(), want)
		if done := wakes[i] == 1; done != (want == 0) {
			t.Errorf("waiter %d was woken: %v", i, done)
		}
	}
	wantErr(t, "cancel of a finished one", waits[1].Cancel(), 0)
	_, err = n.Semop(w.root, nil, nil, id, []SemOp{{0, 2, 0}})
	wantErr(t, "up", err, 0)
	wantErr(t, "waiter 0", waits[0].Result(), 0)
	wantErr(t, "remove", n.SemRemove(w.root, id), 0)
	wantErr(t, "the set is removed", waits[3].Result(), abi.EIDRM)
}

func TestSemUndo(t *testing.T) {
	w := newWorld(t)
	n := w.set.IPC
	id, err := n.Semget(w.root, abi.IPC_PRIVATE, 1, 0o600)
	wantErr(t, "create", err, 0)
	wantErr(t, "set", n.SemSetValue(w.root, nil, id, 0, 10), 0)
	u := n.NewSemUndo()
	if u.Share().Shared() != true {
		t.Error("not shared")
	}
	op := func(u *SemUndo, by int16) {
		t.Helper()
		if wt, err := n.Semop(w.root, nil, u, id, []SemOp{{0, by, abi.SEM_UNDO}}); wt != nil || err != nil {
			t.Error(wt, err)
		}
	}
	value := func(want int32) {
		t.Helper()
		if v, _, _, _, _ := n.SemValue(w.root, id, 0); v != want {
			t.Errorf("value %d, want %d", v, want)
		}
	}
	op(u, -4)
	op(u, -3)
	value(3)
	waiter, err := n.Semop(w.root, nil, nil, id, []SemOp{{0, -9, 0}})
	wantErr(t, "waits", err, 0)
	u.Leave(nil)
	value(3)
	u.Leave(nil)
	value(1) // 10, of which the waiter has got 9
	wantErr(t, "waiter", waiter.Result(), 0)
	u = n.NewSemUndo()
	op(u, 5)
	if _, err := n.Semop(w.root, nil, nil, id, []SemOp{{0, -4, 0}}); err != nil {
		t.Error(err)
	}
	u.Leave(nil)
	value(0) // not below
}

func TestMsg(t *testing.T) {
	w := newWorld(t)
	n := w.set.IPC
	id, err := n.Msgget(w.root, abi.IPC_PRIVATE, 0o622)
	wantErr(t, "create", err, 0)
	q, err := n.Msg(id)
	wantErr(t, "find", err, 0)
	var wakes woken
	q.Queue.Register(&wait.Entry{L: &wakes, Mask: wait.In | wait.Out})
	other := w.other(1000)
	for _, m := range []struct {
		c    *user.Cred
		typ  int32
		text string
		want abi.Errno
	}{
		{w.root, 0, "x", abi.EINVAL}, {w.root, -1, "x", abi.EINVAL}, {w.root, 1, string(make([]byte, 8193)), abi.EINVAL},
		{other, 3, "three", 0}, {w.root, 1, "one", 0}, {w.root, 2, "two", 0}, {w.root, 1, "another one", 0},
	} {
		wantErr(t, "send "+m.text, q.Send(m.c, nil, m.typ, []byte(m.text)), m.want)
	}
	if wakes != 4 {
		t.Errorf("woken %d times", wakes)
	}
	for _, test := range []struct {
		c          *user.Cred
		typ, flags int32
		size       uint32
		text       string
		want       abi.Errno
	}{
		{other, 0, 0, 99, "", abi.EACCES},
		{w.root, 0, abi.MSG_COPY, 99, "", abi.ENOSYS},
		{w.root, 9, 0, 99, "", abi.EAGAIN},
		{w.root, 9, abi.IPC_NOWAIT, 99, "", abi.ENOMSG},
		{w.root, 1, 0, 2, "", abi.E2BIG},
		{w.root, 1, abi.MSG_NOERROR, 2, "on", 0},
		{w.root, -2, 0, 99, "another one", 0},
		{w.root, 3, abi.MSG_EXCEPT, 99, "two", 0},
		{w.root, -2, 0, 99, "", abi.EAGAIN},
		{w.root, 0, 0, 99, "three", 0},
		{w.root, 0, 0, 99, "", abi.EAGAIN},
	} {
		_, data, err := q.Receive(test.c, nil, test.size, test.typ, test.flags)
		wantErr(t, fmt.Sprintf("receive %+v", test), err, test.want)
		if string(data) != test.text {
			t.Errorf("%q, want %q", data, test.text)
		}
	}
	for range 2 {
		wantErr(t, "fill", q.Send(w.root, nil, 1, make([]byte, 8192)), 0)
	}
	wantErr(t, "full", q.Send(w.root, nil, 1, []byte("x")), abi.EAGAIN)
	wantErr(t, "empty messages fit", q.Send(w.root, nil, 1, nil), 0)
	wantErr(t, "larger, by the owner", n.MsgSet(other, id, 0, 0, 0o600, 1), abi.EPERM)
	owner := w.other(1000)
	mine, err := n.Msgget(owner, abi.IPC_PRIVATE, 0o600)
	wantErr(t, "create", err, 0)
	wantErr(t, "above msgmnb", n.MsgSet(owner, mine, 1000, 1000, 0o600, 16385), abi.EPERM)
	wantErr(t, "above msgmnb by root", n.MsgSet(w.root, id, 0, 0, 0o600, 30000), 0)
	wantErr(t, "now there is room", q.Send(w.root, nil, 1, []byte("x")), 0)
	if u := n.MsgUsage(); u.Items != 4 || u.Bytes != 16385 || u.Objects != 2 {
		t.Errorf("%+v", u)
	}
	wakes = 0
	wantErr(t, "remove", n.MsgRemove(w.root, id), 0)
	wantErr(t, "send to a removed one", q.Send(w.root, nil, 1, nil), abi.EIDRM)
	_, _, err = q.Receive(w.root, nil, 1, 0, 0)
	wantErr(t, "receive from a removed one", err, abi.EIDRM)
	if wakes != 1 {
		t.Error("who waits is not told")
	}
}
