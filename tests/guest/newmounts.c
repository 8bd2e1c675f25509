// The newer mount calls: statmount and listmount of any namespace, the ioctls that go from one mount namespace to
// another, move_mount beneath a mount and into a detached tree, fsconfig's kinds of values and its log. The errors are
// the host's.
#include "child.h"
#include "tap.h"
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define is(call, e) ((call) == -1 && errno == (e))

enum { OPEN_TREE = 428, MOVE_MOUNT, FSOPEN, FSCONFIG, FSMOUNT, FSPICK, STATMOUNT = 457, LISTMOUNT };
enum { SB_BASIC = 1, MNT_BASIC = 2, MNT_ROOT = 8, MNT_POINT = 16, FS_TYPE = 32, MNT_NS_ID = 64, MNT_OPTS = 128, FS_SUBTYPE = 256,
	SB_SOURCE = 512, OPT_ARRAY = 1024, OPT_SEC = 2048, SUPPORTED = 4096, UIDMAP = 8192, GIDMAP = 16384 };
enum { FROM_EMPTY = 4, TO_EMPTY = 0x40, SET_GROUP = 0x100, BENEATH = 0x200 };
#define GET_MNTNS_ID 0x8008b705
#define GET_ID 0x8008b70d
#define MNT_GET_INFO 0x8010b70a
#define MNT_GET_NEXT 0x8010b70b
#define MNT_GET_PREV 0x8010b70c
#define FIRST_ID (1ULL << 31)

struct request {
	uint32_t size, fd;
	uint64_t id, param, ns, more[600];
};
struct stat_mount {
	uint32_t size, opts;
	uint64_t mask;
	uint32_t major, minor;
	uint64_t magic;
	uint32_t flags, type;
	uint64_t id, parent;
	uint32_t old_id, old_parent;
	uint64_t attr, propagation, group, master, from;
	uint32_t root, point;
	uint64_t ns;
	uint32_t subtype, source, opt_num, opts_at, sec_num, sec;
	uint64_t supported;
	uint32_t uids, uid_map, gids, gid_map;
	uint64_t spare[43];
	char text[4096];
};
static struct stat_mount sm;
static uint64_t ids[512];

static int tmpfs(const char *at, const char *source) {
	mkdir(at, 0755);
	return mount(source, at, "tmpfs", 0, "mode=755");
}
static int kind(const char *at, unsigned long type) { return mount(0, at, 0, type, 0); }
static struct request ask(uint64_t id, uint64_t param) { return (struct request){.size = 32, .id = id, .param = param}; }
static int stat_of(uint64_t id, uint64_t mask) {
	struct request r = ask(id, mask);
	memset(&sm, 0x77, sizeof sm);
	return syscall(STATMOUNT, &r, &sm, sizeof sm, 0);
}
static int list(uint64_t id, uint64_t last, int n, int flags) {
	struct request r = ask(id, last);
	return syscall(LISTMOUNT, &r, ids, n, flags);
}
static uint64_t id_of(const char *path) {
	struct statx x;
	if (syscall(383 /* statx */, AT_FDCWD, path, 0, 0x4000 /* STATX_MNT_ID_UNIQUE */, &x) || !(x.stx_mask & 0x4000))
		return 0;
	return x.stx_mnt_id;
}
// on reports whether the topmost mount at a place has a source.
static int on(const char *path, const char *source) { return !stat_of(id_of(path), SB_SOURCE) && !strcmp(sm.text + sm.source, source); }

static int in_tree(int (*f)(void)) {
	int st;
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWNS) || kind("/", MS_REC | MS_PRIVATE) || tmpfs("/tmp/r", "R") || chdir("/tmp/r"))
			_exit(99);
		_exit(f());
	}
	waitpid(pid, &st, 0);
	return WIFEXITED(st) ? WEXITSTATUS(st) : 1000 + WTERMSIG(st);
}

static int parts(void) {
	mkdir("sp ace", 0755);
	mount("so urce", "sp ace", "tmpfs", MS_NOSUID, "size=64k,nr_inodes=7,mode=700");
	uint64_t id = id_of("sp ace"), parent = id_of(".");
	if (id <= FIRST_ID || stat_of(id, SB_BASIC | MNT_BASIC | MNT_NS_ID) || sm.mask != (SB_BASIC | MNT_BASIC | MNT_NS_ID) || sm.size != 512)
		return 1;
	if (sm.magic != 0x01021994 || sm.id != id || sm.parent != parent || sm.attr != 2 || sm.propagation != MS_PRIVATE || sm.old_id == 0)
		return 2;
	uint64_t ns = 0;
	if (ioctl(open("/proc/self/ns/mnt", O_RDONLY), GET_MNTNS_ID, &ns) || sm.ns != ns)
		return 3;
	uint64_t all = MNT_ROOT | MNT_POINT | FS_TYPE | MNT_OPTS | FS_SUBTYPE | SB_SOURCE | OPT_ARRAY | OPT_SEC | UIDMAP | GIDMAP;
	if (stat_of(id, all) || sm.mask != (MNT_ROOT | MNT_POINT | FS_TYPE | MNT_OPTS | SB_SOURCE | OPT_ARRAY))
		return 4;
	if (strcmp(sm.text + sm.root, "/") || strcmp(sm.text + sm.point, "/tmp/r/sp ace") || strcmp(sm.text + sm.type, "tmpfs") ||
	    strcmp(sm.text + sm.opts, "size=64k,nr_inodes=7,mode=700") || strcmp(sm.text + sm.source, "so urce"))
		return 5;
	char *o = sm.text + sm.opts_at;
	if (sm.opt_num != 3 || strcmp(o, "size=64k") || strcmp(o + 9, "nr_inodes=7") || strcmp(o + 21, "mode=700") || sm.sec_num || sm.sec)
		return 6;
	if (sm.uids || sm.uid_map || sm.gids || sm.gid_map || sm.subtype || sm.text[0])
		return 7;
	if (stat_of(id, SUPPORTED) || sm.mask != SUPPORTED || sm.supported != 0x7fff || stat_of(id, 1ULL << 40) || sm.mask || sm.size != 512)
		return 8;
	mount("proc", "sp ace", "proc", 0, 0);
	return stat_of(id_of("sp ace"), MNT_OPTS | OPT_ARRAY) || sm.mask || sm.opt_num || sm.size != 513;
}

static int sizes(void) {
	uint64_t id = id_of(".");
	struct request r = ask(id, MNT_ROOT);
	for (int n = 512; n < 515; n++) // "", "/"
		if (!is(syscall(STATMOUNT, &r, &sm, n, 0), EOVERFLOW))
			return n;
	if (syscall(STATMOUNT, &r, &sm, 515, 0) || sm.size != 515 || !is(syscall(STATMOUNT, &r, 1, 600, 0), EFAULT))
		return 1;
	r.param = SB_BASIC;
	memset(&sm, 0x77, sizeof sm);
	if (syscall(STATMOUNT, &r, &sm, 24, 0) || sm.size != 24 || sm.magic != 0x7777777777777777 || syscall(STATMOUNT, &r, 0, 0, 0))
		return 2;
	if (!is(syscall(STATMOUNT, &r, 0, 512, 0), EFAULT) || !is(syscall(STATMOUNT, 0, &sm, 512, 0), EFAULT) || !is(syscall(STATMOUNT, &r, &sm, 512, 1), EINVAL))
		return 3;
	static const struct { uint32_t size; int error; } known[] = {{16, EINVAL}, {24, 0}, {28, 0}, {40, 0}, {4096, 0}, {4097, E2BIG}};
	for (unsigned i = 0; i < sizeof known / sizeof *known; i++) {
		r.size = known[i].size;
		int got = syscall(STATMOUNT, &r, &sm, 512, 0) ? errno : 0;
		if (got != known[i].error)
			return 10 + i;
	}
	r.size = 40;
	r.more[0] = 1;
	if (!is(syscall(STATMOUNT, &r, &sm, 512, 0), E2BIG))
		return 4;
	static const uint64_t none[] = {0, 5, FIRST_ID};
	for (int i = 0; i < 3; i++)
		if (!is(stat_of(none[i], SB_BASIC), EINVAL) || !is(list(none[i], 0, 9, 0), EINVAL))
			return 20 + i;
	return !is(stat_of(FIRST_ID + 5000000, SB_BASIC), ENOENT) || !is(list(FIRST_ID + 5000000, 0, 9, 0), ENOENT) || !is(stat_of(~0ULL, SB_BASIC), ENOENT);
}

static int lists(void) {
	tmpfs("a", "A");
	tmpfs("a/1", "1");
	tmpfs("a/2", "2");
	tmpfs("a/3", "3");
	uint64_t a = id_of("a"), one = id_of("a/1"), two = id_of("a/2"), three = id_of("a/3");
	if (list(a, 0, 9, 0) != 3 || ids[0] != one || ids[1] != two || ids[2] != three)
		return 1;
	if (list(a, 0, 2, 1) != 2 || ids[0] != three || ids[1] != two || list(a, two, 2, 1) != 1 || ids[0] != one || list(a, one, 2, 1))
		return 2;
	if (list(a, two, 9, 0) != 1 || ids[0] != three || list(a, three, 9, 0) || list(a, 0, 0, 0))
		return 3;
	if (!is(list(a, 1, 9, 0), EINVAL) || !is(list(a, FIRST_ID, 9, 1), EINVAL) || !is(list(a, 0, 9, 2), EINVAL) || !is(list(a, 0, 1000001, 0), EOVERFLOW))
		return 4;
	struct request r = ask(a, 0);
	if (!is(syscall(LISTMOUNT, &r, 1, 9, 0), EFAULT) || syscall(LISTMOUNT, &r, 0, 0, 0))
		return 5;
	int n = list(~0ULL, 0, 512, 0); // from the root on, which is one of them
	if (n < 5 || stat_of(ids[0], MNT_POINT) || strcmp(sm.text + sm.point, "/"))
		return 6;
	if (chroot("a") || list(~0ULL, 0, 9, 0) != 4 || ids[0] != a)
		return 7;
	mkdir("/plain", 0755);
	if (chroot("/plain") || stat_of(a, MNT_POINT) || sm.mask) // it is not below the root
		return 8;
	return setresuid(1000, 1000, 1000) || !is(stat_of(a, MNT_POINT), EPERM) || !is(list(a, 0, 9, 0), EPERM);
}

static int elsewhere(void) {
	int go[2], done[2];
	char c, path[64];
	pipe(go);
	pipe(done);
	pid_t pid = fork();
	if (pid == 0) {
		unshare(CLONE_NEWNS);
		tmpfs("k", "K");
		write(done[1], "x", 1);
		read(go[0], &c, 1);
		_exit(0);
	}
	read(done[0], &c, 1);
	snprintf(path, sizeof path, "/proc/%d/ns/mnt", pid);
	int fd = open(path, O_RDONLY), own = open("/proc/self/ns/mnt", O_RDONLY), uts = open("/proc/self/ns/uts", O_RDONLY);
	struct request r = ask(~0ULL, 0);
	if (ioctl(fd, GET_MNTNS_ID, &r.ns))
		return 1;
	int n = syscall(LISTMOUNT, &r, ids, 512, 0);
	uint64_t last = ids[n - 1], other = r.ns;
	if (n != list(~0ULL, 0, 512, 0) + 1)
		return 2;
	r = ask(last, MNT_POINT | MNT_NS_ID);
	if (!is(syscall(STATMOUNT, &r, &sm, sizeof sm, 0), ENOENT)) // in one's own
		return 3;
	r.ns = other;
	if (syscall(STATMOUNT, &r, &sm, sizeof sm, 0) || strcmp(sm.text + sm.point, "/tmp/r/k") || sm.ns != other)
		return 4;
	r.fd = fd;
	if (!is(syscall(STATMOUNT, &r, &sm, sizeof sm, 0), EINVAL)) // both
		return 5;
	r.ns = 0;
	if (syscall(STATMOUNT, &r, &sm, sizeof sm, 0) || strcmp(sm.text + sm.point, "/tmp/r/k"))
		return 6;
	r.fd = uts;
	if (!is(syscall(STATMOUNT, &r, &sm, sizeof sm, 0), EINVAL) || (r.fd = 99, !is(syscall(STATMOUNT, &r, &sm, sizeof sm, 0), EBADF)))
		return 7;
	r.fd = 0;
	r.ns = other + 1000000;
	if (!is(syscall(STATMOUNT, &r, &sm, sizeof sm, 0), ENOENT) || (r.param = 0, !is(syscall(LISTMOUNT, &r, ids, 9, 0), ENOENT)))
		return 8;
	if (setresuid(1000, 1000, 1000))
		return 9;
	r = ask(last, MNT_POINT);
	r.ns = other;
	if (!is(syscall(STATMOUNT, &r, &sm, sizeof sm, 0), EPERM) || (r = ask(~0ULL, 0), r.ns = other, !is(syscall(LISTMOUNT, &r, ids, 9, 0), ENOENT)))
		return 10;
	r.ns = 0;
	r.fd = fd; // who has a descriptor may
	if (syscall(LISTMOUNT, &r, ids, 512, 0) != n || (r.fd = 0, ioctl(own, GET_MNTNS_ID, &r.ns)) || syscall(LISTMOUNT, &r, ids, 512, 0) != n - 1)
		return 11;
	write(go[1], "x", 1);
	return waitpid(pid, 0, 0) != pid;
}

struct info {
	uint32_t size, mounts;
	uint64_t id, more[4];
};

static int park(void *stack) {
	for (;;)
		pause();
	return stack != 0;
}

static int ioctls(void) {
	int own = open("/proc/self/ns/mnt", O_RDONLY), uts = open("/proc/self/ns/uts", O_RDONLY), pid = open("/proc/self/ns/pid", O_RDONLY);
	uint64_t id = 0, same = 0, of_uts = 0;
	if (ioctl(own, GET_MNTNS_ID, &id) || ioctl(own, GET_ID, &same) || id != same || !id || ioctl(uts, GET_ID, &of_uts) || of_uts == id)
		return 1;
	if (!is(ioctl(uts, GET_MNTNS_ID, &id), EINVAL) || !is(ioctl(own, GET_MNTNS_ID, 1), EFAULT) || !is(ioctl(own, GET_ID + 1, &id), ENOTTY))
		return 2;
	struct info i;
	memset(&i, 0x55, sizeof i);
	if (ioctl(own, MNT_GET_INFO, &i) || i.size != 16 || i.id != id || (int)i.mounts != list(~0ULL, 0, 512, 0))
		return 3;
	tmpfs("a", "A");
	uint32_t before = i.mounts;
	if (ioctl(own, MNT_GET_INFO + (8 << 16), &i) || i.size != 16 || i.mounts != before + 1 || i.more[0] != 0x5555555555555555)
		return 4;
	if (!is(ioctl(own, MNT_GET_INFO, 0), EINVAL) || !is(ioctl(own, MNT_GET_INFO, 1), EFAULT) || !is(ioctl(uts, MNT_GET_INFO, &i), EINVAL) ||
	    !is(ioctl(own, MNT_GET_INFO - (4 << 16), &i), ENOTTY) || !is(ioctl(own, 0x4010b70a, &i), ENOTTY))
		return 5;
	if (ioctl(pid, 0x8004b706, 1) != 1 || ioctl(pid, 0x8004b708, getpid()) != getpid() || !is(ioctl(pid, 0x8004b709, 99999), ESRCH) ||
	    !is(ioctl(pid, 0x8004b707, 0), ESRCH) || !is(ioctl(own, 0x8004b706, 1), EINVAL))
		return 6;
	static char stack[65536];
	int tid = clone(park, stack + sizeof stack, CLONE_VM | CLONE_THREAD | CLONE_SIGHAND, 0), st;
	if (tid < 0 || ioctl(pid, 0x8004b706, tid) != tid || ioctl(pid, 0x8004b707, tid) != getpid() || ioctl(pid, 0x8004b709, tid) != getpid())
		return 9;
	if (unshare(CLONE_NEWPID) || (st = fork()) < 0)
		return 7;
	if (st == 0) // only the initial pid namespace sees all namespaces
		_exit(!is(ioctl(own, MNT_GET_NEXT, &i), EPERM) || !is(ioctl(own, MNT_GET_PREV, 0), EPERM) || !is(ioctl(uts, MNT_GET_NEXT, 0), EPERM) ||
		      !is(ioctl(own, MNT_GET_NEXT - (4 << 16), 0), ENOTTY));
	return waitpid(-1, &st, 0) < 0 || st ? 8 : 0;
}

static int beneath(const char *from, const char *to) { return syscall(MOVE_MOUNT, AT_FDCWD, from, AT_FDCWD, to, BENEATH); }
static int tree(const char *path) { return syscall(OPEN_TREE, AT_FDCWD, path, 1 | 0x8000); }

static int below(void) {
	tmpfs("a", "A");
	tmpfs("b", "B");
	if (beneath("b", "a") || !on("a", "A") || umount("a") || !on("a", "B"))
		return 1;
	tmpfs("s", "S");
	kind("s", MS_SHARED);
	mkdir("s/at", 0755);
	mkdir("m", 0755);
	mkdir("n", 0755);
	mount("s", "m", 0, MS_BIND, 0);
	mount("s", "n", 0, MS_BIND, 0);
	kind("n", MS_SLAVE);
	tmpfs("s/at", "AT");
	tmpfs("c", "C");
	if (beneath("c", "s/at") || !on("s/at", "AT") || !on("m/at", "AT") || !on("n/at", "AT"))
		return 2;
	if (umount("n/at") || !on("n/at", "C") || !on("s/at", "AT") || umount("m/at") || !on("m/at", "C") || !on("s/at", "C"))
		return 3;
	int fd = open("a", O_PATH); // the lower one, as the working directory may be
	tmpfs("a", "A2");
	tmpfs("d", "D");
	if (syscall(MOVE_MOUNT, AT_FDCWD, "d", fd, "", BENEATH | TO_EMPTY) || !on("a", "A2") || umount("a") || !on("a", "D") || umount("a") || !on("a", "B"))
		return 4;
	return 0;
}

static int refused(void) {
	tmpfs("a", "A");
	tmpfs("a/in", "IN");
	tmpfs("b", "B");
	mkdir("d", 0755);
	mkdir("b/d", 0755);
	tmpfs("s", "S");
	kind("s", MS_SHARED);
	mkdir("s/d", 0755);
	mkdir("s/e", 0755);
	tmpfs("s/d", "D");
	mount("s/e", "s/e", 0, MS_BIND, 0);
	kind("a/in", MS_UNBINDABLE);
	static const struct { const char *from, *to; int error; } list[] = {
		{"b", "d", EINVAL}, {"d", "a", EINVAL}, {"b/d", "a", EINVAL}, {"b", "/", EINVAL}, {"b", "b", EINVAL}, {"a/in", "a", EINVAL},
		{"a", "a/in", ELOOP}, {"b", "nothing", ENOENT}, {"b", "s/e", EINVAL}, {"a", "s/d", EINVAL}, {"s/d", "a", EINVAL},
	};
	for (unsigned i = 0; i < sizeof list / sizeof *list; i++)
		if (!is(beneath(list[i].from, list[i].to), list[i].error))
			return 10 + i;
	if (!is(syscall(MOVE_MOUNT, AT_FDCWD, "b", AT_FDCWD, "a", BENEATH | SET_GROUP), EINVAL) || !is(syscall(MOVE_MOUNT, AT_FDCWD, "b", AT_FDCWD, "a", 0x400), EINVAL))
		return 1;
	int fd = open("b", O_PATH), t = tree("b"), root = open("/", O_PATH);
	tmpfs("b", "B2");
	if (!is(syscall(MOVE_MOUNT, fd, "", AT_FDCWD, "a", BENEATH | FROM_EMPTY), EINVAL)) // it is covered itself
		return 2;
	pid_t pid = fork();
	int st;
	if (pid == 0)
		_exit(chroot("a") || !is(syscall(MOVE_MOUNT, t, "", AT_FDCWD, "/", BENEATH | FROM_EMPTY), EINVAL) ||
		      !is(syscall(MOVE_MOUNT, t, "", root, "", BENEATH | FROM_EMPTY | TO_EMPTY), EINVAL));
	if (waitpid(pid, &st, 0) != pid || st)
		return 3;
	if ((pid = fork()) == 0) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS) || put("/proc/self/uid_map", "0 0 1"))
			_exit(1);
		tmpfs("x", "X");
		if (!is(beneath("x", "s/d"), EINVAL)) // locked
			_exit(2);
		tmpfs("s/d", "TOP");
		_exit(beneath("x", "s/d") || umount("s/d") || !on("s/d", "X") ? 3 : 0);
	}
	return waitpid(pid, &st, 0) != pid || st ? 4 : 0;
}

static int detached(void) {
	tmpfs("a", "A");
	mkdir("a/in", 0755);
	tmpfs("b", "B");
	mkdir("x", 0755);
	int outer = tree("a"), inner = tree("b"), third = tree("b");
	if (!is(syscall(MOVE_MOUNT, AT_FDCWD, "b", outer, "in", 0), EINVAL) || !is(syscall(MOVE_MOUNT, outer, "", outer, "in", FROM_EMPTY), EINVAL))
		return 1;
	if (syscall(MOVE_MOUNT, inner, "", outer, "in", FROM_EMPTY) || !is(syscall(MOVE_MOUNT, third, "", outer, "", FROM_EMPTY | TO_EMPTY | BENEATH), EINVAL))
		return 2;
	if (syscall(MOVE_MOUNT, outer, "", AT_FDCWD, "x", FROM_EMPTY) || !on("x", "A") || !on("x/in", "B"))
		return 3;
	close(outer);
	close(inner);
	return !on("x/in", "B");
}

static int fs;
#define config(...) syscall(FSCONFIG, fs, __VA_ARGS__)
enum { FLAG, STRING, BINARY, PATH, PATH_EMPTY, FD, CREATE, RECONFIGURE, CREATE_EXCL };

// says reports whether the log's next message is text, and is the last.
static int says(const char *text) {
	char line[256], more[8];
	int n = read(fs, line, sizeof line - 1);
	if (n < 0)
		return 0;
	line[n] = 0;
	return !strcmp(line, text) && is(read(fs, more, sizeof more), ENODATA);
}

static int values(void) {
	fs = syscall(FSOPEN, "tmpfs", 1);
	static const struct { int cmd; const char *key, *value; int aux; const char *text; } list[] = {
		{BINARY, "size", "abc", 3, "e tmpfs: Bad value for 'size'\n"}, {PATH, "size", "/tmp", AT_FDCWD, "e tmpfs: Bad value for 'size'\n"},
		{PATH_EMPTY, "mode", "", AT_FDCWD, "e tmpfs: Bad value for 'mode'\n"}, {FD, "mode", 0, 0, "e tmpfs: Bad value for 'mode'\n"},
		{FLAG, "size", 0, 0, "e tmpfs: Bad value for 'size'\n"}, {STRING, "size", "x", 0, "e tmpfs: Bad value for 'size'\n"},
		{STRING, "size", "1,mode=7", 0, "e tmpfs: Bad value for 'size'\n"}, {STRING, "mode", "", 0, "e tmpfs: Bad value for 'mode'\n"},
		{STRING, "inode64", "x", 0, "e tmpfs: Unexpected value for 'inode64'\n"}, {BINARY, "inode64", "x", 1, "e tmpfs: Unexpected value for 'inode64'\n"},
		{STRING, "nothing", "x", 0, "e tmpfs: Unknown parameter 'nothing'\n"}, {FD, "", 0, 0, "e tmpfs: Unknown parameter ''\n"},
		{FLAG, "a,b", 0, 0, "e tmpfs: Unknown parameter 'a,b'\n"}, {FLAG, "source", 0, 0, "e Non-string source\n"}, {BINARY, "source", "x", 1, "e Non-string source\n"},
	};
	for (unsigned i = 0; i < sizeof list / sizeof *list; i++)
		if (!is(config(list[i].cmd, list[i].key, list[i].value, list[i].aux), EINVAL) || !says(list[i].text))
			return 10 + i;
	if (config(BINARY, "ro", "x", 1) || config(FD, "sync", 0, 1) || config(STRING, "source", "a,b", 0) || !is(config(STRING, "source", "b", 0), EINVAL) || !says("e Multiple sources\n"))
		return 1;
	if (!is(config(FD, "size", 0, 99), EBADF) || !is(config(PATH, "size", "", AT_FDCWD), ENOENT) || !is(config(BINARY, "size", 1, 3), EFAULT) || !is(config(BINARY, 1, 1, 3), EFAULT) ||
	    !is(config(PATH, "size", 1, AT_FDCWD), EFAULT) || !is(config(BINARY, "size", "x", 0), EINVAL) || !is(config(BINARY, "size", "x", 1 << 21), EINVAL) || !is(config(PATH, "size", "/", -5), EINVAL) ||
	    !is(config(PATH_EMPTY, "size", 0, 0), EINVAL) || !is(config(FD, "size", "a", 1), EINVAL) || !is(config(FD, "size", 0, -1), EINVAL) || !is(config(9, 0, 0, 0), EOPNOTSUPP))
		return 2;
	if (!is(syscall(FSCONFIG, 99, BINARY, 1, 1, 3), EBADF) || !is(syscall(FSCONFIG, 1, BINARY, 1, 1, 3), EINVAL) || !is(read(fs, &fs, 0), ENODATA))
		return 3;
	char b[64];
	config(FLAG, "bad", 0, 0);
	if (!is(read(fs, b, 4), EMSGSIZE) || read(fs, b, sizeof b) != 33 || !is(write(fs, "x", 1), EINVAL))
		return 4;
	for (int i = 0; i < 10; i++) { // the log keeps eight
		snprintf(b, sizeof b, "x%d", i);
		config(FLAG, b, 0, 0);
	}
	int n = 0;
	while (read(fs, b, sizeof b) > 0)
		n++;
	if (n != 8 || config(CREATE, 0, 0, 0))
		return 5;
	int m = syscall(FSMOUNT, fs, 1, 0);
	mkdir("a", 0755);
	return m < 0 || !is(mkdirat(m, "x", 0755), EROFS) || syscall(MOVE_MOUNT, m, "", AT_FDCWD, "a", FROM_EMPTY) || !on("a", "a,b") ? 6 : 0;
}

static int phases(void) {
	fs = syscall(FSOPEN, "tmpfs", 1);
	if (!is(config(RECONFIGURE, 0, 0, 0), EBUSY) || config(CREATE_EXCL, 0, 0, 0) || !is(config(CREATE, 0, 0, 0), EBUSY) || !is(config(CREATE_EXCL, 0, 0, 0), EBUSY) ||
	    !is(config(STRING, "size", "1", 0), EBUSY) || !is(config(BINARY, "size", "x", 1), EBUSY) || !is(config(RECONFIGURE, 0, 0, 0), EBUSY))
		return 1;
	int m = syscall(FSMOUNT, fs, 1, 0);
	if (m < 0 || !is(syscall(FSMOUNT, fs, 1, 0), EBUSY) || !is(config(CREATE, 0, 0, 0), EBUSY)) // from here on it changes the file system
		return 2;
	if (config(FLAG, "ro", 0, 0) || config(RECONFIGURE, 0, 0, 0) || !is(mkdirat(m, "x", 0755), EROFS) || config(FLAG, "rw", 0, 0) || config(RECONFIGURE, 0, 0, 0) || mkdirat(m, "x", 0755))
		return 3;
	if (config(STRING, "nr_inodes", "1", 0) || !is(config(RECONFIGURE, 0, 0, 0), EINVAL) || !is(config(RECONFIGURE, 0, 0, 0), EBUSY) || !is(config(FLAG, "ro", 0, 0), EBUSY)) // failed once, failed for good
		return 4;
	tmpfs("a", "A");
	fs = syscall(FSPICK, AT_FDCWD, "a", 0);
	if (!is(config(CREATE, 0, 0, 0), EBUSY) || !is(syscall(FSMOUNT, fs, 0, 0), EBUSY) || config(RECONFIGURE, 0, 0, 0) || umount("a")) // it does not keep the mount
		return 5;
	mkdir("q", 0755);
	if (mount("q", "q", "mqueue", 0, 0))
		return 6;
	fs = syscall(FSOPEN, "mqueue", 1);
	return !is(config(CREATE_EXCL, 0, 0, 0), EBUSY) || !says("w mqueue: reusing existing filesystem not allowed\n") || !is(config(CREATE, 0, 0, 0), EBUSY) ||
	       !is(syscall(FSMOUNT, fs, 0, 0), EINVAL);
}

int main(void) {
	int n;
	mkdir("/tmp", 01777);
	plan(10);
#define CASE(f, name) \
	if (!ok((n = in_tree(f)) == 0, name)) \
		printf("# step %d\n", n)
	CASE(parts, "statmount: every part");
	CASE(sizes, "statmount: sizes of the request and of the buffer, numbers of mounts");
	CASE(lists, "listmount: both ways, from a mount on, from the root");
	CASE(elsewhere, "mounts of another namespace, by its number and by a descriptor");
	CASE(ioctls, "the ioctls of namespaces");
	CASE(below, "move_mount beneath: umount shows it, propagation puts its copies beneath");
	CASE(refused, "move_mount beneath: what is refused");
	CASE(detached, "move_mount: a detached tree into another");
	CASE(values, "fsconfig: kinds of values, the log");
	CASE(phases, "fsconfig: what may follow what, CREATE_EXCL");
	return tap_end();
}
