// The rules of mounts, call by call: umount2, pivot_root, MS_MOVE, changes of type and of flags, locked mounts, the new
// mount calls. Every error is the host's.
#include "child.h"
#include "tap.h"
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define is(call, e) ((call) == -1 && errno == (e))

#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif
enum { OPEN_TREE = 428, MOVE_MOUNT, FSOPEN, FSCONFIG, FSMOUNT, FSPICK, MOUNT_SETATTR = 442, STATMOUNT = 457, LISTMOUNT };
#define TREE_CLONE 1
#define AT_REC 0x8000
#define EMPTY_FROM 4 // MOVE_MOUNT_F_EMPTY_PATH
struct attr {
	uint64_t set, clear, propagation, userns;
};

static int exists(const char *p) { return access(p, F_OK) == 0; }
static int touch(const char *p) { return close(open(p, O_CREAT | O_WRONLY, 0644)); }
static int pivot(const char *new, const char *old) { return syscall(SYS_pivot_root, new, old); }
static int tmpfs(const char *at) { return mkdir(at, 0755) * 0 + mount("t", at, "tmpfs", 0, "mode=755"); }
static int kind(const char *at, unsigned long type) { return mount(0, at, 0, type, 0); }

// field returns the optional fields of the topmost mount at a place, such as "shared master", without numbers.
static const char *field(const char *point) {
	static char found[128];
	char line[1024], path[512], *end, *word;
	FILE *f = fopen("/proc/self/mountinfo", "r");
	strcpy(found, "none");
	while (f && fgets(line, sizeof line, f)) {
		int at = 0;
		if (sscanf(line, "%*d %*d %*s %*s %511s %*s %n", path, &at) != 1 || strcmp(path, point) || !(end = strstr(line, " - ")))
			continue;
		*end = 0;
		found[0] = 0;
		for (word = strtok(line + at, " "); word && at < end - line; word = strtok(0, " ")) {
			if (strchr(word, ':'))
				*strchr(word, ':') = 0;
			strcat(strcat(found, found[0] ? " " : ""), word);
		}
	}
	if (f)
		fclose(f);
	return found;
}
static int shows(const char *point, const char *want) { return !strcmp(field(point), want); }

static int in_tree(int (*f)(void)) {
	int st;
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWNS) || kind("/", MS_REC | MS_PRIVATE) || tmpfs("/tmp/r") || chdir("/tmp/r"))
			_exit(99);
		_exit(f());
	}
	waitpid(pid, &st, 0);
	return WIFEXITED(st) ? WEXITSTATUS(st) : 1000 + WTERMSIG(st);
}

static int umounts(void) {
	tmpfs("a");
	tmpfs("a/in");
	mkdir("plain", 0755);
	symlink("a", "link");
	if (!is(umount2("plain", 0), EINVAL) || !is(umount2("a", 0x40), EINVAL) || !is(umount2("nothing", 0), ENOENT))
		return 1;
	if (!is(umount2("a", 0), EBUSY) || !is(umount2("a", MNT_EXPIRE | MNT_FORCE), EINVAL) || !is(umount2("a", MNT_EXPIRE | MNT_DETACH), EINVAL))
		return 2;
	if (!is(umount2("a", MNT_EXPIRE), EBUSY) || umount2("a/in", MNT_FORCE) || !is(umount2("link", UMOUNT_NOFOLLOW), EINVAL))
		return 3;
	if (!is(umount2("a", MNT_EXPIRE), EAGAIN) || !exists("a/in") || !is(umount2("a", MNT_EXPIRE), EAGAIN) || umount2("a", MNT_EXPIRE))
		return 4; // the look at a/in was a use
	tmpfs("a");
	if (umount2("link", 0) || exists("a/in"))
		return 5;
	int st;
	pid_t pid = fork();
	if (pid == 0) { // of another namespace
		char path[64];
		tmpfs("b");
		int fd = open("b", O_PATH);
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		_exit(unshare(CLONE_NEWNS) || !is(umount2(path, MNT_DETACH), EINVAL) || !is(mount(path, "plain", 0, MS_BIND, 0), EINVAL) ||
		      !is(mount("t", path, "tmpfs", 0, 0), EINVAL));
	}
	waitpid(pid, &st, 0);
	if (st)
		return 6;
	if (setresuid(1000, 1000, 1000) || !is(umount2("b", 0), EPERM) || !is(umount2("b", 0x40), EINVAL) || !is(mount("t", "plain", "tmpfs", 0, 0), EPERM))
		return 7;
	return !is(pivot("b", "b"), EPERM);
}

static int pivots(void) {
	tmpfs("new");
	mkdir("new/old", 0755);
	mkdir("plain", 0755);
	touch("new/file");
	if (!is(pivot("plain", "plain"), EINVAL) || !is(pivot("new", "plain"), EINVAL) || !is(pivot("new", "nothing"), ENOENT))
		return 1;
	if (!is(pivot("new", "new/file"), ENOTDIR) || !is(pivot("new/file", "new/old"), ENOTDIR))
		return 2;
	if (!is(pivot("/", "/"), EBUSY) || !is(pivot("new", "/"), EBUSY) || !is(pivot("/", "new"), EBUSY) || !is(pivot("new", "/tmp/r"), EINVAL))
		return 3;
	kind("new", MS_SHARED);
	if (!is(pivot("new", "new/old"), EINVAL)) // its own type may be shared; what is on it then would be as well
		return 4;
	kind("new", MS_PRIVATE);
	kind("/tmp/r", MS_SHARED);
	if (!is(pivot("new", "new/old"), EINVAL)) // new's parent is shared
		return 5;
	kind("/tmp/r", MS_PRIVATE);
	int pid, st;
	if ((pid = fork()) == 0)
		_exit(chroot("/tmp") || !is(pivot("/r/new", "/r/new/old"), EINVAL)); // the root is no mount
	waitpid(pid, &st, 0);
	if (st)
		return 7;
	int go[2], done[2];
	char c, cwd[4096];
	pipe(go);
	pipe(done);
	if ((pid = fork()) == 0) { // its root and cwd are the old root, and move with it
		chdir("/");
		write(done[1], "x", 1);
		read(go[0], &c, 1);
		_exit(!getcwd(cwd, sizeof cwd) || strcmp(cwd, "/") || !exists("/file") || !exists("file"));
	}
	read(done[0], &c, 1);
	if (pivot("new", "new/old"))
		return 8;
	write(go[1], "x", 1);
	waitpid(pid, &st, 0);
	return st ? 9 : !(exists("/old/tmp") && exists("/file"));
}

static int moves(void) {
	tmpfs("a");
	tmpfs("b");
	mkdir("a/in", 0755);
	touch("file");
	if (!is(mount("a", "a/in", 0, MS_MOVE, 0), ELOOP) || !is(mount("a/in", "b", 0, MS_MOVE, 0), EINVAL))
		return 1;
	if (!is(mount("a", "file", 0, MS_MOVE, 0), ENOTDIR) && errno != EINVAL)
		return 2;
	kind("/tmp/r", MS_SHARED);
	if (!is(mount("a", "b", 0, MS_MOVE, 0), EINVAL)) // a shared parent
		return 3;
	kind("/tmp/r", MS_PRIVATE);
	tmpfs("a/in");
	kind("a/in", MS_UNBINDABLE);
	kind("b", MS_SHARED);
	mkdir("b/at", 0755);
	if (!is(mount("a", "b/at", 0, MS_MOVE, 0), EINVAL)) // an unbindable mount under a shared one
		return 4;
	kind("a/in", MS_PRIVATE);
	return mount("a", "b/at", 0, MS_MOVE, 0) || !shows("/tmp/r/b/at", "shared") || !shows("/tmp/r/b/at/in", "shared");
}

// types follows the tables of mount_namespaces(7) and of the kernel's sharedsubtree text.
static int types(void) {
	tmpfs("s");
	tmpfs("t");
	if (!is(kind("s", MS_SHARED | MS_SLAVE), EINVAL) || !is(kind("s", MS_PRIVATE | MS_UNBINDABLE), EINVAL) ||
	    !is(kind("s", MS_SHARED | MS_NOSUID), EINVAL) || kind("s", MS_SHARED | MS_REC | MS_SILENT))
		return 1;
	mkdir("s/d", 0755);
	if (!is(kind("s/d", MS_PRIVATE), EINVAL)) // no mount point
		return 2;
	if (mount("s", "t", 0, MS_BIND, 0) || !shows("/tmp/r/t", "shared"))
		return 3;
	if (kind("t", MS_SLAVE) || !shows("/tmp/r/t", "master") || kind("t", MS_SHARED) || !shows("/tmp/r/t", "shared master"))
		return 4;
	if (kind("t", MS_SLAVE) || !shows("/tmp/r/t", "master") || kind("t", MS_UNBINDABLE) || !shows("/tmp/r/t", "unbindable"))
		return 5;
	if (!is(mount("t", "s/d", 0, MS_BIND, 0), EINVAL) || kind("t", MS_SHARED) || !shows("/tmp/r/t", "shared"))
		return 6;
	if (kind("t", MS_PRIVATE) || !shows("/tmp/r/t", "") || kind("t", MS_SLAVE) || !shows("/tmp/r/t", "")) // a private one stays so
		return 7;
	if (kind("s", MS_SLAVE) || !shows("/tmp/r/s", "")) // no other peer
		return 8;
	tmpfs("u");
	tmpfs("u/bindable");
	tmpfs("u/not");
	kind("u/not", MS_UNBINDABLE);
	touch("u/not/x");
	touch("u/bindable/x");
	mkdir("v", 0755);
	if (mount("u", "v", 0, MS_BIND | MS_REC, 0) || !exists("v/bindable/x") || exists("v/not/x")) // pruned
		return 9;
	kind("s", MS_SHARED);
	tmpfs("s/d");
	return !shows("/tmp/r/s/d", "shared"); // the child of a shared mount
}

static int flags(void) {
	static const struct { unsigned long flag; unsigned long shown; } list[] = {{MS_RDONLY, ST_RDONLY}, {MS_NOSUID, ST_NOSUID}, {MS_NODEV, ST_NODEV},
		{MS_NOEXEC, ST_NOEXEC}, {MS_NOATIME, ST_NOATIME}, {MS_RELATIME, ST_RELATIME}, {MS_NODIRATIME, ST_NODIRATIME}};
	struct statvfs sv, of;
	tmpfs("a");
	mkdir("b", 0755);
	mount("a", "b", 0, MS_BIND, 0);
	for (unsigned i = 0; i < sizeof list / sizeof *list; i++) {
		if (mount(0, "b", 0, MS_REMOUNT | MS_BIND | list[i].flag, 0) || statvfs("b", &sv) || statvfs("a", &of))
			return 10 + i;
		if (!(sv.f_flag & list[i].shown) || (list[i].flag == MS_RDONLY && of.f_flag & ST_RDONLY))
			return 20 + i;
	}
	symlink("a", "a/link");
	if (mount(0, "b", 0, MS_REMOUNT | MS_BIND | MS_NOSYMFOLLOW, 0) || !is(open("b/link", O_RDONLY), ELOOP) || open("a/link/..", O_RDONLY) != -1)
		return 1;
	int w = open("b/w", O_CREAT | O_WRONLY, 0600);
	if (w < 0 || !is(mount(0, "b", 0, MS_REMOUNT | MS_BIND | MS_RDONLY, 0), EBUSY)) // open for writing
		return 2;
	close(w);
	mkdir("b/dir", 0755);
	return !is(mount(0, "b/dir", 0, MS_REMOUNT | MS_BIND | MS_RDONLY, 0), EINVAL);
}

static int locked(void) {
	tmpfs("a");
	tmpfs("a/secret");
	tmpfs("ro");
	mount(0, "ro", 0, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME, 0);
	kind("a", MS_SHARED);
	mkdir("b", 0755);
	int st;
	pid_t pid = fork(); // the namespace of the masters stays
	if (pid > 0)
		return waitpid(pid, &st, 0) != pid || !WIFEXITED(st) ? 99 : WEXITSTATUS(st);
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) || put("/proc/self/uid_map", "0 0 1"))
		return 1;
	if (!shows("/tmp/r/a", "master")) // a shared mount becomes a slave
		return 2;
	if (!is(umount2("a/secret", MNT_DETACH), EINVAL) || !is(mount("a", "b", 0, MS_BIND, 0), EINVAL) || mount("a", "b", 0, MS_BIND | MS_REC, 0))
		return 3;
	unsigned long all = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME;
	unsigned long each[] = {MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_NOATIME};
	for (unsigned i = 0; i < 5; i++)
		if (!is(mount(0, "ro", 0, MS_REMOUNT | MS_BIND | (all & ~each[i]) | (each[i] == MS_NOATIME ? MS_STRICTATIME : 0), 0), EPERM))
			return 10 + i;
	struct statvfs sv;
	if (mount(0, "ro", 0, MS_REMOUNT | MS_BIND | (all & ~MS_NOATIME), 0) || statvfs("ro", &sv) || !(sv.f_flag & ST_NOATIME)) // not said: it stays
		return 20;
	if (mount(0, "ro", 0, MS_REMOUNT | MS_BIND | all, 0) || !is(mount("a/secret", "b", 0, MS_MOVE, 0), EINVAL))
		return 4;
	if (mount("t", "a/secret", "tmpfs", 0, 0) || umount("a/secret") || !is(umount("a/secret"), EINVAL)) // on top, and off again
		return 5;
	return umount2("b", MNT_DETACH) != 0; // the copy goes as a whole
}

static int new_calls(void) {
	struct attr ro = {.set = 1}, both = {.set = 1 << 4, .clear = 1 << 4}, shared = {.propagation = MS_SHARED}, atime = {.set = 0x10};
	tmpfs("a");
	mkdir("a/in", 0755);
	mkdir("b", 0755);
	int tree = syscall(OPEN_TREE, AT_FDCWD, "a", TREE_CLONE | O_CLOEXEC);
	if (tree < 0 || !is(syscall(OPEN_TREE, AT_FDCWD, "nothing", TREE_CLONE), ENOENT) || !is(syscall(OPEN_TREE, AT_FDCWD, "a", AT_REC), EINVAL) ||
	    !is(syscall(OPEN_TREE, AT_FDCWD, "a", 0x40), EINVAL))
		return 1;
	if (syscall(MOUNT_SETATTR, tree, "", AT_EMPTY_PATH, &ro, sizeof ro) || !is(mkdirat(tree, "x", 0755), EROFS) || mkdir("a/x", 0755))
		return 2;
	if (!is(syscall(MOVE_MOUNT, tree, "", AT_FDCWD, "nothing", EMPTY_FROM), ENOENT) || !is(syscall(MOVE_MOUNT, tree, "", AT_FDCWD, "b", 0x8000), EINVAL) ||
	    syscall(MOVE_MOUNT, tree, "", AT_FDCWD, "b", EMPTY_FROM) || !exists("b/x"))
		return 3;
	if (!is(syscall(MOUNT_SETATTR, AT_FDCWD, "b", 0, &both, 8), EINVAL) || !is(syscall(MOUNT_SETATTR, AT_FDCWD, "b", 0x40, &ro, sizeof ro), EINVAL) ||
	    !is(syscall(MOUNT_SETATTR, AT_FDCWD, "b", 0, &atime, sizeof atime), EINVAL) || !is(syscall(MOUNT_SETATTR, AT_FDCWD, "b/x", 0, &ro, sizeof ro), EINVAL))
		return 4;
	if (syscall(MOUNT_SETATTR, AT_FDCWD, "b", 0, &shared, sizeof shared) || !shows("/tmp/r/b", "shared"))
		return 5;
	if (!is(syscall(FSOPEN, "nofs", 0), ENODEV) || !is(syscall(FSOPEN, "tmpfs", 2), EINVAL))
		return 6;
	int fs = syscall(FSOPEN, "tmpfs", 1);
	if (fs < 0 || !is(syscall(FSMOUNT, fs, 0, 0), EINVAL) || syscall(FSCONFIG, fs, 1, "mode", "700", 0) ||
	    !is(syscall(FSCONFIG, fs, 99, 0, 0, 0), EOPNOTSUPP) || syscall(FSCONFIG, fs, 6, 0, 0, 0))
		return 7;
	int m = syscall(FSMOUNT, fs, 1, 2 /* MOUNT_ATTR_NOSUID */);
	if (m < 0 || !is(syscall(FSMOUNT, fs, 0, 0), EBUSY) || syscall(MOVE_MOUNT, m, "", AT_FDCWD, "a/in", EMPTY_FROM))
		return 8;
	struct stat st;
	struct statvfs sv;
	if (stat("a/in", &st) || (st.st_mode & 07777) != 0700 || statvfs("a/in", &sv) || !(sv.f_flag & ST_NOSUID))
		return 9;
	int pick = syscall(FSPICK, AT_FDCWD, "a/in", 0);
	if (pick < 0 || syscall(FSCONFIG, pick, 0, "ro", 0, 0) || syscall(FSCONFIG, pick, 7, 0, 0, 0) || !is(mkdir("a/in/no", 0755), EROFS))
		return 10;
	if (!is(syscall(MOVE_MOUNT, AT_FDCWD, "a", AT_FDCWD, "a/x", 0), ELOOP) || !is(syscall(FSPICK, AT_FDCWD, "a/x", 0), EINVAL))
		return 11;
	if (setresuid(1000, 1000, 1000) || !is(syscall(OPEN_TREE, AT_FDCWD, "a", TREE_CLONE), EPERM) || !is(syscall(FSOPEN, "tmpfs", 0), EPERM) ||
	    !is(syscall(FSMOUNT, fs, 0, 0), EPERM) || !is(syscall(MOVE_MOUNT, AT_FDCWD, "a", AT_FDCWD, "b", 0), EPERM) || !is(syscall(MOUNT_SETATTR, AT_FDCWD, "b", 0, &ro, sizeof ro), EPERM))
		return 12;
	return 0;
}

static int lists(void) {
	struct { uint32_t size, spare; uint64_t id, param, ns; } req = {24, 0, 0, 0, 0};
	uint64_t ids[512], more[512];
	struct { uint32_t size, options; uint64_t mask; uint32_t major, minor; uint64_t magic; uint32_t flags, type; uint64_t id, parent; char rest[4096]; } sm;
	req.id = ~0ULL; // the root
	int n = syscall(LISTMOUNT, &req, ids, 512, 0);
	tmpfs("a");
	if (n < 1 || syscall(LISTMOUNT, &req, more, 512, 0) != n + 1)
		return 1;
	req.id = more[n];
	req.param = 1 | 2; // STATMOUNT_SB_BASIC, MNT_BASIC
	if (syscall(STATMOUNT, &req, &sm, sizeof sm, 0) || sm.magic != 0x01021994 || sm.id != more[n])
		return 2;
	umount("a");
	if (!is(syscall(STATMOUNT, &req, &sm, sizeof sm, 0), ENOENT) || !is(syscall(STATMOUNT, &req, &sm, sizeof sm, 1), EINVAL))
		return 3;
	req.size = 8;
	return !is(syscall(STATMOUNT, &req, &sm, sizeof sm, 0), EINVAL) || !is(syscall(LISTMOUNT, &req, ids, 512, 0), EINVAL);
}

// many makes a copy of a tree of a hundred mounts a thousand times over.
static int many(void) {
	char name[16];
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "m%d", i);
		if (tmpfs(name))
			return 1;
	}
	for (int i = 0; i < 1000; i++)
		if (unshare(CLONE_NEWNS) || mount("m1", "m2", 0, MS_BIND, 0) || umount("m2"))
			return 2;
	return 0;
}

int main(void) {
	int n;
	mkdir("/tmp", 01777);
	plan(9);
#define CASE(f, name) \
	if (!ok((n = in_tree(f)) == 0, name)) \
		printf("# step %d\n", n)
	CASE(umounts, "umount2: EINVAL, EBUSY, EAGAIN, EPERM, ENOENT; FORCE, DETACH, EXPIRE, NOFOLLOW; another namespace's");
	CASE(pivots, "pivot_root: EINVAL, EBUSY, ENOTDIR, EPERM; other processes' root and cwd move");
	CASE(moves, "MS_MOVE: ELOOP, EINVAL; what is moved under a shared mount is shared");
	CASE(types, "the types and their changes, binds of each");
	CASE(flags, "each flag of a mount, apart from its file system's");
	CASE(locked, "a copy for a less privileged namespace: slaves, locked mounts, locked flags");
	CASE(new_calls, "open_tree, move_mount, fsopen, fsconfig, fsmount, fspick, mount_setattr and their errors");
	CASE(lists, "listmount, statmount and their errors");
	CASE(many, "a hundred mounts copied a thousand times");
	return tap_end();
}
