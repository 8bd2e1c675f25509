package proc_test

import (
	"fmt"
	"testing"

	"cleave/abi"
	"cleave/mm"
	"cleave/proc"
	"cleave/proc/proctest"
)

// touchPages writes to pages of new private memory.
func touchPages(c *proctest.Task, pages uint32) {
	var at uint32
	c.Do(func(p *proc.Task) {
		at, _ = p.MM().Map(mm.Map{Len: pages * mm.PageSize, Prot: mm.ProtRead | mm.ProtWrite, Flags: abi.MAP_PRIVATE | abi.MAP_ANONYMOUS})
	})
	for i := range pages {
		if r := c.Trap(proc.Trap{Vector: proc.VectorPageFault, Error: proc.PFUser | proc.PFWrite, Addr: at + i*mm.PageSize}); r.Exited {
			return
		}
	}
}

func TestCgroupMemory(t *testing.T) {
	k := newGroups(t)
	k.put("cgroup.subtree_control", "+memory")
	k.mkdir("a")
	c := k.Init.Fork()
	k.put("a/cgroup.procs", fmt.Sprint(c.TID()))
	touchPages(c, 20)
	k.wantText("a/memory.current", "81920\n")
	k.wantText("a/memory.stat", "anon 81920\nfile 0\nkernel 0\n")
	k.put("a/memory.max", "200K")
	k.wantText("a/memory.max", "204800\n")
	hog := c.Fork()
	touchPages(hog, 1)
	big := c.Fork()
	touchPages(big, 60)
	big.Gone()
	if r, err := wait2(c); r.PID != big.TID() || r.Status != abi.SIGKILL || err != nil {
		t.Errorf("killed was %+v, %v", r, err)
	}
	k.wantText("a/memory.events", "low 0\nhigh 0\nmax 1\noom 1\noom_kill 1\noom_group_kill 0\n")
	k.put("a/memory.max", "4K") // the largest is killed at once, and then the rest
	c.Gone()
	hog.Gone()
	wait2(k.Init)
	wait2(k.Init)
	k.wantText("a/memory.current", "0\n")
	if text, _ := get(k.Init, "a/memory.peak"); text < "204800" {
		t.Error("the peak was", text)
	}
	k.put("cgroup.subtree_control", "-memory")
	k.rmdir("a")
}

// TestCgroupMemoryKillsWithin has a large process outside, which must live, and one with more memory inside another group.
func TestCgroupMemoryKillsWithin(t *testing.T) {
	k := newGroups(t)
	k.put("cgroup.subtree_control", "+memory")
	k.mkdir("a", "b")
	outside, in, small := k.Init.Fork(), k.Init.Fork(), k.Init.Fork()
	touchPages(outside, 400)
	k.put("b/cgroup.procs", fmt.Sprint(outside.TID()))
	k.put("a/cgroup.procs", fmt.Sprint(in.TID()))
	k.put("a/cgroup.procs", fmt.Sprint(small.TID()))
	k.put("a/memory.max", "400K")
	k.put("a/memory.oom.group", "1")
	touchPages(in, 200)
	in.Gone()
	small.Gone()
	if outside.Killed() {
		t.Error("a process outside was killed")
	}
	k.wantText("b/memory.current", "0\n") // charged is what is touched inside
	k.wantText("a/memory.events", "low 0\nhigh 0\nmax 1\noom 1\noom_kill 1\noom_group_kill 1\n")
	wait2(k.Init)
	wait2(k.Init)
	outside.Exit(0)
	k.put("cgroup.subtree_control", "-memory")
	k.rmdir("a", "b")
}

// TestCgroupMemoryOfFiles fills files until the limit; that memory is not freed by a kill, so the writer is.
func TestCgroupMemoryOfFiles(t *testing.T) {
	k := newGroups(t)
	k.put("cgroup.subtree_control", "+memory")
	k.mkdir("a")
	k.put("a/memory.max", "128K")
	c := k.Init.Fork()
	k.put("a/cgroup.procs", fmt.Sprint(c.TID()))
	path := c.PushString("/filled")
	fd := c.Must(5, path, abi.O_CREAT|abi.O_WRONLY, 0o600)
	buf := c.Alloc(1 << 15)
	for range 20 {
		if r := c.Start(4, fd, buf, 1<<15).Wait(); r.Exited {
			break
		}
	}
	c.Gone()
	wait2(k.Init)
	k.wantText("a/memory.stat", "anon 0\nfile 131072\nkernel 0\n") // with a page of its own it was above the limit
	do(t, k.Init, func(p *proc.Task) error { return p.Caller.Unlinkat(abi.AT_FDCWD, []byte("/filled"), 0) })
	k.wantText("a/memory.current", "0\n")
	k.put("cgroup.subtree_control", "-memory")
	k.rmdir("a")
}

func TestCgroupMemoryHigh(t *testing.T) {
	k := newGroups(t)
	k.put("cgroup.subtree_control", "+memory")
	k.mkdir("a")
	k.put("a/memory.high", "16K")
	c := k.Init.Fork()
	k.put("a/cgroup.procs", fmt.Sprint(c.TID()))
	touchPages(c, 4)
	done := make(chan bool)
	go func() {
		touchPages(c, 1)
		close(done)
	}()
	for !c.Sleeping() {
		proctest.Yield()
	}
	k.Clock.Advance(1e9)
	<-done
	k.wantText("a/memory.events", "low 0\nhigh 1\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n")
	c.Exit(0)
	wait2(k.Init)
	k.put("cgroup.subtree_control", "-memory")
	k.rmdir("a")
}
