// What the programs about ptrace(2) share: processes to trace, how they stop, their registers. Each case runs in a child of
// its own, which is the tracer, and has half a minute.
#ifndef TRACE_H
#define TRACE_H
#include "tap.h"
#include <elf.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

typedef struct user_regs_struct regs_t;

// The states that wait(2) reports.
#define EXIT(code) W_EXITCODE(code, 0)
#define KILLED(sig) W_EXITCODE(0, sig)
#define STOP(sig) W_STOPCODE(sig)
#define EVENT(event) W_STOPCODE(SIGTRAP | (event) << 8)
#define CALL STOP(SIGTRAP | 0x80) // a system call with PTRACE_O_TRACESYSGOOD

// MUST ends a case unless what it says holds.
#define MUST(what)                                                                      \
	do {                                                                            \
		if (!(what))                                                            \
			return printf("# line %d: %s (%m)\n", __LINE__, #what), 1; \
	} while (0)

// REFUSED ends a case unless a call fails with the error want.
#define REFUSED(call, want)         \
	do {                        \
		errno = 0;          \
		MUST((call) == -1); \
		MUST(errno == want); \
	} while (0)

// is compares two states of a process and shows them if they differ.
static inline int is(int got, int want) {
	if (got != want)
		printf("# state %#x, want %#x\n", got, want);
	return got == want;
}

// await returns the next state of a process, or -1.
static inline int await(pid_t pid) {
	int st;
	return waitpid(pid, &st, __WALL) == pid ? st : -1;
}

// resume lets a process that is stopped go on and returns its next state.
static inline int resume(int request, pid_t pid, int sig) { return ptrace(request, pid, 0, sig) ? -1 : await(pid); }

// child runs f in a process that dies with its parent.
static inline pid_t child(int (*f)(void)) {
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		_exit(f());
	}
	return pid;
}

// traced runs f in a child that is traced; it is stopped by SIGSTOP just before.
static inline pid_t traced(int (*f)(void), long options) {
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		syscall(SYS_kill, getpid(), SIGSTOP);
		_exit(f());
	}
	if (!is(await(pid), STOP(SIGSTOP)) || ptrace(PTRACE_SETOPTIONS, pid, 0, options | PTRACE_O_EXITKILL))
		return -1;
	return pid;
}

// finish kills a traced process and reports whether it was that which ended it.
static inline int finish(pid_t pid) {
	kill(pid, SIGKILL);
	return is(await(pid), KILLED(SIGKILL));
}

static inline regs_t regs_of(pid_t pid) {
	regs_t r;
	memset(&r, 0xaa, sizeof r);
	ptrace(PTRACE_GETREGS, pid, 0, &r);
	return r;
}

static inline siginfo_t info_of(pid_t pid) {
	siginfo_t si;
	memset(&si, 0xaa, sizeof si);
	ptrace(PTRACE_GETSIGINFO, pid, 0, &si);
	return si;
}

static inline unsigned long message_of(pid_t pid) {
	unsigned long m = ~0ul;
	ptrace(PTRACE_GETEVENTMSG, pid, 0, &m);
	return m;
}

// int80 makes a system call by the instruction of that name.
static inline long int80(long nr, long a, long b, long c) {
	long r;
	asm volatile("int $0x80" : "=a"(r) : "0"(nr), "b"(a), "c"(b), "d"(c) : "memory");
	return r;
}

// status_line returns what /proc/PID/status says about a field, as "State".
static inline const char *status_line(pid_t pid, const char *field) {
	static char buf[4096];
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/status", pid);
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, buf, sizeof buf - 1);
	close(fd);
	buf[n > 0 ? n : 0] = 0;
	for (char *line = buf, *end; (end = strchr(line, '\n')); line = end + 1) {
		*end = 0;
		if (!strncmp(line, field, strlen(field)) && line[strlen(field)] == ':')
			return line + strlen(field) + 2;
	}
	return "";
}

static inline int tracer_of(pid_t pid) { return atoi(status_line(pid, "TracerPid")); }

// becomes waits until a process is in a state that nothing announces, as 'S': asleep in a system call.
static inline int becomes(pid_t pid, char state) {
	while (*status_line(pid, "State") != state)
		if (!sched_yield() && !*status_line(pid, "State"))
			return 0;
	return 1;
}

// run_case runs f in a child that has half a minute, and returns what f returns, or 1000 and the signal that ended it.
static inline int run_case(int (*f)(void)) {
	int st;
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		alarm(30);
		_exit(f());
	}
	waitpid(pid, &st, 0);
	return WIFEXITED(st) ? WEXITSTATUS(st) : 1000 + WTERMSIG(st);
}

// CASE reports a case that passes if it returns 0.
#define CASE(f, name)                               \
	do {                                        \
		int got = run_case(f);              \
		if (!ok(got == 0, name))            \
			printf("# got %d\n", got); \
	} while (0)
#endif
