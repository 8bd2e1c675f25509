// Times operations of the kernel: a line for each, "name<TAB>nanoseconds per operation". Under QEMU's -icount shift=0 a
// nanosecond of the guest's clock is an instruction, and the figures repeat to the last digit.
//
//   bench            every row
//   bench NAME...    these rows
//   bench -r N NAME  a row with N rounds, for a profiler that takes the difference of two runs
//   bench -l         the names
//
// The first line, "boot", is the time-stamp counter at the start: with -icount, the instructions since power-on.
// A row whose preparation fails prints "name<TAB>absent". The time of one empty round of the loop is taken off. The last
// line is "end<TAB>0".
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MB (1 << 20)

static int fds[16], to[2], from[2], file;
static char *page, *big, path[64] = "/tmp/b/a/b";
static pid_t peer;

static int64_t now(void) {
	struct {
		int64_t sec, ns;
	} t = {0};
	syscall(SYS_clock_gettime64, CLOCK_MONOTONIC, &t); // the other one is an option of Linux
	return t.sec * 1000000000 + t.ns;
}

static int open_zero(void) { return (file = open("/dev/zero", O_RDONLY)) < 0; }
static int open_null(void) { return (file = open("/dev/null", O_WRONLY)) < 0; }
static int close_file(void) { return close(file); }

static int make_file(void) {
	mkdir("/tmp/b", 0755);
	mkdir("/tmp/b/a", 0755);
	file = open("/tmp/b/a/b", O_RDWR | O_CREAT | O_TRUNC, 0644);
	memset(big, 1, MB); // its pages are there
	return file < 0 || write(file, big, MB) != MB;
}

static void getppid_op(void) { syscall(SYS_getppid); }
static void clock_op(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
}
static void read1(void) { read(file, page, 1); }
static void write1(void) { write(file, page, 1); }
static void stat_op(void) {
	struct stat st;
	stat(path, &st);
}
static void fstat_op(void) {
	struct stat st;
	fstat(file, &st);
}
static void open_op(void) { close(open(path, O_RDONLY)); }
static void write_mb(void) { pwrite(file, big, MB, 0); }
static void rewrite_mb(void) {
	ftruncate(file, 0);
	pwrite(file, big, MB, 0);
}
static void pread_mb(void) { pread(file, big, MB, 0); }
static void pread_page(void) { pread(file, page, 4096, 8192); }
static void create_op(void) {
	close(open("/tmp/b/new", O_CREAT | O_WRONLY, 0644));
	unlink("/tmp/b/new");
}
static void mmap_op(void) { munmap(mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 65536); }

// The fault rows touch a page each time round, in one mapping.
enum { PAGES = 256 };
static volatile char *area;
static int touched;

static int anon_area(void) {
	area = mmap(0, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	touched = 0;
	return area == MAP_FAILED;
}
static int file_area(void) {
	if (make_file())
		return 1;
	area = mmap(0, PAGES * 4096, PROT_READ, MAP_SHARED, file, 0);
	touched = 0;
	return area == MAP_FAILED;
}
static int drop_area(void) { return munmap((void *)area, PAGES * 4096); }
static void write_page(void) { area[touched++ * 4096] = 1; }
static void read_page(void) { (void)area[touched++ * 4096]; }

static int pipes(void) { return pipe(to) || pipe(from); }
static int sockets(void) {
	int s[2];
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, s))
		return 1;
	to[0] = from[1] = s[0];
	to[1] = from[0] = s[1];
	return 0;
}

static int echo(int (*make)(void)) {
	if (make())
		return 1;
	if ((peer = fork()) == 0) {
		char c;
		while (read(to[0], &c, 1) == 1 && c != 'q')
			write(from[1], &c, 1);
		_exit(0);
	}
	return peer < 0;
}
static int echo_pipe(void) { return echo(pipes); }
static int echo_unix(void) { return echo(sockets); }
static void ping(void) {
	char c = 'x';
	write(to[1], &c, 1);
	read(from[0], &c, 1);
}
static int end_echo(void) {
	write(to[1], "q", 1);
	waitpid(peer, 0, 0);
	close(to[0]), close(to[1]), close(from[0]), close(from[1]);
	return 0;
}

static int sink(void) {
	if (pipe(to))
		return 1;
	if ((peer = fork()) == 0) {
		close(to[1]);
		while (read(to[0], big, 65536) > 0)
			;
		_exit(0);
	}
	close(to[0]);
	return peer < 0;
}
static void pipe_mb(void) {
	for (int i = 0; i < 16; i++)
		write(to[1], big, 65536);
}
static int end_sink(void) {
	close(to[1]);
	waitpid(peer, 0, 0);
	return 0;
}

static void nothing(int sig) { (void)sig; }
static int handler(void) { return signal(SIGUSR1, nothing) == SIG_ERR; }
static void signal_op(void) { kill(getpid(), SIGUSR1); }

static int ten_pipes(void) {
	for (int i = 0; i < 10; i++) {
		int p[2];
		if (pipe(p))
			return 1;
		fds[i] = p[0];
	}
	return 0;
}
static void poll_op(void) {
	struct pollfd p[10];
	for (int i = 0; i < 10; i++)
		p[i] = (struct pollfd){fds[i], POLLIN, 0};
	poll(p, 10, 0);
}

static void fork_op(void) {
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	waitpid(pid, 0, 0);
}
static void exec_op(void) {
	pid_t pid = vfork();
	if (pid == 0) {
		execl("/proc/self/exe", "bench", "-x", NULL);
		_exit(1);
	}
	waitpid(pid, 0, 0);
}
static int thread(void *arg) {
	(void)arg;
	return 0;
}
static void clone_op(void) { waitpid(clone(thread, big + 65536, CLONE_VM | SIGCHLD, 0), 0, 0); }
static void fork_unshare(int flag) {
	pid_t pid = fork();
	if (pid == 0)
		_exit(unshare(flag) != 0);
	waitpid(pid, 0, 0);
}
static void newns_op(void) { fork_unshare(CLONE_NEWNS); }
static void newuser_op(void) { fork_unshare(CLONE_NEWUSER); }

static int mounts;

static int make_mounts(int n) {
	if (unshare(CLONE_NEWNS))
		return 1;
	mount(0, "/", 0, MS_REC | MS_PRIVATE, 0);
	char name[64];
	mkdir("/tmp/b", 0755);
	for (mounts = 0; mounts < n; mounts++) {
		snprintf(name, sizeof name, "/tmp/b/m%d", mounts);
		mkdir(name, 0755);
		if (mount("/tmp", name, 0, MS_BIND, 0))
			return 1;
	}
	return 0;
}
static int drop_mounts(void) {
	char name[64];
	while (mounts-- > 0) {
		snprintf(name, sizeof name, "/tmp/b/m%d", mounts);
		umount(name);
		rmdir(name);
	}
	return 0;
}
static int hundred_mounts(void) { return make_mounts(100); }
static int ten_mounts(void) { return make_mounts(10) || make_file(); }
static int many_mounts(void) { return make_mounts(1000) || make_file(); }
static int drop_all(void) { return close_file() || drop_mounts(); }
static int mount_dir(void) {
	mkdir("/tmp/b", 0755);
	mkdir("/tmp/b/on", 0755);
	return 0;
}
static void bind_op(void) {
	mount("/tmp", "/tmp/b/on", 0, MS_BIND, 0);
	umount("/tmp/b/on");
}

static const struct row {
	const char *name;
	int (*before)(void);
	void (*op)(void);
	int (*after)(void);
	int rounds; // of rows that make tasks: enough for several collections of Cleave's garbage
} rows[] = {
	{"getppid", 0, getppid_op, 0, 20000},
	{"clock_gettime", 0, clock_op, 0, 20000},
	{"read 1 byte /dev/zero", open_zero, read1, close_file, 5000},
	{"write 1 byte /dev/null", open_null, write1, close_file, 5000},
	{"stat, 3 components", make_file, stat_op, close_file, 2000},
	{"fstat", make_file, fstat_op, close_file, 5000},
	{"open+close", make_file, open_op, close_file, 2000},
	{"write 1 MB tmpfs, new", make_file, rewrite_mb, close_file, 100},
	{"write 1 MB tmpfs", make_file, write_mb, close_file, 100},
	{"pread 1 MB", make_file, pread_mb, close_file, 100},
	{"pread 4 KB", make_file, pread_page, close_file, 2000},
	{"create+unlink", make_file, create_op, close_file, 5000},
	{"mmap+munmap 64 KB", 0, mmap_op, 0, 1000},
	{"anonymous page fault", anon_area, write_page, drop_area, PAGES},
	{"file page fault", file_area, read_page, drop_area, PAGES},
	{"pipe ping-pong", echo_pipe, ping, end_echo, 1000},
	{"pipe, per MB", sink, pipe_mb, end_sink, 100},
	{"unix socket ping-pong", echo_unix, ping, end_echo, 1000},
	{"signal to self", handler, signal_op, 0, 1000},
	{"poll 10 fds", ten_pipes, poll_op, 0, 1000},
	{"fork+exit+wait", 0, fork_op, 0, 3000},
	{"vfork+exec+wait", 0, exec_op, 0, 2000},
	{"clone(VM)+wait", 0, clone_op, 0, 4000},
	{"fork + unshare NEWNS", 0, newns_op, 0, 2000},
	{"fork + unshare NEWUSER", 0, newuser_op, 0, 2000},
	{"bind mount + umount", mount_dir, bind_op, 0, 4000},
	{"fork + unshare NEWNS, 100 mounts", hundred_mounts, newns_op, drop_mounts, 1000},
	{"stat with 10 mounts", ten_mounts, stat_op, drop_all, 2000},
	{"stat with 1000 mounts", many_mounts, stat_op, drop_all, 2000},
};

static void nop(void) {}

static int64_t loop(void (*volatile op)(void), int rounds) {
	int64_t start = now();
	for (int i = 0; i < rounds; i++)
		op();
	return now() - start;
}

static void run(const struct row *r, int rounds) {
	if (r->before && r->before()) {
		printf("%s\tabsent\n", r->name);
		return;
	}
	int fault = r->rounds == PAGES; // each page once: no round to warm up
	if (!fault)
		loop(r->op, r->rounds / 10 + 1);
	if (fault && rounds > PAGES)
		rounds = PAGES;
	int64_t spent = loop(r->op, rounds), empty = loop(nop, rounds);
	if (r->after)
		r->after();
	printf("%s\t%lld\n", r->name, (long long)((spent - empty) / rounds));
	fflush(stdout);
}

int main(int argc, char **argv) {
	unsigned long long power_on = __builtin_ia32_rdtsc();
	if (argc > 1 && !strcmp(argv[1], "-x"))
		_exit(0);
	mkdir("/proc", 0755);
	mkdir("/tmp", 01777);
	if (access("/proc/self", F_OK))
		mount("proc", "/proc", "proc", 0, 0);
	if (getpid() == 1)
		mount("tmpfs", "/tmp", "tmpfs", 0, 0);
	page = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	big = mmap(0, MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	page[0] = 0;
	if (argc == 1)
		printf("boot\t%llu\n", power_on);
	int rounds = argc > 2 && !strcmp(argv[1], "-r") ? atoi(argv[2]) : 0;
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		int chosen = argc == 1;
		for (int a = 1; a < argc; a++) {
			if (!strcmp(argv[a], "-l"))
				printf("%s\n", rows[i].name);
			chosen |= !strcmp(argv[a], rows[i].name);
		}
		if (chosen)
			run(&rows[i], rounds > 0 ? rounds : rows[i].rounds);
	}
	printf("end\t0\n");
	fflush(stdout);
	if (!strcmp(argv[0], "/init")) // Linux's first process must not end
		reboot(RB_AUTOBOOT);
	return 0;
}
