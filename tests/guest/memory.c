// Memory: mmap in all its kinds, protection, remapping, brk, the stack, files in memory.
// mem: 768
#include "tap.h"
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

static sigjmp_buf jump;
static void on_fault(int sig) { siglongjmp(jump, sig); }

// touch reads the byte at p, or writes it; it returns the signal that this raised.
static int touch(volatile char *p, int write) {
	int sig = sigsetjmp(jump, 1);
	if (sig)
		return sig;
	if (write)
		*p = 1;
	else
		(void)*p;
	return 0;
}

static char *anon(size_t n, int prot) {
	return mmap(0, n, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void mappings(void) {
	const size_t P = 4096;
	char *p = anon(8 * P, PROT_READ | PROT_WRITE);
	int zero = 1;
	for (size_t i = 0; i < 8 * P; i++)
		zero &= p[i] == 0;
	ok(zero, "anonymous memory is zero");
	memset(p, 7, 8 * P);
	ok(munmap(p + 2 * P, P) == 0 && touch(p + 2 * P, 0) == SIGSEGV && p[P] == 7 && p[3 * P] == 7, "munmap makes a hole");
	ok(mmap(p + 2 * P, P, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p + 2 * P && p[2 * P] == 0, "MAP_FIXED fills it");
	fails((long)mmap(p, P, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0), EEXIST, "MAP_FIXED_NOREPLACE over a mapping: EEXIST");
	ok(mprotect(p, P, PROT_READ) == 0 && touch(p, 0) == 0 && touch(p, 1) == SIGSEGV, "mprotect to read-only");
	ok(mprotect(p, P, PROT_NONE) == 0 && touch(p, 0) == SIGSEGV, "PROT_NONE");
	ok(mprotect(p, P, PROT_READ | PROT_WRITE) == 0 && p[0] == 7, "and back, with its contents");
	fails(mprotect(p + 100, P, PROT_READ), EINVAL, "mprotect of an odd address: EINVAL");
	fails((long)mmap(0, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), EINVAL, "mmap of nothing: EINVAL");
	fails((long)mmap(0, 0xfffff000, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM, "mmap of 4 GiB: ENOMEM");
	fails(munmap(p + 1, P), EINVAL, "munmap of an odd address: EINVAL");
	fails((long)mmap(0, P, PROT_READ, MAP_PRIVATE, 99, 0), EBADF, "mmap of no file: EBADF");
	madvise(p, P, MADV_DONTNEED);
	ok(p[0] == 0, "MADV_DONTNEED drops the contents");
	char *q = mremap(p + 4 * P, 4 * P, 16 * P, MREMAP_MAYMOVE);
	ok(q != MAP_FAILED && q[0] == 7 && q[4 * P - 1] == 7 && q[15 * P] == 0, "mremap grows and keeps the contents");
	ok(mremap(q, 16 * P, P, 0) == q && touch(q + P, 0) == SIGSEGV, "mremap shrinks");
	char *wide = anon(512 << 20, PROT_READ | PROT_WRITE);
	ok(wide != MAP_FAILED && touch(wide + (300 << 20), 1) == 0, "half a GiB is reserved, not used");
	munmap(wide, 512 << 20);
}

static void cow(void) {
	char *p = anon(64 * 4096, PROT_READ | PROT_WRITE);
	memset(p, 'a', 64 * 4096);
	pid_t pid = fork();
	if (pid == 0) {
		memset(p, 'b', 64 * 4096);
		_exit(p[12345] != 'b');
	}
	int st;
	waitpid(pid, &st, 0);
	int same = 1;
	for (int i = 0; i < 64 * 4096; i++)
		same &= p[i] == 'a';
	ok(same && st == 0, "copy on write: the child's writes stay its own");
	pid = fork();
	if (pid == 0) {
		int fd = open("/proc/self/mem", O_RDONLY);
		_exit(fd < 0);
	}
	waitpid(pid, &st, 0);
	p[0] = 'c';
	ok(p[0] == 'c' && p[1] == 'a', "and the parent writes after the child is gone");
}

static void files(void) {
	char name[] = "/tmp/memXXXXXX";
	int fd = mkstemp(name);
	char buf[16];
	if (fd < 0 || ftruncate(fd, 10000))
		die("file");
	char *s = mmap(0, 10000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *v = mmap(0, 10000, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	strcpy(s + 5000, "shared");
	ok(pread(fd, buf, 7, 5000) == 7 && !strcmp(buf, "shared"), "a store to a shared mapping is in the file");
	ok(!strcmp(v + 5000, "shared"), "and in a private mapping not yet written");
	strcpy(v + 5000, "private");
	ok(!strcmp(s + 5000, "shared"), "a store to a private mapping stays there");
	ok(pwrite(fd, "written", 8, 5000) == 8 && !strcmp(s + 5000, "written"), "write(2) shows in the shared mapping");
	ok(!strcmp(v + 5000, "private"), "and not in the private copy");
	ok(touch(s + 12287, 0) == 0 && s[10001] == 0, "the rest of the last page is zero");
	ok(ftruncate(fd, 100) == 0 && touch(s + 5000, 0) == SIGBUS, "truncation takes the pages away: SIGBUS");
	ok(write(fd, s, 50) == 50, "write from a mapping of the same file");
	int ro = open(name, O_RDONLY);
	fails((long)mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ro, 0), EACCES, "a writable shared mapping of a read-only file: EACCES");
	fails((long)mmap(0, 4096, PROT_READ, MAP_PRIVATE, fd, 1), EINVAL, "an odd offset: EINVAL");
	unlink(name);
	close(fd);
	s[50] = 'z';
	ok(s[50] == 'z', "the mapping outlives the name and the descriptor");
}

static void breaks(void) {
	char *b = sbrk(0);
	ok(brk(b + 100000) == 0 && touch(b + 99999, 1) == 0, "brk grows");
	ok(brk(b) == 0 && touch(b + 8192, 0) == SIGSEGV, "brk shrinks");
	struct rlimit old, r;
	getrlimit(RLIMIT_AS, &old);
	r = old;
	r.rlim_cur = 64 << 20;
	setrlimit(RLIMIT_AS, &r);
	fails((long)mmap(0, 128 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM, "RLIMIT_AS: ENOMEM");
	setrlimit(RLIMIT_AS, &old);
}

static int deep(int n) {
	volatile char page[4096];
	page[0] = (char)n;
	return n ? deep(n - 1) + page[0] : 0;
}

static void stacks(void) {
	deep(1000);
	ok(1, "the stack grows by four megabytes");
	pid_t pid = fork();
	int st;
	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);
		struct rlimit none = {0, 0};
		setrlimit(RLIMIT_CORE, &none);
		_exit(deep(100000));
	}
	waitpid(pid, &st, 0);
	ok(WIFSIGNALED(st) && WTERMSIG(st) == SIGSEGV, "and not beyond its limit: SIGSEGV");
}

static void pointers(void) {
	int fd = open("/dev/zero", O_RDWR);
	char *p = anon(8192, PROT_READ | PROT_WRITE);
	munmap(p + 4096, 4096);
	fails(read(fd, (void *)0xfffffff0, 16), EFAULT, "read to the end of the address space: EFAULT");
	fails(read(fd, (void *)0xc0000000, -1U >> 1), EFAULT, "a huge read to nowhere: EFAULT");
	ok(read(fd, p + 4090, 100) == 6, "a read is cut short at the end of the memory");
	int out = memfd_create("out", 0);
	fails(syscall(SYS_write, out, 8, 1), EFAULT, "write from page zero: EFAULT");
	fails(open((void *)1, 0), EFAULT, "a path at 1: EFAULT");
	strcpy(p, "/dev/null");
	memmove(p + 4096 - 9, "/dev/null", 9);
	fails(open(p + 4096 - 9, O_RDONLY), EFAULT, "a path that runs into a hole: EFAULT");
	struct iovec v[2] = {{p, 0x7fffffff}, {p, 0x7fffffff}};
	fails(syscall(SYS_readv, fd, v, -1), EINVAL, "readv with -1 vectors: EINVAL");
	fails(syscall(SYS_stat64, "/", (void *)0xffffe000), EFAULT, "stat to the top page: EFAULT");
	unsigned char vec[1];
	fails(mincore(p + 4096, 4096, vec), ENOMEM, "mincore of nothing: ENOMEM");
}

int main(void) {
	plan(51);
	signal(SIGSEGV, on_fault);
	signal(SIGBUS, on_fault);
	mappings();
	cow();
	files();
	breaks();
	stacks();
	pointers();
	int mfd = memfd_create("m", MFD_ALLOW_SEALING);
	ok(mfd >= 0 && write(mfd, "abc", 3) == 3, "memfd_create");
	char *w = mmap(NULL, 8192, PROT_READ, MAP_SHARED, mfd, 0);
	munmap(w + 4096, 4096);
	fails(fcntl(mfd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY, "F_SEAL_WRITE while a mapping could write: EBUSY");
	pid_t child = fork();
	if (child == 0)
		for (;;)
			pause();
	munmap(w, 4096);
	fails(fcntl(mfd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY, "also of a child: EBUSY");
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	ok(fcntl(mfd, F_ADD_SEALS, F_SEAL_WRITE) == 0 && write(mfd, "x", 1) == -1 && errno == EPERM, "a sealed memfd is not written");
	fails(mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, mfd, 0) == MAP_FAILED ? -1 : 0, EPERM, "nor mapped for that: EPERM");
	uint64_t map[2];
	char *two = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	two[4096] = 1;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_LARGEFILE);
	ok(pread64(fd, map, 16, (uintptr_t)two / 4096 * 8) == 16 && map[0] == 0 && map[1] >> 63 == 1 && (map[1] >> 61 & 1) == 0, "/proc/self/pagemap: one page of two is there");
	fails(pread64(fd, map, 4, 0), EINVAL, "half an entry of it: EINVAL");
	struct iovec l = {&mfd, 1}, r = {(void *)main, 1};
	ok(syscall(SYS_process_vm_readv, getpid(), &l, 1, &r, 1, 0) == 1, "process_vm_readv of itself");
	return tap_end();
}
