// Namespaces as descriptors: setns with files of /proc/PID/ns and with pidfds, the ioctls of ioctl_ns(2), what keeps a
// namespace alive, limits, and namespaces made and dropped in a loop.
#include "child.h"
#include "tap.h"
#include <fcntl.h>
#include <linux/nsfs.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#define is(call, e) ((call) == -1 && errno == (e))

static const struct kind {
	int flag;
	const char *name;
} kinds[] = {{CLONE_NEWNS, "mnt"}, {CLONE_NEWUTS, "uts"}, {CLONE_NEWIPC, "ipc"}, {CLONE_NEWPID, "pid"}, {CLONE_NEWNET, "net"},
             {CLONE_NEWCGROUP, "cgroup"}, {CLONE_NEWUSER, "user"}, {0x80 /* CLONE_NEWTIME */, "time"}};
#define KINDS (sizeof kinds / sizeof *kinds)

static int ns_open(const char *pid, const char *name) {
	char path[64];
	snprintf(path, sizeof path, "/proc/%s/ns/%s", pid, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static int same(int a, int b) {
	struct stat x, y;
	return !fstat(a, &x) && !fstat(b, &y) && x.st_ino == y.st_ino && x.st_dev == y.st_dev;
}

static int become(int uid) { return setresgid(uid, uid, uid) || setresuid(uid, uid, uid) || prctl(PR_SET_DUMPABLE, 1); }

// member starts a process in new namespaces of its own, which waits to be killed.
static pid_t member(int flags) {
	int ready[2];
	char c;
	pipe(ready);
	pid_t pid = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0) {
		sethostname("member", 6);
		write(ready[1], "x", 1);
		for (;;)
			pause();
	}
	read(ready[0], &c, 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void end(pid_t pid) {
	kill(pid, SIGKILL);
	waitpid(pid, 0, 0);
}

static int joins(void) {
	char pid[16];
	pid_t m = member(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP);
	snprintf(pid, sizeof pid, "%d", m);
	for (unsigned i = 0; i < 6; i++) {
		int theirs = ns_open(pid, kinds[i].name), mine = ns_open("self", kinds[i].name);
		if (same(theirs, mine) || ioctl(theirs, NS_GET_NSTYPE) != kinds[i].flag || !is(setns(theirs, CLONE_NEWUSER), EINVAL) || setns(theirs, i % 2 ? kinds[i].flag : 0))
			return 10 + i;
		const char *name = kinds[i].flag == CLONE_NEWPID ? "pid_for_children" : kinds[i].name;
		if (kinds[i].flag != CLONE_NEWNS && !same(theirs, ns_open("self", name))) // the /proc of the other one shows other processes
			return 20 + i;
		close(theirs);
		close(mine);
	}
	struct utsname u;
	uname(&u);
	end(m);
	return strcmp(u.nodename, "member") != 0;
}

static int joins_pidfd(void) {
	struct utsname u;
	pid_t m = member(CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER);
	int fd = syscall(SYS_pidfd_open, m, 0);
	if (!is(setns(fd, 0), EINVAL) || !is(setns(fd, CLONE_FS), EINVAL))
		return 1;
	if (setns(fd, CLONE_NEWUSER | CLONE_NEWUTS | CLONE_NEWIPC) || uname(&u) || strcmp(u.nodename, "member"))
		return 2;
	if (!is(setns(fd, CLONE_NEWUSER), EINVAL) || !is(setns(fd, CLONE_NEWUSER | CLONE_NEWUTS), EINVAL)) // its own
		return 3;
	return 0;
}

static int dead_pidfd(void) {
	pid_t m = member(CLONE_NEWUTS);
	int fd = syscall(SYS_pidfd_open, m, 0);
	end(m);
	return !is(setns(fd, CLONE_NEWUTS), ESRCH);
}

static int bad_descriptors(void) {
	int p[2];
	pipe(p);
	return !is(setns(-1, 0), EBADF) + 2 * !is(setns(99, CLONE_NEWUTS), EBADF) + 4 * !is(setns(p[0], 0), EINVAL) +
	       8 * !is(setns(open("/", O_RDONLY), CLONE_NEWNS), EINVAL) + 16 * !is(setns(ns_open("self", "user"), 0), EINVAL) +
	       32 * !is(setns(open("/proc/self/ns/uts", O_PATH), 0), EBADF);
}

static int pid_ancestor(void) {
	int above = ns_open("self", "pid"), st;
	if (unshare(CLONE_NEWPID))
		return 1;
	pid_t pid = fork();
	if (pid == 0)
		_exit(!is(setns(above, CLONE_NEWPID), EINVAL));
	waitpid(pid, &st, 0);
	return st != 0 || setns(above, CLONE_NEWPID); // its own again
}

static void *waits(void *m) { return (void *)(intptr_t)pthread_mutex_lock(m); }

static int threaded(void) {
	pid_t m = member(CLONE_NEWUSER | CLONE_NEWUTS);
	int fd = syscall(SYS_pidfd_open, m, 0);
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_t t;
	pthread_mutex_lock(&lock);
	pthread_create(&t, 0, waits, &lock);
	int bad = !is(setns(fd, CLONE_NEWUSER), EINVAL) + 2 * (setns(fd, CLONE_NEWUTS) != 0);
	pthread_mutex_unlock(&lock);
	pthread_join(t, 0);
	end(m);
	return bad;
}

static char stack[65536];
static int shared_fs_child(void *fd) {
	return !is(setns(*(int *)fd, CLONE_NEWNS), EINVAL) + 2 * !is(setns(*(int *)fd, CLONE_NEWUSER), EINVAL) + 4 * (setns(*(int *)fd, CLONE_NEWUTS) != 0);
}
static int shared_fs(void) {
	int st;
	pid_t m = member(CLONE_NEWUSER | CLONE_NEWUTS | CLONE_NEWNS);
	int fd = syscall(SYS_pidfd_open, m, 0);
	waitpid(clone(shared_fs_child, stack + sizeof stack, CLONE_FS | SIGCHLD, &fd), &st, 0);
	end(m);
	return WEXITSTATUS(st);
}

static int without_right(void) {
	pid_t m = member(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP | CLONE_NEWUSER);
	char pid[16];
	int fd[KINDS - 1];
	snprintf(pid, sizeof pid, "%d", m);
	for (unsigned i = 0; i < KINDS - 1; i++)
		fd[i] = ns_open(pid, kinds[i].name);
	int pidfd = syscall(SYS_pidfd_open, m, 0);
	if (become(1000))
		return 100;
	for (unsigned i = 0; i < KINDS - 1; i++)
		if (!is(setns(fd[i], 0), EPERM))
			return 10 + i;
	return !is(setns(pidfd, CLONE_NEWUTS), EPERM);
}

static int relations(void) {
	int user = ns_open("self", "user"), pid = ns_open("self", "pid"), uts = ns_open("self", "uts");
	uid_t owner = 77;
	struct stat st;
	if (become(1000) || unshare(CLONE_NEWUSER | CLONE_NEWUTS))
		return 1;
	int inner = ns_open("self", "user"), name = ns_open("self", "uts"), got = ioctl(name, NS_GET_USERNS);
	if (!same(got, inner) || !is(ioctl(name, NS_GET_PARENT), EINVAL) || !is(ioctl(name, NS_GET_OWNER_UID, &owner), EINVAL))
		return 2;
	if (ioctl(inner, NS_GET_OWNER_UID, &owner) || owner != 65534) // not mapped here
		return 3;
	if (!is(ioctl(inner, NS_GET_PARENT), EPERM) || !is(ioctl(inner, NS_GET_USERNS), EPERM) || !is(ioctl(uts, NS_GET_USERNS), EPERM)) // out of scope
		return 4;
	if (!is(ioctl(user, NS_GET_PARENT), EPERM) || !is(ioctl(pid, NS_GET_PARENT), EPERM) || ioctl(user, NS_GET_NSTYPE) != CLONE_NEWUSER)
		return 5;
	if (!is(ioctl(inner, 0x1234), ENOTTY) || !is(ioctl(open("/proc/self/status", O_RDONLY), NS_GET_NSTYPE), ENOTTY))
		return 6;
	return fstat(inner, &st) || !S_ISREG(st.st_mode);
}

static int parents(void) {
	char pid[16];
	int user = ns_open("self", "user"), pids = ns_open("self", "pid");
	uid_t owner;
	pid_t m = member(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET);
	snprintf(pid, sizeof pid, "%d", m);
	int theirs = ns_open(pid, "user");
	int bad = !same(ioctl(theirs, NS_GET_PARENT), user) + 2 * !same(ioctl(theirs, NS_GET_USERNS), user) +
	          4 * !same(ioctl(ns_open(pid, "pid"), NS_GET_PARENT), pids) + 8 * !same(ioctl(ns_open(pid, "net"), NS_GET_USERNS), theirs) +
	          16 * (ioctl(theirs, NS_GET_OWNER_UID, &owner) || owner != getuid());
	end(m);
	return bad;
}

static int kept_alive(void) {
	struct utsname u;
	pid_t m = member(CLONE_NEWUTS);
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/ns/uts", m);
	int fd = open(path, O_RDONLY);
	close(creat("/tmp/kept", 0600));
	if (mount(path, "/tmp/kept", 0, MS_BIND, 0))
		return 1;
	end(m);
	if (setns(fd, CLONE_NEWUTS) || uname(&u) || strcmp(u.nodename, "member") || unshare(CLONE_NEWUTS) || sethostname("other", 5))
		return 2;
	close(fd);
	if (setns(fd = open("/tmp/kept", O_RDONLY), CLONE_NEWUTS) || uname(&u) || strcmp(u.nodename, "member"))
		return 3;
	close(fd);
	return umount("/tmp/kept") || unlink("/tmp/kept");
}

static int no_mount_loop(void) {
	close(creat("/tmp/loop", 0600));
	if (unshare(CLONE_NEWNS) || mount(0, "/", 0, MS_REC | MS_PRIVATE, 0))
		return 1;
	int bad = !is(mount("/proc/self/ns/mnt", "/tmp/loop", 0, MS_BIND, 0), EINVAL);
	unlink("/tmp/loop");
	return bad;
}

static int limits(void) {
	static const char *const names[KINDS] = {"mnt", "uts", "ipc", "pid", "net", "cgroup", "user", "time"};
	char path[64];
	if (unshare(CLONE_NEWUSER) || put("/proc/self/uid_map", "0 0 1") || put("/proc/self/setgroups", "deny") || put("/proc/self/gid_map", "0 0 1"))
		return 1;
	for (unsigned i = 0; i < KINDS; i++) {
		int st;
		pid_t pid = fork();
		if (pid == 0) {
			snprintf(path, sizeof path, "/proc/sys/user/max_%s_namespaces", names[i]);
			if (put(path, "0"))
				_exit(1);
			_exit(!is(unshare(kinds[i].flag), ENOSPC));
		}
		waitpid(pid, &st, 0);
		if (st)
			return 10 + i;
	}
	return 0;
}

// loop makes and drops namespaces, far more than the limit lets live: those that nobody uses are gone and not counted.
static int loop(void) {
	if (unshare(CLONE_NEWUSER) || put("/proc/self/uid_map", "0 0 1") || put("/proc/self/setgroups", "deny") || put("/proc/self/gid_map", "0 0 1"))
		return 1;
	for (unsigned i = 0; i < KINDS; i++) {
		char path[64];
		snprintf(path, sizeof path, "/proc/sys/user/max_%s_namespaces", kinds[i].name);
		if (put(path, "64"))
			return 2;
	}
	for (int i = 0; i < 1500; i++) {
		int st, tries = 0;
		do {
			pid_t pid = syscall(SYS_clone, (i % 2 ? CLONE_NEWUSER : 0) | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP | SIGCHLD, 0, 0, 0, 0);
			if (pid == 0)
				_exit(getpid() != 1);
			if (pid < 0 && (errno != ENOSPC || tries++ > 2000))
				return 3;
			if (pid < 0)
				usleep(1000); // Linux frees them a little later
			else if (waitpid(pid, &st, 0) != pid || st)
				return 4;
			else
				break;
		} while (1);
	}
	return 0;
}

static int unmapped_ids(void) {
	int s[2], one = 1, st;
	struct iovec io = {"x", 1};
	char control[64];
	struct msghdr h = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, s))
		return 1;
	pid_t pid = fork();
	if (pid == 0) {
		siginfo_t info;
		sigset_t set;
		char c;
		sigemptyset(&set);
		sigaddset(&set, SIGUSR1);
		sigprocmask(SIG_BLOCK, &set, 0);
		setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof one);
		if (unshare(CLONE_NEWUSER))
			_exit(1);
		write(s[1], "r", 1);
		io.iov_base = &c;
		if (sigwaitinfo(&set, &info) != SIGUSR1 || info.si_uid != 65534 || recvmsg(s[1], &h, 0) != 1)
			_exit(2);
		struct ucred *u = (struct ucred *)CMSG_DATA(CMSG_FIRSTHDR(&h));
		_exit(u->uid != 65534 || u->gid != 65534 || getuid() != 65534);
	}
	char c;
	read(s[0], &c, 1);
	kill(pid, SIGUSR1);
	h.msg_control = 0;
	h.msg_controllen = 0;
	sendmsg(s[0], &h, 0);
	waitpid(pid, &st, 0);
	return st != 0;
}

int main(void) {
	int n;
	plan(17);
	mkdir("/tmp", 01777);
	chmod("/tmp", 01777);
#define CASE(f, name) \
	if (!ok((n = in_child(f)) == 0, name)) \
		printf("# step %d\n", n)
	CASE(joins, "setns with a file of each kind, by type or by none; another type: EINVAL");
	CASE(joins_pidfd, "setns with a pidfd joins several at once; no or other flags, its own user namespace: EINVAL");
	CASE(dead_pidfd, "a pidfd of a dead process: ESRCH");
	CASE(bad_descriptors, "no descriptor, O_PATH: EBADF; no namespace, one's own user namespace: EINVAL");
	CASE(pid_ancestor, "an ancestor pid namespace: EINVAL; back to one's own");
	CASE(threaded, "a threaded caller: EINVAL for a user namespace only");
	CASE(shared_fs, "a caller that shares root and cwd: EINVAL for mount and user namespaces");
	CASE(without_right, "without CAP_SYS_ADMIN over it: EPERM, all kinds");
	CASE(relations, "NS_GET_USERNS, PARENT, NSTYPE, OWNER_UID: EPERM out of scope, EINVAL, ENOTTY");
	CASE(parents, "they lead from a descendant to its parent and to its owner");
	CASE(kept_alive, "an open file, or a bind of one, keeps a namespace");
	CASE(no_mount_loop, "a mount namespace is not bound inside itself: EINVAL");
	CASE(limits, "/proc/sys/user/max_*_namespaces: ENOSPC, all kinds");
	CASE(loop, "1500 sets of namespaces under a limit of 64");
	CASE(unmapped_ids, "unmapped ids in SCM_CREDENTIALS, si_uid and getuid are 65534");
	int fd = ns_open("self", "time");
	ok(ioctl(fd, NS_GET_NSTYPE) == 0x80, "the type of a time namespace");
	fails(ioctl(fd, NS_GET_PARENT), EINVAL, "which has no parent: EINVAL");
	return tap_end();
}
