// ptrace(2): single steps, through calls, copies, faults and traps.
#include "trace.h"
#include <sys/auxv.h>

// Places in assembly, which runs from its first label to its last and then exits.
extern char plain_0[], plain_end[], call_0[], call_int[], call_after[], call_end[], fast_0[], fast_call[], fast_after[], fast_end[], rep_0[], rep_end[],
	popf_0[], popf_end[], fault_0[], fault_at[], trap_0[], trap_end[];
asm("plain_0: nop\n mov $1, %eax\n xchg %eax, %ebx\n jmp 1f\n nop\n 1: nop\n plain_end: hlt\n"
    "call_0: mov $20, %eax\n call_int: int $0x80\n call_after: mov %eax, %ebx\n nop\n call_end: hlt\n"
    "fast_0: mov $20, %eax\n fast_call: call *vsyscall\n fast_after: mov %eax, %ebx\n fast_end: hlt\n"
    "rep_0: mov $3, %ecx\n rep lodsb\n rep_end: hlt\n"
    "popf_0: push $0x202\n popf\n nop\n nop\n pushf\n pop %eax\n popf_end: hlt\n"
    "fault_0: nop\n fault_at: mov 16, %eax\n hlt\n"
    "trap_0: nop\n int3\n nop\n trap_end: hlt\n");
unsigned long vsyscall;

static int waits(void) { return pause(); }

// at puts a process at an address.
static pid_t at(void *where) {
	pid_t pid = traced(waits, PTRACE_O_TRACESYSGOOD);
	regs_t r = regs_of(pid);
	r.eip = (long)where;
	r.orig_eax = -1;
	r.esi = r.esp;
	ptrace(PTRACE_SETREGS, pid, 0, &r);
	return pid;
}

// step makes one step and returns the new EIP, or 0 if that was not what it made.
static unsigned long step(pid_t pid) {
	if (!is(resume(PTRACE_SINGLESTEP, pid, 0), STOP(SIGTRAP)))
		return 0;
	return regs_of(pid).eip;
}

static int each_instruction(void) {
	static const int lengths[] = {1, 6, 7, 10, 11};
	pid_t pid = at(plain_0);
	for (int i = 0; i < 5; i++) {
		MUST(step(pid) == (unsigned long)plain_0 + lengths[i]);
		siginfo_t si = info_of(pid);
		MUST(si.si_signo == SIGTRAP && si.si_code == TRAP_TRACE && si.si_addr == plain_0 + lengths[i]);
		MUST((regs_of(pid).eflags & 0x100) == 0); // the flag is the tracer's, not the program's
	}
	MUST(regs_of(pid).eip == (long)plain_end && regs_of(pid).ebx == 1);
	return !finish(pid);
}

static int int80_step(void) {
	pid_t pid = at(call_0);
	MUST(step(pid) == (unsigned long)call_int);
	MUST(step(pid) == (unsigned long)call_after && regs_of(pid).eax == pid); // no step is lost in the kernel
	MUST(step(pid) == (unsigned long)call_after + 2 && regs_of(pid).ebx == pid);
	MUST(step(pid) == (unsigned long)call_end);
	return !finish(pid);
}

static int call_then_step(void) { // from the stop at a call's end
	pid_t pid = at(call_0);
	MUST(is(resume(PTRACE_SYSCALL, pid, 0), CALL) && is(resume(PTRACE_SYSCALL, pid, 0), CALL));
	MUST(regs_of(pid).eip == (long)call_after && regs_of(pid).eax == pid);
	MUST(step(pid) == (unsigned long)call_after + 2);
	MUST(finish(pid));
	pid = at(call_0); // from the stop at its beginning
	MUST(is(resume(PTRACE_SYSCALL, pid, 0), CALL));
	MUST(step(pid) == (unsigned long)call_after && regs_of(pid).eax == pid);
	MUST(step(pid) == (unsigned long)call_after + 2);
	return !finish(pid);
}

static int fast_step(void) { // every place is in the vDSO's function, on the way through it, and none is passed twice
	unsigned long seen[64], eip;
	int n = 0;
	vsyscall = getauxval(AT_SYSINFO);
	pid_t pid = at(fast_0);
	MUST(step(pid) == (unsigned long)fast_call && step(pid) == vsyscall);
	long esp = regs_of(pid).esp, ebp = regs_of(pid).ebp, ecx = regs_of(pid).ecx, edx = regs_of(pid).edx;
	while ((eip = step(pid)) != (unsigned long)fast_after) {
		MUST(eip > vsyscall && eip < vsyscall + 64 && n < 64);
		for (int i = 0; i < n; i++)
			MUST(seen[i] != eip);
		seen[n++] = eip;
	}
	MUST(n >= 3 && n < 16);
	regs_t r = regs_of(pid);
	MUST(r.eax == pid && r.esp == esp + 4 && r.ebp == ebp && r.ecx == ecx && r.edx == edx);
	MUST(step(pid) == (unsigned long)fast_end && regs_of(pid).ebx == pid);
	return !finish(pid);
}

static int sleeps(void) {
	struct timespec {
		long s, ns;
	} ts = {0, 1000000};
	return int80(SYS_nanosleep, (long)&ts, 0, 0) == 0 ? 7 : 8;
}

static int all_the_way(void) { // a whole program, with a call that sleeps, step by step
	int st, n = 0;
	pid_t pid = traced(sleeps, 0);
	while ((st = resume(PTRACE_SINGLESTEP, pid, 0)) == STOP(SIGTRAP))
		MUST(n++ < 100000 && regs_of(pid).eip != 0);
	MUST(is(st, EXIT(7)) && n > 20);
	return 0;
}

static int repeats(void) { // one step is one round
	pid_t pid = at(rep_0);
	step(pid);
	for (int left = 2; left > 0; left--)
		MUST(step(pid) == (unsigned long)rep_end - 2 && regs_of(pid).ecx == left);
	MUST(step(pid) == (unsigned long)rep_end && regs_of(pid).ecx == 0);
	return !finish(pid);
}

static int pops_flags(void) { // a POPF that clears the flag ends no step
	pid_t pid = at(popf_0);
	for (const char *p = popf_0; p != popf_end;) {
		const char *next = (char *)step(pid);
		MUST(next > p && next <= popf_end);
		p = next;
	}
	return !finish(pid);
}

static int faults(void) {
	pid_t pid = at(fault_0);
	MUST(step(pid) == (unsigned long)fault_at);
	MUST(is(resume(PTRACE_SINGLESTEP, pid, 0), STOP(SIGSEGV)) && regs_of(pid).eip == (long)fault_at);
	MUST(info_of(pid).si_addr == (void *)16);
	return !finish(pid);
}

static int traps(void) { // int3 under a step: one signal, the breakpoint's
	pid_t pid = at(trap_0);
	MUST(step(pid) == (unsigned long)trap_0 + 1);
	MUST(step(pid) == (unsigned long)trap_0 + 2 && info_of(pid).si_code == SI_KERNEL);
	MUST(step(pid) == (unsigned long)trap_end && info_of(pid).si_code == TRAP_TRACE);
	return !finish(pid);
}

static int execs(void) { return execl("/proc/self/exe", "ptracesteps", "child", NULL); }
static int exec_ends_steps(void) {
	pid_t pid = traced(execs, PTRACE_O_TRACEEXEC);
	int st, n = 0;
	while ((st = resume(PTRACE_SINGLESTEP, pid, 0)) == STOP(SIGTRAP))
		MUST(n++ < 10000);
	MUST(is(st, EVENT(PTRACE_EVENT_EXEC)));
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(42)));
	return 0;
}

static volatile int trace_traps;
static void on_trap(int sig, siginfo_t *si, void *ctx) {
	(void)sig, (void)ctx;
	trace_traps += si->si_code == TRAP_TRACE;
}
static int own_flag(void) { // without a tracer
	struct sigaction sa = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
	sigaction(SIGTRAP, &sa, 0);
	asm volatile("pushf\n orl $0x100, (%%esp)\n popf\n nop\n nop\n pushf\n andl $~0x100, (%%esp)\n popf\n nop" ::: "memory", "cc");
	return trace_traps;
}

static int program_steps_itself(void) {
	pid_t pid = traced(own_flag, 0);
	int st = resume(PTRACE_CONT, pid, 0), n = 0;
	for (; st == STOP(SIGTRAP); n++)
		st = resume(PTRACE_CONT, pid, SIGTRAP);
	MUST(n == 5 && is(st, EXIT(5)));
	return own_flag() != 5;
}

int main(int argc, char **argv) {
	(void)argv;
	if (argc > 1)
		return 42;
	plan(12);
	CASE(each_instruction, "each instruction is a step");
	CASE(int80_step, "int $0x80 is one");
	CASE(call_then_step, "steps from the stops of a call");
	CASE(fast_step, "through __kernel_vsyscall");
	CASE(all_the_way, "a program from its beginning to its end");
	CASE(repeats, "each round of REP");
	CASE(pops_flags, "over POPF");
	CASE(faults, "a fault");
	CASE(traps, "int3");
	CASE(exec_ends_steps, "execve ends them");
	CASE(program_steps_itself, "a program that sets the trap flag");
	ok(tracer_of(getpid()) == 0, "nobody traces this program");
	return tap_end();
}
