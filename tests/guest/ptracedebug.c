// ptrace(2): the debug registers in struct user: watched words, breakpoints, and that they are one process's alone.
#include "trace.h"

#define DEBUG(n) offsetof(struct user, u_debugreg[n])

// The bits of DR7 for breakpoint n (SDM vol. 3, 18.2.4).
enum { EXECUTE = 0, WRITE = 1, READ_WRITE = 3 };
#define ENABLE(n, kind, size) (1ul << (2 * (n)) | ((kind) | ((size)-1ul) << 2) << (16 + 4 * (n)))

static int waits(void) { return pause(); }

// step makes one step and returns the new EIP, or 0 if that was not what it made.
static unsigned long step(pid_t pid) {
	if (!is(resume(PTRACE_SINGLESTEP, pid, 0), STOP(SIGTRAP)))
		return 0;
	return regs_of(pid).eip;
}

// What is watched, and how it is used.
static volatile int watched, beside;
__attribute__((noinline)) static void touch(int n) {
	asm volatile("" ::: "memory");
	beside = n;
	watched = n;
}
static int touches(void) {
	for (int i = 1; i <= 3; i++)
		touch(i);
	return watched;
}

static int debug(pid_t pid, int n, unsigned long value) { return ptrace(PTRACE_POKEUSER, pid, DEBUG(n), value); }
static unsigned long debug_of(pid_t pid, int n) { return ptrace(PTRACE_PEEKUSER, pid, DEBUG(n), 0); }

static int watch_writes(void) {
	pid_t pid = traced(touches, 0);
	MUST(debug(pid, 0, (long)&watched) == 0 && debug(pid, 7, ENABLE(0, WRITE, 4)) == 0);
	MUST(debug_of(pid, 0) == (unsigned long)&watched && (debug_of(pid, 7) & ~0x700ul) == ENABLE(0, WRITE, 4));
	for (int i = 1; i <= 3; i++) {
		MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGTRAP)));
		MUST(ptrace(PTRACE_PEEKDATA, pid, &watched, 0) == i && (debug_of(pid, 6) & 0xf) == 1); // after the write
		siginfo_t si = info_of(pid);
		MUST(si.si_code == TRAP_HWBKPT);
		MUST(debug(pid, 6, 0) == 0 && (debug_of(pid, 6) & 0xf) == 0);
	}
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(3)));
	return 0;
}

static int watch_reads(void) { // in the third register; a write of the same kind hits as well
	pid_t pid = traced(touches, 0);
	MUST(debug(pid, 2, (long)&watched) == 0 && debug(pid, 7, ENABLE(2, READ_WRITE, 4)) == 0);
	for (int i = 0; i < 4; i++)
		MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGTRAP)) && (debug_of(pid, 6) & 0xf) == 4 && debug(pid, 6, 0) == 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(3)));
	return 0;
}

static int watch_two(void) {
	pid_t pid = traced(touches, 0);
	MUST(debug(pid, 0, (long)&watched) == 0 && debug(pid, 1, (long)&beside) == 0);
	MUST(debug(pid, 7, ENABLE(0, WRITE, 4) | ENABLE(1, WRITE, 1)) == 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGTRAP)) && (debug_of(pid, 6) & 0xf) == 2 && debug(pid, 6, 0) == 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGTRAP)) && (debug_of(pid, 6) & 0xf) == 1 && debug(pid, 6, 0) == 0);
	MUST(debug(pid, 7, ENABLE(1, WRITE, 1)) == 0); // one is taken away
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGTRAP)) && (debug_of(pid, 6) & 0xf) == 2 && debug(pid, 6, 0) == 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGTRAP)) && (debug_of(pid, 6) & 0xf) == 2);
	MUST(debug(pid, 7, 0) == 0 && is(resume(PTRACE_CONT, pid, 0), EXIT(3)));
	return 0;
}

static int break_at(void) { // before the instruction, each time it comes there
	pid_t pid = traced(touches, 0);
	MUST(debug(pid, 3, (long)touch) == 0 && debug(pid, 7, ENABLE(3, EXECUTE, 1)) == 0);
	for (int i = 1; i <= 3; i++) {
		MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGTRAP)) && regs_of(pid).eip == (long)touch);
		MUST((debug_of(pid, 6) & 0xf) == 8 && ptrace(PTRACE_PEEKDATA, pid, &watched, 0) == i - 1);
	}
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(3)));
	return 0;
}

static int step_over_break(void) {
	pid_t pid = traced(touches, 0);
	MUST(debug(pid, 0, (long)touch) == 0 && debug(pid, 7, ENABLE(0, EXECUTE, 1)) == 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGTRAP)) && regs_of(pid).eip == (long)touch);
	unsigned long next = step(pid);
	MUST(next && next != (unsigned long)touch);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGTRAP)) && regs_of(pid).eip == (long)touch);
	return !finish(pid);
}

static int refused_debug(void) {
	pid_t pid = traced(waits, 0);
	REFUSED(debug(pid, 4, 1), EIO);
	REFUSED(debug(pid, 5, 1), EIO);
	MUST(debug(pid, 0, (long)&watched + 1) == 0);
	REFUSED(debug(pid, 7, ENABLE(0, WRITE, 4)), EINVAL); // not aligned
	REFUSED(debug(pid, 7, ENABLE(0, 2, 4)), EINVAL);     // ports
	MUST((debug_of(pid, 7) & 0xff) == 0);
	return !finish(pid);
}

static int forks_and_touches(void) {
	int st;
	pid_t pid = fork();
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		_exit(touches());
	}
	waitpid(pid, &st, 0);
	return WIFEXITED(st) ? WEXITSTATUS(st) : 99;
}

static int not_inherited(void) { // by a child; nor is it hit by another process with the same address
	pid_t pid = traced(forks_and_touches, 0), other = traced(touches, 0);
	MUST(debug(pid, 0, (long)&watched) == 0 && debug(pid, 7, ENABLE(0, WRITE, 4)) == 0);
	MUST(is(resume(PTRACE_CONT, other, 0), EXIT(3)));
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGCHLD)) && is(resume(PTRACE_CONT, pid, 0), EXIT(3)));
	touches();
	return 0;
}

int main(void) {
	plan(8);
	CASE(watch_writes, "a watched word: each write");
	CASE(watch_reads, "a watched word: reads and writes");
	CASE(watch_two, "two watched words");
	CASE(break_at, "a breakpoint in a debug register");
	CASE(step_over_break, "a step over it");
	CASE(refused_debug, "bad debug registers");
	CASE(not_inherited, "debug registers are one process's");
	ok(tracer_of(getpid()) == 0, "nobody traces this program");
	return tap_end();
}
