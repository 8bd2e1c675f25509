// What happens when memory runs out: a process is killed or told, never the kernel.
// mem: 32
// only: Cleave
#include "tap.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

static void eat(void) {
	for (;;) {
		char *p = malloc(1 << 20);
		if (!p)
			_exit(9);
		memset(p, 1, 1 << 20);
	}
}

int main(void) {
	plan(5);
	int killed = 0, st;
	for (int i = 0; i < 5; i++) {
		pid_t pid = fork();
		if (pid == 0)
			eat();
		waitpid(pid, &st, 0);
		killed += WIFSIGNALED(st) && WTERMSIG(st) == SIGKILL;
	}
	ok(killed == 5, "a process that eats all memory is killed, five times over");
	int n = 0;
	for (pid_t pid; (pid = fork()) >= 0 && n < 100000; n++)
		if (pid == 0)
			for (;;)
				pause();
	ok(n > 50 && (errno == EAGAIN || errno == ENOMEM), "too many processes: fork fails");
	printf("# %d processes\n", n);
	signal(SIGTERM, SIG_IGN);
	kill(-1, SIGKILL);
	int waited = 0;
	while (wait(0) > 0)
		waited++;
	ok(waited == n, "all of them end and are waited for");
	pid_t pid = fork();
	if (pid == 0)
		_exit(malloc(8 << 20) == NULL);
	ok(waitpid(pid, &st, 0) == pid && st == 0, "and there is memory again");
	int fd = open("/tmp/large", O_CREAT | O_WRONLY, 0600);
	static char buf[65536];
	ssize_t w;
	while ((w = write(fd, buf, sizeof buf)) > 0)
		;
	ok(w == -1 && (errno == ENOSPC || errno == ENOMEM), "a file that fills the memory: ENOSPC");
	unlink("/tmp/large");
	return tap_end();
}
