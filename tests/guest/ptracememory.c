// ptrace(2): the memory of a traced process, by words, by /proc/PID/mem and by process_vm_readv(2). What a tracer writes
// over read-only pages is the process's own copy.
#include "trace.h"

static int waits(void) { return pause(); }

__attribute__((noinline)) static int constant(void) {
	asm volatile("" ::: "memory");
	return 0x11223344;
}

static int low_byte(void) { return constant() & 0xff; }

// immediate finds the operand of the instruction that loads the constant.
static long immediate(void) {
	for (const char *p = (const char *)constant;; p++)
		if (!memcmp(p, "\x44\x33\x22\x11", 4))
			return (long)p;
}

static int words(void) {
	static volatile int word = 0x55667788;
	pid_t pid = traced(waits, 0);
	MUST(ptrace(PTRACE_PEEKDATA, pid, &word, 0) == 0x55667788);
	MUST(ptrace(PTRACE_PEEKTEXT, pid, (char *)&word + 1, 0) == (long)((0x556677u) | (ptrace(PTRACE_PEEKDATA, pid, &word + 1, 0) << 24)));
	MUST(ptrace(PTRACE_POKEDATA, pid, &word, 0x01020304) == 0 && ptrace(PTRACE_PEEKDATA, pid, &word, 0) == 0x01020304);
	MUST(word == 0x55667788); // the tracer's own is what it was
	return !finish(pid);
}

static int text(void) { // read-only, and shared with every process of the program
	long at = immediate();
	pid_t pid = traced(low_byte, 0), other = traced(low_byte, 0);
	MUST(ptrace(PTRACE_PEEKTEXT, pid, at, 0) == 0x11223344);
	MUST(ptrace(PTRACE_POKETEXT, pid, at, 0x11223399) == 0);
	MUST(ptrace(PTRACE_PEEKTEXT, other, at, 0) == 0x11223344 && constant() == 0x11223344);
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(0x99)) && is(resume(PTRACE_CONT, other, 0), EXIT(0x44)));
	return 0;
}

static char *page;
static int reads_page(void) { return *(volatile char *)page; }

static int across_pages(void) {
	page = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memcpy(page + 4094, "abcd", 4);
	mprotect(page, 4096, PROT_READ);
	pid_t pid = traced(waits, 0);
	MUST(ptrace(PTRACE_PEEKDATA, pid, page + 4094, 0) == 0x64636261);
	MUST(ptrace(PTRACE_POKEDATA, pid, page + 4093, 0x34333231) == 0);
	MUST(ptrace(PTRACE_PEEKDATA, pid, page + 4094, 0) == 0x64343332);
	munmap(page + 4096, 4096);
	pid_t cut = traced(waits, 0);
	REFUSED(ptrace(PTRACE_PEEKDATA, cut, page + 4094, 0), EIO);
	MUST(ptrace(PTRACE_PEEKDATA, cut, page + 4092, 0) == 0x62610000);
	return !finish(pid) || !finish(cut);
}

static int nowhere(void) {
	pid_t pid = traced(waits, 0);
	static const unsigned bad[] = {0, 16, 0xfffffffc, 0xfffffffe, 0xffffe000, 0xffffffff, 0xffff8000};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		REFUSED(ptrace(PTRACE_PEEKDATA, pid, bad[i], 0), EIO);
		REFUSED(ptrace(PTRACE_POKEDATA, pid, bad[i], 0), EIO);
	}
	return !finish(pid);
}

static int no_rights(void) { // a tracer reads what the program may not, and writes it
	page = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	*page = 61;
	mprotect(page, 4096, PROT_NONE);
	pid_t pid = traced(reads_page, 0);
	MUST((ptrace(PTRACE_PEEKDATA, pid, page, 0) & 0xff) == 61);
	MUST(ptrace(PTRACE_POKEDATA, pid, page, 62) == 0 && ptrace(PTRACE_PEEKDATA, pid, page, 0) == 62);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGSEGV))); // its rights are the same
	return !finish(pid);
}

static int shared_read_only(void) { // there is no copy of a shared page: it is not written
	int fd = memfd_create("m", 0);
	ftruncate(fd, 4096);
	page = mmap(0, 4096, PROT_READ, MAP_SHARED, fd, 0);
	pid_t pid = traced(waits, 0);
	MUST(ptrace(PTRACE_PEEKDATA, pid, page, 0) == 0);
	REFUSED(ptrace(PTRACE_POKEDATA, pid, page, 1), EIO);
	MUST(*page == 0);
	char *both = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	pid_t writer = traced(waits, 0);
	MUST(ptrace(PTRACE_POKEDATA, writer, both, 7) == 0 && *page == 7); // a writable one is
	return !finish(pid) || !finish(writer);
}

static int private_file(void) { // nor is a file that is mapped privately
	char c = 0;
	int fd = memfd_create("m", 0);
	write(fd, "0123456789", 10);
	page = mmap(0, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	pid_t pid = traced(reads_page, 0);
	MUST(ptrace(PTRACE_POKEDATA, pid, page, 'x') == 0);
	MUST(pread(fd, &c, 1, 0) == 1 && c == '0' && *page == '0');
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT('x')));
	return 0;
}

static int past_the_file(void) { // SIGBUS for the program, EIO for its tracer
	int fd = memfd_create("m", 0);
	page = mmap(0, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	pid_t pid = traced(waits, 0);
	REFUSED(ptrace(PTRACE_PEEKDATA, pid, page, 0), EIO);
	return !finish(pid);
}

static int memory(pid_t pid, int flags) {
	char path[32];
	snprintf(path, sizeof path, "/proc/%d/mem", pid);
	return open(path, flags);
}

static int mem_file(void) {
	char buf[16];
	static char words[] = "some words";
	pid_t pid = traced(low_byte, 0);
	int fd = memory(pid, O_RDWR);
	MUST(fd >= 0 && pread(fd, buf, 10, (long)words) == 10 && !memcmp(buf, "some words", 10));
	MUST(pwrite(fd, "many", 4, (long)words) == 4 && !strcmp(words, "some words"));
	MUST(pread(fd, buf, 10, (long)words) == 10 && !memcmp(buf, "many words", 10));
	MUST(lseek(fd, (long)words + 5, SEEK_SET) == (long)words + 5 && read(fd, buf, 5) == 5 && !memcmp(buf, "words", 5));
	MUST(lseek(fd, 0, SEEK_CUR) == (long)words + 10);
	MUST(pwrite(fd, "\x98", 1, immediate()) == 1); // text as well
	REFUSED(pread(fd, buf, 1, 16), EIO);
	REFUSED(pwrite(fd, buf, 1, 16), EIO);
	REFUSED(lseek(fd, 0, SEEK_END), EINVAL);
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(0x98)));
	MUST(pread(fd, buf, 1, (long)words) == 0); // it is gone
	return 0;
}

static int mem_file_short(void) { // what there is of a range
	static char buf[8192];
	page = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(page, 'p', 4096);
	munmap(page + 4096, 4096);
	pid_t pid = traced(waits, 0);
	int fd = memory(pid, O_RDWR);
	MUST(pread64(fd, buf, 200, (unsigned long)page + 4000) == 96 && buf[95] == 'p');
	MUST(pwrite64(fd, buf, 200, (unsigned long)page + 4000) == 96);
	return !finish(pid);
}

static int execs(void) { return execl("/proc/self/exe", "ptracememory", "child", NULL); }

static int mem_file_exec(void) { // the memory of before an exec is gone, even for who has it open
	static char buf[4];
	pid_t pid = traced(execs, PTRACE_O_TRACEEXEC);
	int fd = memory(pid, O_RDWR);
	MUST(pread(fd, buf, 4, (long)constant) == 4);
	MUST(is(resume(PTRACE_CONT, pid, 0), EVENT(PTRACE_EVENT_EXEC)));
	MUST(pread(fd, buf, 4, (long)constant) == 0);
	int after = memory(pid, O_RDWR);
	MUST(after >= 0 && pread(after, buf, 4, (long)constant) == 4 && !memcmp(buf, (char *)constant, 4));
	return !finish(pid);
}

static int mem_file_untraced(void) { // the rights are those of attaching; who runs need not be stopped
	char buf[4];
	static volatile int number = 5;
	pid_t pid = child(waits);
	int fd = memory(pid, O_RDWR), three = 3;
	MUST(fd >= 0 && pread(fd, buf, 4, (long)&number) == 4 && *buf == 5);
	MUST(pwrite(fd, &three, 4, (long)&number) == 4 && pread(fd, buf, 4, (long)&number) == 4 && *buf == 3 && number == 5);
	kill(pid, SIGKILL);
	return !is(await(pid), KILLED(SIGKILL));
}

static int vm_calls(void) {
	static char there[] = "ten bytes.", here[16];
	pid_t pid = traced(waits, 0);
	struct iovec l[2] = {{here, 3}, {here + 8, 4}}, r = {there, 7};
	MUST(process_vm_readv(pid, l, 2, &r, 1, 0) == 7 && !memcmp(here, "ten", 3) && !memcmp(here + 8, " byt", 4));
	struct iovec w = {"SIX", 3};
	MUST(process_vm_writev(pid, &w, 1, &r, 1, 0) == 3 && !strcmp(there, "ten bytes."));
	MUST((ptrace(PTRACE_PEEKDATA, pid, there, 0) & 0xffffff) == 0x584953);
	r = (struct iovec){(void *)immediate(), 1};
	REFUSED(process_vm_writev(pid, &w, 1, &r, 1, 0), EFAULT); // unlike a tracer's words, it heeds the rights of the page
	return !finish(pid);
}

static int vdso_page(void) { // code of the kernel's that every process has: one's own copy, too
	extern unsigned long getauxval(unsigned long);
	unsigned long at = getauxval(AT_SYSINFO);
	MUST(at);
	pid_t pid = traced(waits, 0), other = traced(waits, 0);
	long was = ptrace(PTRACE_PEEKTEXT, pid, at, 0);
	MUST(was == *(long *)at);
	MUST(ptrace(PTRACE_POKETEXT, pid, at, 0xcccccccc) == 0);
	MUST(ptrace(PTRACE_PEEKTEXT, other, at, 0) == was && *(long *)at == was);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGTRAP)) && regs_of(pid).eip == (long)at + 1);
	return !finish(pid) || !finish(other);
}

static int planted(void) { // a breakpoint as debuggers make them: int3 over the first byte, back, one step, again
	pid_t pid = traced(low_byte, 0);
	long at = (long)constant, was = ptrace(PTRACE_PEEKTEXT, pid, at, 0);
	MUST(ptrace(PTRACE_POKETEXT, pid, at, (was & ~0xff) | 0xcc) == 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGTRAP)));
	regs_t r = regs_of(pid);
	MUST(r.eip == at + 1);
	r.eip = at;
	MUST(ptrace(PTRACE_SETREGS, pid, 0, &r) == 0 && ptrace(PTRACE_POKETEXT, pid, at, was) == 0);
	MUST(is(resume(PTRACE_SINGLESTEP, pid, 0), STOP(SIGTRAP)) && regs_of(pid).eip > at && regs_of(pid).eip < at + 8);
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(0x44)));
	return 0;
}

static int forks(void) { return fork() ? 0 : constant() & 0xff; }

static int fork_keeps(void) { // a child has what was planted in its parent
	pid_t pid = traced(forks, PTRACE_O_TRACEFORK);
	MUST(ptrace(PTRACE_POKETEXT, pid, immediate(), 0x11223377) == 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), EVENT(PTRACE_EVENT_FORK)));
	pid_t kid = message_of(pid);
	MUST(is(await(kid), STOP(SIGSTOP)));
	MUST(ptrace(PTRACE_POKETEXT, pid, immediate(), 0x11223344) == 0); // and keeps it
	MUST(is(resume(PTRACE_CONT, kid, 0), EXIT(0x77)));
	return !finish(pid);
}

int main(int argc, char **argv) {
	(void)argv;
	if (argc > 1)
		return 42;
	plan(18);
	CASE(words, "PTRACE_PEEKDATA, PTRACE_POKEDATA, at any address");
	CASE(text, "PTRACE_POKETEXT: this process's alone");
	CASE(across_pages, "a word across two pages, and half beyond the end");
	CASE(nowhere, "addresses of nothing and of the kernel: EIO");
	CASE(no_rights, "PROT_NONE is no obstacle");
	CASE(shared_read_only, "a shared page that is read-only: EIO");
	CASE(private_file, "a private mapping: not the file");
	CASE(past_the_file, "a page beyond the end of the file: EIO");
	CASE(mem_file, "/proc/PID/mem");
	CASE(mem_file_short, "/proc/PID/mem: as far as there is memory");
	CASE(mem_file_exec, "/proc/PID/mem, opened before an exec: nothing");
	CASE(mem_file_untraced, "/proc/PID/mem of a child that runs");
	CASE(vm_calls, "process_vm_readv, process_vm_writev");
	CASE(vdso_page, "the vDSO can be written over, in one process");
	CASE(planted, "a breakpoint that is planted, hit, stepped over");
	CASE(fork_keeps, "fork copies what was planted");
	ok(constant() == 0x11223344, "this program's text is what it was");
	ok(tracer_of(getpid()) == 0, "nobody traces this program");
	return tap_end();
}
