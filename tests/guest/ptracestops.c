// ptrace(2): the stops of signals and of groups. What a tracer may change of a signal; SIGSTOP, SIGCONT and PTRACE_LISTEN;
// SIGKILL at each kind of stop.
#include "trace.h"
#include <linux/filter.h>
#include <linux/ptrace.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/resource.h>

static volatile int got;
static siginfo_t seen;
static void handler(int sig, siginfo_t *si, void *ctx) {
	(void)ctx;
	got = sig;
	seen = *si;
}
static void handle(int sig) {
	struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
	sigfillset(&sa.sa_mask);
	sigaction(sig, &sa, 0);
}

static int waits(void) { return pause(); }

// takes sends itself SIGUSR1 and returns the signal that comes.
static int takes(void) {
	handle(SIGUSR1), handle(SIGUSR2);
	syscall(SYS_kill, getpid(), SIGUSR1);
	return got;
}

static int passed_on(void) {
	pid_t pid = traced(takes, 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGUSR1)));
	siginfo_t si = info_of(pid);
	MUST(si.si_signo == SIGUSR1 && si.si_code == SI_USER && si.si_pid == pid && si.si_uid == getuid());
	MUST(is(resume(PTRACE_CONT, pid, SIGUSR1), EXIT(SIGUSR1)));
	return 0;
}

static int suppressed(void) {
	pid_t pid = traced(takes, 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGUSR1)));
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(0)));
	return 0;
}

static int exchanged(void) {
	pid_t pid = traced(takes, 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGUSR1)));
	MUST(is(resume(PTRACE_CONT, pid, SIGUSR2), EXIT(SIGUSR2)));
	pid = traced(takes, 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGUSR1)));
	MUST(is(resume(PTRACE_CONT, pid, SIGKILL), KILLED(SIGKILL)));
	return 0;
}

static int tells_sender(void) { // whose signal arrived
	takes();
	return got == SIGUSR2 && seen.si_code == SI_USER && seen.si_pid == getppid() ? 1 : got == SIGUSR1 && seen.si_code == SI_QUEUE ? seen.si_int : 99;
}

static int new_info(void) { // another signal is the tracer's own; the same one has the information that the tracer sets
	pid_t pid = traced(tells_sender, 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGUSR1)));
	MUST(is(resume(PTRACE_CONT, pid, SIGUSR2), EXIT(1)));
	pid = traced(tells_sender, 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGUSR1)));
	siginfo_t si = info_of(pid);
	si.si_code = SI_QUEUE;
	si.si_int = 77;
	MUST(ptrace(PTRACE_SETSIGINFO, pid, 0, &si) == 0 && info_of(pid).si_int == 77);
	MUST(is(resume(PTRACE_CONT, pid, SIGUSR1), EXIT(77)));
	return 0;
}

static int has_blocked(void) {
	sigset_t set;
	handle(SIGUSR1);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, 0);
	syscall(SYS_kill, getpid(), SIGUSR1);
	int before = got;
	sigprocmask(SIG_UNBLOCK, &set, 0);
	return before * 10 + (got == SIGUSR1);
}

static int blocked(void) { // it stops when it is delivered; injected while it is blocked, it waits
	pid_t pid = traced(has_blocked, PTRACE_O_TRACESYSGOOD);
	do
		MUST(is(resume(PTRACE_SYSCALL, pid, 0), CALL));
	while (regs_of(pid).orig_eax != SYS_kill);
	MUST(is(resume(PTRACE_SYSCALL, pid, 0), CALL)); // it has been sent, and does not stop
	MUST(is(resume(PTRACE_SYSCALL, pid, 0), CALL) && regs_of(pid).orig_eax == SYS_rt_sigprocmask);
	MUST(is(resume(PTRACE_SYSCALL, pid, 0), CALL));
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGUSR1)));
	uint64_t mask = 1ull << (SIGUSR1 - 1) | 1ull << (SIGKILL - 1), now = 5;
	MUST(ptrace(PTRACE_GETSIGMASK, pid, 8, &now) == 0 && now == 0);
	MUST(ptrace(PTRACE_SETSIGMASK, pid, 8, &mask) == 0);
	MUST(ptrace(PTRACE_GETSIGMASK, pid, 8, &now) == 0 && now == 1ull << (SIGUSR1 - 1));
	REFUSED(ptrace(PTRACE_GETSIGMASK, pid, 4, &now), EINVAL);
	REFUSED(ptrace(PTRACE_SETSIGMASK, pid, 8, 8), EFAULT);
	MUST(is(resume(PTRACE_CONT, pid, SIGUSR1), EXIT(0)));
	return 0;
}

static int is_blocked_or_ignored(void) {
	signal(SIGUSR1, SIG_IGN);
	syscall(SYS_kill, getpid(), SIGUSR1);
	syscall(SYS_kill, getpid(), SIGCHLD);
	return 3;
}

static int ignored(void) { // a tracer sees those as well
	pid_t pid = traced(is_blocked_or_ignored, 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGUSR1)));
	MUST(is(resume(PTRACE_CONT, pid, SIGUSR1), STOP(SIGCHLD)));
	MUST(is(resume(PTRACE_CONT, pid, SIGCHLD), EXIT(3)));
	return 0;
}

static int breaks(void) {
	asm volatile("int3");
	return 5;
}

static int breakpoint(void) {
	pid_t pid = traced(breaks, 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGTRAP)));
	siginfo_t si = info_of(pid);
	regs_t r = regs_of(pid);
	MUST(si.si_signo == SIGTRAP && si.si_code == SI_KERNEL);
	MUST((ptrace(PTRACE_PEEKTEXT, pid, r.eip - 1, 0) & 0xff) == 0xcc); // EIP is behind it
	MUST(r.orig_eax == -1);
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(5)));
	return 0;
}

static int faults(void) {
	setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
	return *(volatile int *)16;
}

static int fault(void) { // suppressed, it happens again; mended, the program goes on
	pid_t pid = traced(faults, 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGSEGV)));
	siginfo_t si = info_of(pid);
	regs_t first = regs_of(pid);
	MUST(si.si_code == SEGV_MAPERR && si.si_addr == (void *)16);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGSEGV)) && regs_of(pid).eip == first.eip);
	MUST(is(resume(PTRACE_CONT, pid, SIGSEGV), KILLED(SIGSEGV)));
	return 0;
}

static int queues(void) {
	sigset_t set;
	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, 0);
	for (int i = 0; i < 3; i++)
		sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 100 + i});
	syscall(SYS_tgkill, getpid(), getpid(), SIGUSR2); // to the thread, the others to the process
	raise(SIGSTOP);
	return 6;
}

static int peek_infos(void) {
	siginfo_t si[4];
	struct ptrace_peeksiginfo_args args = {0, PTRACE_PEEKSIGINFO_SHARED, 4};
	pid_t pid = traced(queues, 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGSTOP)));
	MUST(ptrace(PTRACE_PEEKSIGINFO, pid, &args, si) == 3);
	for (int i = 0; i < 3; i++)
		MUST(si[i].si_signo == SIGRTMIN + 1 && si[i].si_code == SI_QUEUE && si[i].si_int == 100 + i && si[i].si_pid == pid);
	args.off = 2;
	MUST(ptrace(PTRACE_PEEKSIGINFO, pid, &args, si) == 1 && si[0].si_int == 102);
	args.off = 3;
	MUST(ptrace(PTRACE_PEEKSIGINFO, pid, &args, si) == 0);
	args = (struct ptrace_peeksiginfo_args){0, 0, 4};
	MUST(ptrace(PTRACE_PEEKSIGINFO, pid, &args, si) == 1 && si[0].si_signo == SIGUSR2 && si[0].si_code == SI_TKILL);
	args.flags = 2;
	REFUSED(ptrace(PTRACE_PEEKSIGINFO, pid, &args, si), EINVAL);
	args = (struct ptrace_peeksiginfo_args){0, 0, -1};
	REFUSED(ptrace(PTRACE_PEEKSIGINFO, pid, &args, si), EINVAL);
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(6))); // what it peeked at is still blocked
	return 0;
}

static int stops_itself(void) {
	syscall(SYS_kill, getpid(), SIGSTOP);
	return 11;
}

static int group_stop(void) { // of an attached process: a stop like the signal's, without information, which any request ends
	siginfo_t si;
	pid_t pid = traced(stops_itself, 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGSTOP)) && info_of(pid).si_signo == SIGSTOP);
	MUST(is(resume(PTRACE_CONT, pid, SIGSTOP), STOP(SIGSTOP)));
	REFUSED(ptrace(PTRACE_GETSIGINFO, pid, 0, &si), EINVAL);
	MUST(!strcmp(status_line(pid, "State"), "t (tracing stop)"));
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(11)));
	return 0;
}

static int seized_group_stop(void) {
	siginfo_t si;
	int st;
	pid_t pid = child(waits);
	setpgid(pid, pid); // where nobody is left to continue a group, SIGTSTP does not stop it
	MUST(ptrace(PTRACE_SEIZE, pid, 0, 0) == 0 && kill(pid, SIGTSTP) == 0 && is(await(pid), STOP(SIGTSTP)));
	MUST(is(resume(PTRACE_CONT, pid, SIGTSTP), STOP(SIGTSTP | PTRACE_EVENT_STOP << 8)));
	MUST(ptrace(PTRACE_GETSIGINFO, pid, 0, &si) == 0 && si.si_signo == SIGTSTP && si.si_code == (SIGTSTP | PTRACE_EVENT_STOP << 8));
	MUST(ptrace(PTRACE_LISTEN, pid, 0, 0) == 0);
	MUST(!strcmp(status_line(pid, "State"), "t (tracing stop)") && waitpid(pid, &st, WNOHANG) == 0);
	REFUSED(ptrace(PTRACE_GETSIGINFO, pid, 0, &si), ESRCH); // it listens
	REFUSED(ptrace(PTRACE_CONT, pid, 0, 0), ESRCH);
	MUST(ptrace(PTRACE_INTERRUPT, pid, 0, 0) == 0 && is(await(pid), STOP(SIGTSTP | PTRACE_EVENT_STOP << 8)));
	MUST(ptrace(PTRACE_LISTEN, pid, 0, 0) == 0);
	MUST(kill(pid, SIGCONT) == 0 && is(await(pid), EVENT(PTRACE_EVENT_STOP))); // the end of the group stop is an event
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGCONT)));
	MUST(ptrace(PTRACE_CONT, pid, 0, SIGCONT) == 0 && becomes(pid, 'S'));
	return !finish(pid);
}

static int listens_until_killed(void) {
	pid_t pid = child(waits);
	MUST(ptrace(PTRACE_SEIZE, pid, 0, 0) == 0 && kill(pid, SIGSTOP) == 0 && is(await(pid), STOP(SIGSTOP)));
	MUST(is(resume(PTRACE_CONT, pid, SIGSTOP), STOP(SIGSTOP | PTRACE_EVENT_STOP << 8)));
	MUST(ptrace(PTRACE_LISTEN, pid, 0, 0) == 0);
	return !finish(pid);
}

static int attach_stopped(void) { // a process in a group stop becomes a traced one at once; let go of, it is as it was
	int st;
	pid_t pid = child(waits);
	MUST(kill(pid, SIGSTOP) == 0 && waitpid(pid, &st, WUNTRACED) == pid && is(st, STOP(SIGSTOP)));
	MUST(ptrace(PTRACE_SEIZE, pid, 0, 0) == 0 && is(await(pid), STOP(SIGSTOP | PTRACE_EVENT_STOP << 8)));
	MUST(ptrace(PTRACE_DETACH, pid, 0, 0) == 0);
	MUST(becomes(pid, 'T'));
	MUST(ptrace(PTRACE_ATTACH, pid, 0, 0) == 0 && is(await(pid), STOP(SIGSTOP)));
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGSTOP))); // this one is the attacher's
	MUST(ptrace(PTRACE_DETACH, pid, 0, 0) == 0 && becomes(pid, 'T'));
	MUST(kill(pid, SIGCONT) == 0 && becomes(pid, 'S'));
	return !finish(pid);
}

static int cont_before_stop(void) { // SIGCONT takes a SIGSTOP away that has not been delivered
	pid_t pid = traced(waits, 0);
	MUST(kill(pid, SIGSTOP) == 0 && kill(pid, SIGCONT) == 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGCONT)));
	MUST(kill(pid, SIGCONT) == 0 && kill(pid, SIGTSTP) == 0); // and the other way round
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGTSTP)));
	MUST(ptrace(PTRACE_CONT, pid, 0, 0) == 0 && becomes(pid, 'S'));
	return !finish(pid);
}

static int stop_from_tracer(void) { // a stop that is pending when it is let go of
	int st;
	pid_t pid = traced(waits, 0);
	setpgid(pid, pid);
	MUST(ptrace(PTRACE_CONT, pid, 0, 0) == 0 && kill(pid, SIGTTIN) == 0 && is(await(pid), STOP(SIGTTIN)));
	MUST(is(resume(PTRACE_CONT, pid, SIGTTIN), STOP(SIGTTIN)));
	MUST(ptrace(PTRACE_DETACH, pid, 0, 0) == 0);
	MUST(waitpid(pid, &st, WUNTRACED) == pid && is(st, STOP(SIGTTIN)));
	MUST(kill(pid, SIGCONT) == 0 && waitpid(pid, &st, WCONTINUED) == pid && WIFCONTINUED(st));
	return !finish(pid);
}

static pid_t thread_id;
static void *thread_waits(void *unused) {
	thread_id = syscall(SYS_gettid);
	syscall(SYS_kill, getpid(), SIGSTOP);
	pause();
	return unused;
}
static int has_thread(void) {
	pthread_t t;
	pthread_create(&t, 0, thread_waits, 0);
	pthread_join(t, 0);
	return 0;
}

static int threads_stop(void) { // a group stop is every thread's, and each is reported
	int st;
	pid_t pid = traced(has_thread, PTRACE_O_TRACECLONE);
	MUST(is(resume(PTRACE_CONT, pid, 0), EVENT(PTRACE_EVENT_CLONE)));
	pid_t tid = message_of(pid);
	MUST(is(await(tid), STOP(SIGSTOP)));
	MUST(ptrace(PTRACE_CONT, pid, 0, 0) == 0 && ptrace(PTRACE_CONT, tid, 0, 0) == 0);
	pid_t first = waitpid(-1, &st, __WALL);
	MUST((first == pid || first == tid) && is(st, STOP(SIGSTOP)) && info_of(first).si_signo == SIGSTOP);
	pid_t other = first == pid ? tid : pid;
	MUST(waitpid(other, &st, __WALL | WNOHANG) == 0); // not before the signal is passed on
	MUST(is(resume(PTRACE_CONT, first, SIGSTOP), STOP(SIGSTOP)));
	MUST(is(await(other), STOP(SIGSTOP)));
	MUST(kill(pid, SIGKILL) == 0 && is(await(tid), KILLED(SIGKILL)) && is(await(pid), KILLED(SIGKILL)));
	return 0;
}

static int calls_traced(void) {
	struct sock_filter code[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	                             BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE | 9),
	                             BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
	struct sock_fprog prog = {4, code};
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0);
	syscall(SYS_getppid);
	return 0;
}
static int execs(void) { return execl("/proc/self/exe", "ptracestops", "child", NULL); }
static int clones(void) { return fork() && 0; }
static int leaves(void) { return 4; }

static int killed_at(int (*f)(void), long options, int request, int state) {
	pid_t pid = traced(f, options);
	MUST(is(resume(request, pid, 0), state));
	return !finish(pid);
}

static int kills(void) {
	MUST(finish(traced(waits, 0)));
	MUST(killed_at(takes, 0, PTRACE_CONT, STOP(SIGUSR1)) == 0);
	MUST(killed_at(waits, PTRACE_O_TRACESYSGOOD, PTRACE_SYSCALL, CALL) == 0);
	MUST(killed_at(waits, 0, PTRACE_SINGLESTEP, STOP(SIGTRAP)) == 0);
	MUST(killed_at(execs, PTRACE_O_TRACEEXEC, PTRACE_CONT, EVENT(PTRACE_EVENT_EXEC)) == 0);
	MUST(killed_at(calls_traced, PTRACE_O_TRACESECCOMP, PTRACE_CONT, EVENT(PTRACE_EVENT_SECCOMP)) == 0);
	MUST(killed_at(clones, PTRACE_O_TRACEFORK, PTRACE_CONT, EVENT(PTRACE_EVENT_FORK)) == 0);
	return 0;
}

static int kills_at_exit(void) { // who is on the way out takes no signal
	int st;
	pid_t pid = traced(leaves, PTRACE_O_TRACEEXIT);
	MUST(is(resume(PTRACE_CONT, pid, 0), EVENT(PTRACE_EVENT_EXIT)));
	MUST(message_of(pid) == EXIT(4));
	MUST(kill(pid, SIGKILL) == 0 && waitpid(pid, &st, WNOHANG) == 0 && *status_line(pid, "State") == 't');
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(4)));
	return 0;
}

static int kill_has_exit_event(void) { // SIGKILL has no stop of its own
	pid_t pid = traced(waits, PTRACE_O_TRACEEXIT);
	MUST(ptrace(PTRACE_CONT, pid, 0, 0) == 0 && kill(pid, SIGKILL) == 0);
	MUST(is(await(pid), EVENT(PTRACE_EVENT_EXIT)) && message_of(pid) == KILLED(SIGKILL));
	MUST(is(resume(PTRACE_CONT, pid, 0), KILLED(SIGKILL)));
	return 0;
}

static int handler_frames(void) { // a signal to a stopped system call: the call is interrupted, the handler runs, EINTR
	pid_t pid = traced(takes, PTRACE_O_TRACESYSGOOD);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGUSR1)));
	MUST(is(resume(PTRACE_SINGLESTEP, pid, SIGUSR1), STOP(SIGTRAP))); // at the handler's first instruction
	MUST(regs_of(pid).eip == (long)handler);
	MUST(ptrace(PTRACE_PEEKDATA, pid, regs_of(pid).esp + 4, 0) == SIGUSR1);
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(SIGUSR1)));
	return 0;
}

int main(int argc, char **argv) {
	(void)argv;
	if (argc > 1)
		return 0;
	plan(21);
	CASE(passed_on, "a signal stops before it is delivered, with what it says");
	CASE(suppressed, "PTRACE_CONT without a signal: it is not delivered");
	CASE(exchanged, "PTRACE_CONT with another signal");
	CASE(new_info, "PTRACE_SETSIGINFO; another signal is the tracer's");
	CASE(blocked, "blocked signals; PTRACE_GETSIGMASK, PTRACE_SETSIGMASK");
	CASE(ignored, "ignored signals stop too");
	CASE(breakpoint, "int3: SIGTRAP behind it");
	CASE(fault, "a fault happens again if its signal is suppressed");
	CASE(peek_infos, "PTRACE_PEEKSIGINFO: the process's, the thread's");
	CASE(group_stop, "the group stop of an attached process");
	CASE(seized_group_stop, "the group stop of a seized one; PTRACE_LISTEN");
	CASE(listens_until_killed, "SIGKILL of one that listens");
	CASE(attach_stopped, "attaching to a stopped process, and leaving it");
	CASE(cont_before_stop, "SIGCONT and SIGSTOP take each other away");
	CASE(stop_from_tracer, "PTRACE_DETACH in a group stop: stopped for the parent");
	CASE(threads_stop, "a group stop of threads");
	CASE(kills, "SIGKILL at stops of signals, calls, steps and events");
	CASE(kills_at_exit, "SIGKILL at PTRACE_EVENT_EXIT changes nothing");
	CASE(kill_has_exit_event, "SIGKILL leads to PTRACE_EVENT_EXIT");
	CASE(handler_frames, "PTRACE_SINGLESTEP with a signal ends at its handler");
	ok(tracer_of(getpid()) == 0, "nobody traces this program");
	return tap_end();
}
