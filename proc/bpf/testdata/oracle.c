/* Installs seccomp programs, read from standard input, each in a process of its own, and prints the error number of the
   installation, and what getppid(1, 2, 3, 4, 5, 0x80000006) then returns: a result, or "dead". */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile struct {
	int installed, err, called, result;
} *shared;

static void child(struct sock_fprog *prog, int call)
{
	long r;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		_exit(1);
	r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, prog);
	shared->err = r ? errno : 0;
	shared->installed = 1;
	if (call && !r) {
		r = syscall(SYS_getppid, 1, 2, 3, 4, 5, 0x80000006);
		shared->result = r == -1 ? -errno : r;
		shared->called = 1;
	}
	for (;;)
		;
}

int main(void)
{
	static struct sock_filter code[1 << 16];
	struct { unsigned len; int call; } head;
	shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	while (fread(&head, sizeof head, 1, stdin) == 1) {
		struct sock_fprog prog = {head.len, code};
		int gone = 0;
		if (head.len && fread(code, sizeof *code, head.len, stdin) != head.len)
			return 1;
		memset((void *)shared, 0, sizeof *shared);
		pid_t pid = fork();
		if (pid == 0)
			child(&prog, head.call);
		while (!gone && (!shared->installed || (head.call && !shared->err && !shared->called))) {
			gone = waitpid(pid, 0, WNOHANG) == pid;
			sched_yield();
		}
		if (!gone) {
			kill(pid, SIGKILL);
			waitpid(pid, 0, 0);
		}
		if (head.call && !shared->err && !shared->called)
			printf("%d dead\n", shared->err);
		else
			printf("%d %d\n", shared->err, shared->result);
		fflush(stdout);
	}
	return 0;
}
