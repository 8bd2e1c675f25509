// What cases that run in processes of their own share.
#ifndef CHILD_H
#define CHILD_H
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

// in_child runs f in a child and returns what f returns, or 1000 and the signal that ended it.
static inline int in_child(int (*f)(void)) {
	int st;
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0)
		_exit(f());
	waitpid(pid, &st, 0);
	return WIFEXITED(st) ? WEXITSTATUS(st) : 1000 + WTERMSIG(st);
}

// put writes text to a file that is there, in one write; it returns 0 or the negative error.
static inline int put(const char *path, const char *text) {
	int fd = open(path, O_WRONLY);
	if (fd < 0)
		return -errno;
	ssize_t n = write(fd, text, strlen(text));
	int e = errno;
	close(fd);
	errno = e;
	return n == (ssize_t)strlen(text) ? 0 : -e;
}
#endif
