// Processes: fork, vfork, wait, exit, reparenting, groups and sessions.
#include "tap.h"
#include <fcntl.h>
#include <linux/reboot.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static int status_of(pid_t pid) {
	int st = -1;
	return waitpid(pid, &st, 0) == pid ? st : -1;
}

static void basics(void) {
	volatile int private = 1;
	int st;
	int *shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = fork();
	if (pid == 0) {
		private = 2;
		*shared = getppid();
		_exit(private + 40);
	}
	st = status_of(pid);
	ok(WIFEXITED(st) && WEXITSTATUS(st) == 42, "fork: the child's exit status");
	ok(private == 1, "fork: the parent's memory is its own");
	ok(*shared == getpid(), "fork: shared memory is shared, getppid is the parent");
	pid = vfork();
	if (pid == 0) {
		private = 3;
		_exit(0);
	}
	ok(private == 3, "vfork: the child runs first, in the parent's memory");
	status_of(pid);
	if ((pid = fork()) == 0) {
		raise(SIGKILL);
	}
	st = status_of(pid);
	ok(WIFSIGNALED(st) && WTERMSIG(st) == SIGKILL, "a killed child's status");
	fails(waitpid(-1, &st, 0), ECHILD, "wait without children: ECHILD");
	fails(waitpid(pid, &st, 0), ECHILD, "wait for a stranger: ECHILD");
	fails(waitpid(-1, &st, 0x40), EINVAL, "wait with an unknown option: EINVAL");
}

static void many(void) {
	int n = 0, good = 0, st;
	for (int i = 0; i < 50; i++) {
		if (fork() == 0)
			_exit(i);
	}
	while (wait(&st) > 0) {
		n++;
		good += WIFEXITED(st);
	}
	ok(n == 50 && good == 50, "fifty children at once");
}

static void waits(void) {
	siginfo_t si;
	int st;
	pid_t pid = fork();
	if (pid == 0)
		_exit(5);
	memset(&si, 0, sizeof si);
	int r = waitid(P_PID, pid, &si, WEXITED | WNOWAIT);
	ok(r == 0 && si.si_pid == pid && si.si_code == CLD_EXITED && si.si_status == 5, "waitid: siginfo, WNOWAIT leaves the child");
	ok(waitpid(pid, &st, 0) == pid, "the child can be waited for afterwards");
	int go[2];
	char c;
	pipe(go);
	pid = fork();
	if (pid == 0) {
		raise(SIGSTOP);
		_exit(read(go[0], &c, 1) == 1 ? 6 : 1);
	}
	ok(waitpid(pid, &st, WUNTRACED) == pid && WIFSTOPPED(st) && WSTOPSIG(st) == SIGSTOP, "a stopped child is reported");
	ok(waitpid(pid, &st, WNOHANG) == 0, "WNOHANG: nothing new");
	kill(pid, SIGCONT);
	ok(waitpid(pid, &st, WCONTINUED) == pid && WIFCONTINUED(st), "a continued child is reported");
	write(go[1], "x", 1);
	st = status_of(pid);
	ok(WIFEXITED(st) && WEXITSTATUS(st) == 6, "and exits");
	struct rusage ru;
	if ((pid = fork()) == 0) {
		for (volatile int i = 0; i < 30000000; i++)
			;
		_exit(0);
	}
	ok(wait4(pid, &st, 0, &ru) == pid && ru.ru_utime.tv_sec * 1000000 + ru.ru_utime.tv_usec > 0, "wait4: the child's user time");
}

static void orphans(void) {
	int fds[2];
	pid_t parent = 0;
	if (pipe(fds))
		die("pipe");
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	pid_t mid = fork();
	if (mid == 0) {
		pid_t self = getpid();
		if (fork() == 0) {
			while (getppid() == self) // until the reaper has it; mid exits at once
				sched_yield();
			parent = getppid();
			_exit(write(fds[1], &parent, sizeof parent) < 0);
		}
		_exit(0);
	}
	status_of(mid);
	if (read(fds[0], &parent, sizeof parent) != sizeof parent)
		die("read");
	ok(parent == getpid(), "an orphan goes to the subreaper");
	int st;
	ok(wait(&st) > 0 && WIFEXITED(st), "who can wait for it");
	prctl(PR_SET_CHILD_SUBREAPER, 0);
}

static void groups(void) {
	pid_t pid = fork();
	if (pid == 0) {
		int bad = 0;
		bad |= setsid() != getpid();
		bad |= getpgrp() != getpid() || getsid(0) != getpid();
		bad |= setsid() != -1 || errno != EPERM;
		bad |= setpgid(0, 0) != -1 || errno != EPERM;
		_exit(bad);
	}
	ok(status_of(pid) == 0, "setsid: new session and group, once");
	pid = fork();
	if (pid == 0) {
		pause();
		_exit(0);
	}
	ok(setpgid(pid, pid) == 0 && getpgid(pid) == pid, "a parent moves its child to a group");
	ok(kill(-pid, SIGTERM) == 0 && WTERMSIG(status_of(pid)) == SIGTERM, "a signal to the group");
	fails(kill(-pid, SIGTERM), ESRCH, "a group that is gone: ESRCH");
	fails(setpgid(getpid(), 999999), EPERM, "a group that never was: EPERM");
	fails(kill(getpid(), 65), EINVAL, "a signal over 64: EINVAL");
}

static int clone_child(void *arg) {
	*(int *)arg = 77;
	return 0;
}

static void clones(void) {
	char *stack = malloc(65536);
	int word = 0;
	int pid = clone(clone_child, stack + 65536, CLONE_VM | SIGCHLD, &word);
	status_of(pid);
	ok(word == 77, "clone(CLONE_VM) writes the parent's memory");
	fails(syscall(SYS_clone, CLONE_THREAD, 0, 0, 0, 0), EINVAL, "CLONE_THREAD without SIGHAND: EINVAL");
	fails(syscall(SYS_clone, CLONE_SIGHAND, 0, 0, 0, 0), EINVAL, "CLONE_SIGHAND without VM: EINVAL");
	pid_t tid = -1;
	pid = syscall(SYS_clone, CLONE_PARENT_SETTID | SIGCHLD, 0, &tid, 0, 0);
	if (pid == 0)
		_exit(0);
	ok(tid == pid, "CLONE_PARENT_SETTID");
	status_of(pid);
}

enum { FILE_, VM, FILES, FS, SIGHAND, IO, SYSVSEM };

static long compare(int pid, int kind, int i, int j) {
	return syscall(SYS_kcmp, getpid(), pid, kind, i, j);
}

static void comparisons(void) {
	int me = getpid(), same = dup(1), other = open("/dev/null", O_RDONLY), equal = 0;
	for (int kind = VM; kind <= SYSVSEM; kind++)
		equal += compare(me, kind, 0, 0) == 0;
	ok(equal == SYSVSEM, "kcmp of a process with itself");
	ok(compare(me, FILE_, 1, same) == 0 && compare(me, FILE_, 1, other) > 0, "kcmp of files");
	fails(compare(me, FILE_, 1, 99), EBADF, "kcmp of a file that is not open: EBADF");
	int pid = syscall(SYS_clone, CLONE_FS | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0)
		for (;;)
			pause();
	ok(compare(pid, FS, 0, 0) == 0, "kcmp finds what clone shared");
	ok(compare(pid, FILES, 0, 0) > 0 && compare(pid, VM, 0, 0) > 0 && compare(pid, SIGHAND, 0, 0) > 0, "and what it copied");
	fails(compare(pid, 99, 0, 0), EINVAL, "kcmp of an unknown kind: EINVAL");
	kill(pid, SIGKILL);
	status_of(pid);
}

// rebooting returns the status of the init of a new pid namespace that calls reboot(2), or whose child does.
static int rebooting(unsigned cmd, int in_child) {
	int pid = syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0) {
		if (!in_child || fork() == 0)
			_exit(syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, cmd, 0) == -1 ? errno : 99);
		for (;;)
			pause();
	}
	return pid < 0 ? -1 : status_of(pid);
}

static void reboots(void) {
	ok(rebooting(LINUX_REBOOT_CMD_RESTART, 0) == SIGHUP, "reboot ends a pid namespace, not the machine: SIGHUP");
	ok(rebooting(LINUX_REBOOT_CMD_POWER_OFF, 1) == SIGINT, "so does power-off by another process than its init: SIGINT");
	ok(WEXITSTATUS(rebooting(LINUX_REBOOT_CMD_CAD_ON, 0)) == EINVAL, "other commands of reboot in there: EINVAL");
}

int main(void) {
	plan(39);
	comparisons();
	reboots();
	basics();
	many();
	waits();
	orphans();
	groups();
	clones();
	fails(syscall(9999), ENOSYS, "an unknown system call: ENOSYS");
	fails(syscall(-1), ENOSYS, "system call -1: ENOSYS");
	return tap_end();
}
