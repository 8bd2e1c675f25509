package tty

// Session is a session of processes (setsid(2), credentials(7)). proc implements it; two values that are the same
// session compare equal. A terminal calls its methods with no lock of its own held.
type Session interface {
	// Detach takes t from every process of the session that has it as its controlling terminal. The session keeps
	// foreground, which may be nil, for Abandoned.
	Detach(t *TTY, foreground Group)
	// Abandoned returns, once, the group that was in the foreground when the terminal was hung up; nil if none was.
	Abandoned() Group
	// SignalLeader sends sig, as from the kernel, to the process that leads the session, if it still lives.
	SignalLeader(sig int)
}

// Group is a process group (setpgid(2)). proc implements it; two values that are the same group compare equal.
type Group interface {
	// Signal sends sig, as from the kernel, to every process of the group. It is called with no lock of a
	// terminal held.
	Signal(sig int)
}

// Caller is the task that works on a terminal: what job control has to know of it. proc's task implements it; a nil
// Caller is the kernel itself, which no job control stops. Process ids are those of the caller's pid namespace.
type Caller interface {
	// TTY is the controlling terminal of the caller's process, or nil.
	TTY() *TTY
	// SetTTY makes t, or none if t is nil, the controlling terminal of the caller's process. It only stores the
	// pointer (another task's Session.Detach may do so at the same time), for it is called with t's lock held.
	SetTTY(t *TTY)

	// Session and Group are those of the caller's process, SessionLeader whether it leads the session.
	Session() Session
	Group() Group
	SessionLeader() bool
	// Orphaned reports whether the caller's group is orphaned (setpgid(2)): nobody could continue it if it stopped.
	Orphaned() bool
	// Ignores reports whether sig is blocked or ignored by the caller.
	Ignores(sig int) bool

	// FindGroup finds a process group and its session by id.
	FindGroup(pgid int32) (g Group, s Session, ok bool)
	// GroupID and SessionID give the id of g or s, 0 if it has none in the caller's pid namespace.
	GroupID(g Group) int32
	SessionID(s Session) int32

	// Admin reports whether the caller has CAP_SYS_ADMIN in the initial user namespace.
	Admin() bool
}
