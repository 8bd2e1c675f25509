// The clock functions of the vDSO make no system call: a filter kills the process that makes one.
#include "tap.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>

static void forbid(void) {
	static struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clock_gettime, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 403, 2, 0), // clock_gettime64
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_gettimeofday, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_time, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog p = {sizeof f / sizeof f[0], f};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p))
		die("seccomp");
}

// find looks a function up in the vDSO.
static void *find(const char *name) {
	uintptr_t base = getauxval(AT_SYSINFO_EHDR);
	Elf32_Ehdr *e = (void *)base;
	Elf32_Phdr *p = (void *)(base + e->e_phoff);
	Elf32_Dyn *d = 0;
	uintptr_t bias = 0;
	for (int i = 0; i < e->e_phnum; i++) {
		if (p[i].p_type == PT_LOAD)
			bias = base + p[i].p_offset - p[i].p_vaddr;
		if (p[i].p_type == PT_DYNAMIC)
			d = (void *)(base + p[i].p_offset);
	}
	char *str = 0;
	Elf32_Sym *sym = 0;
	Elf32_Word *hash = 0;
	for (; d && d->d_tag; d++) {
		void *at = (void *)(bias + d->d_un.d_ptr);
		if (d->d_tag == DT_STRTAB)
			str = at;
		if (d->d_tag == DT_SYMTAB)
			sym = at;
		if (d->d_tag == DT_HASH)
			hash = at;
	}
	for (unsigned i = 0; hash && i < hash[1]; i++)
		if (sym[i].st_value && !strcmp(str + sym[i].st_name, name))
			return (void *)(bias + sym[i].st_value);
	return 0;
}

// survives reports whether f returns 0 in a process that may not ask the kernel for the time.
static int survives(int (*f)(void)) {
	int st;
	pid_t pid = fork();
	if (pid == 0) {
		forbid();
		_exit(f());
	}
	waitpid(pid, &st, 0);
	return st == 0;
}

static int clock_of(int id) {
	struct timespec t = {0, 0};
	int (*f)(int, struct timespec *) = find("__vdso_clock_gettime");
	return !f || f(id, &t) || (t.tv_sec == 0 && t.tv_nsec == 0);
}

static int clock64_of(int id) {
	long long t[2] = {0, 0};
	int (*f)(int, long long *) = find("__vdso_clock_gettime64");
	return !f || f(id, t) || (t[0] == 0 && t[1] == 0);
}

static int monotonic(void) { return clock_of(CLOCK_MONOTONIC); }
static int realtime(void) { return clock_of(CLOCK_REALTIME); }
static int boottime(void) { return clock_of(CLOCK_BOOTTIME); }
static int coarse(void) { return clock_of(CLOCK_MONOTONIC_COARSE) || clock_of(CLOCK_REALTIME_COARSE); }
static int monotonic64(void) { return clock64_of(CLOCK_MONOTONIC); }
static int realtime64(void) { return clock64_of(CLOCK_REALTIME); }

static int tod(void) {
	struct timeval t = {0, 0};
	int (*f)(struct timeval *, void *) = find("__vdso_gettimeofday");
	return !f || f(&t, 0) || t.tv_sec == 0;
}

static int seconds(void) {
	time_t t = 0, (*f)(time_t *) = find("__vdso_time");
	return !f || f(&t) != t || t == 0;
}

static int asks(void) {
	struct timespec t;
	return syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
}

int main(void) {
	plan(10);
	ok(!survives(asks), "the filter kills who asks");
	ok(survives(monotonic), "clock_gettime of CLOCK_MONOTONIC");
	ok(survives(realtime), "clock_gettime of CLOCK_REALTIME");
	ok(survives(boottime), "clock_gettime of CLOCK_BOOTTIME");
	ok(survives(coarse), "clock_gettime of the coarse clocks");
	ok(survives(monotonic64), "clock_gettime64 of CLOCK_MONOTONIC");
	ok(survives(realtime64), "clock_gettime64 of CLOCK_REALTIME");
	ok(survives(tod), "gettimeofday");
	ok(survives(seconds), "time");
	ok(find("__kernel_vsyscall") && find("__kernel_sigreturn") && find("__kernel_rt_sigreturn"), "the other functions of the vDSO");
	return tap_end();
}
