// Signals: handlers, masks, frames, restart, queues, alternate stacks, faults.
#include "tap.h"
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>

static volatile sig_atomic_t count, last_code, last_value;
static volatile uintptr_t last_addr, handler_sp;
static volatile int order[8], norder;
static sigjmp_buf jump;

static void on_count(int sig) {
	(void)sig;
	count++;
}

static void on_info(int sig, siginfo_t *si, void *uc) {
	(void)uc;
	order[norder++ % 8] = sig;
	last_code = si->si_code;
	last_value = si->si_value.sival_int;
	handler_sp = (uintptr_t)&sig;
}

static void on_fault(int sig, siginfo_t *si, void *uc) {
	(void)sig;
	(void)uc;
	last_code = si->si_code;
	last_addr = (uintptr_t)si->si_addr;
	siglongjmp(jump, sig);
}

static void on_skip(int sig, siginfo_t *si, void *ctx) {
	ucontext_t *uc = ctx;
	(void)sig;
	(void)si;
	uc->uc_mcontext.gregs[REG_EIP] += 2; // over ud2
	uc->uc_mcontext.gregs[REG_EBX] = 0x1234;
}

static void set(int sig, void (*f)(int, siginfo_t *, void *), int flags) {
	struct sigaction sa = {.sa_sigaction = f, .sa_flags = SA_SIGINFO | flags};
	if (sigaction(sig, &sa, 0))
		die("sigaction");
}

static void masks(void) {
	sigset_t one, old, pending;
	signal(SIGUSR1, on_count);
	raise(SIGUSR1);
	ok(count == 1, "a handler runs before raise returns");
	sigemptyset(&one);
	sigaddset(&one, SIGUSR1);
	sigprocmask(SIG_BLOCK, &one, &old);
	raise(SIGUSR1);
	raise(SIGUSR1);
	sigpending(&pending);
	ok(count == 1 && sigismember(&pending, SIGUSR1), "blocked: pending, not delivered");
	sigprocmask(SIG_SETMASK, &old, 0);
	ok(count == 2, "unblocked: delivered once");
	signal(SIGUSR1, SIG_IGN);
	raise(SIGUSR1);
	ok(count == 2, "ignored");
	fails((long)signal(SIGKILL, on_count), EINVAL, "no handler for SIGKILL");
	signal(SIGUSR1, on_count);
	sigprocmask(SIG_BLOCK, &one, 0);
	raise(SIGUSR1);
	sigset_t none;
	sigemptyset(&none);
	fails(sigsuspend(&none), EINTR, "sigsuspend: EINTR after the handler");
	ok(count == 3, "and the handler ran");
	sigprocmask(SIG_SETMASK, &old, 0);
}

static void queues(void) {
	sigset_t rt, old;
	union sigval v;
	set(SIGRTMIN, on_info, 0);
	set(SIGRTMIN + 1, on_info, 0);
	sigemptyset(&rt);
	sigaddset(&rt, SIGRTMIN);
	sigaddset(&rt, SIGRTMIN + 1);
	sigprocmask(SIG_BLOCK, &rt, &old);
	norder = 0;
	for (int i = 1; i <= 2; i++) {
		v.sival_int = 100 + i;
		sigqueue(getpid(), SIGRTMIN + 1, v);
		sigqueue(getpid(), SIGRTMIN, v);
	}
	siginfo_t si;
	struct timespec zero = {0, 0};
	int got = sigtimedwait(&rt, &si, &zero);
	ok(got == SIGRTMIN && si.si_value.sival_int == 101 && si.si_code == SI_QUEUE && si.si_pid == getpid(), "sigtimedwait takes the lowest, oldest");
	sigprocmask(SIG_SETMASK, &old, 0);
	ok(norder == 3, "real-time signals queue");
	ok(last_code == SI_QUEUE && last_value >= 101, "with their values");
	fails(sigtimedwait(&rt, &si, &zero), EAGAIN, "sigtimedwait with nothing pending: EAGAIN");
}

static void restarts(void) {
	int fds[2], st;
	char c = 0;
	if (pipe(fds))
		die("pipe");
	struct sigaction sa = {.sa_handler = on_count};
	for (int restart = 0; restart <= 1; restart++) {
		sa.sa_flags = restart ? SA_RESTART : 0;
		sigaction(SIGUSR2, &sa, 0);
		count = 0;
		pid_t parent = getpid(), pid = fork();
		if (pid == 0) {
			char path[64], buf[256];
			snprintf(path, sizeof path, "/proc/%d/stat", parent);
			for (char state = 0; state != 'S';) { // until the parent sleeps in read
				int fd = open(path, O_RDONLY);
				ssize_t n = read(fd, buf, sizeof buf - 1);
				close(fd);
				buf[n > 0 ? n : 0] = 0;
				char *p = strrchr(buf, ')');
				state = p ? p[2] : 0;
			}
			kill(parent, SIGUSR2);
			if (restart) {
				usleep(10000);
				if (write(fds[1], "x", 1) != 1)
					_exit(1);
			}
			_exit(0);
		}
		ssize_t n = read(fds[0], &c, 1);
		if (restart)
			ok(n == 1 && c == 'x' && count == 1, "SA_RESTART: read goes on");
		else
			ok(n == -1 && errno == EINTR && count == 1, "without SA_RESTART: EINTR");
		waitpid(pid, &st, 0);
	}
}

static void faults(void) {
	set(SIGSEGV, on_fault, SA_NODEFER);
	set(SIGFPE, on_fault, SA_NODEFER);
	set(SIGBUS, on_fault, SA_NODEFER);
	set(SIGTRAP, on_fault, SA_NODEFER);
	if (!sigsetjmp(jump, 1))
		*(volatile int *)0x10 = 1;
	ok(last_code == SEGV_MAPERR && last_addr == 0x10, "SIGSEGV: MAPERR and the address");
	char *ro = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!sigsetjmp(jump, 1))
		ro[5] = 1;
	ok(last_code == SEGV_ACCERR && last_addr == (uintptr_t)ro + 5, "SIGSEGV: ACCERR for a write to read-only memory");
	char *nx = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	nx[0] = (char)0xc3;
	last_addr = 0;
	if (!sigsetjmp(jump, 1))
		((void (*)(void))nx)();
	ok(last_code == SEGV_ACCERR && last_addr == (uintptr_t)nx, "memory without PROT_EXEC does not execute");
	volatile int zero = 0;
	int sig = sigsetjmp(jump, 1);
	if (!sig)
		zero = 100 / zero;
	ok(sig == SIGFPE && last_code == FPE_INTDIV, "SIGFPE: division by zero");
	FILE *f = tmpfile();
	char *beyond = mmap(0, 4096, PROT_READ, MAP_SHARED, fileno(f), 0);
	sig = sigsetjmp(jump, 1);
	if (!sig)
		zero = beyond[0];
	ok(sig == SIGBUS && last_code == BUS_ADRERR, "SIGBUS beyond the end of a file");
	sig = sigsetjmp(jump, 1);
	if (!sig)
		__asm__ volatile("int3");
	ok(sig == SIGTRAP, "int3: SIGTRAP");
	sig = sigsetjmp(jump, 1);
	if (!sig)
		__asm__ volatile("hlt");
	ok(sig == SIGSEGV, "a privileged instruction: SIGSEGV");
	sig = sigsetjmp(jump, 1);
	if (!sig)
		__asm__ volatile("mov %0, %%ds" ::"r"(0x10));
	ok(sig == SIGSEGV, "a kernel selector: SIGSEGV");
	set(SIGILL, on_skip, 0);
	int ebx;
	__asm__ volatile("ud2" : "=b"(ebx));
	ok(ebx == 0x1234, "a handler changes registers and the program counter");
}

static void stacks(void) {
	static char alt[32768];
	stack_t ss = {.ss_sp = alt, .ss_size = sizeof alt}, old;
	ok(sigaltstack(&ss, 0) == 0, "sigaltstack");
	set(SIGUSR1, on_info, SA_ONSTACK);
	raise(SIGUSR1);
	ok(handler_sp >= (uintptr_t)alt && handler_sp < (uintptr_t)alt + sizeof alt, "SA_ONSTACK: the handler runs there");
	sigaltstack(0, &old);
	ok(old.ss_sp == alt && !(old.ss_flags & SS_ONSTACK), "and has left it");
	ss.ss_size = 100;
	fails(sigaltstack(&ss, 0), ENOMEM, "too small an alternate stack: ENOMEM");
	double x = 1.5;
	__asm__ volatile("fldl %0" ::"m"(x));
	raise(SIGUSR1);
	double y;
	__asm__ volatile("fstpl %0" : "=m"(y));
	ok(y == 1.5, "x87 state survives a handler");
}

static void timers(void) {
	signal(SIGALRM, on_count);
	count = 0;
	struct itimerval it = {{0, 2000}, {0, 2000}};
	setitimer(ITIMER_REAL, &it, 0);
	while (count < 3)
		pause();
	memset(&it, 0, sizeof it);
	setitimer(ITIMER_REAL, &it, 0);
	ok(count >= 3, "setitimer repeats");
	count = 0;
	it.it_value.tv_usec = 2000;
	setitimer(ITIMER_REAL, &it, 0);
	while (!count)
		; // a busy loop must be interrupted
	ok(count == 1, "a timer interrupts a busy loop");
	timer_t t;
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
	struct itimerspec its = {{0, 0}, {0, 1000000}};
	count = 0;
	if (timer_create(CLOCK_MONOTONIC, &ev, &t))
		die("timer_create");
	timer_settime(t, 0, &its, 0);
	while (!count)
		pause();
	ok(timer_delete(t) == 0, "timer_create, timer_settime");
}

// A process that is hardly ever in user mode, with timers of others besides, is told of the CPU time that it uses.
static void cpu_time(void) {
	pid_t sleeper = fork();
	if (!sleeper)
		for (struct timespec nap = {0, 300000};;)
			nanosleep(&nap, 0);
	signal(SIGPROF, on_count);
	count = 0;
	struct itimerval it = {{0, 10000}, {0, 10000}}, off = {0};
	setitimer(ITIMER_PROF, &it, 0);
	for (clock_t end = clock() + CLOCKS_PER_SEC; count < 3 && clock() < end;)
		;
	setitimer(ITIMER_PROF, &off, 0);
	ok(count >= 3, "ITIMER_PROF fires in a process that calls the system all the time");
	kill(sleeper, SIGKILL);
	waitpid(sleeper, 0, 0);
}

int main(void) {
	plan(31);
	masks();
	queues();
	restarts();
	faults();
	stacks();
	timers();
	cpu_time();
	return tap_end();
}
