// execve: what becomes of the process, and the error of each kind of bad file, after which the caller goes on.
#include "tap.h"
#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static char self[4096];

// try_exec writes a file and executes it in a child; it returns the error, or 0 if it ran.
static int try_exec(const void *data, size_t n, int mode) {
	int fd = open("/tmp/victim", O_WRONLY | O_CREAT | O_TRUNC, 0700), st;
	if (fd < 0 || write(fd, data, n) != (ssize_t)n || fchmod(fd, mode))
		die("victim");
	close(fd);
	pid_t pid = fork();
	if (pid == 0) {
		execl("/tmp/victim", "victim", "arg", NULL);
		_exit(errno);
	}
	waitpid(pid, &st, 0);
	return WIFEXITED(st) ? WEXITSTATUS(st) : 1000 + WTERMSIG(st);
}

struct image {
	Elf32_Ehdr e;
	Elf32_Phdr p[3];
	unsigned char code[64];
};

static struct image good(void) {
	struct image m;
	memset(&m, 0, sizeof m);
	memcpy(m.e.e_ident, ELFMAG "\1\1\1", 7);
	m.e.e_type = ET_EXEC;
	m.e.e_machine = EM_386;
	m.e.e_version = 1;
	m.e.e_entry = 0x8048000 + offsetof(struct image, code);
	m.e.e_phoff = offsetof(struct image, p);
	m.e.e_ehsize = sizeof m.e;
	m.e.e_phentsize = sizeof m.p[0];
	m.e.e_phnum = 1;
	m.p[0] = (Elf32_Phdr){PT_LOAD, 0, 0x8048000, 0x8048000, sizeof m, sizeof m, PF_R | PF_X, 0x1000};
	memcpy(m.code, "\xb8\x01\0\0\0\xbb\xc8\0\0\0\xcd\x80", 12); // exit(200)
	return m;
}

static void images(void) {
	struct image m = good();
	ok(try_exec(&m, sizeof m, 0700) == 200, "a small image runs");
	ok(try_exec(&m, sizeof m, 0600) == EACCES, "without the x bit: EACCES");
	ok(try_exec(&m, 20, 0700) == ENOEXEC, "a cut header: ENOEXEC");
	ok(try_exec("", 0, 0700) == ENOEXEC, "an empty file: ENOEXEC");
	ok(try_exec("text", 4, 0700) == ENOEXEC, "text: ENOEXEC");
	m = good(), m.e.e_machine = EM_ARM;
	ok(try_exec(&m, sizeof m, 0700) == ENOEXEC, "another machine: ENOEXEC");
	m = good(), m.e.e_type = ET_REL;
	ok(try_exec(&m, sizeof m, 0700) == ENOEXEC, "an object file: ENOEXEC");
	m = good(), m.e.e_phnum = 0;
	ok(try_exec(&m, sizeof m, 0700) == ENOEXEC, "no program headers: ENOEXEC");
	m = good(), m.e.e_phnum = 2000;
	int r = try_exec(&m, sizeof m, 0700);
	ok(r == EIO || r == ENOEXEC, "program headers beyond the file");
	m = good(), m.e.e_phentsize = 33;
	ok(try_exec(&m, sizeof m, 0700) == ENOEXEC, "program headers of an odd size: ENOEXEC");
	m = good(), m.p[0].p_filesz = sizeof m, m.p[0].p_memsz = 10;
	r = try_exec(&m, sizeof m, 0700);
	ok(r == EINVAL || r == 1000 + SIGSEGV || r == 1000 + SIGKILL, "more in the file than in memory");
	m = good(), m.p[0].p_vaddr = 0xfffff000, m.p[0].p_memsz = 0x10000;
	r = try_exec(&m, sizeof m, 0700);
	ok(r == EINVAL || r == ENOMEM || r > 1000, "a segment that wraps around");
	m = good(), m.e.e_entry = 0x10;
	ok(try_exec(&m, sizeof m, 0700) == 1000 + SIGSEGV, "an entry in nothing: SIGSEGV");
	m = good(), m.e.e_phnum = 2;
	m.p[1] = (Elf32_Phdr){PT_INTERP, offsetof(struct image, code) + 20, 0, 0, 9, 9, PF_R, 1};
	memcpy(m.code + 20, "/missing", 9);
	ok(try_exec(&m, sizeof m, 0700) == ENOENT, "a missing interpreter: ENOENT");
	m.p[1].p_filesz = 5000;
	r = try_exec(&m, sizeof m, 0700);
	ok(r == ENOEXEC || r == EIO, "an interpreter's name beyond the file");
	m.p[1].p_filesz = 8;
	ok(try_exec(&m, sizeof m, 0700) == ENOEXEC, "an interpreter's name without its end: ENOEXEC");
}

// overlap makes a file of two pages, which exit with 200 and 201, and maps both at the same address in the order given.
static int overlap(unsigned first, unsigned second) {
	static char file[0x2000];
	struct image m = good();
	m.code[6] = 201;
	memcpy(file + 0x1000, &m, sizeof m);
	m = good(), m.e.e_phnum = 2;
	m.p[0].p_offset = first, m.p[1] = m.p[0], m.p[1].p_offset = second;
	memcpy(file, &m, sizeof m);
	return try_exec(file, sizeof file, 0700);
}

static void segments(void) {
	ok(overlap(0, 0x1000) == 201, "segments that overlap: the later one covers the earlier one");
	ok(overlap(0x1000, 0) == 200, "in the order of the file");
	struct image m = good();
	m.e.e_phnum = 2, m.p[1] = m.p[0];
	m.p[0].p_vaddr = 0x8058000;
	ok(try_exec(&m, sizeof m, 0700) == 200, "segments by descending address");
}

static void scripts(void) {
	char text[4200];
	snprintf(text, sizeof text, "#!%s script -x y\n", self);
	ok(try_exec(text, strlen(text), 0700) == 51, "#! runs its interpreter with one argument, path and arguments");
	ok(try_exec("#!/nonexistent\n", 15, 0700) == ENOENT, "#! of nothing: ENOENT");
	ok(try_exec("#!\n", 3, 0700) == ENOEXEC, "#! and nothing: ENOEXEC");
	ok(try_exec("#!/tmp/victim\n", 14, 0700) == ELOOP, "#! of itself: ELOOP");
}

static void errors(void) {
	char *argv[] = {"x", NULL};
	fails(execve("/nonexistent", argv, argv), ENOENT, "no such file: ENOENT");
	fails(execve("/tmp", argv, argv), EACCES, "a directory: EACCES");
	fails(execve("/dev/null", argv, argv), EACCES, "a device: EACCES");
	fails(syscall(SYS_execve, 1, argv, argv), EFAULT, "a bad path: EFAULT");
	fails(syscall(SYS_execve, self, 1, argv), EFAULT, "bad arguments: EFAULT");
	char *huge = malloc(200000), *two[] = {huge, NULL};
	memset(huge, 'a', 199999);
	huge[199999] = 0;
	fails(execve(self, two, argv), E2BIG, "an argument of 200 000 bytes: E2BIG");
	free(huge);
}

static void changes(void) {
	int st;
	pid_t pid = fork();
	if (pid == 0) {
		int keep = open("/dev/null", O_RDONLY), drop = open("/dev/null", O_RDONLY | O_CLOEXEC);
		dup2(keep, 40);
		fcntl(drop, F_DUPFD_CLOEXEC, 41);
		signal(SIGUSR1, SIG_IGN);
		signal(SIGUSR2, (void (*)(int))self);
		sigset_t s;
		sigemptyset(&s);
		sigaddset(&s, SIGHUP);
		sigprocmask(SIG_BLOCK, &s, 0);
		char *argv[] = {"exec", "state", NULL}, *envp[] = {"ONLY=this", NULL};
		execve(self, argv, envp);
		_exit(99);
	}
	waitpid(pid, &st, 0);
	ok(WEXITSTATUS(st) == 50, "descriptors, handlers, mask and environment after execve");
	int fd = open(self, O_PATH | O_CLOEXEC);
	pid = fork();
	if (pid == 0) {
		char *argv[] = {"exec", "none", NULL}, *envp[] = {NULL};
		execveat(fd, "", argv, envp, AT_EMPTY_PATH);
		_exit(99);
	}
	waitpid(pid, &st, 0);
	ok(WEXITSTATUS(st) == 49, "execveat of a descriptor");
}

static int state(char **envp) {
	struct sigaction a, b;
	sigset_t s;
	sigaction(SIGUSR1, 0, &a);
	sigaction(SIGUSR2, 0, &b);
	sigprocmask(SIG_BLOCK, 0, &s);
	int good = fcntl(40, F_GETFD) == 0 && fcntl(41, F_GETFD) == -1 && a.sa_handler == SIG_IGN && b.sa_handler == SIG_DFL &&
	           sigismember(&s, SIGHUP) && envp[0] && !strcmp(envp[0], "ONLY=this") && !envp[1];
	return good ? 50 : 1;
}

int main(int argc, char **argv, char **envp) {
	if (argc > 1 && !strcmp(argv[1], "state"))
		return state(envp);
	if (argc > 1 && !strcmp(argv[1], "none"))
		return 49;
	if (argc > 1 && !strncmp(argv[1], "script", 6))
		return argc == 4 && !strcmp(argv[1], "script -x y") && !strcmp(argv[2], "/tmp/victim") && !strcmp(argv[3], "arg") ? 51 : 2;
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	if (n < 0)
		die("/proc/self/exe");
	plan(34);
	images();
	segments();
	scripts();
	errors();
	changes();
	unlink("/tmp/victim");
	ok(getauxval(AT_PAGESZ) == 4096 && getauxval(AT_RANDOM) && getauxval(AT_SYSINFO_EHDR), "the auxiliary vector");
	ok(!strcmp((char *)getauxval(AT_PLATFORM), "i686") && getauxval(AT_UID) == getuid() && !getauxval(AT_SECURE), "AT_PLATFORM, AT_UID, AT_SECURE");
	ok((getauxval(AT_PHDR) & 3) == 0 && getauxval(AT_ENTRY), "AT_PHDR, AT_ENTRY");
	return tap_end();
}
