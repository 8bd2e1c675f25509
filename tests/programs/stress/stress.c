// The first process of a guest in which stress-ng's stressors run one after another:
//
//	stress SECONDS [AFTER]
//
// runs those that /stressors names, a line each, from the one behind AFTER on. It prints, each line behind a tab so that
// what else the console shows can be told apart,
//
//	stress	start	NAME
//	stress	NAME	STATUS	OUTPUT
//
// STATUS is stress-ng's exit status, 128+N after signal N, "timeout" after LIMIT seconds more than it should have taken,
// or "unkillable" when its processes outlive SIGKILL. OUTPUT is what it printed, with newlines as "|".
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LIMIT 60

static char output[16384];
static size_t used;

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void mountAt(const char *type, const char *dir, const char *options)
{
	mkdir(dir, 0755);
	if (mount(type, dir, type, 0, options) < 0 && errno != EBUSY)
		printf("mount %s: %s\n", dir, strerror(errno));
}

// keep reads what is there from fd; the beginning is dropped when there is too much.
static void keep(int fd)
{
	for (;;) {
		if (used > sizeof output / 2) {
			memmove(output, output + used / 2, used - used / 2);
			used -= used / 2;
		}
		ssize_t n = read(fd, output + used, sizeof output - 1 - used);
		if (n <= 0)
			return;
		used += n;
	}
}

static void report(const char *name, const char *status)
{
	for (size_t i = 0; i < used; i++)
		if (output[i] == '\n')
			output[i] = '|';
		else if (output[i] < ' ')
			output[i] = ' ';
	output[used] = 0;
	printf("\nstress\t%s\t%s\t%s\n", name, status, output);
	fflush(stdout);
}

// reap waits until no child is left, at most ten seconds, and reports whether that came true.
static int reap(void)
{
	double end = now() + 10;
	for (;;) {
		pid_t p = waitpid(-1, NULL, WNOHANG);
		if (p < 0 && errno == ECHILD)
			return 1;
		if (p == 0) {
			if (now() > end)
				return 0;
			kill(-1, SIGKILL);
			poll(NULL, 0, 20);
		}
	}
}

static pid_t start(const char *name, const char *seconds, int out)
{
	char option[80];
	pid_t child = fork();
	if (child != 0)
		return child;
	setsid();
	dup2(out, 1);
	dup2(out, 2);
	int null = open("/dev/null", O_RDONLY);
	dup2(null, 0);
	for (int fd = 3; fd < 20; fd++)
		close(fd);
	chdir("/tmp");
	snprintf(option, sizeof option, "--%s", name);
	execl("/usr/bin/stress-ng", "stress-ng", option, "1", "--verify", "-t", seconds, NULL);
	_exit(127);
}

static void run(const char *name, const char *seconds)
{
	int fds[2], status = 0;
	char word[32];
	used = 0;
	printf("\nstress\tstart\t%s\n", name);
	fflush(stdout);
	if (pipe2(fds, O_CLOEXEC) < 0 || fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0) {
		report(name, "pipe");
		return;
	}
	double end = now() + atoi(seconds) + LIMIT;
	pid_t child = start(name, seconds, fds[1]), done = 0;
	close(fds[1]);
	while ((done = waitpid(child, &status, WNOHANG)) == 0 && now() < end) {
		struct pollfd p = {.fd = fds[0], .events = POLLIN};
		poll(&p, 1, 50);
		keep(fds[0]);
		if (p.revents & POLLHUP)
			poll(NULL, 0, 10);
	}
	kill(-1, SIGKILL);
	keep(fds[0]);
	close(fds[0]);
	if (!reap())
		strcpy(word, "unkillable");
	else if (done != child)
		strcpy(word, "timeout");
	else
		snprintf(word, sizeof word, "%d", WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
	report(name, word);
	umount2("/tmp", MNT_DETACH); // what the stressor left behind goes with it
	mountAt("tmpfs", "/tmp", "mode=1777");
}

static void prepare(void)
{
	mountAt("devtmpfs", "/dev", NULL);
	if (fcntl(1, F_GETFD) < 0) { // a Linux whose initial root lacks /dev/console starts init without descriptors
		int fd = open("/dev/console", O_RDWR);
		for (int i = fd + 1; i <= 2; i++)
			dup2(fd, i);
	}
	mountAt("proc", "/proc", NULL);
	mountAt("sysfs", "/sys", NULL);
	mountAt("tmpfs", "/tmp", "mode=1777");
	mountAt("tmpfs", "/dev/shm", "mode=1777");
	mountAt("mqueue", "/dev/mqueue", NULL);
	mountAt("devpts", "/dev/pts", "ptmxmode=0666");
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
}

int main(int argc, char **argv)
{
	char name[64];
	prepare();
	const char *after = argc > 2 ? argv[2] : NULL;
	FILE *list = fopen("/stressors", "re");
	if (argc < 2 || list == NULL) {
		printf("usage: stress SECONDS [AFTER]\n");
		return 2;
	}
	while (fscanf(list, "%63s", name) == 1) {
		if (after == NULL)
			run(name, argv[1]);
		else if (strcmp(name, after) == 0)
			after = NULL;
	}
	printf("\nstress\tend\n");
	fflush(stdout);
	return 0;
}
