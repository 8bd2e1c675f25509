// ptrace(2): the stops of system calls. Their arguments, numbers and results are the tracer's to change; calls that signals
// interrupt; PTRACE_SYSEMU; PTRACE_GET_SYSCALL_INFO; what seccomp's filters leave to the tracer.
#include "trace.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <time.h>

#define ERESTARTSYS 512
#define ERESTARTNOHAND 514
#define ERESTART_RESTARTBLOCK 516

static int fds[2];

// call goes on to the next stop of a system call, which must be for number nr.
static int call(pid_t pid, long nr) {
	if (!is(resume(PTRACE_SYSCALL, pid, 0), CALL))
		return 0;
	long now = regs_of(pid).orig_eax;
	if (now != nr)
		printf("# call %ld, want %ld\n", now, nr);
	return now == nr;
}

static int set_regs(pid_t pid, regs_t r) { return ptrace(PTRACE_SETREGS, pid, 0, &r) == 0; }

static int one_write(void) { return int80(SYS_write, fds[1], (long)"abcdef", 6); }

static int shows(void) {
	pipe(fds);
	pid_t pid = traced(one_write, PTRACE_O_TRACESYSGOOD);
	MUST(call(pid, SYS_write));
	regs_t r = regs_of(pid);
	MUST(r.eax == -ENOSYS && r.ebx == fds[1] && r.edx == 6);
	MUST((ptrace(PTRACE_PEEKTEXT, pid, r.eip - 2, 0) & 0xffff) == 0x80cd); // EIP is behind the int 0x80
	siginfo_t si = info_of(pid);
	MUST(si.si_signo == SIGTRAP && si.si_code == (SIGTRAP | 0x80) && si.si_pid == pid);
	MUST(call(pid, SYS_write) && regs_of(pid).eax == 6);
	MUST(call(pid, SYS_exit_group) && regs_of(pid).ebx == 6);
	MUST(is(resume(PTRACE_SYSCALL, pid, 0), EXIT(6))); // which does not return
	return 0;
}

static int bare_trap(void) { // without PTRACE_O_TRACESYSGOOD
	pipe(fds);
	pid_t pid = traced(one_write, 0);
	MUST(is(resume(PTRACE_SYSCALL, pid, 0), STOP(SIGTRAP)) && info_of(pid).si_code == SIGTRAP);
	MUST(is(resume(PTRACE_SYSCALL, pid, 0), STOP(SIGTRAP)) && regs_of(pid).eax == 6);
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(6)));
	return 0;
}

static int changes_arguments(void) {
	char buf[8];
	pipe(fds);
	pid_t pid = traced(one_write, PTRACE_O_TRACESYSGOOD);
	MUST(call(pid, SYS_write));
	regs_t r = regs_of(pid);
	r.ecx += 2;
	r.edx = 3;
	MUST(set_regs(pid, r) && call(pid, SYS_write));
	MUST(regs_of(pid).eax == 3 && regs_of(pid).edx == 3); // they stay changed
	MUST(read(fds[0], buf, 8) == 3 && !memcmp(buf, "cde", 3));
	return !finish(pid);
}

static int skips(void) {
	char c;
	pipe(fds);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	pid_t pid = traced(one_write, PTRACE_O_TRACESYSGOOD);
	MUST(call(pid, SYS_write));
	regs_t r = regs_of(pid);
	r.orig_eax = -1;
	MUST(set_regs(pid, r) && call(pid, -1) && regs_of(pid).eax == -ENOSYS);
	MUST(call(pid, SYS_exit_group) && regs_of(pid).ebx == -ENOSYS);
	REFUSED(read(fds[0], &c, 1), EAGAIN); // nothing was written
	MUST(finish(pid));
	pid = traced(one_write, PTRACE_O_TRACESYSGOOD);
	MUST(call(pid, SYS_write));
	r = regs_of(pid);
	r.orig_eax = -1;
	r.eax = 33; // with the result at once
	MUST(set_regs(pid, r) && is(resume(PTRACE_CONT, pid, 0), EXIT(33)));
	REFUSED(read(fds[0], &c, 1), EAGAIN);
	return 0;
}

static int other_number(void) {
	pipe(fds);
	pid_t pid = traced(one_write, PTRACE_O_TRACESYSGOOD);
	MUST(call(pid, SYS_write));
	MUST(ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, regs.orig_eax), SYS_getpid) == 0);
	MUST(call(pid, SYS_getpid) && regs_of(pid).eax == pid);
	MUST(call(pid, SYS_exit_group));
	MUST(ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, regs.orig_eax), 100000) == 0);
	MUST(call(pid, 100000) && regs_of(pid).eax == -ENOSYS); // it lives
	return !finish(pid);
}

static int new_result(void) {
	pipe(fds);
	pid_t pid = traced(one_write, PTRACE_O_TRACESYSGOOD);
	MUST(call(pid, SYS_write) && call(pid, SYS_write));
	MUST(ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, regs.eax), 55) == 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(55)));
	return 0;
}

// Six arguments, by the vDSO's fast call, where the sixth is on the stack.
static int maps(void) {
	int fd = memfd_create("m", 0);
	write(fd, "0", 1), pwrite(fd, "1", 1, 4096), pwrite(fd, "2", 1, 8192);
	char *p = mmap(0, 4096, PROT_READ, MAP_PRIVATE, fd, 4096);
	return *p;
}

static int sixth_argument(void) {
	pid_t pid = traced(maps, PTRACE_O_TRACESYSGOOD);
	do
		MUST(is(resume(PTRACE_SYSCALL, pid, 0), CALL));
	while (regs_of(pid).orig_eax != SYS_mmap2);
	regs_t r = regs_of(pid);
	MUST(r.ebp == 1 && r.ecx == 4096 && r.edx == PROT_READ && r.esi == MAP_PRIVATE);
	MUST(ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, regs.ebp), 2) == 0);
	MUST(call(pid, SYS_mmap2) && is(resume(PTRACE_CONT, pid, 0), EXIT('2')));
	return 0;
}

static int emulated(void) {
	pipe(fds);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	char c;
	pid_t pid = traced(one_write, PTRACE_O_TRACESYSGOOD);
	MUST(is(resume(PTRACE_SYSEMU, pid, 0), CALL) && regs_of(pid).orig_eax == SYS_write && regs_of(pid).eax == -ENOSYS);
	MUST(ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, regs.eax), 17) == 0);
	MUST(is(resume(PTRACE_SYSEMU, pid, 0), CALL) && regs_of(pid).orig_eax == SYS_exit_group && regs_of(pid).ebx == 17);
	REFUSED(read(fds[0], &c, 1), EAGAIN);
	return !finish(pid);
}

static int emulated_steps(void) {
	pipe(fds);
	pid_t pid = traced(one_write, PTRACE_O_TRACESYSGOOD);
	int st;
	for (int n = 0; (st = resume(PTRACE_SYSEMU_SINGLESTEP, pid, 0)) == STOP(SIGTRAP); n++)
		MUST(n < 1000);
	MUST(is(st, CALL) && regs_of(pid).orig_eax == SYS_write && regs_of(pid).eax == -ENOSYS);
	return !finish(pid);
}

static volatile int handled;
static void handler(int sig) { handled = sig; }

static int sa_flags;
static int reads(void) {
	struct sigaction sa = {.sa_handler = handler, .sa_flags = sa_flags};
	char c = 0;
	sigaction(SIGUSR1, &sa, 0);
	long n = int80(SYS_read, fds[0], (long)&c, 1);
	return n == 1 ? c + handled : -n;
}

// interrupted stops a process that f runs in call nr, which a signal interrupts, at the stop for the signal; the exit of the
// call shows -want.
static pid_t interrupted(int (*f)(void), long nr, int want) {
	pipe(fds);
	pid_t pid = traced(f, PTRACE_O_TRACESYSGOOD);
	do
		if (!is(resume(PTRACE_SYSCALL, pid, 0), CALL))
			return -1;
	while (regs_of(pid).orig_eax != nr);
	kill(pid, SIGUSR1);
	if (!call(pid, nr) || regs_of(pid).eax != -want || !is(resume(PTRACE_SYSCALL, pid, 0), STOP(SIGUSR1)))
		return -1;
	return regs_of(pid).eax == -want && regs_of(pid).orig_eax == nr ? pid : -1;
}

static int restart_suppressed(void) { // without a signal the call is made again
	pid_t pid = interrupted(reads, SYS_read, ERESTARTSYS);
	MUST(pid > 0);
	long eip = regs_of(pid).eip;
	MUST(call(pid, SYS_read) && regs_of(pid).eip == eip && regs_of(pid).eax == -ENOSYS);
	MUST(write(fds[1], "\x20", 1) == 1 && call(pid, SYS_read) && regs_of(pid).eax == 1);
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(32)));
	return 0;
}

static int restart_handler(void) { // SA_RESTART
	sa_flags = SA_RESTART;
	pid_t pid = interrupted(reads, SYS_read, ERESTARTSYS);
	MUST(pid > 0);
	MUST(is(resume(PTRACE_SYSCALL, pid, SIGUSR1), CALL)); // the handler's return
	MUST(regs_of(pid).orig_eax == SYS_sigreturn || regs_of(pid).orig_eax == SYS_rt_sigreturn);
	MUST(is(resume(PTRACE_SYSCALL, pid, 0), CALL) && regs_of(pid).orig_eax == -1 && regs_of(pid).eax == SYS_read);
	MUST(call(pid, SYS_read));
	MUST(write(fds[1], "\x20", 1) == 1 && is(resume(PTRACE_CONT, pid, 0), EXIT(32 + SIGUSR1)));
	return 0;
}

static int no_restart_handler(void) {
	sa_flags = 0;
	pid_t pid = interrupted(reads, SYS_read, ERESTARTSYS);
	MUST(pid > 0 && is(resume(PTRACE_CONT, pid, SIGUSR1), EXIT(EINTR)));
	return 0;
}

static int no_restart_wanted(void) { // what a debugger does that has set EIP: no call to restart
	pid_t pid = interrupted(reads, SYS_read, ERESTARTSYS);
	MUST(pid > 0 && ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, regs.orig_eax), -1) == 0);
	MUST(call(pid, SYS_exit_group) && regs_of(pid).ebx == ERESTARTSYS);
	return !finish(pid);
}

static int pauses(void) {
	signal(SIGUSR1, handler);
	return -int80(SYS_pause, 0, 0, 0);
}

static int restart_nohand(void) { // again unless there is a handler
	pid_t pid = interrupted(pauses, SYS_pause, ERESTARTNOHAND);
	MUST(pid > 0 && call(pid, SYS_pause));
	MUST(kill(pid, SIGUSR1) == 0 && call(pid, SYS_pause) && is(resume(PTRACE_CONT, pid, 0), STOP(SIGUSR1)));
	MUST(is(resume(PTRACE_CONT, pid, SIGUSR1), EXIT(EINTR)));
	return 0;
}

static int sleeps(void) {
	struct timespec ts = {1000, 0};
	signal(SIGUSR1, handler);
	return -int80(SYS_nanosleep, (long)&ts, (long)&ts, 0);
}

static int restart_block(void) { // by another number
	pid_t pid = interrupted(sleeps, SYS_nanosleep, ERESTART_RESTARTBLOCK);
	MUST(pid > 0 && call(pid, SYS_restart_syscall));
	MUST(kill(pid, SIGUSR1) == 0 && call(pid, SYS_restart_syscall) && is(resume(PTRACE_SYSCALL, pid, 0), STOP(SIGUSR1)));
	MUST(call(pid, SYS_restart_syscall));
	MUST(kill(pid, SIGUSR1) == 0 && call(pid, SYS_restart_syscall) && is(resume(PTRACE_CONT, pid, 0), STOP(SIGUSR1)));
	MUST(is(resume(PTRACE_CONT, pid, SIGUSR1), EXIT(EINTR)));
	return 0;
}

static int made_restart(void) { // the tracer has it begin again: only the number is kept in EAX
	pipe(fds);
	pid_t pid = traced(one_write, PTRACE_O_TRACESYSGOOD);
	MUST(call(pid, SYS_write) && call(pid, SYS_write));
	regs_t r = regs_of(pid);
	r.eip -= 2;
	r.eax = r.orig_eax;
	MUST(set_regs(pid, r) && call(pid, SYS_write) && call(pid, SYS_write) && regs_of(pid).eax == 6);
	char buf[16];
	MUST(read(fds[0], buf, 16) == 12 && !memcmp(buf, "abcdefabcdef", 12));
	return !finish(pid);
}

typedef struct __ptrace_syscall_info info_t;

static int info(void) {
	info_t i;
	pipe(fds);
	pid_t pid = traced(one_write, PTRACE_O_TRACESYSGOOD);
	memset(&i, 0xaa, sizeof i);
	MUST(ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof i, &i) == offsetof(info_t, entry));
	regs_t r = regs_of(pid);
	MUST(i.op == PTRACE_SYSCALL_INFO_NONE && i.arch == AUDIT_ARCH_I386);
	MUST(i.instruction_pointer == (unsigned long)r.eip && i.stack_pointer == (unsigned long)r.esp);
	MUST(call(pid, SYS_write));
	MUST(ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof i, &i) == offsetof(info_t, entry.args) + sizeof i.entry.args);
	r = regs_of(pid);
	MUST(i.op == PTRACE_SYSCALL_INFO_ENTRY && i.entry.nr == SYS_write && i.entry.args[0] == (unsigned)fds[1]);
	MUST(i.entry.args[2] == 6 && i.entry.args[5] == (unsigned long)r.ebp);
	MUST(call(pid, SYS_write));
	MUST(ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof i, &i) == offsetof(info_t, exit.is_error) + 1);
	MUST(i.op == PTRACE_SYSCALL_INFO_EXIT && i.exit.rval == 6 && !i.exit.is_error);
	memset(&i, 0xaa, sizeof i);
	MUST(ptrace(PTRACE_GET_SYSCALL_INFO, pid, 1, &i) == offsetof(info_t, exit.is_error) + 1); // it says how long it is
	MUST(i.op == PTRACE_SYSCALL_INFO_EXIT && i.arch == 0xaaaaaaaa);
	return !finish(pid);
}

static int fails_once(void) { return int80(SYS_close, -1, 0, 0) == -EBADF ? 0 : 1; }

static int info_error(void) {
	info_t i;
	pid_t pid = traced(fails_once, PTRACE_O_TRACESYSGOOD);
	MUST(call(pid, SYS_close) && call(pid, SYS_close));
	MUST(ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof i, &i) > 0 && i.exit.rval == -EBADF && i.exit.is_error == 1);
	REFUSED(ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof i, 8), EFAULT);
	return !finish(pid);
}

// filtered leaves getppid to the tracer, with 9 as its message, and returns what it returned.
static int filtered(void) {
	struct sock_filter code[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	                             BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE | 9),
	                             BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getuid, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 66),
	                             BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
	struct sock_fprog prog = {6, code};
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0);
	long r = int80(SYS_getppid, 0, 0, 0);
	return r < 0 ? -r : r == getppid() ? 1 : 3;
}

static int seccomp_event(void) {
	info_t i;
	pid_t pid = traced(filtered, PTRACE_O_TRACESECCOMP);
	MUST(is(resume(PTRACE_CONT, pid, 0), EVENT(PTRACE_EVENT_SECCOMP)));
	MUST(message_of(pid) == 9 && regs_of(pid).orig_eax == SYS_getppid && regs_of(pid).eax == -ENOSYS);
	MUST(ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof i, &i) == offsetof(info_t, seccomp.ret_data) + 4);
	MUST(i.op == PTRACE_SYSCALL_INFO_SECCOMP && i.seccomp.nr == SYS_getppid && i.seccomp.ret_data == 9);
	MUST(is(resume(PTRACE_CONT, pid, 0), EVENT(PTRACE_EVENT_SECCOMP))); // the library's, to compare
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(1)));
	return 0;
}

static int seccomp_skip(void) {
	pid_t pid = traced(filtered, PTRACE_O_TRACESECCOMP);
	MUST(is(resume(PTRACE_CONT, pid, 0), EVENT(PTRACE_EVENT_SECCOMP)));
	regs_t r = regs_of(pid);
	r.orig_eax = -1;
	r.eax = -41;
	MUST(set_regs(pid, r) && is(resume(PTRACE_CONT, pid, 0), EXIT(41)));
	return 0;
}

static int seccomp_again(void) { // the filter judges what the tracer has made of it
	pid_t pid = traced(filtered, PTRACE_O_TRACESECCOMP);
	MUST(is(resume(PTRACE_CONT, pid, 0), EVENT(PTRACE_EVENT_SECCOMP)));
	MUST(ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, regs.orig_eax), SYS_getuid) == 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(66)));
	return 0;
}

static int seccomp_order(void) { // the stop of the call's entry, the filter, the stop of its exit
	pid_t pid = traced(filtered, PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD);
	do
		MUST(is(resume(PTRACE_SYSCALL, pid, 0), CALL));
	while (regs_of(pid).orig_eax != SYS_getppid);
	MUST(is(resume(PTRACE_SYSCALL, pid, 0), EVENT(PTRACE_EVENT_SECCOMP)));
	MUST(call(pid, SYS_getppid) && regs_of(pid).eax == getpid());
	return !finish(pid);
}

static int seccomp_without_option(void) { // no event: ENOSYS
	pid_t pid = traced(filtered, 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(ENOSYS)));
	return 0;
}

static int seccomp_filter(void) { // what CRIU reads
	struct sock_filter code[8];
	pid_t pid = traced(filtered, PTRACE_O_TRACESECCOMP);
	REFUSED(ptrace(PTRACE_SECCOMP_GET_FILTER, pid, 0, code), EINVAL); // there is none yet
	MUST(is(resume(PTRACE_CONT, pid, 0), EVENT(PTRACE_EVENT_SECCOMP)));
	MUST(ptrace(PTRACE_SECCOMP_GET_FILTER, pid, 0, 0) == 6 && ptrace(PTRACE_SECCOMP_GET_FILTER, pid, 0, code) == 6);
	MUST(code[1].k == SYS_getppid && code[2].k == (SECCOMP_RET_TRACE | 9));
	REFUSED(ptrace(PTRACE_SECCOMP_GET_FILTER, pid, 1, code), ENOENT);
	return !finish(pid);
}

static int seccomp_suspended(void) {
	pid_t pid = traced(filtered, 0);
	MUST(ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_EXITKILL | PTRACE_O_SUSPEND_SECCOMP) == 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(1)));
	return 0;
}

int main(void) {
	plan(26);
	CASE(shows, "a call stops before and after");
	CASE(bare_trap, "without PTRACE_O_TRACESYSGOOD: SIGTRAP");
	CASE(changes_arguments, "changed arguments");
	CASE(skips, "number -1: the call is not made");
	CASE(other_number, "another number");
	CASE(new_result, "another result");
	CASE(sixth_argument, "the sixth argument of the fast call");
	CASE(emulated, "PTRACE_SYSEMU: no call is made");
	CASE(emulated_steps, "PTRACE_SYSEMU_SINGLESTEP");
	CASE(restart_suppressed, "an interrupted read is made again: -ERESTARTSYS");
	CASE(restart_handler, "SA_RESTART: after the handler");
	CASE(no_restart_handler, "without it: EINTR");
	CASE(no_restart_wanted, "number -1 at the signal: no restart");
	CASE(restart_nohand, "pause: -ERESTARTNOHAND");
	CASE(restart_block, "nanosleep: -ERESTART_RESTARTBLOCK, restart_syscall");
	CASE(made_restart, "the tracer repeats a call");
	CASE(info, "PTRACE_GET_SYSCALL_INFO: none, entry, exit");
	CASE(info_error, "PTRACE_GET_SYSCALL_INFO of an error");
	CASE(seccomp_event, "PTRACE_EVENT_SECCOMP: message, information");
	CASE(seccomp_skip, "PTRACE_EVENT_SECCOMP: the call is not made");
	CASE(seccomp_again, "PTRACE_EVENT_SECCOMP: another call is judged again");
	CASE(seccomp_order, "PTRACE_EVENT_SECCOMP comes after the entry");
	CASE(seccomp_without_option, "SECCOMP_RET_TRACE without the option: ENOSYS");
	CASE(seccomp_filter, "PTRACE_SECCOMP_GET_FILTER");
	CASE(seccomp_suspended, "PTRACE_O_SUSPEND_SECCOMP");
	ok(tracer_of(getpid()) == 0, "nobody traces this program");
	return tap_end();
}
