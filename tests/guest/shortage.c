// What happens when memory runs out: a process is killed or told, never the kernel.
// mem: 32
// only: Cleave
#include "tap.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>

static void eat(void) {
	for (;;) {
		char *p = malloc(1 << 20);
		if (!p)
			_exit(9);
		memset(p, 1, 1 << 20);
	}
}

// A read into memory that is not there yet, when another process has nearly all of it.
static void copies(void) {
	int ready[2], st;
	struct sysinfo si;
	if (pipe(ready) || sysinfo(&si))
		die("copies");
	size_t most = si.freeram * si.mem_unit - (4 << 20);
	pid_t hog = fork();
	if (hog == 0) {
		volatile char *p = malloc(most);
		for (size_t i = 0; i < most; i += 4096)
			p[i] = 1;
		write(ready[1], "x", 1);
		for (;;)
			pause();
	}
	char c;
	read(ready[0], &c, 1);
	size_t n = 8 << 20, got = 0;
	char *p = malloc(n);
	int random = open("/dev/urandom", O_RDONLY);
	for (ssize_t r; got < n && (r = read(random, p + got, n - got)) > 0; got += r)
		;
	ok(got == n, "a read that finds no memory: another process is killed for it");
	ok(waitpid(hog, &st, 0) == hog && WIFSIGNALED(st) && WTERMSIG(st) == SIGKILL, "the one that has most");
	free(p);
	close(random), close(ready[0]), close(ready[1]);
}

int main(void) {
	plan(7);
	int killed = 0, st;
	for (int i = 0; i < 5; i++) {
		pid_t pid = fork();
		if (pid == 0)
			eat();
		waitpid(pid, &st, 0);
		killed += WIFSIGNALED(st) && WTERMSIG(st) == SIGKILL;
	}
	ok(killed == 5, "a process that eats all memory is killed, five times over");
	copies();
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
