package linux386_test

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"cleave/abi"
	"cleave/abi/linux386"
	"cleave/proc/proctest"
)

// Where the processes of TestBadPointers have memory that is bad in some way.
const (
	lastByte = 0x30000fff // the last byte before a hole
	hole     = 0x30001000
	readOnly = 0x31000000 // a page that cannot be written to
)

// badPointers are addresses that no call can use. Those after the first name no memory at all.
var badPointers = []struct {
	name string
	addr uint32
}{
	{"NULL", 0}, {"the first page", 16}, {"a hole", hole}, {"the kernel's half", 0xffffe000}, {"the last word", 0xfffffffc},
	{"the last byte", 0xffffffff}, {"a byte before a hole", lastByte}, {"read-only memory", readOnly},
}

// The descriptors that the processes have.
const (
	fdFile = iota
	fdReadEnd
	fdWriteEnd
	fdSocket // has something to read
	fdPeer
	fdEpoll // has something ready
	fdTimer
	fdInotify
	fdDir
	fdQueue // has a message
	fdListener
	fdClient // waits to be accepted
	fdDatagram
	fdContext // of a file system
)

// mayBeNull has the arguments that a null pointer is good for: that something is not asked for, or not given.
var mayBeNull = strings.Fields(`execve.1 execve.2 execveat.2 execveat.3 time.0 mount.0 mount.2 mount.4 timer_settime.2 timer_settime64.2 sched_setattr.1 sched_getattr.1 utime.1 times.0 sigaction.1
	sigaction.2 gettimeofday.0 gettimeofday.1 settimeofday.0 settimeofday.1 setitimer.1 setitimer.2 waitpid.1 wait4.1 wait4.3
	waitid.2 waitid.4 sched_setparam.1 sched_getparam.1 sched_setscheduler.2 sigprocmask.1 sigprocmask.2 _newselect.1 _newselect.2 _newselect.3 _newselect.4 rt_sigaction.1
	rt_sigaction.2 rt_sigprocmask.1 rt_sigprocmask.2 rt_sigtimedwait.1 rt_sigtimedwait.2 capget.1 sigaltstack.0 sigaltstack.1
	sendfile.2 sendfile64.2 futex.3 timer_create.1 timer_settime.3 timer_settime64.3 clock_getres.1 clock_getres_time64.1
	utimes.1 mq_open.3 mq_timedsend.4 mq_timedreceive.3 mq_timedreceive.4 mq_notify.1 mq_getsetattr.1 mq_getsetattr.2
	futimesat.2 pselect6.1 pselect6.2 pselect6.3 pselect6.4 pselect6.5 ppoll.2 ppoll.3 splice.1 splice.3 getcpu.0 getcpu.1
	epoll_pwait.4 utimensat.2 utimensat_time64.2 timerfd_settime.3 timerfd_settime64.3 recvmmsg.4 prlimit64.2 prlimit64.3
	accept4.1 sendto.4 copy_file_range.1 copy_file_range.3 pselect6_time64.1 pselect6_time64.2 pselect6_time64.3
	pselect6_time64.4 pselect6_time64.5 ppoll_time64.2 ppoll_time64.3 recvmmsg_time64.4 mq_timedsend_time64.4
	mq_timedreceive_time64.3 mq_timedreceive_time64.4 semtimedop_time64.3 rt_sigtimedwait_time64.1 rt_sigtimedwait_time64.2
	futex_time64.3 pidfd_send_signal.2 epoll_pwait2.3 epoll_pwait2.4 fsconfig.2 fsconfig.3`)

// notLoaded has the arguments that the call itself does not read or write, and why.
var notLoaded = map[string]string{
	"brk.0": "a limit", "signal.1": "a handler", "set_tid_address.0": "for the end of the thread", "getcpu.2": "a cache of old",
	"set_robust_list.0": "for the end of the thread", "reboot.3": "for commands that end the test", "syslog.1": "there is no log",
	"munmap.0": "a range", "mprotect.0": "a range", "msync.0": "a range", "mlock.0": "a range", "munlock.0": "a range",
	"mremap.0": "a range", "mremap.4": "a range", "mmap2.0": "a range", "madvise.0": "a range", "mincore.0": "a range",
	"mlock2.0": "a range", "pkey_mprotect.0": "a range", "shmat.1": "a range", "shmdt.0": "a range", "arch_prctl.1": "amd64's",
	"clone.1": "a stack", "clone.2": "not asked for", "clone.3": "not asked for", "clone.4": "not asked for",
	"nanosleep.1": "written after a signal", "clock_nanosleep.3": "written after a signal",
	"clock_nanosleep_time64.3": "written after a signal", "futex.4": "another operation's", "futex_time64.4": "another operation's",
	"rt_sigtimedwait.1": "written after a signal", "rt_sigtimedwait_time64.1": "written after a signal",
	"recvfrom.4": "a stream has no addresses", "recvfrom.5": "a stream has no addresses", "ipc.4": "depends on the call",
	"ptrace.2": "depends on the request", "ptrace.3": "depends on the request", "fsconfig.2": "depends on the command", "semctl.3": "depends on the command", "shmctl.2": "no shared memory in this kernel",
}

// pointerTest makes processes in which every call has something to work on.
type pointerTest struct {
	k     *proctest.Kernel
	good  map[string][]uint32 // arguments of calls, where those of their types would fail for another reason
	buf   uint32
	path  uint32
	words uint32 // an int 16

	address []uint32 // of the listener
	queue   uint32   // System V's
}

func newPointerTest(t *testing.T) *pointerTest {
	p := &pointerTest{k: proctest.New(t)}
	i := p.k.Init
	p.k.Mkdir("/tmp", 0o1777)
	p.k.Mkdir("/tmp/d", 0o777)
	p.k.Mkdir("/tmp/m", 0o777)
	p.k.WriteFile("/tmp/f", 0o644, []byte("some text for those who read"))
	const page, private = 4096, abi.MAP_PRIVATE | abi.MAP_ANONYMOUS | abi.MAP_FIXED
	i.Must(192, lastByte&^(page-1), page, abi.PROT_READ|abi.PROT_WRITE, private, ^uint32(0), 0)
	i.Store(lastByte, []byte("x"))
	i.Must(192, readOnly, page, abi.PROT_READ, private, ^uint32(0), 0)
	p.buf, p.path, p.words = i.Alloc(16384), i.PushString("/tmp/f"), i.PushWords(16)
	pair, here := i.Alloc(8), i.Push(binary.LittleEndian.AppendUint16(nil, abi.AF_UNIX))
	i.PushString("@x")
	i.Must(nrOpen, p.path, abi.O_RDWR)
	i.Must(nrPipe, pair)
	i.Must(360, abi.AF_UNIX, abi.SOCK_STREAM, 0, pair)
	i.Must(329, 0)                                                   // epoll_create1
	i.Must(255, fdEpoll, 1, fdWriteEnd, i.PushWords(4, 0, 0))        // epoll_ctl
	i.Must(322, 1, 0)                                                // timerfd_create
	i.Must(332, 0)                                                   // inotify_init1
	i.Must(nrOpen, i.PushString("/tmp/d"), abi.O_DIRECTORY)          //
	i.Must(277, i.PushString("q"), abi.O_CREAT|abi.O_RDWR, 0o600, 0) // mq_open
	i.Must(359, abi.AF_UNIX, abi.SOCK_STREAM, 0)                     // socket
	i.Must(361, fdListener, here, 2)                                 // bind, to a name of the kernel's choice
	name, length := i.Alloc(128), i.PushWords(128)                   //
	i.Must(367, fdListener, name, length)                            // getsockname
	i.Must(363, fdListener, 4096)                                    // listen
	i.Must(359, abi.AF_UNIX, abi.SOCK_STREAM, 0)                     //
	p.address = []uint32{name, i.Word(length)}
	i.Must(362, fdClient, p.address[0], p.address[1])
	i.Must(359, abi.AF_UNIX, abi.SOCK_DGRAM, 0)                 //
	i.Must(430, i.PushString("tmpfs"), 0)                       // fsopen
	i.Must(83, p.path, i.PushString("/tmp/l"))                  // symlink
	i.Must(226, p.path, i.PushString("trusted.a"), p.buf, 4, 0) // setxattr
	i.Must(206, 2, i.PushWords(1, 2))                           // setgroups32
	p.queue = i.Must(399, 0, 0o600)                             // msgget
	p.setGood(i.Must(393, 0, 1, 0o600))
	return p
}

// setGood fills in the table of arguments. sem is System V's.
func (p *pointerTest) setGood(sem uint32) {
	i := p.k.Init
	cwd := uint32(abi.AT_FDCWD & (1<<32 - 1))
	link, attr, trusted := i.PushString("/tmp/l"), i.PushString("trusted.a"), i.PushString("trusted.b")
	caps, name := i.PushWords(0x20080522, 0), i.PushString("q2")
	all := i.PushWords(24, 0, ^uint32(0), ^uint32(0), 0, 0)
	ids := i.Alloc(8)
	i.Must(21, link, i.PushString("/tmp/m"), i.PushString("tmpfs"), 0, 0) // mount
	i.Must(458, all, ids, 1, 0)                                           // listmount
	root := i.PushWords(24, 0, i.Word(ids), i.Word(ids+4), 1, 0)
	noSuid := i.PushWords(2, 0, 0, 0, 0, 0, 0, 0)
	message := i.PushWords(1, 0, 0)
	buf, path, words, queue := p.buf, p.path, p.words, p.queue
	p.good = map[string][]uint32{
		"access": {path, 4}, "faccessat": {cwd, path, 4}, "faccessat2": {cwd, path, 4, 0}, "ioctl": {fdFile, 0x541b, buf},
		"getgroups": {4, buf}, "getgroups32": {4, buf}, "readlink": {link, buf, 100}, "readlinkat": {cwd, link, buf, 100},
		"readdir": {fdDir, buf, 1}, "getdents": {fdDir, buf, 256}, "getdents64": {fdDir, buf, 256},
		"capget": {caps, buf}, "capset": {caps, buf}, "sigaltstack": {0, buf}, "futex": {buf, 0, 0, buf}, "futex_time64": {buf, 0, 0, buf},
		"setxattr": {path, trusted, buf, 4, 0}, "lsetxattr": {path, trusted, buf, 4, 0}, "fsetxattr": {fdFile, trusted, buf, 4, 0},
		"getxattr": {path, attr, buf, 100}, "lgetxattr": {path, attr, buf, 100}, "fgetxattr": {fdFile, attr, buf, 100},
		"listxattr": {path, buf, 100}, "llistxattr": {path, buf, 100}, "flistxattr": {fdFile, buf, 100},
		"mincore": {proctest.Scratch, 8192, buf}, "sethostname": {buf, 8}, "setdomainname": {buf, 8}, "epoll_wait": {fdEpoll, buf, 1, 0}, "epoll_pwait": {fdEpoll, buf, 1, 0, 0, 8},
		"epoll_pwait2": {fdEpoll, buf, 1, buf, 0, 8}, "timer_create": {1, 0, buf}, "statfs64": {path, 84, buf}, "fstatfs64": {fdFile, 84, buf},
		"mq_open": {name, abi.O_CREAT | abi.O_RDWR, 0o600, 0}, "mq_timedsend": {fdQueue, buf, 4, 0, buf}, "mq_timedreceive": {fdQueue, buf, 8192, buf, buf},
		"mq_timedsend_time64": {fdQueue, buf, 4, 0, buf}, "mq_timedreceive_time64": {fdQueue, buf, 8192, buf, buf},
		"mq_notify": {fdQueue, buf}, "mq_getsetattr": {fdQueue, buf, buf}, "waitid": {0, 0, buf, abi.WEXITED, buf},
		"waitpid": {^uint32(0), buf, 0}, "wait4": {^uint32(0), buf, 0, buf},
		"openat2": {cwd, path, buf, 24}, "timerfd_settime": {fdTimer, 0, buf, buf}, "timerfd_settime64": {fdTimer, 0, buf, buf},
		"timerfd_gettime": {fdTimer, buf}, "timerfd_gettime64": {fdTimer, buf}, "inotify_add_watch": {fdInotify, path, 2},
		"recvmmsg": {fdSocket, buf, 1, abi.MSG_DONTWAIT, buf}, "recvmmsg_time64": {fdSocket, buf, 1, abi.MSG_DONTWAIT, buf},
		"sendmmsg": {fdSocket, buf, 1, 0}, "bind": {fdDatagram, buf, 16}, "connect": {fdDatagram, buf, 16}, "accept4": {fdListener, buf, words, 0},
		"getsockopt": {fdSocket, 1, 3, buf, words}, "setsockopt": {fdSocket, 1, 2, buf, 4}, "getsockname": {fdSocket, buf, words},
		"getpeername": {fdClient, buf, words}, "sendto": {fdPeer, buf, 4, abi.MSG_DONTWAIT, 0, 0}, "sendto.4": {fdDatagram, buf, 4, 0, buf, 16}, "sendmsg": {fdSocket, buf, 0},
		"recvfrom": {fdSocket, buf, 4, 0, 0, 0}, "recvmsg": {fdSocket, buf, abi.MSG_DONTWAIT}, "clone3": {buf, 88}, "fsconfig": {fdContext, 1, attr, attr, 0},
		"mount_setattr": {cwd, path, 0, noSuid, 32}, "sched_getattr": {0, buf, 48, 0}, "seccomp": {1, 0, buf}, "clock_adjtime": {0, buf},
		"clock_adjtime64": {0, buf}, "msgsnd": {queue, message, 4, abi.IPC_NOWAIT}, "msgrcv": {queue, buf, 4, 0, abi.IPC_NOWAIT},
		"semctl": {sem, 0, 2, buf}, "msgctl": {queue, 2, buf}, "semtimedop_time64": {sem, buf, 1, buf},
		"statmount": {root, buf, 512, 0}, "listmount": {all, buf, 8, 0}, "pread64": {fdFile, buf, 8, 0, 0},
		"mount": {attr, i.PushString("/tmp/d"), i.PushString("tmpfs"), 0, 0}, "execve": {i.PushString("/init"), 0, 0},
		"execveat": {cwd, i.PushString("/init"), 0, 0, 0}, "timer_settime": {0, 0, buf, buf}, "timer_settime64": {0, 0, buf, buf},
		"timer_gettime": {0, buf}, "timer_gettime64": {0, buf}, "rt_sigqueueinfo": {1, 10, buf}, "pidfd_send_signal": {fdFile, 10, buf, 0},
	}
}

// word is an argument of a type that mostly does.
func (p *pointerTest) word(typ string) uint32 {
	switch typ {
	case "Path":
		return p.path
	case "Size":
		return 8
	case "DirFD":
		return ^uint32(99)
	case "Int", "Uint", "Clock", "Family", "SockType", "WaitOptions", "FutexOp":
		return 1
	case "Signal":
		return 10
	case "Mode":
		return 0o600
	}
	if isPointer(typ) {
		return p.buf
	}
	return 0
}

func isPointer(typ string) bool {
	name, _, _ := strings.Cut(typ, "[")
	return slices.Contains([]string{"Path", "Str", "StrList", "In", "Out", "Addr", "Ptr", "Ret", "InOut", "SigSet"}, name)
}

// isWritten reports whether the call writes where an argument of the type points.
func isWritten(typ string) bool {
	return typ == "Out" || strings.HasPrefix(typ, "Ret[")
}

// supply gives a process what the call takes away.
func (p *pointerTest) supply(child *proctest.Task, what string) {
	switch name, _, _ := strings.Cut(what, "."); name {
	case "waitpid", "wait4", "waitid":
		child.Fork().Exit(0)
	case "timer_settime", "timer_settime64", "timer_gettime", "timer_gettime64":
		child.Must(259, 1, 0, p.buf)
	case "mq_timedreceive", "mq_timedreceive_time64":
		child.Syscall(279, fdQueue, p.path, 4, 0, p.buf) // with a time-out that has passed
	case "msgrcv":
		child.Syscall(400, p.queue, p.good["msgsnd"][1], 4, abi.IPC_NOWAIT)
	case "accept4":
		child.Must(362, child.Must(359, abi.AF_UNIX, abi.SOCK_STREAM, 0), p.address[0], p.address[1])
	default:
		child.Syscall(369, fdPeer, p.path, 4, abi.MSG_DONTWAIT, 0, 0)
	}
}

// call makes a call in a process of its own and tells how it ended, and whether it has left a descriptor open.
func (p *pointerTest) call(what string, nr uint32, args []uint32) (r proctest.Result, opened bool) {
	child := p.k.Init.Fork()
	child.Must(19, fdDir, 0, 0) // its offset is everybody's
	defer func() {
		p.k.Init.Syscall(nrKill, uint32(child.TGID()), abi.SIGKILL)
		child.Gone()
		for {
			if pid, err := p.k.Init.Syscall(nrWait4, ^uint32(0), 0, abi.WNOHANG, 0); err != nil || pid == 0 {
				return
			}
		}
	}()
	p.supply(child, what)
	free := child.Must(41, fdFile)
	child.Must(6, free)
	c := child.Start(nr, args...)
	for idle := 0; !c.Done(); proctest.Yield() {
		if child.Sleeping() {
			idle++
		}
		if idle > 10000 {
			return proctest.Result{Exited: true}, false
		}
	}
	if r = c.Wait(); r.Exited || r.Handler {
		return r, false
	}
	return r, child.Must(41, fdFile) != free
}

// TestBadPointers gives every call of the table each of its pointers bad in every way, and all else good: it fails with
// EFAULT, and has opened nothing.
func TestBadPointers(t *testing.T) {
	p := newPointerTest(t)
	tried := 0
	for _, c := range linux386.Calls() {
		types := linux386.ArgTypes(c.Nr)
		for i, typ := range types {
			what := c.Name + "." + string('0'+byte(i))
			if !isPointer(typ) {
				continue
			}
			for _, bad := range badPointers {
				args := make([]uint32, 6)
				for j := range types {
					if args[j] = p.word(types[j]); p.good[c.Name] != nil && j < len(p.good[c.Name]) {
						args[j] = p.good[c.Name][j]
					}
				}
				copy(args, p.good[what])
				args[i] = bad.addr
				tried++
				r, opened := p.call(what, c.Nr, args)
				exact := notLoaded[what] == "" && (bad.addr != 0 || !slices.Contains(mayBeNull, what)) && (bad.addr != readOnly || isWritten(typ)) &&
					!(strings.HasPrefix(what, "futex") && bad.addr%4 != 0) // that is EINVAL
				short := bad.addr == lastByte && r.Value == 1 && r.Err == nil // one byte was moved
				switch {
				case r.Exited || r.Handler:
					if exact {
						t.Errorf("%s at %s: it does not return", what, bad.name)
					}
				case exact && r.Err != abi.EFAULT && !short:
					t.Errorf("%s at %s: %d, %v", what, bad.name, r.Value, r.Err)
				case r.Err != nil && opened:
					t.Errorf("%s at %s: a descriptor is left", what, bad.name)
				}
			}
		}
	}
	t.Logf("%d calls", tried)
}
