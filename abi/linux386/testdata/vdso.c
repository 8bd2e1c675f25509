// Calls the functions of a vDSO image: argv[1] has a data page and, after it, the image.
#define _GNU_SOURCE
#include <elf.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct page {
	volatile uint32_t seq, valid, mult, shift;
	uint64_t tsc;
	struct { uint64_t sec; uint32_t ns, pad; } base[12];
};

static char *vdso, *vsyscall;
static struct page *page;

#define CHECK(c) do { if (!(c)) { printf("line %d: %s\n", __LINE__, #c); exit(1); } } while (0)

static uint32_t gnu_hash(const char *s) { uint32_t h = 5381; while (*s) h = h * 33 + (unsigned char)*s++; return h; }
static uint32_t elf_hash(const char *s) {
	uint32_t h = 0, g;
	while (*s) { h = (h << 4) + (unsigned char)*s++; if ((g = h & 0xf0000000)) h ^= g >> 24; h &= ~g; }
	return h;
}

// lookup finds a symbol through one of the hash tables, with its version, as a dynamic linker does.
static void *lookup(const char *name, const char *version, int gnu) {
	Elf32_Ehdr *eh = (void *)vdso;
	Elf32_Phdr *ph = (void *)(vdso + eh->e_phoff);
	Elf32_Dyn *d = 0;
	for (int i = 0; i < eh->e_phnum; i++) if (ph[i].p_type == PT_DYNAMIC) d = (void *)(vdso + ph[i].p_vaddr);
	char *str = 0; Elf32_Sym *sym = 0; uint32_t *hash = 0, *gh = 0; uint16_t *ver = 0; Elf32_Verdef *def = 0;
	for (; d->d_tag; d++) switch (d->d_tag) {
		case DT_STRTAB: str = vdso + d->d_un.d_ptr; break;
		case DT_SYMTAB: sym = (void *)(vdso + d->d_un.d_ptr); break;
		case DT_HASH: hash = (void *)(vdso + d->d_un.d_ptr); break;
		case DT_GNU_HASH: gh = (void *)(vdso + d->d_un.d_ptr); break;
		case DT_VERSYM: ver = (void *)(vdso + d->d_un.d_ptr); break;
		case DT_VERDEF: def = (void *)(vdso + d->d_un.d_ptr); break;
	}
	while (strcmp(str + ((Elf32_Verdaux *)((char *)def + def->vd_aux))->vda_name, version)) {
		CHECK(def->vd_next);
		def = (void *)((char *)def + def->vd_next);
	}
	CHECK(def->vd_hash == elf_hash(version));
	uint32_t i;
	if (gnu) {
		uint32_t h = gnu_hash(name), word = gh[4 + (h / 32) % gh[2]];
		if (!(word >> (h % 32) & 1) || !(word >> ((h >> gh[3]) % 32) & 1)) return 0;
		uint32_t *chain = gh + 4 + gh[2] + gh[0];
		i = gh[4 + gh[2] + h % gh[0]];
		for (; i; i++) {
			if ((chain[i - gh[1]] | 1) == (h | 1) && !strcmp(str + sym[i].st_name, name)) break;
			if (chain[i - gh[1]] & 1) return 0;
		}
	} else {
		for (i = hash[2 + elf_hash(name) % hash[0]]; i && strcmp(str + sym[i].st_name, name); i = hash[2 + hash[0] + i]) ;
	}
	if (!i || (ver[i] & 0x7fff) != def->vd_ndx) return 0;
	return vdso + sym[i].st_value;
}

static void *find(const char *name, const char *version) {
	void *p = lookup(name, version, 0);
	CHECK(p);
	CHECK(p == lookup(name, version, 1));
	return p;
}

// call makes a system call through __kernel_vsyscall and checks that it keeps the registers.
static long call6(long nr, long a, long b, long c, long d, long e, long f) {
	struct { long a, b, c, d, e, f, nr, ret; } r = {a, b, c, d, e, f, nr};
	asm volatile(
		"push %%ebx; push %%ebp; push %%esi; push %%edi; push %0; mov %0, %%eax\n"
		"mov 0(%%eax), %%ebx; mov 4(%%eax), %%ecx; mov 8(%%eax), %%edx; mov 12(%%eax), %%esi; mov 16(%%eax), %%edi\n"
		"mov 20(%%eax), %%ebp; mov 24(%%eax), %%eax; call *vsyscall_ptr\n"
		"xchg %%eax, (%%esp); mov %%ebx, 0(%%eax); mov %%ecx, 4(%%eax); mov %%edx, 8(%%eax); mov %%esi, 12(%%eax); mov %%edi, 16(%%eax)\n"
		"mov %%ebp, 20(%%eax); pop 28(%%eax); pop %%edi; pop %%esi; pop %%ebp; pop %%ebx\n"
		: : "a"(&r) : "ecx", "edx", "memory", "cc");
	CHECK(r.a == a && r.b == b && r.c == c && r.d == d && r.e == e && r.f == f);
	return r.ret;
}
char *vsyscall_ptr;

static uint64_t rdtsc(void) { uint32_t lo, hi; asm volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi)); return (uint64_t)hi << 32 | lo; }

static volatile int frames;
static void *trace[64];
static void onalarm(int sig) { frames = backtrace(trace, 64); }
__attribute__((noinline)) static long blocked(void) {
	long r;
	asm volatile("call *vsyscall_ptr" : "=a"(r) : "a"(SYS_pause) : "memory", "cc");
	return r;
}
static __attribute__((noinline)) void interrupted(void) {
	long r;
	asm volatile("int $0x80" : "=a"(r) : "0"(SYS_kill), "b"(getpid()), "c"(SIGUSR1) : "memory");
}
extern void __register_frame(void *);

struct ts64 { int64_t sec, ns; };

int main(int argc, char **argv) {
	int fd = open(argv[1], O_RDONLY);
	char *m = mmap(0, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE, fd, 0);
	CHECK(m != MAP_FAILED);
	page = (void *)m; vdso = m + 4096;
	vsyscall_ptr = vsyscall = find("__kernel_vsyscall", "LINUX_2.5");
	CHECK(!lookup("__kernel_vsyscall", "LINUX_2.6", 0));
	CHECK(!lookup("__vdso_nothing", "LINUX_2.6", 1));
	find("__kernel_sigreturn", "LINUX_2.5"); find("__kernel_rt_sigreturn", "LINUX_2.5");
	int (*gettime)(int, struct timespec *) = find("__vdso_clock_gettime", "LINUX_2.6");
	int (*gettime64)(int, struct ts64 *) = find("__vdso_clock_gettime64", "LINUX_2.6");
	int (*tod)(struct timeval *, void *) = find("__vdso_gettimeofday", "LINUX_2.6");
	long (*tim)(long *) = find("__vdso_time", "LINUX_2.6");
	int (*getres)(int, struct timespec *) = find("__vdso_clock_getres", "LINUX_2.6");

	// System calls: all six arguments and the registers.
	CHECK(call6(SYS_getpid, 1, 2, 3, 4, 5, 6) == getpid());
	CHECK(call6(SYS_read, -1, 2, 3, 4, 5, 6) == -9);
	char *p = (char *)call6(SYS_mmap2, 0, 4096, PROT_READ, MAP_PRIVATE, fd, 1);
	CHECK(!memcmp(p, "\x7f""ELF", 4));

	// The page says nothing: all goes to the kernel.
	struct timespec a, b; struct ts64 c; struct timeval tv; long t;
	CHECK(gettime(CLOCK_REALTIME, &a) == 0); clock_gettime(CLOCK_REALTIME, &b);
	CHECK(b.tv_sec - a.tv_sec <= 1 && b.tv_sec >= a.tv_sec);
	CHECK(gettime64(CLOCK_REALTIME, &c) == 0 && c.sec - b.tv_sec <= 1);
	CHECK(tod(&tv, 0) == 0 && tv.tv_sec - b.tv_sec <= 1);
	CHECK(tim(&t) == t && t - b.tv_sec <= 1);
	CHECK(gettime(77, &a) == -22);

	// The page has the time.
	page->valid = 0x8f3; page->mult = 1u << 31; page->shift = 31; page->tsc = rdtsc() - 5000000000ull; // 1 GHz: 5 s ago
	page->base[0].sec = 1700000000; page->base[0].ns = 999999999;
	page->base[1].sec = 0x123456789ull; page->base[1].ns = 0;
	CHECK(gettime64(1, &c) == 0 && c.sec == 0x123456789ll + 5 && c.ns < 100000000 && c.ns >= 0);
	CHECK(gettime(0, &a) == 0 && a.tv_sec == 1700000006 && a.tv_nsec >= 0 && a.tv_nsec < 100000000);
	CHECK(tod(&tv, 0) == 0 && tv.tv_sec == 1700000006 && tv.tv_usec >= 0 && tv.tv_usec < 100000);
	CHECK(tim(0) == 1700000006);
	CHECK(getres(1, &a) == 0 && a.tv_sec == 0 && a.tv_nsec == 1);
	CHECK(getres(1, 0) == 0);
	CHECK(gettime(CLOCK_PROCESS_CPUTIME_ID, &a) == 0 && a.tv_sec < 100);

	// Long differences, other scales, against long double (64 bits of mantissa).
	srand(1);
	for (int i = 0; i < 20000; i++) {
		uint64_t age = ((uint64_t)rand() << 31 ^ rand()) >> (rand() % 40 + 8);
		page->shift = 1 + rand() % 31; page->mult = (uint32_t)rand() << 1 | 1;
		age %= rdtsc();
		page->tsc = rdtsc() - age;
		page->base[1].sec = 7; page->base[1].ns = rand() % 1000000000;
		long double scale = (long double)page->mult / (1ull << page->shift);
		if (age * scale > 4e18L) continue;
		uint64_t t0 = rdtsc();
		CHECK(gettime64(1, &c) == 0);
		uint64_t t1 = rdtsc();
		long double got = ((long double)c.sec - 7) * 1e9L + c.ns - page->base[1].ns;
		CHECK(c.ns >= 0 && c.ns < 1000000000);
		CHECK(got >= (t0 - page->tsc) * scale - 2 && got <= (t1 - page->tsc) * scale + 1);
	}
	page->tsc = rdtsc() + (1ull << 40); // a counter that is behind
	CHECK(gettime64(1, &c) == 0 && c.sec == 7 && c.ns == page->base[1].ns);

	// An unwinder finds its way from a signal in __kernel_vsyscall to the caller.
	Elf32_Ehdr *eh = (void *)vdso;
	Elf32_Phdr *ph = (void *)(vdso + eh->e_phoff);
	for (int i = 0; i < eh->e_phnum; i++) if (ph[i].p_type == PT_GNU_EH_FRAME) {
		char *hdr = vdso + ph[i].p_vaddr;
		__register_frame(hdr + 4 + *(int32_t *)(hdr + 4));
	}
	// And from a handler through its frame, by either function that handlers return to.
	for (int rt = 0; rt < 2; rt++) {
		struct { void *handler; unsigned long flags; void *restorer; unsigned long mask[2]; } act = {onalarm,
			0x04000000 | (rt ? SA_SIGINFO : 0), lookup(rt ? "__kernel_rt_sigreturn" : "__kernel_sigreturn", "LINUX_2.5", 1)};
		CHECK(syscall(SYS_rt_sigaction, SIGUSR1, &act, 0, 8) == 0);
		interrupted();
		int at = 0, callers = 0;
		for (int i = 0; i < frames; i++) {
			if (trace[i] == act.restorer) at = i;
			if (at && i == at + 1) CHECK((char *)trace[i] > (char *)interrupted && (char *)trace[i] < (char *)interrupted + 64);
			if (at && (char *)trace[i] > (char *)main && (char *)trace[i] < (char *)main + 65536) callers = 1;
		}
		CHECK(at && callers);
	}
	struct sigaction sa = {.sa_handler = onalarm};
	sigaction(SIGALRM, &sa, 0);
	struct itimerval it = {.it_value = {0, 20000}};
	setitimer(ITIMER_REAL, &it, 0);
	CHECK(blocked() == -4);
	int found = 0, inside = 0;
	for (int i = 0; i < frames; i++) {
		if ((char *)trace[i] >= vdso && (char *)trace[i] < vdso + 4096) inside = i;
		if (inside && (char *)trace[i] > (char *)main && (char *)trace[i] < (char *)main + 65536) found = 1;
	}
	CHECK(argc > 2 || inside && found); // a fast call returns to the host's own vDSO
	puts("ok");
	return 0;
}
