package proc_test

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/mm"
	"cleave/ns/user"
	"cleave/proc"
	"cleave/proc/proctest"
)

func exec(path string, args ...string) *proc.ExecArgs {
	return &proc.ExecArgs{DirFD: abi.AT_FDCWD, Path: path, Args: args}
}

// change gives the test program with 32-bit words replaced.
func change(words map[int]uint32) []byte {
	b := proctest.Program()
	for at, w := range words {
		binary.LittleEndian.PutUint32(b[at:], w)
	}
	return b
}

func TestExecErrors(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	k.Mkdir("/dir", 0o755)
	files := map[string][]byte{
		"empty": {}, "text": []byte("hello\n"), "short": proctest.Program()[:40], "bigclass": change(map[int]uint32{4: 0x00010102}),
		"arm": change(map[int]uint32{16: 40<<16 | 2}), "object": change(map[int]uint32{16: 3<<16 | 1}),
		"phnum0": change(map[int]uint32{44: 0}), "phentsize": change(map[int]uint32{40: 33<<16 | 52}),
		"phoff": change(map[int]uint32{28: 0xfffffff0}), "wrap": change(map[int]uint32{52 + 20: 0xffffffff}),
		"misaligned": change(map[int]uint32{52 + 8: 0x08048004}),
		"filesz":     change(map[int]uint32{52 + 20: 0x10}), "high": change(map[int]uint32{84 + 8: 0xfffff000}),
		"nointerp": append(change(map[int]uint32{52 + 64: 3, 52 + 68: 0x200, 52 + 80: 9}), 0),
		"script":   []byte("#!/no/such\n"), "loop": []byte("#!/loop\n"), "noname": []byte("#!   \n"),
		"long": []byte("#!/" + strings.Repeat("x", 300)), "todir": []byte("#!/dir\n"), "plain": proctest.Program(),
	}
	copy(files["nointerp"][0x200:], "/no/such\x00")
	for name, data := range files {
		mode := uint32(0o755)
		if name == "plain" {
			mode = 0o644
		}
		k.WriteFile("/"+name, mode, data)
	}
	for name, want := range map[string]error{
		"empty": abi.ENOEXEC, "text": abi.ENOEXEC, "short": abi.ENOEXEC, "bigclass": abi.ENOEXEC, "arm": abi.ENOEXEC,
		"object": abi.ENOEXEC, "phnum0": abi.ENOEXEC, "phentsize": abi.ENOEXEC, "phoff": abi.ENOEXEC, "wrap": abi.EINVAL,
		"misaligned": abi.EINVAL, "filesz": abi.EINVAL, "high": abi.EINVAL, "nointerp": abi.ENOENT,
		"script": abi.ENOENT, "loop": abi.ELOOP, "noname": abi.ENOEXEC, "long": abi.ENOEXEC, "todir": abi.EACCES,
		"plain": abi.EACCES, "dir": abi.EACCES, "missing": abi.ENOENT,
	} {
		before := k.Counts()
		before.Frames = 0 // files come into the page cache
		c.SetWord(proctest.Scratch, 77)
		if err := try(c, func(p *proc.Task) error { return p.Exec(exec("/"+name, name)) }); err != want {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
		after := k.Counts()
		after.Frames = 0
		if after != before || c.Word(proctest.Scratch) != 77 {
			t.Errorf("%s: the caller is not as it was: %+v, before %+v", name, after, before)
		}
	}
}

func TestExecArgumentLimits(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	long := strings.Repeat("x", proc.MaxArgBytes)
	for _, x := range []struct {
		args []string
		want error
	}{
		{[]string{long}, abi.E2BIG}, {slices.Repeat([]string{long[1:]}, 20), abi.E2BIG},
		{slices.Repeat([]string{""}, 300000), abi.E2BIG}, {[]string{long[1:]}, nil},
	} {
		var err error
		c.Do(func(p *proc.Task) { err = p.Exec(exec("/init", x.args...)) })
		if err != x.want {
			t.Errorf("%d arguments of %d bytes: %v, want %v", len(x.args), len(x.args[0]), err, x.want)
		}
	}
}

func TestExecResets(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	handle(t, c, abi.SIGUSR1, handlerAddr, 0, 0)
	handle(t, c, abi.SIGUSR2, abi.SIG_IGN, 0, 0)
	c.SetWord(proctest.Scratch, 5)
	var keep, drop int
	c.Do(func(p *proc.Task) {
		p.SetMask(proc.Signals(abi.SIGHUP))
		*p.AltStack() = proc.AltStack{Base: 0x1000, Size: 0x2000}
		f, err := p.Caller.Open(abi.AT_FDCWD, []byte("/init"), fs.OpenHow{Flags: abi.O_RDONLY})
		if err != nil {
			t.Error(err)
			return
		}
		keep, _ = p.Files().Install(f.Get(), p.NoFile(), false)
		drop, _ = p.Files().Install(f, p.NoFile(), true)
	})
	old := c.MM()
	do(t, c, func(p *proc.Task) error { return p.Exec(exec("/init", "a", "b")) })
	if c.MM() == old || c.Word(proctest.Scratch) != 0 {
		t.Error("the memory is the old one")
	}
	if c.Comm() != "init" || c.Mask() != proc.Signals(abi.SIGHUP) || c.AltStack().Size != 0 {
		t.Errorf("comm %q, mask %#x, alternate stack %+v", c.Comm(), c.Mask(), c.AltStack())
	}
	for sig, want := range map[proc.Signal]uint32{abi.SIGUSR1: abi.SIG_DFL, abi.SIGUSR2: abi.SIG_IGN} {
		if a, _ := c.Action(sig, nil); a.Handler != want {
			t.Errorf("%v: handler %#x, want %#x", sig, a.Handler, want)
		}
	}
	if _, err := c.Files().Cloexec(keep); err != nil {
		t.Errorf("descriptor %d: %v", keep, err)
	}
	if _, err := c.Files().Cloexec(drop); err != abi.EBADF {
		t.Errorf("descriptor %d, which is close-on-exec: %v", drop, err)
	}
	if err := try(k.Init, func(p *proc.Task) error { return p.SetPGID(2, 2) }); err != abi.EACCES {
		t.Errorf("setpgid by the parent after execve: %v", err)
	}
}

// A thread that is not the leader calls execve: the others end, and it gets the leader's id.
func TestExecOfAThread(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	word := c.Alloc(4)
	var threads []*proctest.Task
	for range 4 {
		threads = append(threads, c.Clone(proc.CloneArgs{Flags: threadFlags}))
	}
	threads[2].StartDo(func(p *proc.Task) {
		_ = p.FutexWait(word, true, 0, abi.FUTEX_BITSET_MATCH_ANY, proc.Deadline{})
	}).Asleep()
	e := threads[1]
	do(t, e, func(p *proc.Task) error { return p.Exec(exec("/init", "x")) })
	c.Gone()
	for i, a := range threads {
		if i != 1 {
			a.Gone()
		}
	}
	if e.TID() != 2 || e.TGID() != 2 || len(e.ThreadGroup().Threads()) != 1 {
		t.Errorf("after execve it is thread %d of process %d, with %d threads", e.TID(), e.TGID(), len(e.ThreadGroup().Threads()))
	}
	kill(t, k.Init, 2, abi.SIGTERM)
	e.Gone()
	if r, err := wait(t, k.Init, abi.P_ALL, 0, abi.WEXITED); err != nil || r.PID != 2 || r.Status != abi.SIGTERM {
		t.Errorf("wait: %+v, %v", r, err)
	}
}

func TestExecReleasesVforkParent(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	vfork := c.StartDo(func(p *proc.Task) {
		_, _ = p.Clone(&proc.CloneArgs{Flags: abi.CLONE_VM | abi.CLONE_VFORK, ExitSignal: abi.SIGCHLD})
	}).Asleep()
	v := k.Find(3)
	do(t, v, func(p *proc.Task) error { return p.Exec(exec("/init")) })
	vfork.Wait()
	v.SetWord(proctest.Scratch, 5)
	if c.Word(proctest.Scratch) != 0 {
		t.Error("memory is shared after execve")
	}
}

func TestScriptArguments(t *testing.T) {
	k := proctest.New(t)
	k.WriteFile("/s", 0o755, []byte("#! /init  one two \n"))
	k.WriteFile("/ss", 0o755, []byte("#!/s"))
	k.WriteFile("/sss", 0o755, []byte("#!/s \n"))
	c := k.Init.Fork()
	for path, want := range map[string][]string{
		"/s": {"/init", "one two", "/s", "arg"}, "/ss": {"/init", "one two", "/s", "/ss", "arg"},
		"/sss": {"/init", "one two", "/s", "/sss", "arg"},
	} {
		do(t, c, func(p *proc.Task) error { return p.Exec(exec(path, "zero", "arg")) })
		if got := c.StartStack().Args; !slices.Equal(got, want) {
			t.Errorf("%s: arguments %q, want %q", path, got, want)
		}
	}
}

func TestSetUIDProgram(t *testing.T) {
	k := proctest.New(t)
	k.WriteFile("/suid", 0o755, proctest.Program())
	do(t, k.Init, func(p *proc.Task) error {
		return p.Caller.Fchmodat(abi.AT_FDCWD, []byte("/suid"), 0o4755, 0)
	})
	c := k.Init.Fork()
	do(t, c, func(p *proc.Task) error {
		return p.ChangeCred(func(c *user.Cred) (*user.Cred, error) { return c.SetRESUID(1000, 1000, 1000) })
	})
	plain := c.Fork()
	do(t, plain, func(p *proc.Task) error { p.SetNoNewPrivs(); return p.Exec(exec("/suid")) })
	if plain.Cred().EUID != 1000 {
		t.Errorf("with no_new_privs: euid %d", plain.Cred().EUID)
	}
	do(t, c, func(p *proc.Task) error { return p.Exec(exec("/suid")) })
	if cr := c.Cred(); cr.UID != 1000 || cr.EUID != 0 || cr.SUID != 0 || c.Dumpable() != 0 {
		t.Errorf("uid %d, euid %d, suid %d, dumpable %d", cr.UID, cr.EUID, cr.SUID, c.Dumpable())
	}
}

func TestPositionIndependentProgram(t *testing.T) {
	k := proctest.New(t)
	b := change(map[int]uint32{16: 3<<16 | 3, 24: 0x102, 52 + 8: 0, 84 + 8: 0x1000})
	k.WriteFile("/pie", 0o755, b)
	k.WriteFile("/ld", 0o755, b)
	d := slices.Clone(b)
	copy(d[0x200:], "/ld\x00")
	binary.LittleEndian.PutUint32(d[116:], 3)
	binary.LittleEndian.PutUint32(d[120:], 0x200)
	binary.LittleEndian.PutUint32(d[132:], 4)
	k.WriteFile("/dyn", 0o755, d)
	c := k.Init.Fork()
	do(t, c, func(p *proc.Task) error { return p.Exec(exec("/pie")) })
	aux := c.StartStack().Auxv
	bias := aux[abi.AT_ENTRY] - 0x102
	if bias == 0 || bias%abi.PageSize != 0 || aux[abi.AT_BASE] != 0 || aux[abi.AT_PHDR] != bias+52 {
		t.Errorf("static-PIE: %#x", aux)
	}
	do(t, c, func(p *proc.Task) error { return p.MM().CopyOut(bias+0x1000, []byte{1}) })
	do(t, c, func(p *proc.Task) error { return p.Exec(exec("/dyn")) })
	aux = c.StartStack().Auxv
	bias = aux[abi.AT_ENTRY] - 0x102
	base := aux[abi.AT_BASE]
	if bias < 0x56555000 || base == 0 || base == bias {
		t.Errorf("dynamic: %#x", aux)
	}
	if code := c.Load(base+0x100, 2); code[0] != 0xcd || code[1] != 0x80 {
		t.Errorf("the interpreter's code is %x", code)
	}
	if m, ok := c.MM().Find(base); !ok || m.Prot != mm.ProtRead|mm.ProtExec {
		t.Errorf("the interpreter's code is mapped %v", m.Prot)
	}
}

// A program's dynamic loader takes its first memory from behind its data, to the end of their page: nothing of the file
// may be there.
func TestLastPageOfDataEndsInZeros(t *testing.T) {
	k := proctest.New(t)
	k.WriteFile("/data", 0o755, change(map[int]uint32{84 + 16: 0x10, 84 + 20: 0x20}))
	c := k.Init.Fork()
	do(t, c, func(p *proc.Task) error { return p.Exec(exec("/data")) })
	for at, b := range c.Load(proctest.Scratch+0x10, abi.PageSize-0x10) {
		if b != 0 {
			t.Fatalf("byte %#x behind the data is %#x", at, b)
		}
	}
}
