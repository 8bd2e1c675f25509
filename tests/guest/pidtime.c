// PID namespaces with the special rules of their first process, time namespaces, abstract sockets of network namespaces,
// and the bits that decide what an execve keeps: keepcaps, ambient capabilities, securebits, no_new_privs.
#include "child.h"
#include "tap.h"
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#define is(call, e) ((call) == -1 && errno == (e))
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

static pid_t start(int flags, int (*f)(void)) {
	pid_t pid = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0)
		_exit(f());
	return pid;
}

static int end_of(pid_t pid) {
	int st;
	if (waitpid(pid, &st, 0) != pid)
		return 999;
	return WIFEXITED(st) ? WEXITSTATUS(st) : 1000 + WTERMSIG(st);
}

static void ignored(int s) { (void)s; }

// signals: what has no handler does nothing to a first process that sends it to itself; its children can't kill it either.
static int first_signals(void) {
	if (getpid() != 1 || getppid() != 0 || kill(1, SIGTERM) || kill(1, SIGKILL) || raise(SIGSEGV))
		return 1;
	pid_t pid = fork();
	if (pid == 0)
		_exit(kill(1, SIGKILL) || kill(1, SIGINT) || kill(-1, SIGKILL) != -1 || errno != ESRCH);
	if (end_of(pid))
		return 2;
	signal(SIGUSR1, ignored);
	return kill(1, SIGUSR1) != 0;
}
static int signals_of_first(void) { return end_of(start(CLONE_NEWPID, first_signals)); }

static int waits(void) {
	while (pause())
		;
	return 0;
}
static int killed_from_outside(void) {
	pid_t pid = start(CLONE_NEWPID, waits);
	usleep(1000);
	kill(pid, SIGTERM); // nothing: no handler
	if (waitpid(pid, 0, WNOHANG) != 0)
		return 1;
	kill(pid, SIGKILL);
	return end_of(pid) != 1000 + SIGKILL;
}

static int pipes[2];
static int orphan_maker(void) {
	pid_t grand, middle = fork();
	if (middle == 0) {
		grand = fork();
		if (grand == 0) {
			while (getppid() != 1)
				usleep(1000);
			_exit(7);
		}
		_exit(0);
	}
	int one, two, st;
	one = wait(&st);
	two = wait(&st);
	return one == two || one < 0 || two < 0 || wait(0) != -1;
}
static int orphans(void) { return end_of(start(CLONE_NEWPID, orphan_maker)); }

static int dies_with_children(void) {
	for (int i = 0; i < 3; i++)
		if (fork() == 0)
			waits(); // holds the pipe's writing end
	return 3;
}
static int death(void) {
	char c;
	pipe(pipes);
	pid_t pid = start(CLONE_NEWPID, dies_with_children);
	close(pipes[1]);
	return read(pipes[0], &c, 1) != 0 ? 1 : end_of(pid) != 3; // all are gone before the first can be waited for
}

static int deepest(void) {
	char line[256];
	FILE *f;
	if (getpid() != 1 || mount(0, "/", 0, MS_REC | MS_PRIVATE, 0) || mount("p", "/proc", "proc", 0, 0))
		return 1;
	if (access("/proc/2", F_OK) == 0 || !(f = fopen("/proc/self/status", "r")))
		return 2;
	while (fgets(line, sizeof line, f))
		if (!strncmp(line, "NSpid:", 6))
			return strcmp(line, "NSpid:\t1\n") != 0;
	return 3;
}
static int deeper(void) { return getpid() != 1 ? 1 : end_of(start(CLONE_NEWPID | CLONE_NEWNS, deepest)); }
static int nested(void) {
	pid_t pid = start(CLONE_NEWPID, deeper);
	return pid <= 1 || end_of(pid);
}

static int late(void) {
	if (unshare(CLONE_NEWPID) || !is(syscall(SYS_clone, CLONE_THREAD | CLONE_VM | CLONE_SIGHAND, 0, 0, 0, 0), EINVAL) || !is(unshare(CLONE_NEWPID), EINVAL))
		return 1;
	pid_t pid = fork();
	if (pid == 0)
		_exit(getpid() != 1);
	return end_of(pid) || !is(fork(), ENOMEM);
}

static long seconds(clockid_t c) {
	struct timespec t;
	return clock_gettime(c, &t) ? -1 : t.tv_sec;
}
static int times(void) {
	long mono = seconds(CLOCK_MONOTONIC), boot = seconds(CLOCK_BOOTTIME), real = seconds(CLOCK_REALTIME);
	if (unshare(CLONE_NEWTIME))
		return 1;
	if (put("/proc/self/timens_offsets", "monotonic x 0") != -EINVAL || put("/proc/self/timens_offsets", "monotonic -99999999 0") != -ERANGE ||
	    put("/proc/self/timens_offsets", "realtime 5 0") != -EINVAL || put("/proc/self/timens_offsets", "monotonic 1000 0\nboottime 5000 0"))
		return 2;
	if (labs(seconds(CLOCK_MONOTONIC) - mono) > 100) // for children
		return 3;
	pid_t pid = fork();
	if (pid == 0) {
		if (labs(seconds(CLOCK_MONOTONIC) - mono - 1000) > 100 || labs(seconds(CLOCK_BOOTTIME) - boot - 5000) > 100 || labs(seconds(CLOCK_REALTIME) - real) > 100)
			_exit(1);
		struct timespec t = {mono + 1000, 0}; // a time that has come
		_exit(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, 0) != 0);
	}
	if (end_of(pid))
		return 4;
	return put("/proc/self/timens_offsets", "monotonic 0 0") != -EACCES; // somebody is in it
}

static int binds(const char *name) {
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	strcpy(a.sun_path + 1, name);
	return bind(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&a, offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
}
static int abstract(void) {
	if (binds("name") || !is(binds("name"), EADDRINUSE))
		return 1;
	return unshare(CLONE_NEWNET) || binds("name") || !is(binds("name"), EADDRINUSE);
}

static int caps(int which) { // 0: effective, 1: permitted
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2];
	return syscall(SYS_capget, &h, d) ? -1 : (int)(which ? d[0].permitted : d[0].effective);
}
static int set_caps(unsigned effective, unsigned permitted, unsigned inheritable) {
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2] = {{effective, permitted, inheritable}, {0, 0, 0}};
	return syscall(SYS_capset, &h, d);
}
#define NET_RAW (1u << CAP_NET_RAW)

static int keepcaps(void) {
	if (prctl(PR_SET_KEEPCAPS, 1) || setresuid(1000, 1000, 1000) || caps(0) != 0 || caps(1) == 0)
		return 1;
	return set_caps(NET_RAW, NET_RAW, 0) || caps(0) != (int)NET_RAW || !is(set_caps(NET_RAW, NET_RAW | 1, 0), EPERM);
}
static int ambient(void) {
	if (prctl(PR_SET_KEEPCAPS, 1) || setresuid(1000, 1000, 1000) || set_caps(NET_RAW, NET_RAW, 0))
		return 1;
	if (!is(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0), EPERM) || set_caps(NET_RAW, NET_RAW, NET_RAW) ||
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0) || !is(prctl(PR_CAP_AMBIENT, 99, 0, 0, 0), EINVAL))
		return 2;
	execl("/proc/self/exe", "pidtime", "caps", NULL);
	return 3;
}
static int plain(void) {
	if (setresuid(1000, 1000, 1000))
		return 1;
	execl("/proc/self/exe", "pidtime", "caps", NULL);
	return 3;
}
static int noroot(void) {
	if (prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED) || !is(prctl(PR_SET_SECUREBITS, 0), EPERM))
		return 1;
	execl("/proc/self/exe", "pidtime", "caps", NULL); // user 0 gets none
	return 3;
}
static int no_new_privs(void) {
	if (!is(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 1;
	return !is(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL); // and never off again
}

int main(int argc, char **argv) {
	int n;
	if (argc > 1 && !strcmp(argv[1], "caps"))
		return caps(0) == 0 ? 40 : caps(0) == (int)NET_RAW ? 41 : 42;
	plan(13);
#define CASE(f, want, name) \
	if (!ok((n = in_child(f)) == want, name)) \
		printf("# step %d\n", n)
	CASE(signals_of_first, 0, "a first process is not killed from inside");
	CASE(killed_from_outside, 0, "from outside by SIGKILL only");
	CASE(orphans, 0, "orphans become its children");
	CASE(death, 0, "with its death all end");
	CASE(nested, 0, "one below another; /proc shows its own");
	CASE(late, 0, "CLONE_NEWPID is for children: no thread, no second one; none after its first process");
	CASE(times, 0, "a time namespace: offsets once, ERANGE, EINVAL, EACCES; monotonic and boottime only");
	CASE(abstract, 0, "abstract sockets by network namespace: EADDRINUSE");
	CASE(keepcaps, 0, "PR_SET_KEEPCAPS");
	CASE(ambient, 41, "ambient capabilities outlast execve");
	CASE(plain, 40, "others do not");
	CASE(noroot, 40, "SECBIT_NOROOT, locked: EPERM");
	CASE(no_new_privs, 0, "no_new_privs stays: EINVAL");
	return tap_end();
}
