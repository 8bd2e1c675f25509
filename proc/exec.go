package proc

import (
	"cleave/abi"
	"cleave/fs"
	"cleave/mm"
	"cleave/ns"
	"cleave/ns/user"
	"cleave/proc/elf"
)

// ExecArgs are the arguments of execve(2) and execveat(2).
type ExecArgs struct {
	DirFD int32 // abi.AT_FDCWD for execve
	Path  string
	Flags uint32 // AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW
	Args  []string
	Env   []string
}

// Limits on the arguments of a program (execve(2), "Limits on size of arguments and environment").
const (
	MaxArgBytes  = 32 * abi.PageSize // of one string, its NUL included
	minArgsBytes = 32 * abi.PageSize // of all strings and pointers together
	maxArgsBytes = 6 << 20
	groupExec    = 0o010 // mode bit: without it, S_ISGID means something else
	argPointer   = 8     // bytes that Linux counts for each pointer, whatever the ABI
)

// ArgsLimit is how many bytes the arguments and the environment of a program may take, with 8 bytes for each pointer:
// a quarter of the stack, between two bounds, but never more than the stack.
func (t *Task) ArgsLimit() int {
	stack := t.group.limits.get(abi.RLIMIT_STACK).Cur
	return int(min(max(min(stack/4, maxArgsBytes), minArgsBytes), stack))
}

// program is a new program that is being prepared: nothing of it can be seen until commit.
type program struct {
	task   *Task
	file   *fs.File // the program itself; for a script, its interpreter
	loader *fs.File // what PT_INTERP names, or nil
	execFn string   // AT_EXECFN
	script string   // for a script, the interpreter that takes its place
	name   string   // for comm
	args   []string
	env    []string

	image       *elf.Image
	loaderImage *elf.Image
	persona     uint32

	cred    *user.Cred
	oldCred *user.Cred // what it has replaced
	secure  bool
	traced  bool  // by someone who may not see what set-id programs do; cred has none of their privileges
	dump    int32 // the new value of dumpable

	mm         *mm.AddressSpace
	files      *fs.FDTable  // a copy, if the task's is shared
	handlers   *SigHandlers // likewise
	set        *ns.Set      // if the time namespace changes
	entry, sp  uint32
	landing    uint32
	vdso       uint32
	bias, base uint32
	stackTop   uint32
}

// Exec is execve(2) and execveat(2). Everything that can fail is done before the task is touched; from there on only
// its death can come between. Errors: those of execve(2), and EAGAIN if another thread of the process execs or ends it.
func (t *Task) Exec(a *ExecArgs) error {
	id := t.idForTracer()
	p := program{task: t}
	for taken := false; !taken; taken = p.takeCredentials() {
		p.drop()
		p = program{task: t, args: a.Args, env: a.Env, persona: t.persona.Load() &^ (abi.READ_IMPLIES_EXEC)}
		err := p.prepare(a)
		if err == nil {
			err = t.killThreads()
		}
		if err != nil {
			p.drop()
			return err
		}
	}
	p.commit()
	t.k.mu.Lock()
	t.execEventLocked(id)
	t.k.mu.Unlock()
	return nil
}

func (p *program) prepare(a *ExecArgs) error {
	if p.task.tooManyProcesses() {
		return abi.EAGAIN
	}
	if len(p.args) == 0 {
		p.args = []string{""} // as Linux since 5.18: a program may rely on argv[0]
	}
	if err := p.open(a); err != nil {
		return err
	}
	if err := p.checkArgs(); err != nil {
		return err
	}
	if err := p.parse(); err != nil {
		return err
	}
	if err := p.credentials(); err != nil {
		return err
	}
	if err := p.load(); err != nil {
		return err
	}
	return p.parts()
}

// checkArgs keeps the arguments in their limits. E2BIG.
func (p *program) checkArgs() error {
	room := p.task.ArgsLimit() - argPointer*(len(p.args)+len(p.env))
	for _, list := range [...][]string{p.args, p.env} {
		for _, s := range list {
			if len(s) >= MaxArgBytes {
				return abi.E2BIG
			}
			room -= len(s) + 1
		}
	}
	room -= len(p.execFn) + 1
	if room < 0 {
		return abi.E2BIG
	}
	return nil
}

// parse reads the headers of the program and of its interpreter.
func (p *program) parse() error {
	target := p.task.k.ABI.Target()
	img, err := elf.Parse(p.reader(p.file), target)
	if err != nil {
		return err
	}
	p.image = img
	if img.Stack == elf.StackDefault {
		p.persona |= abi.READ_IMPLIES_EXEC
	}
	if img.Interp == "" {
		return nil
	}
	p.loader, err = p.task.Caller.OpenExec(abi.AT_FDCWD, []byte(img.Interp), 0)
	if err != nil {
		return err
	}
	p.loaderImage, err = elf.ParseInterp(p.reader(p.loader), target)
	return err
}

// credentials computes what execve makes of the task's credentials (capabilities(7)).
func (p *program) credentials() error {
	t := p.task
	i := p.file.Inode()
	mode := i.Mode()
	caps, err := t.fileCaps(p.file)
	if err != nil {
		return err
	}
	prog := user.Program{
		Caps: caps,
		UID:  i.UID(), GID: i.GID(), SetUID: mode&abi.S_ISUID != 0,
		SetGID:   mode&(abi.S_ISGID|groupExec) == abi.S_ISGID|groupExec,
		MaySetID: maySetID(p.file.Path(), t.Caller.Cred),
	}
	t.k.mu.Lock()
	p.traced = t.tracedUnsafelyLocked()
	t.k.mu.Unlock()
	unsafe := user.Unsafe{NoNewPrivs: t.NoNewPrivs(), SharedFS: t.sharesFS(), Traced: p.traced}
	c, secure, err := t.Caller.Cred.Exec(prog, unsafe)
	if err != nil {
		return err
	}
	p.cred, p.secure = c, secure
	if secure {
		p.persona &^= abi.READ_IMPLIES_EXEC | abi.ADDR_NO_RANDOMIZE | abi.ADDR_COMPAT_LAYOUT | abi.MMAP_PAGE_ZERO
		if p.image.Stack == elf.StackDefault {
			p.persona |= abi.READ_IMPLIES_EXEC
		}
	}
	p.dump = 1
	if c.EUID != c.UID || c.EGID != c.GID || i.Access(&t.Caller, abi.R_OK) != nil {
		p.dump = suidDumpable
	}
	return nil
}

// maySetID reports whether the set-id bits of a program count for a task with cred: the mount is not nosuid, and the
// file system belongs to the task's user namespace or an ancestor of it (mount(2), MS_NOSUID).
func maySetID(p fs.Path, cred *user.Cred) bool {
	owner := p.Mount.Superblock().Owner()
	return p.Mount.Flags()&fs.MountNoSUID == 0 && (owner == nil || cred.NS.Within(owner))
}

// sharesFS reports whether a task of another process has the task's root and cwd.
func (t *Task) sharesFS() bool {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	own := 0
	for _, o := range t.group.threads {
		if o.Caller.FS == t.Caller.FS {
			own++
		}
	}
	return t.Caller.FS.Users() > own
}

// parts copies what the program must not share with other processes.
func (p *program) parts() error {
	t := p.task
	if t.Caller.Files.Shared() {
		files, err := t.Caller.Files.Copy(t.k.OpenFiles())
		if err != nil {
			return err
		}
		p.files = files
	}
	if t.set.Time != t.set.TimeForChildren {
		p.set = t.set.ForChild()
	}
	t.k.mu.Lock()
	if t.handlers.Users() > 1 {
		p.handlers = t.handlers.copyLocked()
	}
	t.k.mu.Unlock()
	return nil
}

// drop gives up a program that was not started.
func (p *program) drop() {
	if p.mm != nil {
		p.mm.Unref()
	}
	if p.files != nil {
		p.files.Leave()
	}
	if p.set != nil {
		p.set.Put()
	}
	p.closeFiles()
}

func (p *program) closeFiles() {
	if p.file != nil {
		p.file.Put()
	}
	if p.loader != nil {
		p.loader.Put()
	}
}

// killThreads makes the caller the only thread of its process, and its leader. EAGAIN: the process is ending, or another
// thread does this.
func (t *Task) killThreads() error {
	k, g := t.k, t.group
	k.mu.Lock()
	defer k.mu.Unlock()
	if g.exiting || g.execTask != nil || t.dyingLocked() {
		return abi.EAGAIN
	}
	g.execTask = t
	for _, o := range g.threads {
		if o != t {
			o.dieLocked()
		}
	}
	for !t.onlyThreadLocked() {
		if t.dyingLocked() {
			g.execTask = nil
			return abi.EAGAIN
		}
		k.mu.Unlock()
		t.park()
		k.mu.Lock()
	}
	if g.leader != t {
		t.becomeLeaderLocked()
	}
	g.execTask = nil
	return nil
}

func (t *Task) onlyThreadLocked() bool {
	for _, o := range t.group.threads {
		if o != t && !o.exited.Load() {
			return false
		}
	}
	return true
}

// becomeLeaderLocked gives t the place and the id of the leader, which has exited.
func (t *Task) becomeLeaderLocked() {
	g := t.group
	old := g.leader
	t.pid, old.pid = old.pid, t.pid
	t.tid = t.tgid
	if tr := old.trace; tr != nil {
		old.unlinkTracerLocked()
		tr.tracer.group.childQueue.Notify(childEvents) // there is nothing to wait for any more
	}
	g.addUsageLocked(old)
	g.removeThreadLocked(old)
	old.unhashLocked()
	t.pid.Task = t
	g.leader = t
}

// takeCredentials makes the credentials of the program those of the task, which is alone. It reports false if a tracer has
// come since they were made whom they would give too much.
func (p *program) takeCredentials() bool {
	t := p.task
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	if !p.traced && t.tracedUnsafelyLocked() {
		return false
	}
	p.oldCred = t.Caller.Cred
	user.Commit(p.oldCred, p.cred)
	if user.GainsOrMoves(p.oldCred, p.cred) || p.secure {
		t.pdeathSignal = 0
	}
	t.Caller.Cred = p.cred
	if p.dump != 1 {
		t.group.dumpable.Store(p.dump)
	}
	return true
}

// commit starts the program. It cannot fail.
func (p *program) commit() {
	t := p.task
	k, g := t.k, t.group
	if t.mm != nil {
		t.leaveMemory()
	}
	t.timersExec()

	k.mu.Lock()
	old := parts{task: t, mm: p.mm, files: p.files, handlers: p.handlers}
	swap(&t.Caller.Files, &old.files)
	swap(&t.handlers, &old.handlers)
	t.mm, old.mm = p.mm, t.mm
	t.mm.SetAccount(g.account.Load())
	oldSet := p.set
	swap(&t.set, &oldSet)
	t.Ctx.Root = t.mm.Root()
	k.cpu.Reload(t.Ctx)
	t.handlers.resetLocked()
	g.execed, g.exitSignal = true, abi.SIGCHLD
	k.mu.Unlock()

	g.dumpable.Store(p.dump)
	t.altStack = AltStack{}
	t.robustHead = 0
	t.persona.Store(p.persona)
	t.setComm(p.name)
	if old.mm != nil {
		g.noteRSS(old.mm)
	}
	old.drop()
	if oldSet != nil {
		oldSet.Put()
	}
	p.closeFiles()
	t.Caller.Files.CloseOnExec()
	k.cpu.InitFPU(t.Ctx)
	k.ABI.StartRegs(t.Ctx, p.entry, p.sp)
	t.Ctx.Landing = p.landing
	t.Ctx.Vector = VectorSyscall // the registers have nothing to do with how execve was called
	t.clearDebugRegisters()
	k.cpu.Reload(t.Ctx)
	if k.announced() {
		t.announceCred(p.oldCred, p.cred)
		t.announce(abi.PROC_EVENT_EXEC)
	}
}
