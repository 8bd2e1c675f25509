package linux386_test

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"time"

	"cleave/abi"
	"cleave/abi/linux386"
	"cleave/mm"
	"cleave/proc"
	"cleave/proc/proctest"
)

// TestDispatch calls numbers in and out of the table's range.
func TestDispatch(t *testing.T) {
	k := proctest.New(t)
	for _, nr := range []uint32{17, 222, 400 + 87, 463, 1000, 1 << 31, ^uint32(0)} {
		if _, err := k.Init.Syscall(nr, 1, 2, 3, 4, 5, 6); err != abi.ENOSYS {
			t.Errorf("%d: %v", nr, err)
		}
	}
	if v := k.Init.Must(nrGetpid); v != 1 {
		t.Errorf("getpid %d", v)
	}
}

// BenchmarkCall is a call without arguments, through the table, as often as the test's processor traps.
func BenchmarkCall(b *testing.B) {
	k := proctest.New(b)
	b.ReportAllocs()
	k.Init.Repeat(nrGetpid, b.N)
}

func TestCallAllocatesNothing(t *testing.T) {
	k := proctest.New(t)
	file := k.Init.PushString("/init")
	stat := k.Init.Alloc(96)
	fd := k.Init.Must(nrOpen, file, 0)
	k.Init.Do(func(p *proc.Task) {
		call := func(nr uint32, args ...uint32) {
			p.Ctx.EAX, p.Ctx.Vector = nr, proc.VectorSyscall
			for i, r := range [...]*uint32{&p.Ctx.EBX, &p.Ctx.ECX, &p.Ctx.EDX, &p.Ctx.ESI, &p.Ctx.EDI} {
				if i < len(args) {
					*r = args[i]
				}
			}
			k.ABI.Syscall(p)
		}
		for name, f := range map[string]func(){
			"getpid":          func() { call(nrGetpid) },
			"read":            func() { call(3, fd, stat, 10) },
			"pread64":         func() { call(180, fd, stat, 10, 0, 0) },
			"lseek":           func() { call(19, fd, 0, 0) },
			"fstat64":         func() { call(197, fd, stat) },
			"stat64":          func() { call(195, file, stat) },
			"clock_gettime64": func() { call(nrClockGet64, 1, stat) },
			"rt_sigprocmask":  func() { call(175, 0, 0, stat, 8) },
			"poll":            func() { call(168, stat, 0, 0) },
			"no such call":    func() { call(2000) },
			"bad descriptor":  func() { call(3, 999, stat, 1) },
			"bad address":     func() { call(3, fd, 0, 1) },
		} {
			f()
			if n := testing.AllocsPerRun(20, f); n != 0 {
				t.Errorf("%s allocates %v times", name, n)
			}
		}
	})
}

// TestFastCall comes in as __kernel_vsyscall does: the sixth argument is on the stack, EBP is anything.
func TestFastCall(t *testing.T) {
	k := proctest.New(t)
	k.Init.Do(func(p *proc.Task) {
		c := p.Ctx
		sp := c.ESP
		for _, vector := range []uint32{proc.VectorSysenter, proc.VectorSyscallInsn} {
			if err := p.MM().Store32(sp, 4); err != nil { // mmap2's offset in pages
				t.Fatal(err)
			}
			c.Vector, c.EBP = vector, 0xdeadbeef
			c.EAX, c.EBX, c.ECX, c.EDX, c.ESI, c.EDI = 192, 0, 4096, 3, abi.MAP_PRIVATE|abi.MAP_ANONYMOUS, ^uint32(0)
			k.ABI.Syscall(p)
			if c.EAX >= mm.UserLimit {
				t.Errorf("mmap2: %x", c.EAX)
			}
			// To make the call again the kernel goes back to int $0x80, which wants it in EBP.
			ip := c.EIP
			p.SyscallNr = 192
			k.ABI.Restart(p, false)
			if c.EBP != 4 || c.EAX != 192 || c.EIP != ip-2 {
				t.Errorf("restart: EBP %x EAX %d EIP %x", c.EBP, c.EAX, c.EIP-ip)
			}
			c.EIP = ip
		}
		c.ESP, c.EAX, c.Vector = 0, 192, proc.VectorSysenter
		k.ABI.Syscall(p)
		if abi.Errno(-c.EAX) != abi.EFAULT {
			t.Errorf("no stack: %d", int32(c.EAX))
		}
		c.ESP = sp
		c.Vector = proc.VectorSyscall
	})
}

// TestTrace holds lines of the trace against what they should be.
func TestTrace(t *testing.T) {
	var lines []string
	k := proctest.NewWith(t, proctest.Options{Trace: func(l []byte) { lines = append(lines, string(l)) }})
	i := k.Init
	path, data := i.PushString("/tmp\x01"), i.PushString("hello, world")
	fds := i.Alloc(8)
	for _, c := range []struct {
		want string
		call []uint32
	}{
		{`open("/tmp\x01", O_RDONLY|O_CLOEXEC, 0) = -1 ENOENT`, []uint32{5, path, abi.O_CLOEXEC}},
		{`getpid() = 1`, []uint32{20}},
		{`pipe2([0, 1], O_RDONLY|O_NONBLOCK) = 0`, []uint32{331, fds, abi.O_NONBLOCK}},
		{`write(1, "hello", 5) = 5`, []uint32{4, 1, data, 5}},
		{`read(0, "hell", 4) = 4`, []uint32{3, 0, fds + 64, 4}},
		{`_llseek(0, 0, 0, NULL, SEEK_END) = -1 ESPIPE`, []uint32{140, 0, 0, 0, 0, 2}},
		{`pread64(0, 0x1, 4, 4294967298) = -1 ESPIPE`, []uint32{180, 0, 1, 4, 2, 1}},
		{`kill(1, SIGUSR1) = 0`, []uint32{37, 1, 0}},
		{`openat(AT_FDCWD, NULL, O_WRONLY, 0644) = -1 EFAULT`, []uint32{295, ^uint32(99), 0, 1, 0o644}},
		{`clone(CLONE_VM|CLONE_THREAD|SIGCHLD, NULL, NULL, NULL, NULL) = -1 EINVAL`, []uint32{120, 0x10111}},
		{`syscall_4000() = -1 ENOSYS`, []uint32{4000}},
		{`brk(NULL) = 0x`, []uint32{45, 0}},
		{`mount("hello, world", "/tmp\x01", NULL, MS_BIND|MS_REC, NULL) = -1 ENOENT`, []uint32{21, data, path, 0, 0xc0ed5000, 0}},
		{`clock_gettime64(CLOCK_MONOTONIC, {tv_sec=1, tv_nsec=0}) = 0`, []uint32{403, 1, fds}},
	} {
		want := strings.Replace(c.want, "SIGUSR1", "0", 1)
		lines = nil
		i.Syscall(c.call[0], c.call[1:]...)
		if len(lines) != 1 || !strings.HasPrefix(lines[0], want) {
			t.Errorf("%q, want %q", lines, want)
		}
	}
}

// TestFinalTrace: a call that does not return is shown before.
func TestFinalTrace(t *testing.T) {
	var lines []string
	k := proctest.NewWith(t, proctest.Options{Trace: func(l []byte) { lines = append(lines, string(l)) }})
	k.Init.Start(252, 7)
	k.Init.Gone()
	if len(lines) != 1 || lines[0] != "exit_group(7) = ?" {
		t.Errorf("%q", lines)
	}
}

func TestSupport(t *testing.T) {
	calls := linux386.Calls()
	if len(calls) < 400 || calls[0].Name != "restart_syscall" || calls[len(calls)-1].Nr < 450 {
		t.Errorf("%d calls", len(calls))
	}
}

// TestThreadArea sets, reads and refuses TLS descriptors (set_thread_area(2)).
func TestThreadArea(t *testing.T) {
	k := proctest.New(t)
	i := k.Init
	const flat = 0x51 // 32 bits, limit in pages, useable
	d := i.PushWords(^uint32(0), 0x12345678, 0xfffff, flat)
	i.Must(nrSetThread, d)
	if n := i.Word(d); n != proc.TLSFirst {
		t.Errorf("entry %d", n)
	}
	var got uint64
	i.Do(func(p *proc.Task) { got = p.Ctx.TLS[0] })
	if want := uint64(0x12df_f334_5678_ffff); got != want {
		t.Errorf("descriptor %x, want %x", got, want)
	}
	r := i.PushWords(proc.TLSFirst, 0, 0, 0)
	i.Must(nrSetThread+1, r)
	if string(i.Load(d, 16)) != string(i.Load(r, 16)) {
		t.Errorf("set %x, got %x", i.Load(d, 16), i.Load(r, 16))
	}
	for _, c := range []struct {
		err   error
		words []uint32
	}{
		{abi.EINVAL, []uint32{11, 0, 0, flat}},
		{abi.EINVAL, []uint32{15, 0, 0, flat}},
		{abi.EINVAL, []uint32{12, 0, 1, flat &^ 1}},
		{abi.EINVAL, []uint32{12, 0, 1, flat | 2<<1}},
		{nil, []uint32{13, 0, 1, flat}},
		{nil, []uint32{^uint32(0), 0, 1, flat}},
		{abi.ESRCH, []uint32{^uint32(0), 0, 1, flat}},
		{nil, []uint32{13, 0, 0, 0x28}}, // empty
		{nil, []uint32{^uint32(0), 0, 1, flat}},
	} {
		if _, err := i.Syscall(nrSetThread, i.PushWords(c.words...)); err != c.err {
			t.Errorf("%x: %v, want %v", c.words, err, c.err)
		}
	}
	if _, err := i.Syscall(nrSetThread, 0); err != abi.EFAULT {
		t.Errorf("null: %v", err)
	}
}

// TestStart looks at the stack, the registers and the vDSO of the first process.
func TestStart(t *testing.T) {
	k := proctest.New(t)
	r := k.Init.Sync().Regs
	if r.ESP%16 != 0 || r.EAX|r.EBX|r.ECX|r.EDX|r.ESI|r.EDI|r.EBP != 0 {
		t.Errorf("registers %+v", r)
	}
	s := k.Init.StartStack()
	if len(s.Args) != 1 || s.Args[0] != "init" || len(s.Env) != 0 {
		t.Errorf("%+v", s)
	}
	if s.Auxv[abi.AT_PAGESZ] != 4096 || s.Auxv[abi.AT_CLKTCK] != 100 || s.Auxv[abi.AT_PHNUM] != 3 || s.Auxv[abi.AT_SECURE] != 0 {
		t.Errorf("auxiliary vector %v", s.Auxv)
	}
	if p := k.Init.String(s.Auxv[abi.AT_PLATFORM]); p != "i686" {
		t.Errorf("platform %q", p)
	}
	if p := k.Init.String(s.Auxv[abi.AT_EXECFN]); p != "/init" {
		t.Errorf("execfn %q", p)
	}
	base := s.Auxv[abi.AT_SYSINFO_EHDR]
	if h := k.Init.Load(base, 4); string(h) != "\x7fELF" {
		t.Errorf("vDSO %q", h)
	}
	entry := s.Auxv[abi.AT_SYSINFO]
	if b := k.Init.Load(entry, 3); b[0] != 0xcd || b[1] != 0x80 || b[2] != 0xc3 { // int $0x80; ret
		t.Errorf("__kernel_vsyscall %x", b)
	}
	k.ABI.(*linux386.ABI).SetTime(linux386.TimeSource{TSC: 7, Mult: 1 << 31, Shift: 31, Monotonic: 3e9, Realtime: 5e9})
	page := k.Init.Load(base-4096, 64)
	if seq := binary.LittleEndian.Uint32(page); seq != 2 {
		t.Errorf("sequence %d", seq)
	}
	if sec := binary.LittleEndian.Uint32(page[24:]); sec != 5 {
		t.Errorf("CLOCK_REALTIME %d", sec)
	}
	if _, err := k.Init.Syscall(nrWrite, 1, base-4096, 1); err != abi.EBADF {
		t.Errorf("write: %v", err)
	}
	k.Init.Do(func(p *proc.Task) {
		if p.MM().Store32(base-4096, 1) == nil {
			t.Error("the data page can be written")
		}
	})
}

// TestShiftedClocks: in a time namespace with offsets the data page of the vDSO knows no clock, in a child as after execve.
func TestShiftedClocks(t *testing.T) {
	k := proctest.New(t)
	k.ABI.(*linux386.ABI).SetTime(linux386.TimeSource{Mult: 1 << 31, Shift: 31})
	base := k.Init.StartStack().Auxv[abi.AT_SYSINFO_EHDR]
	valid := func(i *proctest.Task) uint32 { return i.Word(base - 4096 + 4) }
	if valid(k.Init) == 0 {
		t.Fatal("no clock to begin with")
	}
	k.Init.Must(nrUnshare, abi.CLONE_NEWTIME)
	k.Init.Do(func(p *proc.Task) {
		now := time.Duration(k.Clock.Monotonic())
		if _, err := p.NS().TimeForChildren.WriteOffsets(p.Cred(), "monotonic 1000 0\n", now); err != nil {
			t.Error(err)
		}
	})
	c := k.Init.Fork()
	if valid(c) != 0 || valid(k.Init) == 0 {
		t.Errorf("clocks of the child %x, of the parent %x", valid(c), valid(k.Init))
	}
	at := c.Alloc(16)
	c.Must(nrClockGet64, abi.CLOCK_MONOTONIC, at)
	if sec := c.Word(at); sec < 1000 {
		t.Errorf("the child's clock is at %d s", sec)
	}
}

// TestArguments reads from the table what calls take.
func TestArguments(t *testing.T) {
	byName := map[string]linux386.Support{}
	for _, c := range linux386.Calls() {
		byName[c.Name] = c
	}
	open := byName["openat"].Args
	if len(open) != 4 || open[0].Type != "DirFD" || open[1].Type != "Path" || open[2].Type != "OpenFlags" || open[3].Type != "Mode" {
		t.Errorf("openat takes %+v", open)
	}
	if !slices.Contains(open[2].Values, abi.O_CLOEXEC) || open[0].Values != nil {
		t.Errorf("values of openat: %+v", open)
	}
	limit := byName["prlimit64"].Args[2]
	want := []linux386.Field{{Name: "rlim_cur", Offset: 0, Size: 8}, {Name: "rlim_max", Offset: 8, Size: 8}}
	if limit.Type != "Ptr" || !slices.Equal(limit.Fields, want) {
		t.Errorf("prlimit64 takes %+v", limit)
	}
}
