// Mappings in all their kinds: mremap, madvise, msync, growing stacks, files that shrink.
#include "tap.h"
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define P 4096
#define TMP "/tmp/maps.file"
static sigjmp_buf out;
static volatile int fault_code;

static void on_fault(int sig, siginfo_t *si, void *uc) {
	(void)uc;
	fault_code = si->si_code;
	siglongjmp(out, sig);
}

// touch reads or writes a byte; it returns 0, or the signal.
static int touch(volatile char *p, int write) {
	int sig = sigsetjmp(out, 1);
	if (sig)
		return sig;
	if (write)
		*p = 1;
	else
		(void)*p;
	return 0;
}

static char *map(int pages) {
	char *p = mmap(0, pages * P, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

static int file(const char *text, int size) {
	int fd = open(TMP, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, text, strlen(text)) < 0 || ftruncate(fd, size))
		die(TMP);
	return fd;
}

static void moves(void) {
	char *room = map(16), *p = map(4);
	memset(p, 'a', 4 * P);
	fails((long)mremap(p, 4 * P, 8 * P, MREMAP_FIXED, room), EINVAL, "MREMAP_FIXED needs MREMAP_MAYMOVE: EINVAL");
	char *q = mremap(p, 4 * P, 8 * P, MREMAP_MAYMOVE | MREMAP_FIXED, room);
	ok(q == room && q[4 * P - 1] == 'a' && q[4 * P] == 0 && touch(p, 0) == SIGSEGV, "MREMAP_FIXED over a mapping");
	fails((long)mremap(q, 8 * P, 8 * P, MREMAP_MAYMOVE | MREMAP_FIXED, q + 4 * P), EINVAL, "onto itself: EINVAL");
	mmap(q + 8 * P, P, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	fails((long)mremap(q, 8 * P, 9 * P, 0), ENOMEM, "no room to grow in place: ENOMEM");
	fails((long)mremap(q + 1, P, 2 * P, MREMAP_MAYMOVE), EINVAL, "an odd address: EINVAL");
	fails((long)mremap(q, P, 0, MREMAP_MAYMOVE), EINVAL, "to nothing: EINVAL");
	munmap(q + 12 * P, P);
	fails((long)mremap(q + 12 * P, P, 2 * P, MREMAP_MAYMOVE), EFAULT, "of a hole: EFAULT");
	fails((long)mremap(q + 7 * P, 3 * P, 4 * P, MREMAP_MAYMOVE), EFAULT, "over two mappings: EFAULT");
	char *r = mremap(q, 2 * P, 2 * P, MREMAP_MAYMOVE | 4, 0); // MREMAP_DONTUNMAP
	ok(r != MAP_FAILED && r[0] == 'a' && q[0] == 0, "MREMAP_DONTUNMAP leaves zeros behind");
	int fd = file("shared", P);
	char *s = mmap(0, P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *t = mremap(s, 0, P, MREMAP_MAYMOVE);
	ok(t != MAP_FAILED && t != s && !strcmp(t, "shared") && (s[0] = 'S', t[0] == 'S'), "of size 0: a second mapping of what is shared");
	close(fd);
}

static void advice(void) {
	char *p = map(4);
	memset(p, 'b', 4 * P);
	ok(madvise(p, P, MADV_DONTNEED) == 0 && p[0] == 0 && p[P] == 'b', "MADV_DONTNEED: zeros");
	ok(madvise(p, P, MADV_WILLNEED) == 0 && madvise(p, P, MADV_NORMAL) == 0 && madvise(p, P, MADV_RANDOM) == 0 &&
	   madvise(p, P, MADV_SEQUENTIAL) == 0, "hints");
	fails(madvise(p, P, 9999), EINVAL, "unknown advice: EINVAL");
	fails(madvise(p + 1, P, MADV_NORMAL), EINVAL, "an odd address: EINVAL");
	ok(madvise(p, 0, MADV_NORMAL) == 0, "nothing");
	munmap(p + P, P);
	fails(madvise(p, 3 * P, MADV_DONTNEED), ENOMEM, "over a hole: ENOMEM");
	ok(p[2 * P] == 0, "and yet done on both sides");
	p[0] = 'c';
	ok(madvise(p, P, MADV_DONTFORK) == 0, "MADV_DONTFORK");
	int st;
	pid_t pid = fork();
	if (pid == 0)
		_exit(touch(p, 0));
	waitpid(pid, &st, 0);
	ok(WEXITSTATUS(st) == SIGSEGV, "the child does not have it");
	p[2 * P] = 'd';
	ok(madvise(p + 2 * P, P, 18) == 0, "MADV_WIPEONFORK"); // MADV_WIPEONFORK
	pid = fork();
	if (pid == 0)
		_exit(p[2 * P]);
	waitpid(pid, &st, 0);
	ok(WEXITSTATUS(st) == 0 && p[2 * P] == 'd', "the child has zeros");
	int fd = file("text", 2 * P);
	char *s = mmap(0, 2 * P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	s[P] = 'x';
	ok(madvise(s, 2 * P, MADV_DONTNEED) == 0 && s[P] == 'x' && s[0] == 't', "a shared mapping keeps its contents");
	struct stat now;
	ok(madvise(s + P, P, MADV_REMOVE) == 0 && s[P] == 0 && fstat(fd, &now) == 0 && now.st_size == 2 * P, "MADV_REMOVE makes a hole in the file");
	close(fd);
}

static void files(void) {
	int fd = file("0123456789", 3 * P);
	char *s = mmap(0, 4 * P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), *v = mmap(0, 4 * P, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	ok(touch(s + 3 * P, 0) == SIGBUS && touch(v + 3 * P, 1) == SIGBUS, "beyond the end: SIGBUS");
	ok(ftruncate(fd, 4 * P) == 0 && touch(s + 3 * P, 0) == 0, "the file grows: no more");
	v[2 * P] = 'p';
	ftruncate(fd, P + 5);
	ok(touch(v + 2 * P, 0) == SIGBUS, "what is cut off is gone from a private mapping as well");
	ok(s[P] == 0 && touch(s + 2 * P, 1) == SIGBUS, "the rest of the last page stays");
	s[P + 100] = 'z';
	ftruncate(fd, 3 * P);
	char c = 1;
	ok(pread(fd, &c, 1, P + 100) == 1, "a store behind the end");
	ok(msync(s, P, MS_SYNC) == 0 && msync(s, P, MS_ASYNC) == 0, "msync");
	fails(msync(s, P, MS_SYNC | MS_ASYNC), EINVAL, "MS_SYNC and MS_ASYNC: EINVAL");
	fails(msync(s + 1, P, MS_SYNC), EINVAL, "an odd address: EINVAL");
	munmap(s + P, P);
	fails(msync(s, 3 * P, MS_SYNC), ENOMEM, "over a hole: ENOMEM");
	fails(read(fd, s + P, 10), EFAULT, "a read into the hole: EFAULT");
	ftruncate(fd, 10);
	lseek(fd, 0, SEEK_SET);
	int other = open("/dev/zero", O_RDONLY);
	fails(read(other, s + 2 * P, 10), EFAULT, "a read into a mapping beyond its file's end: EFAULT");
	ok(unlink(TMP) == 0 && close(fd) == 0 && s[3] == '3', "the file goes, the mapping stays");
	int ro = open("/proc/self/exe", O_RDONLY);
	char *x = mmap(0, P, PROT_READ, MAP_SHARED, ro, 0);
	fails(mprotect(x, P, PROT_READ | PROT_WRITE), EACCES, "a shared mapping of what is open for reading stays so: EACCES");
	ok(mmap(0, P, PROT_READ | PROT_WRITE, MAP_PRIVATE, ro, 0) != MAP_FAILED, "a private one may be written");
	fails((long)mmap(0, P, PROT_READ, 0, ro, 0), EINVAL, "neither shared nor private: EINVAL");
}

static void stacks(void) {
	char *p = map(64);
	munmap(p, 64 * P);
	char *low = mmap(p + 40 * P, 4 * P, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
	ok(low == p + 40 * P, "MAP_GROWSDOWN");
	ok(touch(low - 1, 1) == 0 && touch(low - 3 * P, 1) == 0, "it grows down at a touch");
	mmap(p, P, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	for (char *at = low - 4 * P; at >= p + 2 * P; at -= P)
		if (touch(at, 1) != 0)
			break;
	ok(touch(p + P, 1) == SIGSEGV, "but keeps away from its neighbour");
	fails((long)mmap(0, P, PROT_READ, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0), EINVAL, "a shared one: EINVAL");
	ok(mprotect(low, P, PROT_READ | PROT_GROWSDOWN) == 0 && touch(low - P, 1) == SIGSEGV && touch(low + P, 1) == 0, "PROT_GROWSDOWN goes down to the end");
	fails(mprotect(p, P, PROT_READ | PROT_GROWSDOWN), EINVAL, "but not of other memory: EINVAL");
}

int main(void) {
	struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
	sigaction(SIGSEGV, &sa, 0);
	sigaction(SIGBUS, &sa, 0);
	plan(44);
	moves();
	advice();
	files();
	stacks();
	return tap_end();
}
