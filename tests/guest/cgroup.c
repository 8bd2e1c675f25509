// Control groups, version 2: the tree, who is in a group, events, killing, delegation, namespaces, CLONE_INTO_CGROUP.
#include "child.h"
#include "tap.h"
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

static char top[64], name[64]; // where it is mounted; our group there

static const char *at(const char *file) {
	static char path[4][256];
	static int n;
	n = (n + 1) % 4;
	snprintf(path[n], sizeof path[n], "%s/%s%s%s", top, name, *file ? "/" : "", file);
	return path[n];
}

static int put_number(const char *path, int v) {
	char text[16];
	snprintf(text, sizeof text, "%d\n", v);
	return put(path, text);
}

static const char *get(const char *path) {
	static char text[4096];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	return n < 0 ? "?" : text;
}

static int shows(const char *path, const char *want) {
	const char *got = get(path);
	if (!strcmp(got, want))
		return 1;
	printf("# %s is %s", path, got);
	return 0;
}

static int has_line(const char *path, const char *want) {
	char line[256], text[4200];
	snprintf(text, sizeof text, "\n%s", get(path));
	snprintf(line, sizeof line, "\n%s\n", want);
	return strstr(text, line) != 0;
}

static int lists(const char *path, int id) {
	char text[16];
	snprintf(text, sizeof text, "%d", id);
	return has_line(path, text);
}

// path_is looks at the line of version 2 in /proc/PID/cgroup.
static int path_is(int pid, const char *want) {
	char file[64], line[300];
	snprintf(file, sizeof file, "/proc/%d/cgroup", pid);
	snprintf(line, sizeof line, "0::%s", want);
	if (has_line(file, line))
		return 1;
	printf("# %s: %s", file, get(file));
	return 0;
}

static int hold[2], count[2];
// sleeper makes a child that lives until it is killed, or until let_go.
static pid_t sleeper(void) {
	pid_t pid = fork();
	if (pid == 0) {
		char c;
		close(hold[1]);
		read(hold[0], &c, 1);
		_exit(0);
	}
	return pid;
}
static int reap(pid_t pid) {
	int st;
	waitpid(pid, &st, 0);
	return WIFEXITED(st) ? WEXITSTATUS(st) : 1000 + WTERMSIG(st);
}
static void finish(pid_t pid) {
	kill(pid, SIGKILL);
	waitpid(pid, 0, 0);
}

static void files(void) {
	static const char *all[] = {"cgroup.procs", "cgroup.threads", "cgroup.controllers", "cgroup.subtree_control", "cgroup.events", "cgroup.type",
	                            "cgroup.max.depth", "cgroup.max.descendants", "cgroup.stat", "cgroup.kill", "cgroup.freeze"};
	int n = 0;
	struct stat st;
	for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
		n += access(at(all[i]), F_OK) == 0;
	ok(n == 11, "a new group has its control files");
	char path[128];
	snprintf(path, sizeof path, "%s/cgroup.events", top);
	ok(access(path, F_OK) == -1, "the root has fewer");
	ok(shows(at("cgroup.type"), "domain\n") && has_line(at("cgroup.events"), "populated 0") && shows(at("cgroup.procs"), ""), "it is empty");
	ok(!stat(at("cgroup.procs"), &st) && (st.st_mode & 07777) == 0644 && !stat(at("cgroup.kill"), &st) && (st.st_mode & 07777) == 0200, "modes");
	fails(mknod(at("file"), S_IFREG | 0644, 0), EACCES, "no other files: EACCES");
	fails(unlink(at("cgroup.procs")), EPERM, "control files stay: EPERM");
	fails(mkdir(at("cgroup.procs"), 0755), EEXIST, "their names are taken: EEXIST");
	ok(put(at("cgroup.procs"), "x") == -EINVAL && put(at("cgroup.procs"), "4000000") == -ESRCH && put(at("cgroup.procs"), "-1") == -EINVAL,
	   "no number, no process: EINVAL, ESRCH");
	ok(put(at("cgroup.subtree_control"), "+nothing") == -EINVAL, "an unknown controller: EINVAL");
	ok(put(at("cgroup.kill"), "2") == -ERANGE && put(at("cgroup.max.depth"), "-2") == -ERANGE, "numbers that make no sense: ERANGE");
}

static void *thread(void *a) {
	while (!*(volatile int *)a)
		usleep(1000);
	return 0;
}

static int self_moves(void) {
	char want[80];
	snprintf(want, sizeof want, "/%s", name);
	if (put(at("cgroup.procs"), "0") || !path_is(getpid(), want))
		return 1;
	int done = 0, both = 0;
	pthread_t t;
	pthread_create(&t, 0, thread, &done);
	const char *ids = get(at("cgroup.threads"));
	for (const char *p = ids; *p; p++)
		both += *p == '\n';
	done = 1;
	pthread_join(t, 0);
	if (both != 2)
		return 2;
	pid_t pid = sleeper(); // a child is where its parent is
	int good = path_is(pid, want) && lists(at("cgroup.procs"), pid);
	finish(pid);
	return good ? 0 : 3;
}

static void members(void) {
	char want[96];
	ok(in_child(self_moves) == 0, "a process moves itself, with its threads and children");
	pid_t pid = sleeper();
	ok(put_number(at("cgroup.procs"), pid) == 0 && lists(at("cgroup.procs"), pid) && has_line(at("cgroup.events"), "populated 1"), "a process is moved");
	fails(rmdir(at("")), EBUSY, "its group can't be removed: EBUSY");
	mkdir(at("sub"), 0755);
	ok(put_number(at("sub/cgroup.procs"), pid) == 0 && shows(at("cgroup.procs"), "") && has_line(at("cgroup.events"), "populated 1"),
	   "a process below makes a group populated");
	fails(rmdir(at("")), EBUSY, "a group with groups: EBUSY");
	int fd = open(at("sub/cgroup.procs"), O_RDONLY);
	kill(pid, SIGKILL);
	waitid(P_PID, pid, 0, WEXITED | WNOWAIT);
	ok(rmdir(at("sub")) == 0, "a zombie does not hold it");
	snprintf(want, sizeof want, "/%s/sub (deleted)", name);
	ok(path_is(pid, want), "the zombie's path says so");
	char c;
	fails(read(fd, &c, 1), ENODEV, "a file of a group that is gone: ENODEV");
	close(fd);
	waitpid(pid, 0, 0);
}

static void limits(void) {
	mkdir(at("sub"), 0755);
	put(at("cgroup.max.depth"), "1");
	fails(mkdir(at("sub/deep"), 0755), EAGAIN, "cgroup.max.depth: EAGAIN");
	put(at("cgroup.max.depth"), "max");
	put(at("cgroup.max.descendants"), "1");
	fails(mkdir(at("more"), 0755), EAGAIN, "cgroup.max.descendants: EAGAIN");
	put(at("cgroup.max.descendants"), "max");
	ok(shows(at("cgroup.max.descendants"), "max\n") && has_line(at("cgroup.stat"), "nr_descendants 1"), "cgroup.stat counts");
	rmdir(at("sub"));
}

static void events(void) {
	pid_t pid = sleeper();
	int fd = open(at("cgroup.events"), O_RDONLY);
	char text[128];
	struct pollfd p = {fd, POLLPRI, 0};
	read(fd, text, sizeof text);
	ok(poll(&p, 1, 0) == 0, "no news");
	put_number(at("cgroup.procs"), pid);
	ok(poll(&p, 1, 1000) == 1 && p.revents & POLLPRI, "poll tells that a group is populated");
	lseek(fd, 0, SEEK_SET);
	text[read(fd, text, sizeof text - 1)] = 0;
	ok(strstr(text, "populated 1") && poll(&p, 1, 0) == 0, "until that is read");
	kill(pid, SIGKILL);
	ok(poll(&p, 1, 1000) == 1, "and that it is empty");
	waitpid(pid, 0, 0);
	close(fd);
}

static int forks_and_sleeps(void) {
	put(at("sub/cgroup.procs"), "0");
	sleeper();
	sleeper();
	raise(SIGSTOP);
	return 1;
}

static void killing(void) {
	int st;
	mkdir(at("sub"), 0755);
	pid_t pid = fork();
	if (pid == 0)
		_exit(forks_and_sleeps());
	waitpid(pid, &st, WUNTRACED);
	put(at("cgroup.kill"), "1");
	ok(reap(pid) == 1000 + SIGKILL, "cgroup.kill ends a process below");
	struct pollfd none = {-1, 0, 0};
	for (int i = 0; i < 1000 && !has_line(at("cgroup.events"), "populated 0"); i++)
		poll(&none, 1, 1);
	ok(has_line(at("cgroup.events"), "populated 0") && rmdir(at("sub")) == 0, "and all that it has made");
}

static void freezing(void) {
	pid_t pid = fork();
	if (pid == 0) { // counts into shared memory, or rather: writes into a pipe that nobody reads but us
		close(hold[1]);
		for (;;)
			write(count[1], "x", 1);
	}
	char buf[65536];
	struct pollfd p = {open(at("cgroup.events"), O_RDONLY), POLLPRI, 0};
	put_number(at("cgroup.procs"), pid);
	read(p.fd, buf, sizeof buf);
	ok(shows(at("cgroup.freeze"), "0\n") && put(at("cgroup.freeze"), "2") == -ERANGE && put(at("cgroup.freeze"), "1") == 0, "cgroup.freeze");
	while (!has_line(at("cgroup.events"), "frozen 1"))
		poll(&p, 1, 10);
	while (read(count[0], buf, sizeof buf) == sizeof buf)
		;
	struct pollfd c = {count[0], POLLIN, 0};
	ok(poll(&c, 1, 30) == 0, "a frozen process does nothing");
	put(at("cgroup.freeze"), "0");
	ok(poll(&c, 1, 1000) == 1 && has_line(at("cgroup.events"), "frozen 0"), "until it is let go on");
	put(at("cgroup.freeze"), "1");
	kill(pid, SIGKILL);
	ok(reap(pid) == 1000 + SIGKILL, "a frozen process can be killed");
	put(at("cgroup.freeze"), "0");
	close(p.fd);
}

static int as_user(void) {
	if (put(at("cgroup.procs"), "0") || setgroups(0, 0) || setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000))
		return 1;
	if (mkdir(at("one"), 0755) || mkdir(at("two"), 0755))
		return 2;
	struct stat st;
	if (stat(at("one/cgroup.procs"), &st) || st.st_uid != 1000)
		return 3;
	if (put(at("one/cgroup.procs"), "0") || put(at("two/cgroup.procs"), "0"))
		return 4;
	char root[128];
	snprintf(root, sizeof root, "%s/cgroup.procs", top);
	if (put(root, "0") != -EACCES || put_number(at("one/cgroup.procs"), 1) != -EACCES)
		return 5;
	if (put(at("cgroup.procs"), "0") || rmdir(at("one")) || rmdir(at("two")))
		return 6;
	return put(at("cgroup.max.depth"), "5") != -EACCES;
}

static void delegation(void) {
	chown(at(""), 1000, 1000);
	chown(at("cgroup.procs"), 1000, 1000);
	int n = in_child(as_user);
	if (!ok(n == 0, "a user manages what is below a group that was given to him, and no more: EACCES"))
		printf("# step %d\n", n);
	chown(at(""), 0, 0);
	chown(at("cgroup.procs"), 0, 0);
}

// mount_root_is looks at what a mount shows of its file system, in /proc/self/mountinfo.
static int mount_root_is(const char *point, const char *want) {
	char line[1024], root[256], where[256];
	int found = 0;
	FILE *f = fopen("/proc/self/mountinfo", "r");
	while (fgets(line, sizeof line, f))
		if (sscanf(line, "%*d %*d %*s %255s %255s", root, where) == 2 && !strcmp(where, point))
			found = !strcmp(root, want);
	fclose(f);
	return found;
}

static int in_namespace(void) {
	char path[256];
	pid_t parent = getppid();
	mkdir(at("sub"), 0755);
	mkdir("/mnt", 0755);
	if (put(at("sub/cgroup.procs"), "0") || unshare(CLONE_NEWCGROUP | CLONE_NEWNS))
		return 1;
	if (!path_is(getpid(), "/") || !path_is(parent, "/../.."))
		return 2;
	if (put(at("cgroup.procs"), "0") || !path_is(getpid(), "/..") || put(at("sub/cgroup.procs"), "0"))
		return 3;
	if (mount("", "/", 0, MS_REC | MS_PRIVATE, 0) || mount("cg", "/mnt", "cgroup2", 0, 0))
		return 4;
	if (!shows("/mnt/cgroup.type", "domain\n") || !lists("/mnt/cgroup.procs", getpid()))
		return 5;
	if (!mount_root_is("/mnt", "/") || !mount_root_is(top, "/../.."))
		return 9;
	if (mkdir("/mnt/inner", 0755) || put("/mnt/inner/cgroup.procs", "0") || !path_is(getpid(), "/inner"))
		return 6;
	snprintf(path, sizeof path, "%s/%s/sub/inner/cgroup.procs", top, name);
	if (!lists(path, getpid()))
		return 7;
	return put("/mnt/cgroup.procs", "0") || rmdir("/mnt/inner");
}

static void namespaces(void) {
	int n = in_child(in_namespace);
	if (!ok(n == 0, "a cgroup namespace shows its own root"))
		printf("# step %d\n", n);
	rmdir(at("sub"));
}

static long into(int fd, unsigned long long flags) {
	struct clone_args a = {.flags = CLONE_INTO_CGROUP | flags, .exit_signal = flags & CLONE_THREAD ? 0 : SIGCHLD, .cgroup = fd};
	long pid = syscall(SYS_clone3, &a, sizeof a);
	if (pid == 0) {
		char c;
		close(hold[1]);
		read(hold[0], &c, 1);
		_exit(0);
	}
	return pid;
}

static void clones(void) {
	mkdir(at("sub"), 0755);
	int fd = open(at("sub"), O_PATH | O_DIRECTORY), other = open("/tmp", O_RDONLY | O_DIRECTORY);
	long pid = into(fd, 0);
	ok(pid > 0 && lists(at("sub/cgroup.procs"), pid) && !lists(at("sub/cgroup.procs"), getpid()), "CLONE_INTO_CGROUP");
	finish(pid);
	fails(into(other, 0), EBADF, "a directory that is no group: EBADF");
	fails(into(999, 0), EBADF, "no directory: EBADF");
	rmdir(at("sub"));
	fails(into(fd, 0), ENOENT, "a group that is gone: ENOENT");
	close(fd);
	close(other);
}

int main(void) {
	plan(39);
	snprintf(top, sizeof top, "/tmp/cgroup-XXXXXX");
	snprintf(name, sizeof name, "cleave-%d-%ld", getpid(), (long)time(0));
	if (!mkdtemp(top) || pipe(hold) || pipe2(count, O_NONBLOCK) || mount("", "/", 0, MS_REC | MS_PRIVATE, 0) || mount("cgroup2", top, "cgroup2", 0, 0))
		die("mounting cgroup2");
	ok(mkdir(at(""), 0755) == 0, "a group is a directory");
	files();
	members();
	limits();
	events();
	killing();
	freezing();
	delegation();
	namespaces();
	clones();
	ok(rmdir(at("")) == 0, "an empty group is removed");
	umount(top);
	rmdir(top);
	return tap_end();
}
