// Two children, each in a user namespace of its own, over a root that is bound share-ns: the steps of the test program of
// the 2006 patches, under userns=owned. Each says GOOD when it could use what is its own or shared, and could not use
// what is the other's. It ends by _exit, so standard output must be a terminal for its lines to be seen.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MS_SHARE_NS (1 << 22)

static int to1[2], from1[2], to2[2], from2[2];

static void need(int result, const char *what) {
	if (result == -1) {
		perror(what);
		_exit(1);
	}
}

static int put(const char *path, const char *letter) {
	int fd = open(path, O_RDWR | O_CREAT, 0666);
	if (fd == -1)
		return -1;
	write(fd, letter, 1);
	return close(fd);
}

static void say(const char *who, const char *able, const char *what, int good) {
	printf("%s: %s %s: %s\n", who, able, what, good ? "GOOD" : "ERROR");
}

static void first(void) {
	char buf[10];
	rmdir("/mnt1");
	need(mkdir("/mnt1", 0666), "mkdir /mnt1");
	need(mount("/", "/mnt1", "none", MS_BIND, ""), "mount /mnt1");
	int wrote = put("/mnt1/testme", "a") == 0;
	say("thread 1", wrote ? "able to write" : "unable to write", "/testme", wrote);
	write(from1[1], "mount", 6);
	read(to1[0], buf, 3);
	printf("thread 1: exiting.\n");
	write(from1[1], "done", 5);
}

static void second(void) {
	char buf[10];
	rmdir("/mnt2");
	need(mkdir("/mnt2", 0666), "mkdir /mnt2");
	read(to2[0], buf, sizeof buf);
	int wrote = put("/testme", "b") == 0;
	say("thread 2", wrote ? "able to write" : "unable to write", "/testme", wrote);
	int opened = put("/mnt1/testme", "c") == 0;
	say("thread 2", opened ? "able to open" : "unable to open", "/mnt1/testme", !opened);
	int bound = mount("/mnt1", "/mnt2", "none", MS_BIND, "") == 0;
	say("thread2", bound ? "able to remount" : "unable to remount", "/mnt1 to /mnt2", !bound);
	if (bound)
		put("/mnt2/testme", "d");
	write(from2[1], "done", 5);
	printf("thread 2: exiting\n");
}

// in_new_userns runs f in a child that clone puts into a user namespace of its own, with a zero stack: a copy of this one.
static void in_new_userns(void (*f)(void)) {
	int pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
	need(pid, "clone");
	if (pid == 0) {
		f();
		_exit(0);
	}
}

int main(void) {
	char buf[10];
	mkdir("/mnt", 0755);
	need(mount("/", "/mnt", "none", MS_SHARE_NS | MS_BIND, ""), "mount /mnt share-ns");
	need(chdir("/mnt"), "chdir");
	need(chroot("/mnt"), "chroot");
	need(pipe(to1), "pipe");
	need(pipe(to2), "pipe");
	need(pipe(from1), "pipe");
	need(pipe(from2), "pipe");
	in_new_userns(first);
	in_new_userns(second);
	read(from1[0], buf, 6);
	write(to2[1], "go", 3);
	read(from2[0], buf, 5);
	write(to1[1], "go", 3);
	read(from1[0], buf, 5);
	_exit(0);
}
