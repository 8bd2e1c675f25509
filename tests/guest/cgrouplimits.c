// Control groups that limit: the pids and memory controllers, and which groups may have them.
// only: Cleave
// (the host's Linux may have these controllers in the first version of control groups only)
#include "child.h"
#include "tap.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define TOP "/tmp/cg"

static int put_in(const char *file, const char *text) {
	char path[256];
	snprintf(path, sizeof path, TOP "/%s", file);
	return put(path, text);
}

static int put_number(const char *file, int v) {
	char text[16];
	snprintf(text, sizeof text, "%d\n", v);
	return put_in(file, text);
}

static const char *get(const char *file) {
	static char text[4096];
	char path[256];
	snprintf(path, sizeof path, TOP "/%s", file);
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	return n < 0 ? "?" : text;
}

static long number(const char *file) { return strtol(get(file), 0, 10); }

// await waits until a number is at least want.
static void await(const char *file, long want) {
	while (number(file) < want)
		usleep(1000);
}

static int shows(const char *file, const char *want) {
	const char *got = get(file);
	if (!strcmp(got, want))
		return 1;
	printf("# %s is %s", file, got);
	return 0;
}

static long event(const char *file, const char *name) {
	char line[64];
	snprintf(line, sizeof line, "%s ", name);
	for (const char *p = get(file); p; p = strchr(p, '\n'), p += p != 0)
		if (!strncmp(p, line, strlen(line)))
			return strtol(p + strlen(line), 0, 10);
	return -1;
}

static int reap(pid_t pid) {
	int st;
	waitpid(pid, &st, 0);
	return WIFEXITED(st) ? WEXITSTATUS(st) : 1000 + WTERMSIG(st);
}

static pid_t start(const char *group, int (*f)(void)) {
	char file[64];
	pid_t pid = fork();
	if (pid == 0) {
		snprintf(file, sizeof file, "%s/cgroup.procs", group);
		if (put_in(file, "0"))
			_exit(100);
		_exit(f());
	}
	return pid;
}
static int in(const char *group, int (*f)(void)) { return reap(start(group, f)); }

static int sleeps(void) { return pause(); }
static int nothing(void) { return 0; }

static void rules(void) {
	ok(shows("cgroup.controllers", "memory pids\n") && shows("cgroup.subtree_control", "\n"), "the root has two controllers and gives none");
	ok(put_in("a/cgroup.subtree_control", "+pids") == -ENOENT, "a controller that the group does not have: ENOENT");
	ok(access(TOP "/a/pids.max", F_OK) == -1 && put_in("cgroup.subtree_control", "+pids +memory") == 0 && access(TOP "/a/pids.max", F_OK) == 0,
	   "a controller brings its files");
	ok(put_in("a/cgroup.subtree_control", "+pids +memory") == 0 && put_in("cgroup.subtree_control", "-pids") == -EBUSY, "a controller in use below: EBUSY");
	pid_t pid = fork();
	if (pid == 0)
		_exit(sleeps());
	ok(put_number("a/cgroup.procs", pid) == -EBUSY && put_number("a/b/cgroup.procs", pid) == 0, "a group that gives controllers has no processes: EBUSY");
	ok(put_in("a/b/cgroup.subtree_control", "+pids") == -EBUSY, "and the other way round: EBUSY");
	kill(pid, SIGKILL);
	reap(pid);
}

static int forks(void) { // how often it can fork
	int n = 0;
	pid_t pid;
	while (n < 100 && (pid = fork()) > 0)
		n++;
	if (pid == 0)
		_exit(pause());
	int e = errno;
	put_in("a/b/cgroup.kill", "1");
	return e == EAGAIN ? n : 200;
}

static int counted_forks(void) {
	int n = 0;
	pid_t pid[100];
	while (n < 100 && (pid[n] = fork()) > 0)
		n++;
	if (n < 100 && pid[n] == 0)
		_exit(pause());
	int e = errno;
	for (int i = 0; i < n; i++) {
		kill(pid[i], SIGKILL);
		reap(pid[i]);
	}
	if (e != EAGAIN)
		return 200;
	pid_t again = fork(); // reaped processes count no more
	if (again == 0)
		_exit(0);
	return again > 0 && reap(again) == 0 ? n : 201;
}

static void *thread(void *a) {
	pause();
	return a;
}
static int threads(void) {
	pthread_t t;
	int n = 0;
	while (n < 100 && pthread_create(&t, 0, thread, 0) == 0)
		n++;
	return n;
}

static void pids(void) {
	ok(put_in("a/b/pids.max", "-1") == -EINVAL && put_in("a/b/pids.max", "x") == -EINVAL, "no number: EINVAL");
	put_in("a/b/pids.max", "6");
	ok(in("a/b", counted_forks) == 5, "six processes, then EAGAIN");
	ok(event("a/b/pids.events", "max") > 0 && number("a/b/pids.peak") == 6 && number("a/b/pids.current") == 0, "pids.events, peak, current");
	ok(in("a/b", threads) == 5, "threads count");
	put_in("a/b/pids.max", "max");
	put_in("a/pids.max", "3");
	ok(in("a/b", counted_forks) == 2, "the limit of the group above");
	ok(in("a/b", forks) == 1000 + SIGKILL, "cgroup.kill kills a group that forks");
	put_in("a/pids.max", "max");
	while (number("a/b/pids.current") > 0) // the orphans are this process's
		waitpid(-1, 0, 0);
}

#define MB (1 << 20)

static int uses(size_t n) {
	char *p = mmap(0, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (size_t i = 0; i < n; i += 4096)
		p[i] = 1;
	return 0;
}
static int uses_much(void) { return uses(40 * MB); }
static int uses_little(void) { return uses(2 * MB); }
static int keeps_little(void) {
	uses(2 * MB);
	return pause();
}

static int maps_populated(void) {
	mmap(0, 40 * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	return 0;
}

static int writes_file(void) {
	static char block[MB];
	int fd = open("/tmp/filled", O_CREAT | O_WRONLY, 0600);
	for (int i = 0; i < 40; i++)
		if (write(fd, block, MB) < 0)
			return 1;
	return 0;
}

static int shares(void) {
	char *p = mmap(0, 40 * MB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (size_t i = 0; i < 40 * MB; i += 4096)
		p[i] = 1;
	return 0;
}

static int forks_and_uses(void) { // a child that takes too much is killed, and not its parent
	pid_t pid = fork();
	if (pid == 0)
		_exit(uses(40 * MB));
	return reap(pid) == 1000 + SIGKILL ? 7 : 1;
}

static void memory(void) {
	ok(shows("a/b/memory.max", "max\n") && number("a/b/memory.current") == 0, "no limit, nothing used");
	put_in("a/b/memory.max", "10M");
	ok(number("a/b/memory.max") == 10 * MB && put_in("a/b/memory.max", "much") == -EINVAL, "a limit in bytes, with a suffix");
	ok(in("a/b", uses_little) == 0, "within the limit");
	ok(in("a/b", uses_much) == 1000 + SIGKILL, "beyond it: killed");
	long peak = number("a/b/memory.peak");
	ok(peak > 9 * MB && peak < 11 * MB && number("a/b/memory.current") < MB, "it never had much more than the limit, and all is given back");
	ok(event("a/b/memory.events", "oom_kill") == 1 && event("a/memory.events", "oom_kill") == 1 && event("a/b/memory.events", "max") > 0, "memory.events");
	ok(in("a/b", maps_populated) != 100 && number("a/b/memory.peak") < 11 * MB, "MAP_POPULATE stops at the limit");
	ok(in("a/b", shares) == 1000 + SIGKILL, "shared memory");
	ok(in("a/b", forks_and_uses) == 7, "the largest process of the group is killed");
	pid_t outside = start("a/c", keeps_little), inside = start("a/b", keeps_little);
	await("a/b/memory.current", 2 * MB);
	await("a/c/memory.current", 2 * MB);
	ok(number("a/memory.current") >= 4 * MB, "a group counts what those below have");
	put_in("a/b/memory.max", "1M");
	ok(reap(inside) == 1000 + SIGKILL, "a lower limit takes effect at once");
	ok(waitpid(outside, 0, WNOHANG) == 0, "another group's process lives");
	kill(outside, SIGKILL);
	reap(outside);
	put_in("a/b/memory.max", "10M");
	put_in("a/b/memory.oom.group", "1");
	inside = start("a/b", keeps_little);
	await("a/b/memory.current", 2 * MB);
	ok(in("a/b", uses_much) == 1000 + SIGKILL && reap(inside) == 1000 + SIGKILL, "memory.oom.group: all of the group");
	put_in("a/b/memory.oom.group", "0");
	ok(in("a/b", writes_file) == 1000 + SIGKILL && event("a/b/memory.stat", "file") > 8 * MB, "pages of files count");
	unlink("/tmp/filled");
	ok(event("a/b/memory.stat", "file") == 0 && number("a/b/memory.current") < MB, "until they are gone");
	put_in("a/b/memory.max", "max");
	put_in("a/memory.max", "5M");
	ok(in("a/b", uses_much) == 1000 + SIGKILL, "the limit of the group above");
	put_in("a/memory.max", "max");
	put_in("a/b/memory.high", "3M");
	ok(in("a/b", uses_little) == 0 && event("a/b/memory.events", "high") == 0, "below memory.high");
	put_in("a/b/memory.high", "1M");
	ok(in("a/b", uses_little) == 0 && event("a/b/memory.events", "high") > 0, "above memory.high nobody is killed");
	put_in("a/b/memory.high", "max");
}

int main(void) {
	plan(32);
	mkdir("/tmp", 0777);
	mkdir(TOP, 0755);
	if (mount("cgroup2", TOP, "cgroup2", 0, 0))
		die("mounting cgroup2");
	mkdir(TOP "/a", 0755);
	mkdir(TOP "/a/b", 0755);
	mkdir(TOP "/a/c", 0755);
	rules();
	pids();
	memory();
	int good = in("a/b", nothing) == 0;
	for (int i = 0; i < 300; i++)
		good &= mkdir(TOP "/a/b2", 0755) == 0 && in("a/b2", uses_little) == 0 && rmdir(TOP "/a/b2") == 0;
	ok(good, "three hundred groups made and removed");
	ok(!rmdir(TOP "/a/b") && !rmdir(TOP "/a/c") && !rmdir(TOP "/a") && number("cgroup.procs") == 1, "all is as before");
	return tap_end();
}
