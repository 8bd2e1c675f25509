// User namespaces with id maps: rules of uid_map, gid_map and setgroups, capabilities, overflow ids, limits.
#include "child.h"
#include "tap.h"
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static int shows(const char *path, const char *want) {
	char buf[512];
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, buf, sizeof buf - 1);
	close(fd);
	buf[n > 0 ? n : 0] = 0;
	return !strcmp(buf, want);
}

static int has_cap(int cap) {
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2];
	if (syscall(SYS_capget, &h, d))
		return -1;
	return d[cap / 32].effective >> (cap % 32) & 1;
}

// become gives up root; the process stays dumpable, so that its files in /proc are its own.
static int become(int uid) {
	return setgroups(0, 0) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid) || prctl(PR_SET_DUMPABLE, 1);
}

// Each case returns 0, or the number of the step that went wrong.
static int unprivileged(void) {
	if (become(1000) || unshare(CLONE_NEWUSER))
		return 1;
	if (getuid() != 65534 || getgid() != 65534)
		return 2;
	if (has_cap(CAP_SYS_ADMIN) != 1)
		return 3;
	if (put("/proc/self/gid_map", "0 1000 1") != -EPERM) // setgroups is still allowed
		return 4;
	if (put("/proc/self/setgroups", "deny") || put("/proc/self/gid_map", "0 1000 1") || put("/proc/self/uid_map", "0 1000 1"))
		return 5;
	if (getuid() != 0 || getgid() != 0)
		return 6;
	if (put("/proc/self/uid_map", "0 1000 1") != -EPERM || put("/proc/self/setgroups", "allow") != -EPERM)
		return 7;
	if (setgroups(0, 0) != -1 || errno != EPERM)
		return 8;
	if (!shows("/proc/self/uid_map", "         0       1000          1\n"))
		return 9;
	struct stat st;
	if (stat("/", &st) || st.st_uid != 65534)
		return 10;
	if (setuid(5) != -1 || errno != EINVAL)
		return 11;
	if (chown("/tmp", 0, 0) != -1 || errno != EPERM)
		return 12;
	return 0;
}

static int two_lines(void) {
	if (become(1000) || unshare(CLONE_NEWUSER) || put("/proc/self/setgroups", "deny"))
		return 1;
	return put("/proc/self/uid_map", "0 1000 1\n1 1001 1") != -EPERM || put("/proc/self/uid_map", "0 1001 1") != -EPERM;
}

static int bad_maps(void) {
	const char *bad[] = {"", "x", "0 0", "0 0 0", "0 0 1 1", "-1 0 1", "0 4294967295 1", "4294967295 0 1", "0 0 10\n5 20 10", "0 20 10\n50 25 10",
	                     "4294967290 0 10", "0 4294967290 10", "0 0 1\n\n"};
	if (unshare(CLONE_NEWUSER))
		return 100;
	for (unsigned i = 1; i < sizeof bad / sizeof *bad; i++)
		if (put("/proc/self/uid_map", bad[i]) != -EINVAL)
			return i;
	int fd = open("/proc/self/uid_map", O_WRONLY);
	if (lseek(fd, 1, SEEK_SET) != 1 || write(fd, "0 0 1", 5) != -1 || errno != EINVAL)
		return 50;
	char *big = malloc(5000);
	memset(big, '0', 5000);
	lseek(fd, 0, SEEK_SET);
	if (write(fd, big, 4096) != -1 || errno != EINVAL)
		return 51;
	return put("/proc/self/uid_map", "0 0 1") != 0 && put("/proc/self/uid_map", "0 0 1") != -EPERM;
}

static int from_parent(void) {
	int up[2], down[2], st;
	char path[64], c;
	pipe(up);
	pipe(down);
	pid_t pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWUSER))
			_exit(1);
		write(up[1], "x", 1);
		read(down[0], &c, 1);
		if (setresgid(3, 3, 3) || setresuid(3, 3, 3) || getuid() != 3)
			_exit(2);
		int fd = open("/tmp/by-mapped", O_CREAT | O_WRONLY | O_TRUNC, 0600);
		_exit(fd < 0 ? 3 : 0);
	}
	read(up[0], &c, 1);
	snprintf(path, sizeof path, "/proc/%d/uid_map", pid);
	if (put(path, "0 100000 1000\n1000 0 1\n"))
		return 1;
	if (!shows(path, "         0     100000       1000\n      1000          0          1\n"))
		return 2;
	snprintf(path, sizeof path, "/proc/%d/gid_map", pid);
	if (put(path, "0 100000 1000"))
		return 3;
	write(down[1], "x", 1);
	waitpid(pid, &st, 0);
	struct stat s;
	if (st || stat("/tmp/by-mapped", &s) || s.st_uid != 100003 || s.st_gid != 100003)
		return 4;
	return unlink("/tmp/by-mapped");
}

static int depth(void) {
	int n = 0;
	while (n < 40 && unshare(CLONE_NEWUSER) == 0) {
		if (put("/proc/self/uid_map", "0 0 1") || put("/proc/self/setgroups", "deny") || put("/proc/self/gid_map", "0 0 1"))
			return 200;
		n++;
	}
	return errno == ENOSPC || errno == EUSERS ? n : 201;
}

static int chrooted(void) {
	if (chroot("/tmp"))
		return 1;
	return unshare(CLONE_NEWUSER) != -1 || errno != EPERM;
}

static int mounts_inside(void) {
	if (become(1000) || unshare(CLONE_NEWUSER | CLONE_NEWNS) || put("/proc/self/uid_map", "0 1000 1") ||
	    put("/proc/self/setgroups", "deny") || put("/proc/self/gid_map", "0 1000 1"))
		return 1;
	if (mount("t", "/tmp", "tmpfs", 0, 0))
		return 2;
	if (creat("/tmp/inside", 0600) < 0)
		return 3;
	if (umount("/proc") != -1 || errno != EINVAL) // locked: it came from a more privileged namespace
		return 4;
	if (mount("/dev/null", "/tmp", "ext4", 0, 0) != -1)
		return 5;
	return sethostname("x", 1) != -1 || errno != EPERM;
}

static int exec_drops(void) {
	if (become(1000) || unshare(CLONE_NEWUSER) || put("/proc/self/uid_map", "1000 1000 1"))
		return 1;
	if (has_cap(CAP_SETUID) != 1)
		return 2;
	execl("/proc/self/exe", "mapped", "caps", NULL);
	return 3;
}

static int nested(void) {
	if (become(1000) || unshare(CLONE_NEWUSER) || put("/proc/self/uid_map", "0 1000 1") ||
	    put("/proc/self/setgroups", "deny") || put("/proc/self/gid_map", "0 1000 1"))
		return 1;
	if (unshare(CLONE_NEWUSER) || put("/proc/self/uid_map", "7 0 1") || getuid() != 7)
		return 2;
	return !shows("/proc/self/uid_map", "         7          0          1\n");
}

static int over_parent(void) {
	pid_t parent = getpid(), pid;
	int st;
	if (become(1000))
		return 9;
	if ((pid = fork()) == 0) {
		if (unshare(CLONE_NEWUSER) || put("/proc/self/uid_map", "0 1000 1"))
			_exit(1);
		if (kill(1, 0) != -1 || errno != EPERM) // no power over a stranger
			_exit(2);
		_exit(kill(parent, 0) != 0); // the same user
	}
	waitpid(pid, &st, 0);
	return WEXITSTATUS(st);
}

int main(int argc, char **argv) {
	if (argc > 1 && !strcmp(argv[1], "caps"))
		return has_cap(CAP_SETUID) ? 4 : 0;
	plan(12);
	int n;
#define CASE(f, name) \
	if (!ok((n = in_child(f)) == 0, name)) \
		printf("# step %d\n", n)
	chmod("/tmp", 01777);
	ok(shows("/proc/self/uid_map", "         0          0 4294967295\n"), "the initial map is 0 0 4294967295");
	CASE(unprivileged, "an ordinary user makes one and maps himself");
	CASE(two_lines, "and may map only himself, in one line: EPERM");
	CASE(bad_maps, "malformed maps: EINVAL");
	CASE(from_parent, "the parent writes the maps; files belong to the mapped ids");
	ok((n = in_child(depth)) == 33 || n == 32, "33 nested namespaces, then no more");
	printf("# %d\n", n);
	CASE(chrooted, "not in a chroot: EPERM");
	CASE(mounts_inside, "mounts of its own; inherited ones are locked");
	CASE(exec_drops, "execve by a non-zero id drops the capabilities");
	CASE(nested, "a nested one shows its map relative to the reader");
	CASE(over_parent, "no power outside");
	ok(prctl(PR_GET_SECUREBITS) == 0, "the parent has no securebits");
	return tap_end();
}
