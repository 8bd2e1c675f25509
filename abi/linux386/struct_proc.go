package linux386

// rusage is struct rusage (getrusage(2)).
type rusage struct {
	Utime    timeval32 `c:"ru_utime"`
	Stime    timeval32 `c:"ru_stime"`
	Maxrss   uint32    `c:"ru_maxrss"`
	Ixrss    uint32    `c:"ru_ixrss"`
	Idrss    uint32    `c:"ru_idrss"`
	Isrss    uint32    `c:"ru_isrss"`
	Minflt   uint32    `c:"ru_minflt"`
	Majflt   uint32    `c:"ru_majflt"`
	Nswap    uint32    `c:"ru_nswap"`
	Inblock  uint32    `c:"ru_inblock"`
	Oublock  uint32    `c:"ru_oublock"`
	Msgsnd   uint32    `c:"ru_msgsnd"`
	Msgrcv   uint32    `c:"ru_msgrcv"`
	Nsignals uint32    `c:"ru_nsignals"`
	Nvcsw    uint32    `c:"ru_nvcsw"`
	Nivcsw   uint32    `c:"ru_nivcsw"`
}

// rlimit is struct rlimit; all ones is no limit.
type rlimit struct {
	Cur uint32 `c:"rlim_cur"`
	Max uint32 `c:"rlim_max"`
}

// rlimit64 is struct rlimit64 (prlimit64).
type rlimit64 struct {
	Cur uint64 `c:"rlim_cur"`
	Max uint64 `c:"rlim_max"`
}

// sysinfo is struct sysinfo (sysinfo(2)).
type sysinfo struct {
	Uptime    uint32    `c:"uptime"`
	Loads     [3]uint32 `c:"loads"`
	Totalram  uint32    `c:"totalram"`
	Freeram   uint32    `c:"freeram"`
	Sharedram uint32    `c:"sharedram"`
	Bufferram uint32    `c:"bufferram"`
	Totalswap uint32    `c:"totalswap"`
	Freeswap  uint32    `c:"freeswap"`
	Procs     uint16    `c:"procs"`
	_         uint16
	Totalhigh uint32 `c:"totalhigh"`
	Freehigh  uint32 `c:"freehigh"`
	MemUnit   uint32 `c:"mem_unit"`
	_         [8]byte
}

// utsname is struct new_utsname (uname(2)). struct old_utsname is the same without Domain.
type utsname struct {
	Sysname  [65]byte `c:"sysname"`
	Nodename [65]byte `c:"nodename"`
	Release  [65]byte `c:"release"`
	Version  [65]byte `c:"version"`
	Machine  [65]byte `c:"machine"`
	Domain   [65]byte `c:"domainname"`
}

// oldUtsname is struct old_utsname (olduname).
type oldUtsname struct {
	Sysname  [65]byte `c:"sysname"`
	Nodename [65]byte `c:"nodename"`
	Release  [65]byte `c:"release"`
	Version  [65]byte `c:"version"`
	Machine  [65]byte `c:"machine"`
}

// oldoldUtsname is struct oldold_utsname (oldolduname).
type oldoldUtsname struct {
	Sysname  [9]byte `c:"sysname"`
	Nodename [9]byte `c:"nodename"`
	Release  [9]byte `c:"release"`
	Version  [9]byte `c:"version"`
	Machine  [9]byte `c:"machine"`
}

// userDesc is struct user_desc (set_thread_area(2), modify_ldt(2)). Flags holds the bit fields, the first at bit 0:
// seg_32bit, contents (2 bits), read_exec_only, limit_in_pages, seg_not_present, useable.
type userDesc struct {
	Entry uint32 `c:"entry_number"`
	Base  uint32 `c:"base_addr"`
	Limit uint32 `c:"limit"`
	Flags uint32
}

// cloneArgs is struct clone_args (clone3(2)).
type cloneArgs struct {
	Flags      uint64 `c:"flags"`
	PIDFD      uint64 `c:"pidfd"`
	ChildTID   uint64 `c:"child_tid"`
	ParentTID  uint64 `c:"parent_tid"`
	ExitSignal uint64 `c:"exit_signal"`
	Stack      uint64 `c:"stack"`
	StackSize  uint64 `c:"stack_size"`
	TLS        uint64 `c:"tls"`
	SetTID     uint64 `c:"set_tid"`
	SetTIDSize uint64 `c:"set_tid_size"`
	Cgroup     uint64 `c:"cgroup"`
}

// schedParam is struct sched_param.
type schedParam struct {
	Priority int32 `c:"sched_priority"`
}

// schedAttr is struct sched_attr (sched_setattr(2)).
type schedAttr struct {
	Size     uint32 `c:"size"`
	Policy   uint32 `c:"sched_policy"`
	Flags    uint64 `c:"sched_flags"`
	Nice     int32  `c:"sched_nice"`
	Priority uint32 `c:"sched_priority"`
	Runtime  uint64 `c:"sched_runtime"`
	Deadline uint64 `c:"sched_deadline"`
	Period   uint64 `c:"sched_period"`
	UtilMin  uint32 `c:"sched_util_min"`
	UtilMax  uint32 `c:"sched_util_max"`
}

// robustListHead is struct robust_list_head (get_robust_list(2)).
type robustListHead struct {
	Next    uint32 `c:"list.next"`
	Offset  int32  `c:"futex_offset"`
	Pending uint32 `c:"list_op_pending"`
}

// capHeader is struct __user_cap_header_struct (capget(2)).
type capHeader struct {
	Version uint32 `c:"version"`
	PID     int32  `c:"pid"`
}

// capData is struct __user_cap_data_struct.
type capData struct {
	Effective   uint32 `c:"effective"`
	Permitted   uint32 `c:"permitted"`
	Inheritable uint32 `c:"inheritable"`
}

// sockFprog is struct sock_fprog (seccomp(2)).
type sockFprog struct {
	Len    uint16 `c:"len"`
	_      uint16
	Filter uint32 `c:"filter"`
}

// sockFilter is struct sock_filter.
type sockFilter struct {
	Code uint16 `c:"code"`
	Jt   uint8  `c:"jt"`
	Jf   uint8  `c:"jf"`
	K    uint32 `c:"k"`
}

// seccompNotifSizes is struct seccomp_notif_sizes (SECCOMP_GET_NOTIF_SIZES).
type seccompNotifSizes struct {
	Notif     uint16 `c:"seccomp_notif"`
	NotifResp uint16 `c:"seccomp_notif_resp"`
	Data      uint16 `c:"seccomp_data"`
}
