// ptrace(2): the events of fork, vfork, clone, exec and exit, and who is traced after them; threads and their exec.
#include "trace.h"
#include <pthread.h>

#define FAMILY (PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE)

static int go[2];

static int forks(void) {
	int st;
	pid_t pid = fork();
	if (pid == 0)
		_exit(3);
	waitpid(pid, &st, 0);
	return WEXITSTATUS(st) + 1;
}

static int fork_event(void) {
	pid_t pid = traced(forks, PTRACE_O_TRACEFORK);
	MUST(is(resume(PTRACE_CONT, pid, 0), EVENT(PTRACE_EVENT_FORK)));
	siginfo_t si = info_of(pid);
	MUST(si.si_signo == SIGTRAP && si.si_code == (SIGTRAP | PTRACE_EVENT_FORK << 8) && si.si_pid == pid);
	pid_t kid = message_of(pid);
	MUST(is(await(kid), STOP(SIGSTOP)) && tracer_of(kid) == getpid() && regs_of(kid).eax == 0);
	MUST(is(resume(PTRACE_CONT, kid, 0), EXIT(3))); // before its parent goes on
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGCHLD)));
	MUST(is(resume(PTRACE_CONT, pid, SIGCHLD), EXIT(4)));
	return 0;
}

static int unasked(void) { // without the option a child is not traced
	pid_t pid = traced(forks, 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGCHLD)));
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(4)));
	return 0;
}

static int options_inherited(void) { // a child of a traced child is traced
	pid_t pid = traced(forks, PTRACE_O_TRACEFORK | PTRACE_O_TRACEEXIT | PTRACE_O_TRACESYSGOOD);
	MUST(is(resume(PTRACE_CONT, pid, 0), EVENT(PTRACE_EVENT_FORK)));
	pid_t kid = message_of(pid);
	MUST(is(await(kid), STOP(SIGSTOP)) && is(resume(PTRACE_SYSCALL, kid, 0), CALL)); // its first call
	MUST(regs_of(kid).eax == -ENOSYS && is(resume(PTRACE_CONT, kid, 0), EVENT(PTRACE_EVENT_EXIT)));
	MUST(message_of(kid) == EXIT(3) && regs_of(kid).orig_eax == SYS_exit_group);
	MUST(is(resume(PTRACE_CONT, kid, 0), EXIT(3)) && ptrace(PTRACE_SETOPTIONS, pid, 0, 0) == 0);
	return !finish(pid);
}

static int forks_when_told(void) {
	char c;
	read(go[0], &c, 1);
	return forks();
}

static int seized_child(void) { // it stops with an event, not a signal
	pipe(go);
	pid_t pid = child(forks_when_told);
	MUST(ptrace(PTRACE_SEIZE, pid, 0, FAMILY | PTRACE_O_EXITKILL) == 0 && write(go[1], "g", 1) == 1);
	MUST(is(await(pid), EVENT(PTRACE_EVENT_FORK)));
	pid_t kid = message_of(pid);
	MUST(is(await(kid), EVENT(PTRACE_EVENT_STOP)) && is(resume(PTRACE_CONT, kid, 0), EXIT(3)));
	return !finish(pid);
}

static int vforks(void) {
	int st;
	pid_t pid = vfork();
	if (pid == 0)
		_exit(5);
	waitpid(pid, &st, 0);
	return WEXITSTATUS(st) + 1;
}

static int vfork_events(void) {
	int st;
	pid_t pid = traced(vforks, PTRACE_O_TRACEVFORK | PTRACE_O_TRACEVFORKDONE);
	MUST(is(resume(PTRACE_CONT, pid, 0), EVENT(PTRACE_EVENT_VFORK)));
	pid_t kid = message_of(pid);
	MUST(is(await(kid), STOP(SIGSTOP)));
	MUST(ptrace(PTRACE_CONT, pid, 0, 0) == 0 && waitpid(pid, &st, WNOHANG) == 0); // it waits for its child
	MUST(is(resume(PTRACE_CONT, kid, 0), EXIT(5)));
	MUST(is(await(pid), EVENT(PTRACE_EVENT_VFORK_DONE)) && message_of(pid) == (unsigned long)kid);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGCHLD)) && is(resume(PTRACE_CONT, pid, 0), EXIT(6)));
	return 0;
}

static int vfork_done_alone(void) {
	pid_t pid = traced(vforks, PTRACE_O_TRACEVFORKDONE);
	MUST(is(resume(PTRACE_CONT, pid, 0), EVENT(PTRACE_EVENT_VFORK_DONE)));
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGCHLD)) && is(resume(PTRACE_CONT, pid, 0), EXIT(6)));
	return 0;
}

// Which event a clone makes goes by the signal at its end, and CLONE_VFORK.
static long clone_flags;
static int clones(void) {
	int st;
	pid_t pid = int80(SYS_clone, clone_flags, 0, 0);
	if (pid == 0)
		int80(SYS_exit, 3, 0, 0);
	return waitpid(pid, &st, __WALL) == pid ? WEXITSTATUS(st) : 9;
}

static int clone_kinds(void) {
	static const struct {
		long flags, event;
	} kinds[] = {{SIGCHLD, PTRACE_EVENT_FORK}, {0, PTRACE_EVENT_CLONE}, {SIGUSR1, PTRACE_EVENT_CLONE}, {SIGCHLD | CLONE_VFORK, PTRACE_EVENT_VFORK},
	             {CLONE_VFORK, PTRACE_EVENT_VFORK}};
	for (int i = 0; i < 5; i++) {
		clone_flags = kinds[i].flags;
		pid_t pid = traced(clones, FAMILY);
		MUST(is(resume(PTRACE_CONT, pid, 0), EVENT(kinds[i].event)));
		pid_t kid = message_of(pid);
		MUST(is(await(kid), STOP(SIGSTOP)) && is(resume(PTRACE_CONT, kid, 0), EXIT(3)));
		MUST(finish(pid));
	}
	return 0;
}

static int clone_untraced(void) {
	clone_flags = CLONE_UNTRACED;
	pid_t pid = traced(clones, FAMILY);
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(3)));
	return 0;
}

static int clone_ptrace(void) { // the child asks for its tracer itself; without the option there is no event
	clone_flags = CLONE_PTRACE;
	pid_t pid = traced(clones, 0);
	MUST(ptrace(PTRACE_CONT, pid, 0, 0) == 0);
	int st;
	pid_t kid = waitpid(-1, &st, __WALL);
	MUST(kid > 0 && kid != pid && is(st, STOP(SIGSTOP)) && tracer_of(kid) == getpid());
	MUST(is(resume(PTRACE_CONT, kid, 0), EXIT(3)) && is(await(pid), EXIT(3)));
	return 0;
}

static int execs(void) { return execl("/proc/thread-self/exe", "ptraceevents", "child", NULL); }
static int execs_nothing(void) { return execl("/nothing", "nothing", NULL) == -1 ? 21 : 22; }

static int exec_event(void) {
	pid_t pid = traced(execs, PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD);
	MUST(is(resume(PTRACE_SYSCALL, pid, 0), CALL) && regs_of(pid).orig_eax == SYS_execve);
	MUST(is(resume(PTRACE_SYSCALL, pid, 0), EVENT(PTRACE_EVENT_EXEC)));
	MUST(message_of(pid) == (unsigned long)pid);
	MUST(is(resume(PTRACE_SYSCALL, pid, 0), CALL) && regs_of(pid).eax == 0 && regs_of(pid).orig_eax == SYS_execve);
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(42))); // no SIGTRAP besides
	pid = traced(execs_nothing, PTRACE_O_TRACEEXEC);
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(21)));
	return 0;
}

static int leaves(void) { return 12; }

static int exit_event(void) {
	pid_t pid = traced(leaves, PTRACE_O_TRACEEXIT);
	MUST(is(resume(PTRACE_CONT, pid, 0), EVENT(PTRACE_EVENT_EXIT)) && message_of(pid) == EXIT(12));
	MUST(regs_of(pid).ebx == 12 && ptrace(PTRACE_PEEKTEXT, pid, regs_of(pid).eip - 2, 0) != -1); // its memory is there
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(12)));
	return 0;
}

static int dies(void) { return raise(SIGTERM); }

static int exit_event_of_signal(void) {
	pid_t pid = traced(dies, PTRACE_O_TRACEEXIT);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGTERM)));
	MUST(is(resume(PTRACE_CONT, pid, SIGTERM), EVENT(PTRACE_EVENT_EXIT)) && message_of(pid) == KILLED(SIGTERM));
	MUST(is(resume(PTRACE_CONT, pid, 0), KILLED(SIGTERM)));
	return 0;
}

// Programs of two threads.
static void *thread_execs(void *unused) {
	execs();
	return unused;
}
static void *thread_returns(void *unused) { return unused; }
static void *thread_waits(void *unused) {
	pause();
	return unused;
}
static int joins(void *(*f)(void *)) {
	pthread_t t;
	pthread_create(&t, 0, f, 0);
	pthread_join(t, 0);
	return 14;
}
static int has_thread(void) { return joins(thread_returns); }
static int has_execer(void) { return joins(thread_execs); }
static int has_waiter(void) { return joins(thread_waits); }
static int leader_leaves(void) {
	pthread_t t;
	pthread_create(&t, 0, thread_execs, 0);
	syscall(SYS_exit, 0);
	return 0;
}

// second lets a process make its thread and returns that thread, stopped, with the process still at the event.
static pid_t second(pid_t pid) {
	if (!is(resume(PTRACE_CONT, pid, 0), EVENT(PTRACE_EVENT_CLONE)))
		return -1;
	pid_t tid = message_of(pid);
	return is(await(tid), STOP(SIGSTOP)) ? tid : -1;
}

static int threads(void) { // each is traced for itself
	pid_t pid = traced(has_thread, FAMILY), tid = second(pid);
	MUST(tid > 0 && tid != pid && atoi(status_line(tid, "Tgid")) == pid);
	MUST(is(resume(PTRACE_CONT, tid, 0), EXIT(0)));
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(14)));
	return 0;
}

static int one_thread_stops(void) { // the others run on
	int st;
	pid_t pid = traced(has_waiter, FAMILY), tid = second(pid);
	MUST(tid > 0 && ptrace(PTRACE_CONT, pid, 0, 0) == 0 && ptrace(PTRACE_CONT, tid, 0, 0) == 0);
	MUST(becomes(pid, 'S') && becomes(tid, 'S'));
	MUST(syscall(SYS_tgkill, pid, tid, SIGUSR1) == 0 && is(await(tid), STOP(SIGUSR1)) && waitpid(pid, &st, __WALL | WNOHANG) == 0);
	MUST(*status_line(pid, "State") == 'S' && *status_line(tid, "State") == 't');
	MUST(kill(pid, SIGKILL) == 0 && is(await(tid), KILLED(SIGKILL)) && is(await(pid), KILLED(SIGKILL)));
	return 0;
}

static int thread_exec(void) { // the thread takes the leader's number; the others are gone without a word
	int st;
	pid_t pid = traced(has_execer, FAMILY | PTRACE_O_TRACEEXEC), tid = second(pid);
	MUST(tid > 0 && ptrace(PTRACE_CONT, pid, 0, 0) == 0 && ptrace(PTRACE_CONT, tid, 0, 0) == 0);
	MUST(is(await(pid), EVENT(PTRACE_EVENT_EXEC)) && message_of(pid) == (unsigned long)tid);
	REFUSED(waitpid(tid, &st, __WALL), ECHILD);
	REFUSED(kill(tid, 0), ESRCH);
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(42)));
	return 0;
}

static int thread_exec_exits(void) { // with PTRACE_O_TRACEEXIT the others' ends are seen
	pid_t pid = traced(has_execer, FAMILY | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT), tid = second(pid);
	MUST(tid > 0 && ptrace(PTRACE_CONT, pid, 0, 0) == 0 && ptrace(PTRACE_CONT, tid, 0, 0) == 0);
	MUST(is(await(pid), EVENT(PTRACE_EVENT_EXIT)));
	MUST(is(resume(PTRACE_CONT, pid, 0), EVENT(PTRACE_EVENT_EXEC)) && message_of(pid) == (unsigned long)tid);
	kill(pid, SIGKILL);
	return !is(await(pid), EVENT(PTRACE_EVENT_EXIT)) || !is(resume(PTRACE_CONT, pid, 0), KILLED(SIGKILL));
}

static int thread_exec_leader_gone(void) { // the leader has ended: nobody hears of it before the thread execs
	int st;
	pid_t pid = traced(leader_leaves, FAMILY | PTRACE_O_TRACEEXEC), tid = second(pid);
	MUST(tid > 0 && ptrace(PTRACE_CONT, pid, 0, 0) == 0 && becomes(pid, 'Z') && waitpid(pid, &st, __WALL | WNOHANG) == 0);
	MUST(ptrace(PTRACE_CONT, tid, 0, 0) == 0);
	MUST(is(await(pid), EVENT(PTRACE_EVENT_EXEC)) && message_of(pid) == (unsigned long)tid);
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(42)));
	return 0;
}

static int attach_thread(void) { // one thread alone
	pid_t pid = traced(has_waiter, FAMILY), tid = second(pid);
	MUST(tid > 0 && ptrace(PTRACE_DETACH, tid, 0, 0) == 0 && tracer_of(tid) == 0 && tracer_of(pid) == getpid());
	MUST(ptrace(PTRACE_DETACH, pid, 0, 0) == 0 && becomes(tid, 'S') && becomes(pid, 'S'));
	MUST(ptrace(PTRACE_ATTACH, tid, 0, 0) == 0 && is(await(tid), STOP(SIGSTOP)));
	MUST(tracer_of(tid) == getpid() && tracer_of(pid) == 0);
	MUST(kill(pid, SIGKILL) == 0 && is(await(tid), KILLED(SIGKILL)) && is(await(pid), KILLED(SIGKILL)));
	return 0;
}

static int killed_at_event(void) { // the new child lives on under its tracer
	pid_t pid = traced(forks, PTRACE_O_TRACEFORK);
	MUST(is(resume(PTRACE_CONT, pid, 0), EVENT(PTRACE_EVENT_FORK)));
	pid_t kid = message_of(pid);
	MUST(finish(pid));
	MUST(is(await(kid), STOP(SIGSTOP)) && is(resume(PTRACE_CONT, kid, 0), EXIT(3)));
	return 0;
}

int main(int argc, char **argv) {
	(void)argv;
	if (argc > 1)
		return 42;
	plan(20);
	CASE(fork_event, "PTRACE_EVENT_FORK; the child begins with SIGSTOP");
	CASE(unasked, "without an option the child is not traced");
	CASE(options_inherited, "the child has its parent's options");
	CASE(seized_child, "the child of a seized process begins with PTRACE_EVENT_STOP");
	CASE(vfork_events, "PTRACE_EVENT_VFORK, PTRACE_EVENT_VFORK_DONE");
	CASE(vfork_done_alone, "PTRACE_EVENT_VFORK_DONE alone");
	CASE(clone_kinds, "clone: which event it is");
	CASE(clone_untraced, "CLONE_UNTRACED");
	CASE(clone_ptrace, "CLONE_PTRACE");
	CASE(exec_event, "PTRACE_EVENT_EXEC, between the call's stops");
	CASE(exit_event, "PTRACE_EVENT_EXIT, with all that the process had");
	CASE(exit_event_of_signal, "PTRACE_EVENT_EXIT of a signal");
	CASE(threads, "threads are traced each for itself");
	CASE(one_thread_stops, "one thread stops, the other does not");
	CASE(thread_exec, "exec of a thread: it becomes the leader");
	CASE(thread_exec_exits, "exec of a thread: the leader's end is an event");
	CASE(thread_exec_leader_gone, "exec of a thread whose leader has ended");
	CASE(attach_thread, "one thread alone is attached");
	CASE(killed_at_event, "SIGKILL at PTRACE_EVENT_FORK spares the child");
	ok(tracer_of(getpid()) == 0, "nobody traces this program");
	return tap_end();
}
