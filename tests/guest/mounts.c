// Mount namespaces: propagation, bind, move, flags, umount2, pivot_root, what /proc shows.
#include "child.h"
#include "tap.h"
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static int exists(const char *p) { return access(p, F_OK) == 0; }
static void touch(const char *p) { close(open(p, O_CREAT | O_WRONLY, 0644)); }

// mountinfo returns the line of a mount point, or "" if there is none.
static const char *mountinfo(const char *point) {
	static char line[1024];
	char path[512];
	FILE *f = fopen("/proc/self/mountinfo", "r");
	if (!f)
		die("mountinfo");
	int found = 0;
	while (!found && fgets(line, sizeof line, f))
		found = sscanf(line, "%*d %*d %*s %*s %511s", path) == 1 && !strcmp(path, point);
	fclose(f);
	if (!found)
		line[0] = 0;
	return line;
}

static void binds(void) {
	mkdir("a", 0755);
	mkdir("b", 0755);
	touch("a/file");
	ok(mount("a", "b", 0, MS_BIND, 0) == 0 && exists("b/file"), "a bind shows the folder");
	touch("b/other");
	ok(exists("a/other"), "it is the same folder");
	ok(mount(0, "b", 0, MS_REMOUNT | MS_BIND | MS_RDONLY, 0) == 0, "a bind is made read-only");
	fails(open("b/new", O_CREAT | O_WRONLY, 0600), EROFS, "writing through it: EROFS");
	ok(open("a/new", O_CREAT | O_WRONLY, 0600) >= 0, "while the original is writable");
	struct statvfs sv;
	ok(statvfs("b", &sv) == 0 && (sv.f_flag & ST_RDONLY), "statvfs says read-only");
	int fd = open("b/file", O_RDONLY);
	fails(umount("b"), EBUSY, "umount with an open file: EBUSY");
	ok(umount2("b", MNT_DETACH) == 0 && !exists("b/file"), "MNT_DETACH takes it away");
	struct stat st;
	ok(fstat(fd, &st) == 0, "the open file stays");
	close(fd);
	fails(umount("b"), EINVAL, "umount of what is no mount point: EINVAL");
	fails(umount2("b", 0x100), EINVAL, "umount2 with an unknown flag: EINVAL");
	fails(mount("nothing", "b", 0, MS_BIND, 0), ENOENT, "a bind of nothing: ENOENT");
	fails(mount("a/file", "b", 0, MS_BIND, 0), ENOTDIR, "a file over a folder: ENOTDIR");
	fails(mount("x", "b", "nofs", 0, 0), ENODEV, "an unknown file system: ENODEV");
	touch("f1");
	int w = open("f2", O_CREAT | O_WRONLY, 0600);
	write(w, "two", 3);
	close(w);
	ok(mount("f2", "f1", 0, MS_BIND, 0) == 0 && stat("f1", &st) == 0 && st.st_size == 3, "a file is bound over a file");
	fails(unlink("f1"), EBUSY, "unlink of a mount point: EBUSY");
	fails(rename("f1", "f3"), EBUSY, "rename of a mount point: EBUSY");
	umount("f1");
	ok(mount("t", "b", "tmpfs", 0, 0) == 0 && umount2("b", MNT_EXPIRE) == -1 && errno == EAGAIN && umount2("b", MNT_EXPIRE) == 0, "MNT_EXPIRE: EAGAIN, then gone");
	fails(umount2("b", MNT_EXPIRE | MNT_DETACH), EINVAL, "MNT_EXPIRE with DETACH: EINVAL");
}

static void flags(void) {
	mkdir("n", 0755);
	mount("t", "n", "tmpfs", MS_NOEXEC | MS_NOSUID | MS_NODEV, "mode=755");
	mknod("n/null", S_IFCHR | 0666, 0x103);
	fails(open("n/null", O_RDONLY), EACCES, "nodev: EACCES");
	int in = open("/proc/self/exe", O_RDONLY), out = open("n/prog", O_CREAT | O_WRONLY, 0755);
	struct stat st;
	fstat(in, &st);
	while (syscall(SYS_sendfile, out, in, 0, st.st_size) > 0)
		;
	close(out);
	char *argv[] = {"prog", NULL};
	fails(execv("n/prog", argv), EACCES, "noexec: EACCES");
	ok(strstr(mountinfo("/tmp/m/n"), "nosuid,nodev,noexec") != NULL, "mountinfo shows the flags");
}

static void propagation(void) {
	mkdir("s", 0755);
	mkdir("p", 0755);
	mkdir("v", 0755);
	mount("t", "s", "tmpfs", 0, 0);
	ok(mount(0, "s", 0, MS_SHARED, 0) == 0 && strstr(mountinfo("/tmp/m/s"), "shared:"), "a shared mount has a peer group");
	mount("s", "p", 0, MS_BIND, 0);
	mount("s", "v", 0, MS_BIND, 0);
	mount(0, "v", 0, MS_SLAVE, 0);
	ok(strstr(mountinfo("/tmp/m/v"), "master:") != NULL, "a slave has a master");
	mkdir("s/sub", 0755);
	mount("t", "s/sub", "tmpfs", 0, 0);
	touch("s/sub/here");
	ok(exists("p/sub/here") && exists("v/sub/here"), "a mount on a shared one reaches peer and slave");
	umount("s/sub");
	ok(!exists("p/sub/here") && !exists("v/sub/here"), "and so does the umount");
	mount("t", "v/sub", "tmpfs", 0, 0);
	touch("v/sub/slave");
	ok(!exists("s/sub/slave") && !exists("p/sub/slave"), "nothing comes back from a slave");
	umount("v/sub");
	mount(0, "p", 0, MS_PRIVATE, 0);
	mount("t", "s/sub", "tmpfs", 0, 0);
	touch("s/sub/again");
	ok(!exists("p/sub/again") && exists("v/sub/again"), "a private mount no longer follows");
	umount("s/sub");
	fails(mount(0, "s", 0, MS_SHARED | MS_PRIVATE, 0), EINVAL, "two kinds at once: EINVAL");
	fails(mount(0, "s", 0, MS_SHARED | MS_RDONLY, 0), EINVAL, "a kind with another flag: EINVAL");
	mount(0, "p", 0, MS_UNBINDABLE, 0);
	mkdir("q", 0755);
	fails(mount("p", "q", 0, MS_BIND, 0), EINVAL, "a bind of an unbindable mount: EINVAL");
	umount("p");
	umount("v");
	umount("s");
}

static void moves(void) {
	mkdir("from", 0755);
	mkdir("to", 0755);
	mount("t", "from", "tmpfs", 0, 0);
	touch("from/x");
	mkdir("from/in", 0755);
	ok(mount("from", "to", 0, MS_MOVE, 0) == 0 && exists("to/x") && !exists("from/x"), "MS_MOVE");
	fails(mount("to", "to/in", 0, MS_MOVE, 0), ELOOP, "into itself: ELOOP");
	fails(mount("to/in", "from", 0, MS_MOVE, 0), EINVAL, "of no mount point: EINVAL");
	umount("to");
	mkdir("r", 0755);
	mount("t", "from", "tmpfs", 0, 0);
	mkdir("from/deep", 0755);
	mount("t", "from/deep", "tmpfs", 0, 0);
	touch("from/deep/bottom");
	mount("from", "r", 0, MS_BIND, 0);
	ok(!exists("r/deep/bottom"), "a bind leaves out what is mounted below");
	umount("r");
	mount("from", "r", 0, MS_BIND | MS_REC, 0);
	ok(exists("r/deep/bottom"), "a recursive bind does not");
	umount2("r", MNT_DETACH);
	umount2("from", MNT_DETACH);
}

static int pivot(void) {
	if (unshare(CLONE_NEWNS) || mount(0, "/", 0, MS_REC | MS_PRIVATE, 0))
		return 1;
	mkdir("new", 0755);
	if (syscall(SYS_pivot_root, "new", "new") != -1 || errno != EINVAL) // not a mount point
		return 2;
	if (mount("t", "new", "tmpfs", 0, 0) || mkdir("new/old", 0755) || mkdir("new/me", 0755))
		return 3;
	if (syscall(SYS_pivot_root, "new", "/") != -1 || errno != EBUSY || syscall(SYS_pivot_root, "new", "/proc") != -1 || errno != EINVAL)
		return 4;
	if (chdir("new") || syscall(SYS_pivot_root, ".", "."))
		return 5;
	if (umount2(".", MNT_DETACH) || chdir("/"))
		return 6;
	return !(exists("/me") && !exists("/proc") && !exists("/tmp"));
}

static int apart(void) {
	if (unshare(CLONE_NEWNS) || mount(0, "/", 0, MS_REC | MS_SLAVE, 0) || mount("t", "a", "tmpfs", 0, 0))
		return 1;
	touch("a/mine");
	return !exists("a/mine");
}

static int busy_elsewhere(void) {
	if (unshare(CLONE_NEWNS) || mount(0, "/", 0, MS_REC | MS_PRIVATE, 0))
		return 1;
	if (mount("t", "gone", "tmpfs", 0, 0))
		return 2;
	pid_t pid = getppid();
	(void)pid;
	char c;
	write(11, "m", 1);
	read(12, &c, 1);
	return exists("gone") ? 3 : 0; // removed under us, with the mount on it
}

static void namespaces(void) {
	ok(in_child(apart) == 0 && !exists("a/mine"), "a mount in another namespace is not seen");
	int n = in_child(pivot);
	if (!ok(n == 0, "pivot_root, also with \".\" twice"))
		printf("# step %d\n", n);
	int up[2], down[2], st;
	char c;
	pipe(up);
	pipe(down);
	dup2(up[1], 11);
	dup2(down[0], 12);
	mkdir("gone", 0755);
	pid_t pid = fork();
	if (pid == 0)
		_exit(busy_elsewhere());
	read(up[0], &c, 1);
	ok(rmdir("gone") == 0, "a folder that is a mount point elsewhere can be removed");
	write(down[1], "x", 1);
	waitpid(pid, &st, 0);
	ok(st == 0, "and is gone there as well");
	char one[64], two[64];
	ssize_t k = readlink("/proc/self/ns/mnt", one, 63), m;
	pid = fork();
	if (pid == 0) {
		unshare(CLONE_NEWNS);
		m = readlink("/proc/self/ns/mnt", two, 63);
		_exit(!(k > 5 && m > 5 && !memcmp(one, "mnt:[", 5) && !memcmp(two, "mnt:[", 5) && (k != m || memcmp(one, two, k))));
	}
	waitpid(pid, &st, 0);
	ok(st == 0, "/proc/self/ns/mnt differs");
	int ns = open("/proc/self/ns/mnt", O_RDONLY);
	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWNS) || mount(0, "/", 0, MS_REC | MS_PRIVATE, 0) || mount("t", "/tmp/m/a", "tmpfs", 0, 0) || exists("/tmp/m/a/file"))
			_exit(1);
		if (setns(ns, CLONE_NEWUTS) != -1 || errno != EINVAL)
			_exit(2);
		_exit(setns(ns, CLONE_NEWNS) || !exists("/tmp/m/a/file"));
	}
	waitpid(pid, &st, 0);
	ok(st == 0, "setns goes back");
	fails(setns(0, 0), EINVAL, "setns of a file that is no namespace: EINVAL");
}

int main(void) {
	if (unshare(CLONE_NEWNS) || mount(0, "/", 0, MS_REC | MS_PRIVATE, 0))
		die("unshare");
	mkdir("/tmp", 01777);
	mkdir("/tmp/m", 0755);
	if (mount("t", "/tmp/m", "tmpfs", 0, "mode=755") || chdir("/tmp/m"))
		die("tmpfs");
	plan(44);
	binds();
	flags();
	propagation();
	moves();
	namespaces();
	chdir("/");
	ok(umount2("/tmp/m", MNT_DETACH) == 0, "all of it goes in one umount");
	return tap_end();
}
