// The processor as a program sees it: registers over system calls, floating point, segments, flags, the vDSO, time.
#include "tap.h"
#include <asm/ldt.h>
#include <fenv.h>
#include <sched.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

static int preserved(void) {
	int eax = SYS_getpid, ecx = 0x11111111, edx = 0x22222222, esi = 0x33333333, edi = 0x44444444;
	__asm__ volatile("push %%ebp\n\tpush %%ebx\n\tmov $0x55555555, %%ebp\n\tmov $0x66666666, %%ebx\n\tint $0x80\n\t"
	                 "cmp $0x55555555, %%ebp\n\tjne 1f\n\tcmp $0x66666666, %%ebx\n\tjne 1f\n\tjmp 2f\n1:\tmov $-1, %%eax\n2:\tpop %%ebx\n\tpop %%ebp"
	                 : "+a"(eax), "+c"(ecx), "+d"(edx), "+S"(esi), "+D"(edi)::"memory");
	return eax == getpid() && ecx == 0x11111111 && edx == 0x22222222 && esi == 0x33333333 && edi == 0x44444444;
}

static int vsyscall6(void) {
	long pages = (long)syscall(SYS_mmap2, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return pages > 0 || pages < -4095;
}

static volatile int stop;
static void on_alarm(int s) { (void)s, stop = 1; }

static void floats(void) {
	int st;
	fesetround(FE_UPWARD);
	pid_t pid = fork();
	if (pid == 0)
		_exit(fegetround() != FE_UPWARD);
	waitpid(pid, &st, 0);
	ok(st == 0, "a child inherits the rounding mode");
	fesetround(FE_TONEAREST);
	int good = 1;
	pid_t kids[4];
	for (int k = 0; k < 4; k++) {
		if ((kids[k] = fork()) == 0) {
			double x = k + 1.25, sum = 0;
			for (int i = 0; i < 200000; i++) {
				__asm__ volatile("movsd %1, %%xmm7\n\tfldl %1\n\tfstpl %0\n\taddsd %%xmm7, %%xmm7\n\tmovsd %%xmm7, %0" : "=m"(sum) : "m"(x) : "xmm7");
				if (sum != 2 * x)
					_exit(1);
				if (i % 1000 == 0)
					sched_yield();
			}
			_exit(0);
		}
	}
	for (int k = 0; k < 4; k++) {
		waitpid(kids[k], &st, 0);
		good &= st == 0;
	}
	ok(good, "four processes keep their floating point apart");
	unsigned mxcsr = 0x1f80 & ~0x0200U; // unmask division by zero
	__asm__ volatile("ldmxcsr %0" ::"m"(mxcsr));
	getppid();
	unsigned after;
	__asm__ volatile("stmxcsr %0" : "=m"(after));
	ok((after & ~0x3fU) == mxcsr, "MXCSR over a system call");
	mxcsr = 0x1f80;
	__asm__ volatile("ldmxcsr %0" ::"m"(mxcsr));
}

static void flags(void) {
	unsigned f;
	__asm__ volatile("std\n\tint $0x80\n\tpushf\n\tpop %0\n\tcld" : "=r"(f) : "a"(SYS_getppid) : "memory");
	ok(f & 0x400, "the direction flag over a system call");
	__asm__ volatile("pushf\n\torl $0x40000, (%%esp)\n\tpopf\n\tint $0x80\n\tpushf\n\tpop %0\n\tpushf\n\tandl $~0x40000, (%%esp)\n\tpopf" : "=r"(f) : "a"(SYS_getppid) : "memory");
	ok(f & 0x40000, "the alignment flag over a system call");
	__asm__ volatile("pushf\n\torl $0x3000, (%%esp)\n\tpopf\n\tpushf\n\tpop %0" : "=r"(f));
	ok((f & 0x3000) == 0 && (f & 0x200), "IOPL stays 0, interrupts stay on");
}

static void segments(void) {
	static int value = 1234;
	struct user_desc d = {.entry_number = -1, .base_addr = (unsigned)&value, .limit = 0xfffff, .seg_32bit = 1, .limit_in_pages = 1, .useable = 1};
	ok(syscall(SYS_set_thread_area, &d) == 0 && d.entry_number != (unsigned)-1, "set_thread_area finds an entry");
	int got;
	unsigned short sel = d.entry_number * 8 + 3;
	__asm__ volatile("mov %1, %%fs\n\tmov %%fs:0, %0" : "=r"(got) : "r"(sel));
	ok(got == 1234, "FS reads through it");
	sched_yield();
	getppid();
	__asm__ volatile("mov %%fs:0, %0" : "=r"(got));
	ok(got == 1234, "also after system calls");
	struct user_desc q = {.entry_number = d.entry_number};
	ok(syscall(SYS_get_thread_area, &q) == 0 && q.base_addr == (unsigned)&value, "get_thread_area");
	__asm__ volatile("mov %0, %%fs" ::"r"(0));
	d.entry_number = 99;
	fails(syscall(SYS_set_thread_area, &d), EINVAL, "an entry out of range: EINVAL");
}

static void clocks(void) {
	struct timespec a, b, c;
	struct timeval tv;
	clock_gettime(CLOCK_MONOTONIC, &a);
	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &b);
	clock_gettime(CLOCK_MONOTONIC, &c);
	long long x = a.tv_sec * 1000000000LL + a.tv_nsec, y = b.tv_sec * 1000000000LL + b.tv_nsec, z = c.tv_sec * 1000000000LL + c.tv_nsec;
	ok(x <= y && y <= z, "the vDSO's clock and the system call's agree");
	gettimeofday(&tv, 0);
	clock_gettime(CLOCK_REALTIME, &a);
	ok(tv.tv_sec > 1600000000 && llabs((long long)a.tv_sec - tv.tv_sec) <= 1 && labs(time(0) - tv.tv_sec) <= 1, "the wall clock");
	int monotone = 1;
	for (int i = 0; i < 100000; i++) {
		clock_gettime(CLOCK_MONOTONIC, &b);
		monotone &= b.tv_sec > c.tv_sec || (b.tv_sec == c.tv_sec && b.tv_nsec >= c.tv_nsec);
		c = b;
	}
	ok(monotone, "a hundred thousand readings are monotone");
	struct timespec req = {0, 3000000}, rem;
	clock_gettime(CLOCK_MONOTONIC, &a);
	nanosleep(&req, 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	ok((b.tv_sec - a.tv_sec) * 1000000000LL + b.tv_nsec - a.tv_nsec >= 3000000, "nanosleep sleeps long enough");
	signal(SIGALRM, on_alarm);
	struct itimerval it = {{0, 3000}, {0, 3000}}; // again and again: the first may come before the sleep
	setitimer(ITIMER_REAL, &it, 0);
	req.tv_sec = 5;
	ok(nanosleep(&req, &rem) == -1 && errno == EINTR && rem.tv_sec >= 4, "nanosleep interrupted: EINTR, with the rest");
	memset(&it, 0, sizeof it);
	setitimer(ITIMER_REAL, &it, 0);
	req.tv_nsec = 1000000000;
	fails(nanosleep(&req, 0), EINVAL, "a billion nanoseconds: EINVAL");
	fails(clock_gettime(99, &a), EINVAL, "an unknown clock: EINVAL");
	ok(clock_getres(CLOCK_MONOTONIC, &a) == 0 && a.tv_sec == 0 && a.tv_nsec >= 1, "clock_getres");
}

static void fairness(void) {
	volatile unsigned *n = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t kids[3];
	cpu_set_t one;
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	for (int k = 0; k < 3; k++)
		if ((kids[k] = fork()) == 0) {
			sched_setaffinity(0, sizeof one, &one);
			for (;;)
				n[k * 16]++;
		}
	usleep(600000);
	for (int k = 0; k < 3; k++)
		kill(kids[k], SIGKILL);
	while (wait(0) > 0)
		;
	unsigned lo = -1U, hi = 0;
	for (int k = 0; k < 3; k++) {
		lo = n[k * 16] < lo ? n[k * 16] : lo;
		hi = n[k * 16] > hi ? n[k * 16] : hi;
	}
	if (!ok(lo > 0 && hi / 3 < lo, "three busy processes share the processor"))
		printf("# least %u, most %u\n", lo, hi);
}

int main(void) {
	struct utsname u;
	plan(26);
	ok(preserved(), "int 0x80 keeps all registers but EAX");
	ok(vsyscall6(), "a system call of six arguments through the vDSO");
	floats();
	flags();
	segments();
	clocks();
	fairness();
	ok(uname(&u) == 0 && !strcmp(u.sysname, "Linux"), "uname");
	ok(getauxval(AT_SYSINFO) && getauxval(AT_SYSINFO_EHDR) && !memcmp((void *)getauxval(AT_SYSINFO_EHDR), "\177ELF", 4), "the vDSO is an ELF image");
	ok(syscall(SYS_getrandom, &u, 100, 0) == 100, "getrandom");
	fails(syscall(SYS_getrandom, (void *)16, 100, 0), EFAULT, "getrandom to page zero: EFAULT");
	return tap_end();
}
