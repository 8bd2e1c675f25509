// ptrace(2): who becomes a tracer and how, and what happens when it goes; who may wait.
#include "trace.h"
#include <pthread.h>

static int returns_7(void) { return 7; }
static int waits(void) { return pause(); }

static int execs_self(void) {
	char *argv[] = {"ptrace", "child", NULL};
	execv("/proc/self/exe", argv);
	return 99;
}

static int traceme(void) {
	pid_t pid = traced(returns_7, 0);
	MUST(tracer_of(pid) == getpid());
	MUST(!strcmp(status_line(pid, "State"), "t (tracing stop)"));
	MUST(info_of(pid).si_signo == SIGSTOP);
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(7)));
	return 0;
}

static int asks_twice(void) {
	REFUSED(ptrace(PTRACE_TRACEME, 0, 0, 0), EPERM);
	return 8;
}

static int traceme_twice(void) {
	pid_t pid = traced(asks_twice, 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(8)));
	return 0;
}

static int exec_stop(void) {
	pid_t pid = traced(execs_self, 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGTRAP)));
	regs_t r = regs_of(pid);
	siginfo_t si = info_of(pid);
	MUST(si.si_signo == SIGTRAP && si.si_code == SI_USER && si.si_pid == pid); // as if it had sent it itself
	MUST(r.orig_eax == SYS_execve && r.eax == 0 && r.ebx == 0 && r.ebp == 0);
	MUST(ptrace(PTRACE_PEEKDATA, pid, r.esp, 0) == 2); // argc
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(42)));
	return 0;
}

static int attach(void) {
	pid_t pid = child(waits);
	MUST(tracer_of(pid) == 0);
	MUST(ptrace(PTRACE_ATTACH, pid, 0, 0) == 0);
	MUST(tracer_of(pid) == getpid());
	MUST(is(await(pid), STOP(SIGSTOP)));
	siginfo_t si = info_of(pid);
	MUST(si.si_signo == SIGSTOP && si.si_code == SI_KERNEL && si.si_pid == 0);
	REFUSED(ptrace(PTRACE_ATTACH, pid, 0, 0), EPERM);
	REFUSED(ptrace(PTRACE_SEIZE, pid, 0, 0), EPERM);
	REFUSED(ptrace(PTRACE_INTERRUPT, pid, 0, 0), EIO); // it was not seized
	REFUSED(ptrace(PTRACE_LISTEN, pid, 0, 0), EIO);
	MUST(ptrace(PTRACE_DETACH, pid, 0, 0) == 0);
	MUST(tracer_of(pid) == 0);
	REFUSED(ptrace(PTRACE_DETACH, pid, 0, 0), ESRCH);
	MUST(becomes(pid, 'S'));
	MUST(ptrace(PTRACE_ATTACH, pid, 0, 0) == 0 && is(await(pid), STOP(SIGSTOP))); // and once more
	REFUSED(ptrace(PTRACE_DETACH, pid, 0, 65), EIO);
	MUST(ptrace(PTRACE_DETACH, pid, 0, SIGUSR1) == 0);
	MUST(is(await(pid), KILLED(SIGUSR1)));
	return 0;
}

static void *in_thread(void *f) { return (void *)(long)((int (*)(void))f)(); }

static pid_t subject;
static int as_other_thread(void) {
	regs_t r;
	REFUSED(ptrace(PTRACE_GETREGS, subject, 0, &r), ESRCH);
	REFUSED(ptrace(PTRACE_CONT, subject, 0, 0), ESRCH);
	REFUSED(ptrace(PTRACE_DETACH, subject, 0, 0), ESRCH);
	REFUSED(ptrace(PTRACE_ATTACH, subject, 0, 0), EPERM);
	int st;
	REFUSED(waitpid(subject, &st, __WALL | __WNOTHREAD), ECHILD);
	MUST(kill(subject, SIGUSR1) == 0 && waitpid(subject, &st, __WALL) == subject); // but any thread may wait
	MUST(is(st, STOP(SIGUSR1)));
	return 0;
}

static int other_thread(void) {
	pthread_t t;
	void *result = (void *)1;
	subject = traced(waits, 0);
	MUST(ptrace(PTRACE_CONT, subject, 0, 0) == 0);
	MUST(pthread_create(&t, 0, in_thread, as_other_thread) == 0 && pthread_join(t, &result) == 0);
	MUST(result == 0);
	MUST(is(resume(PTRACE_CONT, subject, SIGUSR2), KILLED(SIGUSR2)));
	return 0;
}

static pid_t main_thread;
static int attaches_around(void) {
	REFUSED(ptrace(PTRACE_ATTACH, main_thread, 0, 0), EPERM);
	REFUSED(ptrace(PTRACE_SEIZE, main_thread, 0, 0), EPERM);
	return 0;
}

static int strangers(void) {
	pid_t pid = child(waits);
	pthread_t t;
	void *result = (void *)1;
	long unused;
	REFUSED(ptrace(PTRACE_ATTACH, getpid(), 0, 0), EPERM);
	REFUSED(ptrace(PTRACE_ATTACH, 0, 0, 0), ESRCH);
	REFUSED(ptrace(PTRACE_ATTACH, -1, 0, 0), ESRCH);
	REFUSED(ptrace(PTRACE_ATTACH, 4194304, 0, 0), ESRCH);
	REFUSED(ptrace(PTRACE_PEEKDATA, pid, &unused, 0), ESRCH); // not traced
	REFUSED(ptrace(PTRACE_CONT, pid, 0, 0), ESRCH);
	REFUSED(ptrace(PTRACE_KILL, pid, 0, 0), ESRCH);
	REFUSED(ptrace(12345, pid, 0, 0), ESRCH);
	main_thread = getpid();
	MUST(pthread_create(&t, 0, in_thread, attaches_around) == 0 && pthread_join(t, &result) == 0);
	MUST(result == 0);
	kill(pid, SIGKILL);
	siginfo_t si;
	MUST(waitid(P_PID, pid, &si, WEXITED | WNOWAIT) == 0);
	REFUSED(ptrace(PTRACE_ATTACH, pid, 0, 0), EPERM); // a zombie
	return 0;
}

static int runs_on(void) { // a tracee that runs answers ESRCH, one that is stopped EIO for what there is not
	regs_t r;
	pid_t pid = traced(waits, 0);
	REFUSED(ptrace(12345, pid, 0, 0), EIO);
	REFUSED(ptrace(PTRACE_SETOPTIONS, pid, 0, 0x80000000), EINVAL);
	REFUSED(ptrace(PTRACE_SETOPTIONS, pid, 0, 0x100), EINVAL);
	REFUSED(ptrace(PTRACE_CONT, pid, 0, 65), EIO);
	REFUSED(ptrace(PTRACE_CONT, pid, 0, -1), EIO);
	REFUSED(ptrace(PTRACE_GETREGS, pid, 0, 4), EFAULT);
	MUST(ptrace(PTRACE_CONT, pid, 0, 0) == 0);
	REFUSED(ptrace(PTRACE_GETREGS, pid, 0, &r), ESRCH);
	REFUSED(ptrace(PTRACE_PEEKDATA, pid, &subject, 0), ESRCH);
	REFUSED(ptrace(PTRACE_DETACH, pid, 0, 0), ESRCH);
	REFUSED(ptrace(PTRACE_CONT, pid, 0, 0), ESRCH);
	return !finish(pid);
}

static int seize(void) {
	int st;
	pid_t pid = child(waits);
	REFUSED(ptrace(PTRACE_SEIZE, pid, 1, 0), EIO);
	REFUSED(ptrace(PTRACE_SEIZE, pid, 0, 0x80000000), EIO);
	MUST(becomes(pid, 'S'));
	MUST(ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_EXITKILL) == 0);
	MUST(tracer_of(pid) == getpid() && waitpid(pid, &st, WNOHANG) == 0 && *status_line(pid, "State") == 'S');
	MUST(ptrace(PTRACE_INTERRUPT, pid, 0, 0) == 0 && is(await(pid), EVENT(PTRACE_EVENT_STOP)));
	siginfo_t si = info_of(pid);
	MUST(si.si_signo == SIGTRAP && si.si_code == (SIGTRAP | PTRACE_EVENT_STOP << 8));
	MUST(ptrace(PTRACE_INTERRUPT, pid, 0, 0) == 0); // one more is kept for when it goes on
	MUST(is(resume(PTRACE_CONT, pid, 0), EVENT(PTRACE_EVENT_STOP)));
	MUST(ptrace(PTRACE_CONT, pid, 0, 0) == 0 && waitpid(pid, &st, WNOHANG) == 0);
	MUST(kill(pid, SIGUSR1) == 0 && is(await(pid), STOP(SIGUSR1)));
	REFUSED(ptrace(PTRACE_LISTEN, pid, 0, 0), EIO); // not in the stop for a signal
	MUST(ptrace(PTRACE_INTERRUPT, pid, 0, 0) == 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), EVENT(PTRACE_EVENT_STOP)));
	return !finish(pid);
}

static int kill_request(void) {
	pid_t pid = traced(returns_7, 0);
	MUST(is(resume(PTRACE_KILL, pid, 0), KILLED(SIGKILL)));
	pid = traced(waits, 0);
	MUST(ptrace(PTRACE_CONT, pid, 0, 0) == 0 && becomes(pid, 'S'));
	MUST(is(resume(PTRACE_KILL, pid, 0), KILLED(SIGKILL))); // it need not be stopped
	return 0;
}

// A tracer that is told to die, of a process that tells when it runs.
static int ready[2], on[2];
static int reads_then_9(void) {
	char c;
	write(ready[1], "r", 1);
	return read(on[0], &c, 1) == 1 && c == 'g' ? 9 : 10;
}

static long seize_options;
static int seizes_and_dies(void) {
	return ptrace(PTRACE_SEIZE, subject, 0, seize_options) ? 1 : 0;
}

static int attaches_and_dies(void) { // with its tracee stopped
	return ptrace(PTRACE_ATTACH, subject, 0, 0) == 0 && is(await(subject), STOP(SIGSTOP)) ? 0 : 1;
}

static int tracer_dies_running(void) {
	char c;
	pipe(ready), pipe(on);
	subject = child(reads_then_9);
	MUST(read(ready[0], &c, 1) == 1);
	MUST(is(await(child(seizes_and_dies)), EXIT(0)));
	MUST(tracer_of(subject) == 0 && write(on[1], "g", 1) == 1);
	MUST(is(await(subject), EXIT(9)));
	return 0;
}

static int tracer_dies_stopped(void) {
	char c;
	pipe(ready), pipe(on);
	subject = child(reads_then_9);
	MUST(read(ready[0], &c, 1) == 1);
	MUST(is(await(child(attaches_and_dies)), EXIT(0)));
	MUST(tracer_of(subject) == 0 && write(on[1], "g", 1) == 1);
	MUST(is(await(subject), EXIT(9)));
	return 0;
}

static int tracer_dies_exitkill(void) {
	char c;
	pipe(ready), pipe(on);
	seize_options = PTRACE_O_EXITKILL;
	subject = child(reads_then_9);
	MUST(read(ready[0], &c, 1) == 1);
	MUST(is(await(child(seizes_and_dies)), EXIT(0)));
	MUST(is(await(subject), KILLED(SIGKILL)));
	return 0;
}

static int tracing_thread(void) { // the thread that traces ends, its process does not
	return ptrace(PTRACE_SEIZE, subject, 0, seize_options) ? 1 : 0;
}

static int tracer_thread_dies(void) {
	char c;
	pthread_t t;
	void *result = (void *)1;
	pipe(ready), pipe(on);
	subject = child(reads_then_9);
	MUST(read(ready[0], &c, 1) == 1);
	MUST(pthread_create(&t, 0, in_thread, tracing_thread) == 0 && pthread_join(t, &result) == 0 && result == 0);
	MUST(becomes(getpid(), 'R'));
	while (tracer_of(subject))
		sched_yield();
	MUST(write(on[1], "g", 1) == 1 && is(await(subject), EXIT(9)));
	return 0;
}

// A tracer that is not the parent: it says what it sees on a pipe, and does what it is told.
static int told[2], says[2];
static int stranger(void) {
	char c;
	MUST(ptrace(PTRACE_SEIZE, subject, 0, 0) == 0);
	for (;;) {
		MUST(write(says[1], "k", 1) == 1 && read(told[0], &c, 1) == 1);
		switch (c) {
		case 's': MUST(is(await(subject), STOP(SIGUSR1))); break;
		case 'c': MUST(ptrace(PTRACE_CONT, subject, 0, SIGUSR1) == 0); break;
		case 'z': MUST(waitid(P_PID, subject, &(siginfo_t){0}, WEXITED | WNOWAIT) == 0); break;
		case 'w': MUST(is(await(subject), KILLED(SIGUSR1))); break;
		case 'q': return 0;
		}
	}
}
static int tell(char c) {
	char k = 0;
	return write(told[1], &c, 1) == 1 && read(says[0], &k, 1) == 1 && k == 'k';
}

static int parent_waits(void) {
	char k;
	int st;
	siginfo_t si = {0};
	pipe(told), pipe(says);
	subject = child(waits);
	pid_t tracer = child(stranger);
	MUST(read(says[0], &k, 1) == 1);
	MUST(kill(subject, SIGUSR1) == 0 && tell('s'));
	MUST(waitpid(subject, &st, WUNTRACED | WNOHANG) == 0); // a stop for the tracer is none for the parent
	MUST(tell('c') && tell('z'));
	MUST(waitid(P_PID, subject, &si, WEXITED | WNOHANG) == 0 && si.si_pid == 0); // nor is its end, until the tracer knows
	MUST(tell('w'));
	MUST(is(await(subject), KILLED(SIGUSR1)));
	MUST(write(told[1], "q", 1) == 1 && is(await(tracer), EXIT(0)));
	return 0;
}

static int parent_waits_after_tracer(void) { // the tracer ends without waiting
	char k;
	pipe(told), pipe(says);
	subject = child(waits);
	pid_t tracer = child(stranger);
	MUST(read(says[0], &k, 1) == 1);
	MUST(kill(subject, SIGUSR1) == 0 && tell('s') && tell('c') && tell('z'));
	MUST(write(told[1], "q", 1) == 1 && is(await(tracer), EXIT(0)));
	MUST(is(await(subject), KILLED(SIGUSR1)));
	return 0;
}

static int waited_states(void) { // what a tracer may choose to wait for
	siginfo_t si = {0};
	int st;
	pid_t pid = traced(waits, 0);
	MUST(ptrace(PTRACE_CONT, pid, 0, 0) == 0 && kill(pid, SIGUSR1) == 0);
	MUST(waitid(P_PID, pid, &si, WSTOPPED | WNOWAIT) == 0);
	MUST(si.si_signo == SIGCHLD && si.si_code == CLD_TRAPPED && si.si_status == SIGUSR1 && si.si_pid == pid);
	MUST(waitpid(pid, &st, WUNTRACED) == pid && is(st, STOP(SIGUSR1)));
	MUST(waitpid(pid, &st, WNOHANG) == 0); // it is reported once
	return !finish(pid);
}

static int told_by_sigchld(void) {
	sigset_t set;
	siginfo_t si;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, 0);
	pid_t pid = traced(returns_7, 0);
	MUST(sigwaitinfo(&set, &si) == SIGCHLD && si.si_code == CLD_TRAPPED && si.si_status == SIGSTOP && si.si_pid == pid);
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(7)));
	MUST(sigwaitinfo(&set, &si) == SIGCHLD && si.si_code == CLD_EXITED && si.si_status == 7 && si.si_pid == pid);
	return 0;
}

static int orphan(void) { // what a tracer lets go of is its parent's again, and the parent is told of its stop
	int st;
	pid_t pid = traced(waits, 0);
	MUST(ptrace(PTRACE_DETACH, pid, 0, SIGSTOP) == 0);
	MUST(waitpid(pid, &st, WUNTRACED) == pid && is(st, STOP(SIGSTOP)));
	MUST(!strcmp(status_line(pid, "State"), "T (stopped)"));
	kill(pid, SIGCONT);
	MUST(waitpid(pid, &st, WCONTINUED) == pid && WIFCONTINUED(st));
	return !finish(pid);
}

int main(int argc, char **argv) {
	(void)argv;
	if (argc > 1)
		return 42;
	plan(19);
	CASE(traceme, "PTRACE_TRACEME: signals stop the child, /proc shows it");
	CASE(traceme_twice, "PTRACE_TRACEME twice: EPERM");
	CASE(exec_stop, "a traced execve ends in a SIGTRAP, at the first instruction");
	CASE(attach, "PTRACE_ATTACH, PTRACE_DETACH, with a signal");
	CASE(other_thread, "another thread of the tracer: ESRCH, but it may wait");
	CASE(strangers, "oneself, one's threads, nobody, the untraced, a zombie");
	CASE(runs_on, "a tracee that runs, bad requests, options and signals");
	CASE(seize, "PTRACE_SEIZE and PTRACE_INTERRUPT");
	CASE(kill_request, "PTRACE_KILL");
	CASE(tracer_dies_running, "the tracer of a running process dies: it goes on");
	CASE(tracer_dies_stopped, "the tracer of a stopped process dies: it goes on");
	CASE(tracer_dies_exitkill, "PTRACE_O_EXITKILL: it dies as well");
	CASE(tracer_thread_dies, "the thread that traces ends: its tracee goes on");
	CASE(parent_waits, "the parent learns of the end when the tracer has");
	CASE(parent_waits_after_tracer, "or when the tracer ends");
	CASE(waited_states, "waitid of a tracee: CLD_TRAPPED, WNOWAIT, once");
	CASE(told_by_sigchld, "SIGCHLD for a stop: CLD_TRAPPED");
	CASE(orphan, "PTRACE_DETACH with SIGSTOP: stopped for its parent");
	ok(tracer_of(getpid()) == 0, "nobody traces this program");
	return tap_end();
}
