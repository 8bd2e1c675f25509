// The fuzzer's arguments: nearly right ones, and wild ones.
#include "fuzz.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>
#include "calls.h"

static uint32_t state;

void seed(uint32_t s) {
	state = s * 2654435761u ^ 0x9e3779b9;
	if (state == 0)
		state = 1;
}

uint32_t rnd(void) {
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

uint32_t below(uint32_t n) { return (rnd() >> 3) % n; }

static uint32_t interrupt(uint32_t nr, const uint32_t a[6]) {
	uint32_t ret, top[2] = {a[0], a[5]};
	__asm__ volatile("pushl %%ebp\n\tpushl %%ebx\n\tmovl 4(%%ebx), %%ebp\n\tmovl (%%ebx), %%ebx\n\tint $0x80\n\tpopl %%ebx\n\tpopl %%ebp"
		: "=a"(ret) : "0"(nr), "b"(top), "c"(a[1]), "d"(a[2]), "S"(a[3]), "D"(a[4]) : "memory");
	return ret;
}

static uint32_t vdso(uint32_t nr, const uint32_t a[6], uint32_t entry) {
	uint32_t ret, top[3] = {a[0], a[5], entry};
	__asm__ volatile("pushl %%ebp\n\tpushl %%ebx\n\tmovl 4(%%ebx), %%ebp\n\tpushl 8(%%ebx)\n\tmovl (%%ebx), %%ebx\n\tcall *(%%esp)\n\tpopl %%ebx\n\tpopl %%ebx\n\tpopl %%ebp"
		: "=a"(ret) : "0"(nr), "b"(top), "c"(a[1]), "d"(a[2]), "S"(a[3]), "D"(a[4]) : "memory");
	return ret;
}

int raw(uint32_t nr, const uint32_t a[6]) {
	static uint32_t entry;
	if (!entry)
		entry = getauxval(AT_SYSINFO);
	return entry && rnd() & 1 ? vdso(nr, a, entry) : interrupt(nr, a);
}

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#define ONE(a) (a)[below(COUNT(a))]

static const char *const paths[] = {
	"f", "f", "g", "d", "d/x", "d/y", "d/../f", "l", "loop", "dangling", "fifo", "s", "x", ".", "..", "/", "", "nothing", "d/nothing",
	"p", "p/self", "p/self/fd/5", "p/self/fd/12", "p/self/fd/40", "p/self/ns/mnt", "p/self/ns/user", "p/self/ns/net", "p/self/mem",
	"p/self/maps", "p/self/uid_map", "p/self/setgroups", "p/self/oom_score_adj", "p/self/mountinfo", "p/self/exe", "p/self/cwd",
	"p/self/root", "p/self/task", "p/self/comm", "p/self/cgroup", "p/1/status", "p/1/environ", "p/1/ns/pid", "p/mounts",
	"p/sys/kernel/hostname", "p/sys/kernel/msgmax", "p/sys/fs/mqueue/queues_max", "p/meminfo",
	"p/stat", "p/loadavg", "p/kmsg", "p/sysvipc/shm", "c", "c/a", "c/cgroup.procs", "c/a/cgroup.procs", "c/a/cgroup.freeze",
	"c/a/cgroup.kill", "c/a/memory.max", "c/a/pids.max", "c/cgroup.subtree_control", "pts", "pts/ptmx", "pts/0", "pts/1", "dev/null",
	"dev/zero", "dev/full", "dev/random", "dev/shm", "dev/tty", "dev/ptmx", "mq", "mq/q", "m", "m/n", "d/",
	"very/long/path/with/many/components/../../../../../../f",
};

static const char *const strings[] = {
	"tmpfs", "proc", "devpts", "cgroup2", "mqueue", "sysfs", "size=64k", "size=50%,mode=1777", "newinstance,ptmxmode=0666", "ro", "source",
	"user.a", "user.b", "security.capability", "trusted.t", "system.posix_acl_access", "q", "/q", "hello", "bind", "0 0 1", "+memory +pids",
	"uid=1000,gid=1000", "nr_inodes=10", "size", "mode", "",
};

// What ioctl takes that the table does not name.
static const uint32_t ioctls[] = {
	0x5405, 0x5406, 0x540b, 0x5409, 0x540a, 0x5412, 0x5420, 0x5423, 0x5425, 0x5429, 0x542a, 0x5432, 0x5438, 0x5440, 0x5441, 0x5452, 0x5460,
	0xb701, 0xb702, 0xb703, 0xb704, 0x8004b708, 0x80086601, 0x40086602, 0x8901, 0x8902, 0x8903, 0x8904, 0x8910, 0x8912, 0x5424, 0x5410,
};

static uint32_t on_page_end(uint32_t start, uint32_t pages) { return start + pages * 4096 - below(40); }

// address gives an address that n bytes may or may not be at.
static uint32_t address(void) {
	switch (below(16)) {
	case 0: return 0;
	case 1: return rnd();
	case 2: return 0xfffff000 + below(4096);
	case 3: return on_page_end(WRITABLE, 16);
	case 4: return READABLE + below(8192);
	case 5: return NONE + below(4096);
	case 6: return BEYOND + below(4 * 4096);
	case 7: return on_page_end(BEYOND, 2);
	case 8: return (SHARED + below(4 * 4096)) & ~3;
	case 9: return ARENA + (below(0x30) << 12);
	default: return (WRITABLE + below(16 * 4096 - 512)) & ~3;
	}
}

static uint32_t number(void) {
	static const uint32_t edges[] = {0, 1, 2, 3, 7, 8, 16, 63, 64, 127, 255, 256, 1023, 4095, 4096, 65535, 65536, 0x7fffffff, 0x80000000, -1, -2, -100};
	switch (below(8)) {
	case 0: return rnd();
	case 1: return 1u << below(32);
	case 2: return ONE(edges);
	case 3: return below(4096);
	case 4: return 0;
	default: return below(12);
	}
}

static uint32_t size(void) {
	static const uint32_t edges[] = {0, 1, 4, 8, 16, 64, 110, 4096, 8192, 65536, 1 << 20, 0x7fffffff, -1, 0xfffff000};
	return below(3) ? below(4) ? below(200) : below(70000) : ONE(edges);
}

static uint32_t flags(const struct arg *a) {
	uint32_t v = 0;
	if (below(16) == 0)
		return number();
	for (uint32_t n = below(4); n > 0; n--)
		v |= a->value[below(a->values)].v;
	return below(4) ? v : a->value[below(a->values)].v;
}

static uint32_t text(const char *const *list, uint32_t n) {
	uint32_t at = below(20) ? WRITABLE + below(15) * 4096 + below(256) * 8 : address();
	const char *s = list[below(n)];
	if (at >= WRITABLE && at < WRITABLE + 15 * 4096)
		strcpy((char *)at, s);
	return at;
}

static uint32_t word(enum kind k);

static uint32_t strings_at(void) {
	uint32_t *v = (uint32_t *)(WRITABLE + below(12) * 4096), n = below(6);
	for (uint32_t i = 0; i < n; i++)
		v[i] = text(strings, COUNT(strings));
	v[n] = below(10) ? 0 : 1;
	return (uint32_t)v;
}

// structure makes one with the fields of a.
static uint32_t structure(const struct arg *a) {
	uint32_t at = address();
	if (at < WRITABLE || at >= WRITABLE + 15 * 4096)
		return at;
	for (int i = 0; i < a->fields; i++) {
		const struct field *f = &a->field[i];
		uint32_t v = word(f->kind);
		if (f->offset + 8 < 4096)
			memcpy((char *)at + f->offset, &v, f->size < 4 ? f->size : 4);
		if (f->size == 8 && f->offset + 8 < 4096)
			memset((char *)at + f->offset + 4, 0, 4);
	}
	return at;
}

// vectors makes an array of addresses and sizes, of events to poll for, a socket's address, a message, or numbers.
static uint32_t untyped(void) {
	uint32_t at = address();
	if (at < WRITABLE || at >= WRITABLE + 15 * 4096)
		return at;
	uint32_t *p = (uint32_t *)at;
	switch (below(8)) {
	case 0:
		for (int i = 0; i < 6; i++, p += 2)
			p[0] = address(), p[1] = size();
		break;
	case 1:
		for (int i = 0; i < 8; i++, p += 2)
			p[0] = word(K_FD), p[1] = rnd() & 0x3f;
		break;
	case 2:
		((struct sockaddr_un *)p)->sun_family = AF_UNIX;
		strcpy(((struct sockaddr_un *)p)->sun_path + below(2), ONE(paths));
		break;
	case 3: {
		uint32_t iov = address() & ~3, m[] = {below(2) ? address() : 0, below(120), iov, below(4), below(2) ? address() : 0, below(64), 0};
		memcpy(p, m, sizeof m);
		break;
	}
	case 4: { // a control message with descriptors
		uint32_t m[] = {12 + 4 * (1 + below(3)), SOL_SOCKET, SCM_RIGHTS, word(K_FD), word(K_FD), word(K_FD)};
		memcpy(p, m, sizeof m);
		break;
	}
	default:
		for (int i = 0; i < 16; i++)
			p[i] = below(4) ? below(2) ? number() : 0 : word(below(2) ? K_FD : K_ADDR);
	}
	return at;
}

static uint32_t word(enum kind k) {
	static const uint32_t modes[] = {0, 0644, 0755, 0777, 01777, 04755, 0170000, 0100644, 0040755, 0020666, 0010600, 0140777, 0120777};
	static const uint32_t ids[] = {0, 1, 1000, 1001, 65534, 65535, -1, 100000};
	if (below(40) == 0)
		return below(2) ? number() : address();
	switch (k) {
	case K_FD: return below(20) ? below(64) : number();
	case K_DIRFD: return below(3) ? AT_FDCWD : below(64);
	case K_PID: return below(5) ? below(8) : below(2) ? 0 : number();
	case K_ID: return ONE(ids);
	case K_MODE: return below(4) ? ONE(modes) : rnd() & 07777;
	case K_SIGNAL: return below(66);
	case K_PATH: return text(paths, COUNT(paths));
	case K_STR: return below(4) ? text(strings, COUNT(strings)) : below(2) ? text(paths, COUNT(paths)) : 0;
	case K_STRLIST: return below(6) ? strings_at() : address();
	case K_MEM: return address();
	case K_ADDR: return below(3) ? untyped() : address();
	case K_SIZE: return size();
	case K_OFFSET: return below(3) ? below(70000) : number();
	case K_HIGH: return below(6) ? 0 : number();
	case K_DEV: return below(12) << 8 | below(10);
	case K_NSEC: return below(8) ? below(5000000) : number();
	case K_SEC: return below(8) ? below(3) : number();
	default: return number();
	}
}

// suited are the descriptors, as make_descriptor makes them, that calls with such names are for.
static const struct {
	const char *part;
	uint8_t from, n;
} suited[] = {
	{"sock", 2, 5}, {"bind", 5, 2}, {"connect", 6, 1}, {"listen", 5, 2}, {"accept", 5, 1}, {"send", 2, 3}, {"recv", 2, 3}, {"peername", 2, 3},
	{"shutdown", 2, 3}, {"epoll", 7, 1}, {"timerfd", 9, 1}, {"signalfd", 11, 1}, {"inotify", 12, 1}, {"pidfd", 14, 1}, {"fsconfig", 18, 1},
	{"fsmount", 18, 1}, {"move_mount", 17, 1}, {"mq_", 19, 1}, {"splice", 0, 2}, {"tee", 0, 2}, {"mmap", 20, 2}, {"trunc", 20, 2},
	{"fallocate", 20, 2}, {"getdents", 24, 8}, {"setns", 24, 24}, {"ioctl", 13, 1}, {"copy_file", 20, 2}, {"fcntl", 20, 2}, {"flock", 20, 2},
};

// descriptor gives one that suits the call, more often than not.
static uint32_t descriptor(const char *name) {
	for (uint32_t i = 0; i < COUNT(suited); i++)
		if (strstr(name, suited[i].part) && below(4))
			return suited[i].from + below(suited[i].n);
	return word(K_FD);
}

// fill makes the arguments of a call.
void fill(const struct call *c, uint32_t a[6]) {
	for (int i = 0; i < 6; i++) {
		const struct arg *t = &c->arg[i];
		if (t->kind == K_FD)
			a[i] = descriptor(c->name);
		else if (i >= c->count)
			a[i] = c->count == 0 ? number() : 0;
		else if (t->kind == K_FLAGS)
			a[i] = strcmp(c->name, "ioctl") || below(2) ? flags(t) : ONE(ioctls);
		else
			a[i] = t->kind == K_STRUCT ? structure(t) : word(t->kind);
	}
}

// ends says whether a call would only end the worker, or stop it; those are rare. No run may end the machine.
static int ends(const char *name) {
	static const char *const rare[] = {"exit", "exit_group", "sigreturn", "rt_sigreturn", "fork", "vfork", "clone", "clone3", "execve", "execveat",
		"pause", "sigsuspend", "rt_sigsuspend", "close_range", "seccomp", "setrlimit", "prlimit64", "kill", "munmap", "brk"};
	for (uint32_t i = 0; i < COUNT(rare); i++)
		if (!strcmp(name, rare[i]))
			return 1;
	return 0;
}

const struct call *pick(void) {
	for (;;) {
		const struct call *c = &calls[below(COUNT(calls))];
		if ((!c->absent || below(20) == 0) && (!ends(c->name) || below(8) == 0) && (strcmp(c->name, "reboot") || geteuid() != 0))
			return c;
	}
}

// put_file makes a file of n bytes.
static void put_file(const char *name, int n, mode_t mode) {
	static char block[1024];
	int f = open(name, O_CREAT | O_WRONLY, mode);
	memset(block, 'x', sizeof block);
	for (; n > 0; n -= sizeof block)
		write(f, block, n < (int)sizeof block ? n : (int)sizeof block);
	close(f);
}

// make_devices makes nodes, for those of the machine are for others.
static void make_devices(void) {
	static const struct { const char *name; int major, minor; } nodes[] = {
		{"dev/null", 1, 3}, {"dev/zero", 1, 5}, {"dev/full", 1, 7}, {"dev/random", 1, 8}, {"dev/tty", 5, 0}, {"dev/ptmx", 5, 2},
	};
	for (uint32_t i = 0; i < COUNT(nodes); i++)
		mknod(nodes[i].name, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor));
	mkdir("dev/shm", 01777);
}

void make_files(void) {
	static const char *const dirs[] = {"d", "p", "c", "pts", "dev", "mq", "m"};
	umask(0);
	for (uint32_t i = 0; i < COUNT(dirs); i++)
		mkdir(dirs[i], 0777);
	mount("proc", "p", "proc", 0, 0);
	mount("cgroup", "c", "cgroup2", 0, 0);
	mount("pts", "pts", "devpts", 0, "newinstance,ptmxmode=0666");
	mount("mq", "mq", "mqueue", 0, 0);
	make_devices();
	mkdir("c/a", 0777);
	put_file("f", 6000, 0666);
	put_file("g", 70000, 0666);
	put_file("d/x", 10, 0600);
	put_file("x", 100, 0777);
	symlink("f", "l");
	symlink("loop", "loop");
	symlink("d/none", "dangling");
	mkfifo("fifo", 0666);
}

static void map(uint32_t at, uint32_t n, int prot, int flags, int fd) {
	mmap((void *)at, n, prot, flags | MAP_FIXED, fd, 0);
}

void make_memory(void) {
	static int half = -1;
	if (half < 0 || fcntl(half, F_GETFD) < 0) {
		half = fcntl(memfd_create("half", 0), F_DUPFD, 200);
		ftruncate(half, 6000);
	}
	map(WRITABLE, 16 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	munmap((void *)(WRITABLE + 16 * 4096), 2 * 4096);
	map(READABLE, 2 * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	munmap((void *)(READABLE + 2 * 4096), 4 * 4096);
	map(BEYOND, 4 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, half);
	map(NONE, 2 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

// socket_pair puts a pair of sockets at a descriptor.
static int socket_pair(int type) {
	int p[2] = {-1, -1};
	socketpair(AF_UNIX, type | SOCK_NONBLOCK * below(2), 0, p);
	dup2(p[1], 62 + below(2));
	close(p[1]);
	return p[0];
}

static int pipe_end(int end) {
	int p[2] = {-1, -1};
	pipe2(p, O_NONBLOCK * below(2));
	dup2(p[!end], 60 + below(2));
	close(p[!end]);
	return p[end];
}

static int listener(void) {
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "s"};
	int f = socket(AF_UNIX, SOCK_STREAM, 0);
	unlink("s");
	bind(f, (void *)&a, sizeof a);
	listen(f, 3);
	return f;
}

static int terminal(void) {
	int m = open("pts/ptmx", O_RDWR | O_NOCTTY), zero = 0, n = 0;
	char name[20];
	ioctl(m, TIOCSPTLCK, &zero);
	ioctl(m, TIOCGPTN, &n);
	snprintf(name, sizeof name, "pts/%d", n);
	dup2(m, 58);
	close(m);
	return open(name, O_RDWR | O_NOCTTY | O_NONBLOCK * below(2));
}

// make_descriptor opens a file of one of many kinds.
static int make_descriptor(int kind) {
	static const char *const opened[] = {".", "d", "f", "g", "p", "p/self", "p/self/fd", "p/self/task", "p/self/mountinfo", "p/self/mem",
		"p/self/ns/mnt", "p/self/ns/user", "p/self/ns/pid", "p/self/ns/uts", "p/self/ns/ipc", "p/self/ns/cgroup", "p/self/ns/time",
		"dev/null", "dev/zero", "dev/full", "c/a", "c/a/cgroup.procs", "p/sys/kernel/hostname", "pts", "mq", "p/mounts"};
	sigset_t all;
	sigfillset(&all);
	switch (kind) {
	case 0: return pipe_end(0);
	case 1: return pipe_end(1);
	case 2: return socket_pair(SOCK_STREAM);
	case 3: return socket_pair(SOCK_DGRAM);
	case 4: return socket_pair(SOCK_SEQPACKET);
	case 5: return listener();
	case 6: return socket(AF_UNIX, SOCK_STREAM, 0);
	case 7: return epoll_create1(0);
	case 8: return eventfd(below(3), EFD_NONBLOCK * below(2));
	case 9: return timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK * below(2));
	case 10: return memfd_create("m", MFD_ALLOW_SEALING);
	case 11: return signalfd(-1, &all, SFD_NONBLOCK);
	case 12: return inotify_init1(IN_NONBLOCK * below(2));
	case 13: return terminal();
	case 14: return syscall(SYS_pidfd_open, below(2) ? getpid() : 1, 0);
	case 15: return open("fifo", O_RDWR);
	case 16: return open("f", O_PATH);
	case 17: return syscall(SYS_open_tree, AT_FDCWD, "d", below(2));
	case 18: return syscall(SYS_fsopen, "tmpfs", 0);
	case 19: return syscall(SYS_mq_open, "q", O_CREAT | O_RDWR | O_NONBLOCK, 0666, 0);
	case 20: return open("f", O_RDWR | O_APPEND);
	case 21: return open(".", O_TMPFILE | O_RDWR, 0600);
	default: return open(ONE(opened), below(2) ? O_RDWR : O_RDONLY | O_NONBLOCK);
	}
}

// make_descriptors has a file of some kind at each of the first 48 descriptors that is free.
void make_descriptors(void) {
	for (int i = 0; i < 48; i++) {
		if (fcntl(i, F_GETFD) >= 0)
			continue;
		int f = make_descriptor(i < 22 ? i : (int)below(36));
		if (f >= 0 && f != i) {
			dup2(f, i);
			close(f);
		}
	}
}
