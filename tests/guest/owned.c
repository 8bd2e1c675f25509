// The owned model of user namespaces: the steps of the program that came with the 2006 patches. Two children, each in a
// user namespace of its own, over a root that is bound share-ns: each may use what is shared and its own mounts, not the
// other's.
// kargs: userns=owned
// only: Cleave
#include "tap.h"
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define MS_SHARE_NS (1 << 22)

struct report {
	int wrote, opened, bound, wrong;
};

static int to_first[2], from_first[2], from_second[2];

static pid_t child_in_new_userns(void) {
	return syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
}

static int put(const char *path, const char *text) {
	int fd = open(path, O_RDWR | O_CREAT, 0666);
	if (fd < 0)
		return -1;
	int n = write(fd, text, strlen(text));
	close(fd);
	return n == (int)strlen(text) ? 0 : -1;
}

static void first(void) {
	struct report r = {0};
	char c;
	rmdir("/mnt1");
	if (mkdir("/mnt1", 0777) || mount("/", "/mnt1", "none", MS_BIND, ""))
		r.wrong = errno;
	r.wrote = put("/mnt1/testme", "a") == 0;
	write(from_first[1], &r, sizeof r);
	read(to_first[0], &c, 1);
	_exit(0);
}

static void second(void) {
	struct report r = {0};
	rmdir("/mnt2");
	if (mkdir("/mnt2", 0777))
		r.wrong = errno;
	r.wrote = put("/testme", "b") == 0;
	r.opened = open("/mnt1/testme", O_RDWR) >= 0 ? -1 : errno;
	r.bound = mount("/mnt1", "/mnt2", "none", MS_BIND, "") == 0 ? -1 : errno;
	write(from_second[1], &r, sizeof r);
	_exit(0);
}

int main(void) {
	struct report a, b;
	char buf[4096] = "";
	plan(12);
	unlink("/testme");
	mkdir("/mnt", 0755);
	mkdir("/proc", 0755);
	ok(mount("/", "/mnt", "none", MS_BIND | MS_SHARE_NS, "") == 0, "/ is bound share-ns");
	int fd = open("/proc/mounts", O_RDONLY);
	for (ssize_t n, at = 0; (n = read(fd, buf + at, sizeof buf - 1 - at)) > 0; at += n)
		;
	close(fd);
	ok(strstr(buf, "share_userns") != NULL, "/proc/mounts says share_userns");
	if (chdir("/mnt") || chroot("/mnt"))
		die("chroot");
	if (pipe(to_first) || pipe(from_first) || pipe(from_second))
		die("pipe");
	pid_t one = child_in_new_userns();
	if (one == 0)
		first();
	ok(one > 0, "clone(CLONE_NEWUSER) in a chroot");
	if (read(from_first[0], &a, sizeof a) != sizeof a)
		die("first");
	pid_t two = child_in_new_userns();
	if (two == 0)
		second();
	if (read(from_second[0], &b, sizeof b) != sizeof b)
		die("second");
	ok(a.wrong == 0, "the first child mounts");
	ok(a.wrote, "and writes through its own mount");
	ok(b.wrong == 0, "the second child makes its folder");
	ok(b.wrote, "and writes through the shared one");
	ok(b.opened == EACCES, "it cannot open what the first mounted: EACCES");
	ok(b.bound == EPERM || b.bound == EACCES, "nor bind it");
	ok(access("/mnt1/testme", F_OK) == 0, "the initial namespace may use every mount");
	write(to_first[1], "x", 1);
	int st = 0, sum = 0;
	while (wait(&st) > 0)
		sum |= st;
	ok(sum == 0, "both children end");
	memset(buf, 0, sizeof buf);
	fd = open("/testme", O_RDONLY);
	ok(read(fd, buf, 16) == 1 && buf[0] == 'b', "the file holds exactly b");
	return tap_end();
}
