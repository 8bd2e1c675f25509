// ELF files and scripts at the edge of what runs: each has the outcome that it has on Linux.
#include "tap.h"
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void put(const char *path, const void *data, size_t n, int mode) {
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0700);
	if (fd < 0 || write(fd, data, n) != (ssize_t)n || fchmod(fd, mode))
		die(path);
	close(fd);
}

// run executes a file in a child; it returns its exit status, -errno, or 1000 + the signal that killed it.
static int run(const char *path) {
	int st, p[2], err = 0;
	if (pipe2(p, O_CLOEXEC))
		die("pipe");
	pid_t pid = fork();
	if (pid == 0) {
		execl(path, "victim", "arg", NULL);
		err = errno;
		write(p[1], &err, sizeof err);
		_exit(0);
	}
	close(p[1]);
	int n = read(p[0], &err, sizeof err);
	close(p[0]);
	waitpid(pid, &st, 0);
	return n == sizeof err ? -err : WIFEXITED(st) ? WEXITSTATUS(st) : 1000 + WTERMSIG(st);
}

struct image {
	Elf32_Ehdr e;
	Elf32_Phdr p[4];
	unsigned char code[256];
	unsigned char pad[8192];
};

static struct image good(int type) {
	struct image m;
	memset(&m, 0, sizeof m);
	memcpy(m.e.e_ident, ELFMAG "\1\1\1", 7);
	uintptr_t base = type == ET_DYN ? 0 : 0x8048000;
	m.e.e_type = type;
	m.e.e_machine = EM_386;
	m.e.e_version = 1;
	m.e.e_entry = base + offsetof(struct image, code);
	m.e.e_phoff = offsetof(struct image, p);
	m.e.e_ehsize = sizeof m.e;
	m.e.e_phentsize = sizeof m.p[0];
	m.e.e_phnum = 1;
	m.p[0] = (Elf32_Phdr){PT_LOAD, 0, base, base, sizeof m, sizeof m, PF_R | PF_X, 0x1000};
	memcpy(m.code, "\xb8\x01\0\0\0\xbb\xc8\0\0\0\xcd\x80", 12); // exit(200)
	return m;
}

static void isrun(const char *name, const char *path, int want) {
	int got = run(path);
	if (!ok(got == want, "%s", name))
		printf("# %d, want %d\n", got, want);
}

static void is(const char *name, struct image *m, int want) {
	put("/tmp/victim", m, sizeof *m, 0700);
	isrun(name, "/tmp/victim", want);
}

// refused is for an image that Linux finds bad, or makes the best of, when the old program has gone; Cleave says EINVAL,
// and the old program goes on (proc/elf).
static void refused(const char *name, struct image *m, int onlinux) {
	put("/tmp/victim", m, sizeof *m, 0700);
	int got = run("/tmp/victim");
	if (!ok(got == onlinux || got == -EINVAL, "%s", name))
		printf("# %d\n", got);
}

// SHAPE runs a good image with changes.
#define SHAPE(type, name, want, ...) do { struct image m = good(type); __VA_ARGS__; is(name, &m, want); } while (0)
#define REFUSED(type, name, want, ...) do { struct image m = good(type); __VA_ARGS__; refused(name, &m, want); } while (0)

static void headers(void) {
	SHAPE(ET_DYN, "a static program that may lie anywhere", 200, (void)0);
	SHAPE(ET_EXEC, "the other byte order", 200, m.e.e_ident[EI_DATA] = ELFDATA2MSB);
	SHAPE(ET_EXEC, "another version", 200, m.e.e_version = 77);
	SHAPE(ET_EXEC, "another ABI", 200, m.e.e_ident[EI_OSABI] = 9);
	SHAPE(ET_EXEC, "a core file", -ENOEXEC, m.e.e_type = ET_CORE);
	SHAPE(ET_EXEC, "a bad magic", -ENOEXEC, m.e.e_ident[0] = 0);
	SHAPE(ET_EXEC, "program headers at the end of the address space", -ENOEXEC, m.e.e_phoff = 0xfffffff0);
	SHAPE(ET_EXEC, "65535 program headers", -ENOEXEC, m.e.e_phnum = 65535);
	SHAPE(ET_EXEC, "program headers in the middle of nowhere", -ENOEXEC, m.e.e_phoff = 0x100000);
	REFUSED(ET_EXEC, "no segment to load", 1000 + SIGSEGV, m.p[0].p_type = PT_NOTE);
}

static void segments(void) {
	REFUSED(ET_EXEC, "two segments that overlap", 200, m.e.e_phnum = 2; m.p[1] = m.p[0]);
	REFUSED(ET_EXEC, "two segments that overlap by a page", 200, m.e.e_phnum = 2; m.p[1] = m.p[0]; m.p[1].p_vaddr += 4096);
	SHAPE(ET_EXEC, "segments out of order", 200, m.e.e_phnum = 2; m.p[1] = m.p[0]; m.p[0].p_vaddr += 0x100000);
	REFUSED(ET_EXEC, "an address and an offset that do not fit", 1000 + SIGSEGV, m.p[0].p_vaddr += 4);
	SHAPE(ET_EXEC, "an absurd alignment", 200, m.p[0].p_align = 3);
	SHAPE(ET_EXEC, "a huge alignment", 200, m.p[0].p_align = 0x80000000);
	SHAPE(ET_DYN, "a huge alignment anywhere", 200, m.p[0].p_align = 0x80000000);
	REFUSED(ET_EXEC, "a segment of nearly 4 GiB", 1000 + SIGSEGV, m.p[0].p_memsz = 0xfffff000);
	SHAPE(ET_EXEC, "a segment at 0", 200, m.e.e_phnum = 2; m.p[1] = (Elf32_Phdr){PT_LOAD, 0, 0, 0, 100, 100, PF_R, 0x1000});
	REFUSED(ET_EXEC, "a segment in the kernel's half", 1000 + SIGSEGV, m.p[0].p_vaddr = 0xffffe000);
	SHAPE(ET_EXEC, "an empty segment", 200, m.e.e_phnum = 2; m.p[1] = (Elf32_Phdr){PT_LOAD, 0, 0x9000000, 0, 0, 0, PF_R, 0x1000});
	SHAPE(ET_EXEC, "a segment beyond the end of the file", 200, m.e.e_phnum = 2; m.p[1] = (Elf32_Phdr){PT_LOAD, 0x100000, 0x9000000, 0, 4096, 4096, PF_R, 0x1000});
	SHAPE(ET_EXEC, "zeros in a read-only segment", 200, m.e.e_phnum = 2; m.p[1] = (Elf32_Phdr){PT_LOAD, 0, 0x9000000, 0, 100, 200, PF_R, 0x1000});
	REFUSED(ET_EXEC, "more zeros than there are addresses", 1000 + SIGSEGV, m.e.e_phnum = 2; m.p[1] = (Elf32_Phdr){PT_LOAD, 0, 0xb0000000, 0, 100, 0x60000000, PF_R | PF_W, 0x1000});
	SHAPE(ET_EXEC, "an executable stack", 200, m.e.e_phnum = 2; m.p[1] = (Elf32_Phdr){PT_GNU_STACK, 0, 0, 0, 0, 0, 7, 16});
}

static void interpreters(void) {
	struct image lib = good(ET_DYN);
	memcpy(lib.code, "\xb8\x01\0\0\0\xbb\xc9\0\0\0\xcd\x80", 12); // exit(201)
	put("/tmp/interp", &lib, sizeof lib, 0700);
	struct image m = good(ET_EXEC);
	m.e.e_phnum = 2;
	m.p[1] = (Elf32_Phdr){PT_INTERP, offsetof(struct image, pad), 0, 0, 12, 12, PF_R, 1};
	strcpy((char *)m.pad, "/tmp/interp");
	is("the interpreter is entered first", &m, 201);
	chmod("/tmp/interp", 0600);
	is("an interpreter that may not be executed", &m, -EACCES);
	put("/tmp/interp", "#!/bin/sh\n", 10, 0700);
	is("a script for an interpreter", &m, -EIO);
	put("/tmp/interp", "x", 1, 0700);
	is("an interpreter of one byte", &m, -EIO);
	lib = good(ET_DYN), lib.e.e_machine = EM_ARM;
	put("/tmp/interp", &lib, sizeof lib, 0700);
	is("an interpreter for another machine", &m, -ELIBBAD);
	lib = good(ET_DYN), lib.p[0].p_memsz = 0xfffff000;
	put("/tmp/interp", &lib, sizeof lib, 0700);
	refused("an absurd interpreter", &m, 1000 + SIGSEGV);
	strcpy((char *)m.pad, "/tmp");
	m.p[1].p_filesz = 5;
	is("a folder for an interpreter", &m, -EACCES);
	m.p[1].p_filesz = 1;
	is("an interpreter's name of one byte", &m, -ENOEXEC);
	m.p[1].p_filesz = 0xffffffff;
	is("an interpreter's name of 4 GiB", &m, -ENOEXEC);
	unlink("/tmp/interp");
}

static void scripts(void) {
	struct image m = good(ET_EXEC);
	char name[32], text[64], wide[400];
	put("/tmp/s0", &m, sizeof m, 0700);
	for (int i = 1; i <= 7; i++) {
		snprintf(name, sizeof name, "/tmp/s%d", i);
		snprintf(text, sizeof text, "#! /tmp/s%d \n", i - 1);
		put(name, text, strlen(text), 0700);
	}
	isrun("four scripts, each the interpreter of the next", "/tmp/s4", 200);
	isrun("five", "/tmp/s5", 200);
	isrun("six", "/tmp/s6", -ELOOP);
	for (int i = 0; i <= 7; i++) {
		snprintf(name, sizeof name, "/tmp/s%d", i);
		unlink(name);
	}
	memset(wide, 'a', sizeof wide);
	memcpy(wide, "#!/", 3);
	put("/tmp/victim", wide, sizeof wide, 0700);
	isrun("#! of a line that does not end", "/tmp/victim", -ENOEXEC);
	put("/tmp/victim", "#!/tmp", 6, 0700);
	isrun("#! of a folder, without a newline", "/tmp/victim", -EACCES);
	put("/tmp/victim", "#! \t \n", 6, 0700);
	isrun("#! and blanks", "/tmp/victim", -ENOEXEC);
	put("/tmp/victim", "#!victim2\n", 10, 0700);
	isrun("#! of a relative path that is not there", "/tmp/victim", -ENOENT);
}

static void big(void) {
	static char *many[300000];
	static char word[100000];
	struct image m = good(ET_EXEC);
	put("/tmp/victim", &m, sizeof m, 0700);
	memset(word, 'w', sizeof word - 1);
	for (int i = 0; i < 60; i++)
		many[i] = word;
	many[60] = NULL;
	char *none[] = {NULL};
	fails(execve("/tmp/victim", many, none), E2BIG, "six megabytes of arguments: E2BIG");
	fails(execve("/tmp/victim", none, many), E2BIG, "six megabytes of environment: E2BIG");
	for (int i = 0; i < 299999; i++)
		many[i] = "";
	fails(execve("/tmp/victim", many, many), E2BIG, "six hundred thousand empty strings: E2BIG");
	int st, fd = open("/tmp/victim", O_WRONLY);
	isrun("a file that is open for writing", "/tmp/victim", -ETXTBSY);
	close(fd);
	pid_t pid = fork();
	if (pid == 0) {
		struct rlimit l = {64 << 10, 64 << 10};
		setrlimit(RLIMIT_STACK, &l);
		many[1] = NULL, many[0] = word;
		execve("/tmp/victim", many, none);
		_exit(errno == E2BIG ? 7 : 8);
	}
	waitpid(pid, &st, 0);
	ok(WEXITSTATUS(st) == 7, "a hundred thousand bytes for a stack of 64 KiB: E2BIG");
}

int main(void) {
	plan(46);
	headers();
	segments();
	interpreters();
	scripts();
	big();
	unlink("/tmp/victim");
	return tap_end();
}
