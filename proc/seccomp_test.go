package proc_test

import (
	"encoding/binary"
	"strings"
	"sync"
	"testing"

	"cleave/abi"
	"cleave/proc"
	"cleave/proc/bpf"
	"cleave/proc/proctest"
)

const (
	nrGetuid  = 199
	nrSeccomp = 354
)

// denies is a filter that answers action to one system call, and allows the others.
func denies(nr, action uint32) []bpf.Insn {
	return []bpf.Insn{
		{Code: bpf.LD | bpf.W | bpf.ABS, K: 4 * bpf.WordNr}, {Code: bpf.JMP | bpf.JEQ | bpf.K, K: nr, JF: 1},
		{Code: bpf.RET | bpf.K, K: action}, {Code: bpf.RET | bpf.K, K: abi.SECCOMP_RET_ALLOW},
	}
}

// pushFilter puts a program into the memory of a task, and returns the address of its struct sock_fprog.
func pushFilter(c *proctest.Task, prog []bpf.Insn) uint32 {
	var raw []byte
	for _, in := range prog {
		raw = binary.LittleEndian.AppendUint16(raw, in.Code)
		raw = append(raw, in.JT, in.JF)
		raw = binary.LittleEndian.AppendUint32(raw, in.K)
	}
	return c.PushWords(uint32(len(prog)), c.Push(raw))
}

func filter(c *proctest.Task, flags uint32, prog []bpf.Insn) (uint32, error) {
	return c.Syscall(nrSeccomp, abi.SECCOMP_SET_MODE_FILTER, flags, pushFilter(c, prog))
}

func mustFilter(t *testing.T, c *proctest.Task, nr, action uint32) {
	t.Helper()
	if v, err := filter(c, 0, denies(nr, action)); v != 0 || err != nil {
		t.Fatal("installing a filter:", v, err)
	}
}

func TestSeccompErrno(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	mustFilter(t, c, nrGetppid, abi.SECCOMP_RET_ERRNO|77)
	for range 3 { // the answer is found, then remembered
		if _, err := c.Syscall(nrGetppid); err != abi.Errno(77) {
			t.Error("a denied call:", err)
		}
		if v, err := c.Syscall(nrGetuid); v != 0 || err != nil {
			t.Error("another call:", v, err)
		}
	}
	child := c.Fork()
	if _, err := child.Syscall(nrGetppid); err != abi.Errno(77) {
		t.Error("in a child:", err)
	}
	if mode, n := child.SeccompMode(); mode != abi.SECCOMP_MODE_FILTER || n != 1 {
		t.Errorf("mode %d with %d filters", mode, n)
	}
	if v := k.Init.Must(nrGetppid); v != 0 {
		t.Error("the parent is filtered:", v)
	}
	mustFilter(t, c, nrGetppid, abi.SECCOMP_RET_ERRNO|0xffff)
	if _, err := c.Syscall(nrGetppid); err != abi.Errno(4095) {
		t.Error("an error number that is too large:", err)
	}
	mustFilter(t, c, nrGetppid, abi.SECCOMP_RET_TRACE)
	if _, err := c.Syscall(nrGetppid); err != abi.Errno(4095) {
		t.Error("the weaker action has won:", err)
	}
	mustFilter(t, c, nrGetuid, abi.SECCOMP_RET_TRACE)
	if _, err := c.Syscall(nrGetuid); err != abi.ENOSYS {
		t.Error("SECCOMP_RET_TRACE without a tracer:", err)
	}
}

func TestSeccompRefusals(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	good := denies(nrGetppid, 0)
	for _, x := range []struct {
		name  string
		flags uint32
		prog  []bpf.Insn
		want  error
	}{
		{"listener", abi.SECCOMP_FILTER_FLAG_NEW_LISTENER, good, abi.EINVAL},
		{"unknown flag", 1 << 20, good, abi.EINVAL},
		{"empty", 0, nil, abi.EINVAL},
		{"no end", 0, good[:2], abi.EINVAL},
	} {
		if _, err := filter(c, x.flags, x.prog); err != x.want {
			t.Errorf("%s: %v", x.name, err)
		}
	}
	if _, err := c.Syscall(nrSeccomp, abi.SECCOMP_SET_MODE_FILTER, 0, 8); err != abi.EFAULT {
		t.Error("a bad address:", err)
	}
	if mode, n := c.SeccompMode(); mode != 0 || n != 0 {
		t.Errorf("mode %d with %d filters", mode, n)
	}
	big := make([]bpf.Insn, bpf.MaxLen)
	for i := range big {
		big[i] = bpf.Insn{Code: bpf.RET | bpf.K, K: abi.SECCOMP_RET_ALLOW}
	}
	do(t, c, func(p *proc.Task) error {
		for range 7 {
			if _, err := p.SetSeccompFilter(big, 0); err != nil {
				return err
			}
		}
		return nil
	})
	if err := try(c, func(p *proc.Task) error { _, err := p.SetSeccompFilter(big, 0); return err }); err != abi.ENOMEM {
		t.Error("too many instructions:", err)
	}
	u := k.Init.Fork()
	u.Must(213, 1000) // setuid32
	if _, err := filter(u, 0, good); err != abi.EACCES {
		t.Error("without CAP_SYS_ADMIN:", err)
	}
	u.Do(func(p *proc.Task) { p.SetNoNewPrivs() })
	if _, err := filter(u, 0, good); err != nil {
		t.Error("with no_new_privs:", err)
	}
}

func TestSeccompTrap(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	mustFilter(t, c, nrGetppid, abi.SECCOMP_RET_TRAP|42)
	handle(t, c, abi.SIGSYS, handlerAddr, abi.SA_SIGINFO, 0)
	r := c.Start(nrGetppid).Wait()
	if !r.Handler || r.Regs.EAX != abi.SIGSYS {
		t.Fatalf("no handler runs: %+v", r)
	}
	info := make([]uint32, 6)
	raw := c.Load(c.Word(r.Regs.ESP+8), 24) // the second argument of the handler
	for i := range info {
		info[i] = binary.LittleEndian.Uint32(raw[4*i:])
	}
	if info[0] != abi.SIGSYS || info[1] != 42 || info[2] != abi.SYS_SECCOMP || info[4] != nrGetppid || info[5] != abi.AUDIT_ARCH_I386 {
		t.Errorf("siginfo %v", info)
	}
	if r := c.ReturnRT(); r.Value != nrGetppid {
		t.Errorf("the call's number became %d", r.Value)
	}
}

func TestSeccompKills(t *testing.T) {
	for _, x := range []struct {
		name   string
		action uint32
		whole  bool
	}{
		{"process", abi.SECCOMP_RET_KILL_PROCESS, true}, {"unknown action", 0x12340000, true},
		{"thread", abi.SECCOMP_RET_KILL_THREAD, false},
	} {
		k := proctest.New(t)
		c := k.Init.Fork()
		mustFilter(t, c, nrGetppid, x.action)
		thread := c.Clone(proc.CloneArgs{Flags: threadFlags})
		if r := thread.Start(nrGetppid).Wait(); !r.Exited {
			t.Errorf("%s: the thread lives on", x.name)
		}
		if !x.whole {
			if v := c.Must(nrGetuid); v != 0 {
				t.Error("the other thread:", v)
			}
			c.Start(nrGetppid) // alone now
		}
		c.Gone()
		if status := waitStatus(t, k.Init, c.TID()); status != abi.SIGSYS {
			t.Errorf("%s: status %#x", x.name, status)
		}
		if len(k.Logged) == 0 || !strings.Contains(k.Logged[0], "syscall=64") {
			t.Errorf("%s: logged %q", x.name, k.Logged)
		}
	}
}

func TestSeccompStrict(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	c.Must(172, abi.PR_SET_SECCOMP, abi.SECCOMP_MODE_STRICT)
	if _, err := c.Syscall(3, 99, 0, 0); err != abi.EBADF {
		t.Error("read:", err)
	}
	if r := c.Start(nrGetppid).Wait(); !r.Exited {
		t.Error("another call is allowed")
	}
	if status := waitStatus(t, k.Init, c.TID()); status != abi.SIGKILL {
		t.Errorf("status %#x", status)
	}
	d := k.Init.Fork()
	mustFilter(t, d, nrGetppid, abi.SECCOMP_RET_LOG)
	if _, err := d.Syscall(nrSeccomp, abi.SECCOMP_SET_MODE_STRICT, 0, 0); err != abi.EINVAL {
		t.Error("strict mode after a filter:", err)
	}
}

func TestSeccompSync(t *testing.T) {
	k := proctest.New(t)
	a := k.Init.Fork()
	b := a.Clone(proc.CloneArgs{Flags: threadFlags})
	mustFilter(t, a, nrGetppid, abi.SECCOMP_RET_ERRNO|1)
	if _, err := b.Syscall(nrGetppid); err != nil {
		t.Error("a filter of one thread binds the other:", err)
	}
	a.Do(func(p *proc.Task) { p.SetNoNewPrivs() })
	if v, err := filter(a, abi.SECCOMP_FILTER_FLAG_TSYNC, denies(nrGetppid, abi.SECCOMP_RET_ERRNO|2)); v != 0 || err != nil {
		t.Error("TSYNC:", v, err)
	}
	if _, err := b.Syscall(nrGetppid); err != abi.Errno(2) {
		t.Error("after TSYNC:", err)
	}
	if !b.NoNewPrivs() {
		t.Error("no_new_privs did not come along")
	}
	mustFilter(t, b, nrGetuid, abi.SECCOMP_RET_ERRNO|3)
	third := denies(nrGetppid, abi.SECCOMP_RET_ERRNO|4)
	if v, err := filter(a, abi.SECCOMP_FILTER_FLAG_TSYNC, third); v != uint32(b.TID()) || err != nil {
		t.Error("TSYNC with a thread that went its own way:", v, err)
	}
	if _, err := filter(a, abi.SECCOMP_FILTER_FLAG_TSYNC|abi.SECCOMP_FILTER_FLAG_TSYNC_ESRCH, third); err != abi.ESRCH {
		t.Error("TSYNC_ESRCH:", err)
	}
	if _, err := a.Syscall(nrGetppid); err != abi.Errno(2) {
		t.Error("the filter of a failed TSYNC counts:", err)
	}
}

// TestSeccompSyncRace lets threads come and call while another gives filters to all.
func TestSeccompSyncRace(t *testing.T) {
	k := proctest.New(t)
	a := k.Init.Fork()
	prog := pushFilter(a, denies(nrGetppid, abi.SECCOMP_RET_ERRNO|5))
	var threads []*proctest.Task
	for range 4 {
		threads = append(threads, a.Clone(proc.CloneArgs{Flags: threadFlags}))
	}
	var wg sync.WaitGroup
	for _, b := range threads[1:] {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for {
				if _, err := b.Syscall(nrGetppid); err != nil {
					return
				}
			}
		}()
	}
	wg.Add(1)
	go func() {
		defer wg.Done()
		for { // a thread that is made meanwhile has them as well
			n := threads[0].Clone(proc.CloneArgs{Flags: threadFlags})
			_, err := threads[0].Syscall(nrGetppid)
			_, err2 := n.Syscall(nrGetppid)
			if err != nil {
				if err2 == nil {
					t.Error("a new thread has escaped")
				}
				return
			}
			n.StartDo(func(p *proc.Task) { p.Exit(0) })
			n.Gone()
		}
	}()
	if _, err := a.Syscall(nrSeccomp, abi.SECCOMP_SET_MODE_FILTER, abi.SECCOMP_FILTER_FLAG_TSYNC, prog); err != nil {
		t.Error(err)
	}
	wg.Wait()
	a.Exit(0)
}

func TestSeccompLogIsLimited(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	mustFilter(t, c, nrGetuid, abi.SECCOMP_RET_LOG)
	for range 100 {
		c.Must(nrGetuid)
	}
	if n := len(k.Logged); n != 10 {
		t.Errorf("%d lines of log", n)
	}
}

func TestSeccompFilteredCallDoesNotAllocate(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	mustFilter(t, c, nrGetppid, abi.SECCOMP_RET_ERRNO|5)
	c.Do(func(p *proc.Task) {
		var d bpf.Data
		n := testing.AllocsPerRun(100, func() {
			d[bpf.WordNr], d[bpf.WordArch] = nrGetppid, abi.AUDIT_ARCH_I386
			p.Seccomp(&d, false)
			d[bpf.WordNr] = nrGetuid
			p.Seccomp(&d, false)
			p.SeccompAllows(nrGetuid, abi.AUDIT_ARCH_I386)
		})
		if n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

// waitStatus waits for a child and gives its wait(2) status.
func waitStatus(t *testing.T, task *proctest.Task, pid int32) int32 {
	t.Helper()
	r, err := wait(t, task, abi.P_PID, pid, abi.WEXITED)
	if err != nil {
		t.Error("wait:", err)
	}
	return r.Status
}
