package abi

// Flags of clone(2), unshare(2) and setns(2). The last three are clone3's own.
const (
	CSIGNAL              = 0xff
	CLONE_VM             = 0x100
	CLONE_FS             = 0x200
	CLONE_FILES          = 0x400
	CLONE_SIGHAND        = 0x800
	CLONE_PIDFD          = 0x1000
	CLONE_PTRACE         = 0x2000
	CLONE_VFORK          = 0x4000
	CLONE_PARENT         = 0x8000
	CLONE_THREAD         = 0x10000
	CLONE_NEWNS          = 0x20000
	CLONE_SYSVSEM        = 0x40000
	CLONE_SETTLS         = 0x80000
	CLONE_PARENT_SETTID  = 0x100000
	CLONE_CHILD_CLEARTID = 0x200000
	CLONE_DETACHED       = 0x400000
	CLONE_UNTRACED       = 0x800000
	CLONE_CHILD_SETTID   = 0x1000000
	CLONE_NEWCGROUP      = 0x2000000
	CLONE_NEWUTS         = 0x4000000
	CLONE_NEWIPC         = 0x8000000
	CLONE_NEWUSER        = 0x10000000
	CLONE_NEWPID         = 0x20000000
	CLONE_NEWNET         = 0x40000000
	CLONE_IO             = 0x80000000
	CLONE_NEWTIME        = 0x80
	CLONE_CLEAR_SIGHAND  = 0x100000000
	CLONE_INTO_CGROUP    = 0x200000000
)

// Options of wait4(2) and waitid(2). The last three are spelled with two underscores in C.
const (
	WNOHANG    = 1
	WUNTRACED  = 2
	WSTOPPED   = 2
	WEXITED    = 4
	WCONTINUED = 8
	WNOWAIT    = 0x1000000
	WNOTHREAD  = 0x20000000
	WALL       = 0x40000000
	WCLONE     = 0x80000000
)

// What waitid(2) waits for.
const (
	P_ALL   = 0
	P_PID   = 1
	P_PGID  = 2
	P_PIDFD = 3
)

// Resources of getrlimit(2).
const (
	RLIMIT_CPU        = 0
	RLIMIT_FSIZE      = 1
	RLIMIT_DATA       = 2
	RLIMIT_STACK      = 3
	RLIMIT_CORE       = 4
	RLIMIT_RSS        = 5
	RLIMIT_NPROC      = 6
	RLIMIT_NOFILE     = 7
	RLIMIT_MEMLOCK    = 8
	RLIMIT_AS         = 9
	RLIMIT_LOCKS      = 10
	RLIMIT_SIGPENDING = 11
	RLIMIT_MSGQUEUE   = 12
	RLIMIT_NICE       = 13
	RLIMIT_RTPRIO     = 14
	RLIMIT_RTTIME     = 15
	RLIM_NLIMITS      = 16
)

// No limit, as the kernel keeps it (64 bits) and as 32-bit callers see it.
const (
	RLIM_INFINITY   = 0xffffffffffffffff
	RLIM32_INFINITY = 0xffffffff
)

// Whose usage getrusage(2) tells, and whose priority getpriority(2).
const (
	RUSAGE_SELF     = 0
	RUSAGE_CHILDREN = -1
	RUSAGE_THREAD   = 1
	PRIO_PROCESS    = 0
	PRIO_PGRP       = 1
	PRIO_USER       = 2
)

// Operations of prctl(2).
const (
	PR_SET_PDEATHSIG         = 1
	PR_GET_PDEATHSIG         = 2
	PR_GET_DUMPABLE          = 3
	PR_SET_DUMPABLE          = 4
	PR_GET_UNALIGN           = 5
	PR_SET_UNALIGN           = 6
	PR_GET_KEEPCAPS          = 7
	PR_SET_KEEPCAPS          = 8
	PR_GET_TIMING            = 13
	PR_SET_TIMING            = 14
	PR_SET_NAME              = 15
	PR_GET_NAME              = 16
	PR_GET_ENDIAN            = 19
	PR_SET_ENDIAN            = 20
	PR_GET_SECCOMP           = 21
	PR_SET_SECCOMP           = 22
	PR_CAPBSET_READ          = 23
	PR_CAPBSET_DROP          = 24
	PR_GET_TSC               = 25
	PR_SET_TSC               = 26
	PR_GET_SECUREBITS        = 27
	PR_SET_SECUREBITS        = 28
	PR_SET_TIMERSLACK        = 29
	PR_GET_TIMERSLACK        = 30
	PR_MCE_KILL              = 33
	PR_MCE_KILL_GET          = 34
	PR_SET_MM                = 35
	PR_SET_CHILD_SUBREAPER   = 36
	PR_GET_CHILD_SUBREAPER   = 37
	PR_SET_NO_NEW_PRIVS      = 38
	PR_GET_NO_NEW_PRIVS      = 39
	PR_GET_TID_ADDRESS       = 40
	PR_SET_THP_DISABLE       = 41
	PR_GET_THP_DISABLE       = 42
	PR_CAP_AMBIENT           = 47
	PR_CAP_AMBIENT_IS_SET    = 1
	PR_CAP_AMBIENT_RAISE     = 2
	PR_CAP_AMBIENT_LOWER     = 3
	PR_CAP_AMBIENT_CLEAR_ALL = 4
	PR_GET_SPECULATION_CTRL  = 52
	PR_SET_SPECULATION_CTRL  = 53
	PR_SET_PTRACER           = 1499557217
	PR_SET_VMA               = 1398164801
	PR_SET_VMA_ANON_NAME     = 0
	PR_SET_IO_FLUSHER        = 57
	PR_GET_IO_FLUSHER        = 58
)

// Secure bits (capabilities(7)); each one's lock is the bit above it.
const (
	SECBIT_NOROOT                      = 1
	SECBIT_NOROOT_LOCKED               = 2
	SECBIT_NO_SETUID_FIXUP             = 4
	SECBIT_NO_SETUID_FIXUP_LOCKED      = 8
	SECBIT_KEEP_CAPS                   = 0x10
	SECBIT_KEEP_CAPS_LOCKED            = 0x20
	SECBIT_NO_CAP_AMBIENT_RAISE        = 0x40
	SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED = 0x80
)

// Capabilities (capabilities(7)).
const (
	CAP_CHOWN              = 0
	CAP_DAC_OVERRIDE       = 1
	CAP_DAC_READ_SEARCH    = 2
	CAP_FOWNER             = 3
	CAP_FSETID             = 4
	CAP_KILL               = 5
	CAP_SETGID             = 6
	CAP_SETUID             = 7
	CAP_SETPCAP            = 8
	CAP_LINUX_IMMUTABLE    = 9
	CAP_NET_BIND_SERVICE   = 10
	CAP_NET_BROADCAST      = 11
	CAP_NET_ADMIN          = 12
	CAP_NET_RAW            = 13
	CAP_IPC_LOCK           = 14
	CAP_IPC_OWNER          = 15
	CAP_SYS_MODULE         = 16
	CAP_SYS_RAWIO          = 17
	CAP_SYS_CHROOT         = 18
	CAP_SYS_PTRACE         = 19
	CAP_SYS_PACCT          = 20
	CAP_SYS_ADMIN          = 21
	CAP_SYS_BOOT           = 22
	CAP_SYS_NICE           = 23
	CAP_SYS_RESOURCE       = 24
	CAP_SYS_TIME           = 25
	CAP_SYS_TTY_CONFIG     = 26
	CAP_MKNOD              = 27
	CAP_LEASE              = 28
	CAP_AUDIT_WRITE        = 29
	CAP_AUDIT_CONTROL      = 30
	CAP_SETFCAP            = 31
	CAP_MAC_OVERRIDE       = 32
	CAP_MAC_ADMIN          = 33
	CAP_SYSLOG             = 34
	CAP_WAKE_ALARM         = 35
	CAP_BLOCK_SUSPEND      = 36
	CAP_AUDIT_READ         = 37
	CAP_PERFMON            = 38
	CAP_BPF                = 39
	CAP_CHECKPOINT_RESTORE = 40
	CAP_LAST_CAP           = 40
)

// Versions of capget(2)'s header.
const (
	LINUX_CAPABILITY_VERSION_1 = 0x19980330
	LINUX_CAPABILITY_VERSION_2 = 0x20071026
	LINUX_CAPABILITY_VERSION_3 = 0x20080522
)

// Operations of seccomp(2), and its modes.
const (
	SECCOMP_SET_MODE_STRICT  = 0
	SECCOMP_SET_MODE_FILTER  = 1
	SECCOMP_GET_ACTION_AVAIL = 2
	SECCOMP_GET_NOTIF_SIZES  = 3
	SECCOMP_MODE_DISABLED    = 0
	SECCOMP_MODE_STRICT      = 1
	SECCOMP_MODE_FILTER      = 2
)

// Flags of seccomp(2) and the actions that filters return.
const (
	SECCOMP_FILTER_FLAG_TSYNC        = 1
	SECCOMP_FILTER_FLAG_LOG          = 2
	SECCOMP_FILTER_FLAG_SPEC_ALLOW   = 4
	SECCOMP_FILTER_FLAG_NEW_LISTENER = 8
	SECCOMP_FILTER_FLAG_TSYNC_ESRCH  = 0x10
	SECCOMP_RET_KILL_PROCESS         = 0x80000000
	SECCOMP_RET_KILL_THREAD          = 0
	SECCOMP_RET_TRAP                 = 0x30000
	SECCOMP_RET_ERRNO                = 0x50000
	SECCOMP_RET_USER_NOTIF           = 0x7fc00000
	SECCOMP_RET_TRACE                = 0x7ff00000
	SECCOMP_RET_LOG                  = 0x7ffc0000
	SECCOMP_RET_ALLOW                = 0x7fff0000
	SECCOMP_RET_ACTION_FULL          = 0xffff0000
	SECCOMP_RET_DATA                 = 0xffff
	AUDIT_ARCH_I386                  = 0x40000003
	AUDIT_ARCH_X86_64                = 0xc000003e
)

// Operations of futex(2).
const (
	FUTEX_WAIT            = 0
	FUTEX_WAKE            = 1
	FUTEX_FD              = 2
	FUTEX_REQUEUE         = 3
	FUTEX_CMP_REQUEUE     = 4
	FUTEX_WAKE_OP         = 5
	FUTEX_LOCK_PI         = 6
	FUTEX_UNLOCK_PI       = 7
	FUTEX_TRYLOCK_PI      = 8
	FUTEX_WAIT_BITSET     = 9
	FUTEX_WAKE_BITSET     = 10
	FUTEX_WAIT_REQUEUE_PI = 11
	FUTEX_CMP_REQUEUE_PI  = 12
	FUTEX_LOCK_PI2        = 13
)

// Flags of futex(2), bits of a robust futex's word, and the bound of a robust list.
const (
	FUTEX_PRIVATE_FLAG     = 0x80
	FUTEX_CLOCK_REALTIME   = 0x100
	FUTEX_BITSET_MATCH_ANY = 0xffffffff
	FUTEX_WAITERS          = 0x80000000
	FUTEX_OWNER_DIED       = 0x40000000
	FUTEX_TID_MASK         = 0x3fffffff
	ROBUST_LIST_LIMIT      = 0x800
)

// Scheduling policies of sched_setscheduler(2).
const (
	SCHED_OTHER    = 0
	SCHED_FIFO     = 1
	SCHED_RR       = 2
	SCHED_BATCH    = 3
	SCHED_IDLE     = 5
	SCHED_DEADLINE = 6
)

// Flags of the scheduling calls (sched(7)).
const (
	SCHED_RESET_ON_FORK = 0x40000000
	SCHED_FLAG_ALL      = 0x7f
)

// Commands of membarrier(2).
const (
	MEMBARRIER_CMD_QUERY                                = 0
	MEMBARRIER_CMD_GLOBAL                               = 1
	MEMBARRIER_CMD_GLOBAL_EXPEDITED                     = 2
	MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED            = 4
	MEMBARRIER_CMD_PRIVATE_EXPEDITED                    = 8
	MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED           = 16
	MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE          = 32
	MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE = 64
	MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ               = 128
	MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ      = 256
)

// Execution domains and flags of personality(2).
const (
	PER_LINUX          = 0
	PER_LINUX32        = 8
	PER_MASK           = 0xff
	ADDR_NO_RANDOMIZE  = 0x40000
	MMAP_PAGE_ZERO     = 0x100000
	ADDR_COMPAT_LAYOUT = 0x200000
	READ_IMPLIES_EXEC  = 0x400000
	ADDR_LIMIT_32BIT   = 0x800000
	SHORT_INODE        = 0x1000000
	WHOLE_SECONDS      = 0x2000000
	STICKY_TIMEOUTS    = 0x4000000
	ADDR_LIMIT_3GB     = 0x8000000
)

// Keys of the auxiliary vector (getauxval(3)).
const (
	AT_NULL          = 0
	AT_IGNORE        = 1
	AT_EXECFD        = 2
	AT_PHDR          = 3
	AT_PHENT         = 4
	AT_PHNUM         = 5
	AT_PAGESZ        = 6
	AT_BASE          = 7
	AT_FLAGS         = 8
	AT_ENTRY         = 9
	AT_NOTELF        = 10
	AT_UID           = 11
	AT_EUID          = 12
	AT_GID           = 13
	AT_EGID          = 14
	AT_PLATFORM      = 15
	AT_HWCAP         = 16
	AT_CLKTCK        = 17
	AT_SECURE        = 23
	AT_BASE_PLATFORM = 24
	AT_RANDOM        = 25
	AT_HWCAP2        = 26
	AT_EXECFN        = 31
	AT_SYSINFO       = 32
	AT_SYSINFO_EHDR  = 33
	AT_MINSIGSTKSZ   = 51
)

// Magic numbers and commands of reboot(2).
const (
	LINUX_REBOOT_MAGIC1         = 0xfee1dead
	LINUX_REBOOT_MAGIC2         = 0x28121969
	LINUX_REBOOT_MAGIC2A        = 0x5121996
	LINUX_REBOOT_MAGIC2B        = 0x16041998
	LINUX_REBOOT_MAGIC2C        = 0x20112000
	LINUX_REBOOT_CMD_RESTART    = 0x1234567
	LINUX_REBOOT_CMD_HALT       = 0xcdef0123
	LINUX_REBOOT_CMD_CAD_ON     = 0x89abcdef
	LINUX_REBOOT_CMD_CAD_OFF    = 0
	LINUX_REBOOT_CMD_POWER_OFF  = 0x4321fedc
	LINUX_REBOOT_CMD_RESTART2   = 0xa1b2c3d4
	LINUX_REBOOT_CMD_KEXEC      = 0x45584543
	LINUX_REBOOT_CMD_SW_SUSPEND = 0xd000fce2
)

// Flags of getrandom(2).
const (
	GRND_NONBLOCK = 1
	GRND_RANDOM   = 2
	GRND_INSECURE = 4
)

// Kinds of kcmp(2).
const (
	KCMP_FILE      = 0
	KCMP_VM        = 1
	KCMP_FILES     = 2
	KCMP_FS        = 3
	KCMP_SIGHAND   = 4
	KCMP_IO        = 5
	KCMP_SYSVSEM   = 6
	KCMP_EPOLL_TFD = 7
)

// Flags of pidfd_open(2).
const (
	PIDFD_NONBLOCK = 0x800
	PIDFD_THREAD   = 0x80
)

// ioctl(2) requests of namespace files (ioctl_ns(2)).
const (
	NS_GET_USERNS    = 0xb701
	NS_GET_PARENT    = 0xb702
	NS_GET_NSTYPE    = 0xb703
	NS_GET_OWNER_UID = 0xb704
)
