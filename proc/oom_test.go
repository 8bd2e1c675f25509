package proc_test

import (
	"strings"
	"testing"

	"cleave/abi"
	"cleave/mm"
	"cleave/proc"
	"cleave/proc/proctest"
)

// mapPages maps n pages without reserving memory for them.
func mapPages(p *proc.Task, n int) uint32 {
	at, _ := p.MM().Map(mm.Map{Len: uint32(n) * abi.PageSize, Prot: mm.ProtRead | mm.ProtWrite, MaxProt: mm.ProtAll,
		Flags: abi.MAP_PRIVATE | abi.MAP_ANONYMOUS | abi.MAP_NORESERVE})
	return at
}

// touch writes to n pages of a new mapping of the task, as its program would, until it is killed.
func touch(task *proctest.Task, n int) *proctest.Call {
	var at uint32
	task.Do(func(p *proc.Task) { at = mapPages(p, n) })
	return task.StartFaults(at, n)
}

// copyPages copies n pages out to a new mapping of the task, as a system call would.
func copyPages(task *proctest.Task, n int) (err error) {
	task.Do(func(p *proc.Task) { err = p.MM().CopyOut(mapPages(p, n), make([]byte, n*abi.PageSize)) })
	return err
}

// When memory is short the process that has most is killed, and the other goes on.
func TestOutOfMemoryKillsTheBiggest(t *testing.T) {
	k := proctest.NewWith(t, proctest.Options{Frames: 1024})
	big, small := k.Init.Fork(), k.Init.Fork()
	if touch(big, 700).Wait().Exited {
		t.Fatal("there is room for the first")
	}
	if touch(small, 500).Wait().Exited {
		t.Error("the smaller process was killed")
	}
	big.Gone()
	if r, err := wait(t, k.Init, abi.P_PID, big.TID(), abi.WEXITED); err != nil || r.Status != abi.SIGKILL {
		t.Errorf("the bigger process: %+v, %v", r, err)
	}
	if len(k.Logged) != 1 || !strings.Contains(k.Logged[0], "out of memory: killed process 2") {
		t.Errorf("the log has %q", k.Logged)
	}
	// Alone, it is the one to go.
	touch(small, 2000)
	small.Gone()
}

// A copy in the middle of a system call finds memory too: it takes that of the biggest, which cannot even run meanwhile.
func TestOutOfMemoryInACopy(t *testing.T) {
	k := proctest.NewWith(t, proctest.Options{Frames: 1024})
	big, small := k.Init.Fork(), k.Init.Fork()
	touch(big, 700).Wait()
	if err := copyPages(small, 500); err != nil {
		t.Errorf("the copy: %v", err)
	}
	big.Gone()
	if small.Sync().Exited {
		t.Error("the smaller process was killed")
	}
	if err := copyPages(small, 2000); err != abi.ENOMEM {
		t.Errorf("a copy of more than there is: %v", err)
	}
	small.Gone()
}

// A process that shares its memory with another loses none of it before its end: the other may go on.
func TestOutOfMemorySparesSharedMemory(t *testing.T) {
	k := proctest.NewWith(t, proctest.Options{Frames: 1024})
	big, small := k.Init.Fork(), k.Init.Fork()
	touch(big, 700).Wait()
	at := big.PushWords(7)
	twin := big.Clone(proc.CloneArgs{Flags: abi.CLONE_VM, ExitSignal: abi.SIGCHLD})
	if err := copyPages(small, 500); err != abi.ENOMEM {
		t.Errorf("the copy: %v", err)
	}
	big.Gone()
	if w := twin.Word(at); w != 7 {
		t.Errorf("the memory that is left has %d", w)
	}
}

// Who needs memory does not wait for the tracer of what was killed for it, who may never wait for its tracee.
func TestOutOfMemoryKillsTracees(t *testing.T) {
	k := proctest.NewWith(t, proctest.Options{Frames: 1024})
	big, small := k.Init.Fork(), k.Init.Fork()
	thread := big.Clone(proc.CloneArgs{Flags: abi.CLONE_VM | abi.CLONE_FS | abi.CLONE_FILES | abi.CLONE_SIGHAND | abi.CLONE_THREAD})
	seize(t, k, thread, 0)
	touch(big, 700).Wait()
	if touch(small, 500).Wait().Exited {
		t.Error("the smaller process was killed")
	}
	big.Gone()
	thread.Gone()
	if r, err := wait(t, k.Init, abi.P_PID, thread.TID(), abi.WEXITED|abi.WALL); err != nil || r.Status != abi.SIGKILL {
		t.Errorf("the tracee: %+v, %v", r, err)
	}
}

// The init of a pid namespace is killed like others, and its namespace ends.
func TestOutOfMemoryKillsAnInit(t *testing.T) {
	k := proctest.NewWith(t, proctest.Options{Frames: 1024})
	small := k.Init.Fork()
	init := k.Init.Clone(proc.CloneArgs{Flags: abi.CLONE_NEWPID, ExitSignal: abi.SIGCHLD})
	child := init.Fork()
	touch(small, 100).Wait()
	touch(init, 2000)
	init.Gone()
	child.Gone()
	if small.Sync().Exited {
		t.Error("a small process was killed for it")
	}
}

func TestOOMScoreProtects(t *testing.T) {
	k := proctest.NewWith(t, proctest.Options{Frames: 1024})
	big, small := k.Init.Fork(), k.Init.Fork()
	if err := big.ThreadGroup().SetOOMScore(-1000); err != nil {
		t.Fatal(err)
	}
	if err := big.ThreadGroup().SetOOMScore(1001); err != abi.EINVAL {
		t.Errorf("a score of 1001: %v", err)
	}
	touch(big, 700).Wait()
	touch(small, 500)
	small.Gone()
	if big.Sync().Exited {
		t.Error("the protected process was killed")
	}
}
