// seccomp(2): what may be installed and by whom; each action; which of several filters wins; arguments; threads; strict mode.
#include "tap.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(v) BPF_STMT(BPF_RET | BPF_K, v)
#define EQUAL(v, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, v, yes, no)
#define COUNT(a) (sizeof(a) / sizeof *(a))

static int seccomp(unsigned op, unsigned flags, const void *arg) { return syscall(SYS_seccomp, op, flags, arg); }

static int install(struct sock_filter *code, int n, unsigned flags) {
	struct sock_fprog prog = {n, code};
	return seccomp(SECCOMP_SET_MODE_FILTER, flags, &prog);
}

// on makes call nr end in action; all others are allowed.
static int on_flags(int nr, unsigned action, unsigned flags) {
	struct sock_filter code[] = {LOAD(nr), EQUAL(nr, 0, 1), RETURN(action), RETURN(SECCOMP_RET_ALLOW)};
	return install(code, COUNT(code), flags);
}
static int on(int nr, unsigned action) { return on_flags(nr, action, 0); }

static long ppid(void) { return syscall(SYS_getppid); } // the library's never fails

static int in_child(int (*f)(void)) {
	int st;
	pid_t pid = fork();
	if (pid == 0) {
		struct rlimit none = {0, 0};
		setrlimit(RLIMIT_CORE, &none);
		_exit(f());
	}
	waitpid(pid, &st, 0);
	return WIFEXITED(st) ? WEXITSTATUS(st) : 1000 + WTERMSIG(st);
}

static int who_may(void) {
	if (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000))
		return 1;
	if (on(SYS_getppid, SECCOMP_RET_ERRNO) != -1 || errno != EACCES)
		return 2;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || on(SYS_getppid, SECCOMP_RET_ERRNO | EXDEV))
		return 3;
	return ppid() != -1 || errno != EXDEV;
}

static int in_user_namespace(void) {
	if (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000) || unshare(CLONE_NEWUSER))
		return 1;
	return on(SYS_getppid, SECCOMP_RET_ERRNO | EXDEV) || ppid() != -1 || errno != EXDEV;
}

static void refused(void) {
	struct sock_filter ret[] = {RETURN(SECCOMP_RET_ALLOW)}, no_end[] = {LOAD(nr)}, far[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64), RETURN(0)};
	static struct sock_filter big[4097];
	struct sock_fprog bad = {1, (void *)8};
	for (int i = 0; i < 4097; i++)
		big[i] = ret[0];
	fails(install(ret, 1, 0x80), EINVAL, "an unknown flag: EINVAL");
	fails(install(ret, 0, 0), EINVAL, "no instructions: EINVAL");
	fails(install(big, 4097, 0), EINVAL, "4097 instructions: EINVAL");
	fails(install(no_end, 1, 0), EINVAL, "a program without a return: EINVAL");
	fails(install(far, 2, 0), EINVAL, "a load from beyond seccomp_data: EINVAL");
	fails(seccomp(SECCOMP_SET_MODE_FILTER, 0, (void *)8), EFAULT, "a bad address: EFAULT");
	fails(seccomp(SECCOMP_SET_MODE_FILTER, 0, &bad), EFAULT, "a bad address of instructions: EFAULT");
	fails(seccomp(SECCOMP_SET_MODE_STRICT, 1, 0), EINVAL, "strict mode with flags: EINVAL");
	fails(seccomp(99, 0, 0), EINVAL, "an unknown operation: EINVAL");
	fails(prctl(PR_SET_SECCOMP, 7, 0, 0, 0), EINVAL, "an unknown mode: EINVAL");
	unsigned action = SECCOMP_RET_TRAP;
	ok(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0, "SECCOMP_RET_TRAP is there");
	action = 0x12340000;
	fails(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &action), EOPNOTSUPP, "an unknown action: EOPNOTSUPP");
	ok(prctl(PR_GET_SECCOMP) == 0, "after all that there is no filter");
}

static int error_numbers(void) {
	if (on(SYS_getppid, SECCOMP_RET_ERRNO | EXDEV) || ppid() != -1 || errno != EXDEV)
		return 1;
	if (on(SYS_getpgrp, SECCOMP_RET_ERRNO) || syscall(SYS_getpgrp) != 0)
		return 2;
	if (on(SYS_getuid, SECCOMP_RET_ERRNO | 0xffff) || syscall(SYS_getuid) != -1 || errno != 4095)
		return 3;
	return getpid() <= 0 || prctl(PR_GET_SECCOMP) != 2;
}

static int last_wins(void) { // of the same action, the filter installed last
	if (on(SYS_getppid, SECCOMP_RET_ERRNO | 5) || on(SYS_getppid, SECCOMP_RET_ERRNO | 6) || on(SYS_getppid, SECCOMP_RET_ALLOW))
		return 1;
	return ppid() != -1 || errno != 6;
}

static int worst_wins(void) {
	on(SYS_getppid, SECCOMP_RET_LOG);
	on(SYS_getppid, SECCOMP_RET_TRACE);
	if (ppid() != -1 || errno != ENOSYS)
		return 1;
	on(SYS_getppid, SECCOMP_RET_ERRNO | 9);
	on(SYS_getppid, SECCOMP_RET_LOG);
	if (ppid() != -1 || errno != 9)
		return 2;
	on(SYS_getppid, SECCOMP_RET_KILL_PROCESS);
	on(SYS_getppid, SECCOMP_RET_TRAP);
	ppid();
	return 3;
}

static int arguments(void) {
	struct sock_filter code[] = {
		LOAD(nr), EQUAL(SYS_kill, 0, 5), LOAD(args[1]), EQUAL(SIGUSR1, 0, 3),
		LOAD(args[2]), EQUAL(0, 0, 1), RETURN(SECCOMP_RET_ERRNO | 33), RETURN(SECCOMP_RET_ALLOW),
	};
	code[4] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1]) + 4); // the high half
	if (install(code, COUNT(code), 0))
		return 1;
	signal(SIGUSR1, SIG_IGN);
	if (kill(getpid(), 0) || kill(getpid(), SIGUSR2 + 100) != -1 || errno != EINVAL)
		return 2;
	return kill(getpid(), SIGUSR1) != -1 || errno != 33;
}

static int all_six(void) {
	struct sock_filter code[] = {LOAD(nr), EQUAL(SYS_getppid, 0, 14),
	                             LOAD(args[0]), EQUAL(11, 0, 12), LOAD(args[1]), EQUAL(0x80000012, 0, 10), LOAD(args[2]), EQUAL(13, 0, 8),
	                             LOAD(args[3]), EQUAL(14, 0, 6), LOAD(args[4]), EQUAL(15, 0, 4), LOAD(args[5]), EQUAL(16, 0, 2),
	                             LOAD(arch), EQUAL(AUDIT_ARCH_I386, 1, 0), RETURN(SECCOMP_RET_ALLOW), RETURN(SECCOMP_RET_ERRNO | 21)};
	if (install(code, COUNT(code), 0))
		return 1;
	if (ppid() < 0)
		return 2;
	return syscall(SYS_getppid, 11, 0x80000012, 13, 14, 15, 16) != -1 || errno != 21;
}

static siginfo_t seen;
static long seen_eax;
static void on_sigsys(int sig, siginfo_t *si, void *ctx) {
	ucontext_t *uc = ctx;
	(void)sig;
	seen = *si;
	seen_eax = uc->uc_mcontext.gregs[REG_EAX];
	uc->uc_mcontext.gregs[REG_EAX] = 4321;
}

static int traps(void) {
	struct sigaction sa = {.sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO};
	sigaction(SIGSYS, &sa, 0);
	if (on(SYS_getppid, SECCOMP_RET_TRAP | 42))
		return 1;
	if (ppid() != 4321)
		return 2;
	if (seen.si_signo != SIGSYS || seen.si_code != 1 || seen.si_errno != 42 || seen_eax != SYS_getppid)
		return 3;
	if (seen.si_syscall != SYS_getppid || seen.si_arch != AUDIT_ARCH_I386 || !seen.si_call_addr)
		return 4;
	return 0;
}

static int trap_blocked(void) {
	struct sigaction sa = {.sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO};
	sigset_t all;
	sigaction(SIGSYS, &sa, 0);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, 0);
	on(SYS_getppid, SECCOMP_RET_TRAP);
	ppid();
	return 1;
}

static int kills(void) {
	signal(SIGSYS, SIG_IGN);
	on(SYS_getppid, SECCOMP_RET_KILL_PROCESS);
	ppid();
	return 1;
}

static int unknown_kills(void) {
	on(SYS_getppid, 0x12340000);
	ppid();
	return 1;
}

static void *asks(void *a) {
	ppid();
	*(int *)a = 1;
	return 0;
}

static int kills_thread(void) {
	pthread_t t;
	int went_on = 0;
	on(SYS_getppid, SECCOMP_RET_KILL_THREAD);
	pthread_create(&t, 0, asks, &went_on);
	pthread_join(t, 0);
	return went_on ? 1 : 7;
}

static int kills_process_of_thread(void) {
	pthread_t t;
	int went_on = 0;
	on(SYS_getppid, SECCOMP_RET_KILL_PROCESS);
	pthread_create(&t, 0, asks, &went_on);
	pthread_join(t, 0);
	return 1;
}

static int kills_last_thread(void) {
	on(SYS_getppid, SECCOMP_RET_KILL_THREAD);
	ppid();
	return 1;
}

static int inherits(void) {
	int st;
	if (on(SYS_getppid, SECCOMP_RET_ERRNO | 55))
		return 1;
	pid_t pid = fork();
	if (pid == 0)
		_exit(ppid() == -1 && errno == 55 ? 0 : 2);
	waitpid(pid, &st, 0);
	if (st)
		return 2;
	execl("/proc/self/exe", "seccomp", "child", NULL);
	return 3;
}

static int strict(void) {
	int p[2];
	char c;
	pipe(p);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0) || write(p[1], "x", 1) != 1 || read(p[0], &c, 1) != 1)
		return 1;
	syscall(SYS_exit, 44);
	return 1;
}

static int strict_kills(void) {
	signal(SIGSYS, SIG_IGN);
	seccomp(SECCOMP_SET_MODE_STRICT, 0, 0);
	syscall(SYS_getpid);
	syscall(SYS_exit, 1);
	return 1;
}

static int no_strict_after_filter(void) {
	on(SYS_getppid, SECCOMP_RET_ERRNO);
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0) != -1 || errno != EINVAL;
}

static int shown(void) {
	char buf[4096];
	on(SYS_getppid, SECCOMP_RET_ERRNO);
	on(SYS_getppid, SECCOMP_RET_ERRNO);
	FILE *f = fopen("/proc/self/status", "r");
	buf[fread(buf, 1, sizeof buf - 1, f)] = 0;
	return !strstr(buf, "\nSeccomp:\t2\n") || !strstr(buf, "\nSeccomp_filters:\t2\n");
}

static int too_much(void) {
	static struct sock_filter big[4096];
	for (int i = 0; i < 4096; i++)
		big[i] = (struct sock_filter)BPF_STMT(BPF_MISC | BPF_TAX, 0);
	big[4095] = (struct sock_filter)RETURN(SECCOMP_RET_ALLOW);
	for (int i = 0; i < 7; i++)
		if (install(big, 4096, 0))
			return 1 + i;
	return install(big, 4096, 0) != -1 || errno != ENOMEM;
}

// A thread that does what it is told, step by step.
static int chan[2], back[2];
static void *obeys(void *a) {
	char c;
	(void)a;
	for (int r = 0; read(chan[0], &c, 1) == 1; r = 0) {
		switch (c) {
		case 'p': r = ppid() == -1 ? errno : 0; break;
		case 'f': r = on(SYS_getpgrp, SECCOMP_RET_ERRNO | 1); break;
		case 'n': r = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0); break;
		case 't': r = syscall(SYS_gettid); break;
		case 'q': return 0;
		}
		write(back[1], &r, sizeof r);
	}
	return 0;
}
static int tell(char c) {
	int r = -1;
	write(chan[1], &c, 1);
	read(back[0], &r, sizeof r);
	return r;
}

static int syncs(void) {
	pthread_t t;
	pipe(chan);
	pipe(back);
	pthread_create(&t, 0, obeys, 0);
	if (tell('p') != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return 1;
	if (on(SYS_getppid, SECCOMP_RET_ERRNO | 61) || tell('p') != 0) // without TSYNC it is this thread's alone
		return 2;
	if (on_flags(SYS_getppid, SECCOMP_RET_ERRNO | 62, SECCOMP_FILTER_FLAG_TSYNC) || tell('p') != 62 || tell('n') != 1)
		return 3;
	if (tell('f')) // now it has one that this thread has not
		return 4;
	if (on_flags(SYS_getppid, SECCOMP_RET_ERRNO | 63, SECCOMP_FILTER_FLAG_TSYNC) != tell('t'))
		return 5;
	if (on_flags(SYS_getppid, SECCOMP_RET_ERRNO | 63, SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH) != -1 || errno != ESRCH)
		return 6;
	if (ppid() != -1 || errno != 62 || tell('p') != 62)
		return 7;
	write(chan[1], "q", 1);
	return pthread_join(t, 0);
}

static int many_calls(void) { // a filter that allows, over and over, beside one call that it does not
	struct sock_filter code[] = {LOAD(arch), EQUAL(AUDIT_ARCH_I386, 1, 0), RETURN(SECCOMP_RET_KILL_PROCESS),
	                             LOAD(nr), EQUAL(SYS_getppid, 2, 0), EQUAL(SYS_getuid, 0, 2), RETURN(SECCOMP_RET_ALLOW),
	                             RETURN(SECCOMP_RET_ERRNO | 3), RETURN(SECCOMP_RET_ALLOW)};
	if (install(code, COUNT(code), 0))
		return 1;
	for (int i = 0; i < 1000; i++)
		if (syscall(SYS_getuid) != 0 || ppid() != -1 || errno != 3 || syscall(SYS_gettid) <= 0)
			return 2;
	return 0;
}

int main(int argc, char **argv) {
	int n;
	if (argc > 1 && !strcmp(argv[1], "child"))
		return ppid() == -1 && errno == 55 ? 0 : 4;
	plan(37);
#define CASE(f, want, name) \
	if (!ok((n = in_child(f)) == (want), name)) \
		printf("# got %d\n", n)
	refused();
	CASE(who_may, 0, "without CAP_SYS_ADMIN it takes no_new_privs: EACCES");
	CASE(in_user_namespace, 0, "CAP_SYS_ADMIN in the user namespace is enough");
	CASE(error_numbers, 0, "SECCOMP_RET_ERRNO: any number, 0, at most 4095");
	CASE(last_wins, 0, "of equal actions, the last filter's value counts");
	CASE(worst_wins, 1000 + SIGSYS, "the most restrictive action wins");
	CASE(arguments, 0, "a filter sees arguments");
	CASE(all_six, 0, "all six arguments and the architecture");
	CASE(traps, 0, "SECCOMP_RET_TRAP: SIGSYS with what was called");
	CASE(trap_blocked, 1000 + SIGSYS, "SECCOMP_RET_TRAP with SIGSYS blocked kills");
	CASE(kills, 1000 + SIGSYS, "SECCOMP_RET_KILL_PROCESS, SIGSYS ignored or not");
	CASE(unknown_kills, 1000 + SIGSYS, "an unknown action kills");
	CASE(kills_thread, 7, "SECCOMP_RET_KILL_THREAD leaves the other threads");
	CASE(kills_process_of_thread, 1000 + SIGSYS, "SECCOMP_RET_KILL_PROCESS does not");
	CASE(kills_last_thread, 1000 + SIGSYS, "SECCOMP_RET_KILL_THREAD of the only thread");
	CASE(inherits, 0, "fork and execve keep filters");
	CASE(strict, 44, "strict mode: read, write, exit");
	CASE(strict_kills, 1000 + SIGKILL, "strict mode: anything else is SIGKILL");
	CASE(no_strict_after_filter, 0, "no strict mode after a filter: EINVAL");
	CASE(shown, 0, "/proc/self/status shows mode and number of filters");
	CASE(too_much, 0, "32768 instructions in all: ENOMEM");
	CASE(syncs, 0, "SECCOMP_FILTER_FLAG_TSYNC");
	CASE(many_calls, 0, "a thousand calls through a filter");
	ok(ppid() >= 0 && prctl(PR_GET_SECCOMP) == 0, "the parent has no filter");
	ok(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0, "nor no_new_privs");
	return tap_end();
}
