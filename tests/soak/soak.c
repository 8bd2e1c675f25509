// A soak: soak SECONDS SEED CLASS...
//
// For so long, stress-ng's stressors of the classes run in turn while memory is short, namespaces come and go, and the fuzzer
// throws system calls; a shell on a terminal is asked all the while. What happened is printed as TAP.
#include "tap.h"
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sysinfo.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

enum { MAX_STRESSORS = 400, STRESSOR_MS = 3000, GONE_MS = 60000 };

static int64_t now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void sleep_ms(int ms) {
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};
	nanosleep(&t, 0);
}

// job is the init of a pid namespace: killing it ends all that it began.
static pid_t job(void (*run)(void)) {
	pid_t pid = syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0) {
		run();
		_exit(0);
	}
	return pid;
}

// ended waits for a process until a time. -1: it goes on.
static int ended(pid_t pid, int64_t end) {
	int status;
	for (; now() < end; sleep_ms(10))
		if (waitpid(pid, &status, WNOHANG | __WALL) == pid)
			return status;
	return -1;
}

// finish ends a job. false: it does not go away.
static int finish(pid_t pid) {
	kill(pid, SIGKILL);
	return ended(pid, now() + GONE_MS) >= 0;
}

// eat takes as much memory as the machine has.
static void eat(void) {
	struct sysinfo s;
	sysinfo(&s);
	char *p = mmap(0, s.totalram, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	for (unsigned long at = 0; p != MAP_FAILED && at < s.totalram; at += 4096) {
		p[at] = 1;
		if (at % (4 << 20) == 0)
			sleep_ms(5);
	}
	sleep_ms(500);
	_exit(0);
}

// hog takes twice the machine's memory, in two processes that are killed for it again and again.
static void hog(void) {
	for (;; sleep_ms(300)) {
		for (int i = 0; i < 2; i++)
			if (fork() == 0)
				eat();
		while (wait(0) > 0)
			;
	}
}

static volatile uint32_t *rounds; // of churn, in shared memory

// nest makes namespaces of all kinds, with processes and mounts in them.
static void nest(void) {
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWCGROUP) < 0)
		_exit(1);
	for (int i = 0; i < 5; i++)
		mount("churn", "/tmp", "tmpfs", 0, 0);
	close(open("/tmp/file", O_CREAT | O_WRONLY, 0600));
	pid_t pid = fork();
	if (pid == 0) {
		mount("proc", "/proc", "proc", 0, 0);
		fork();
		_exit(0);
	}
	waitpid(pid, 0, 0);
	_exit(0);
}

static void churn(void) {
	for (;; ++*rounds) {
		pid_t pid = fork();
		if (pid == 0)
			nest();
		if (pid < 0)
			sleep_ms(20);
		while (wait(0) > 0)
			;
	}
}

static const char *fuzz_seed, *fuzz_seconds;

static void fuzz(void) {
	execl("/fuzz", "fuzz", "-s", fuzz_seed, "-t", fuzz_seconds, "-c", "200", NULL);
	_exit(127);
}

static int shell_fd;

// start_shell begins an interactive shell on a terminal.
static void start_shell(void) {
	int zero = 0, n = 0;
	char name[32];
	shell_fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	ioctl(shell_fd, TIOCSPTLCK, &zero);
	ioctl(shell_fd, TIOCGPTN, &n);
	snprintf(name, sizeof name, "/dev/pts/%d", n);
	if (fork() != 0)
		return;
	setsid();
	int f = open(name, O_RDWR);
	ioctl(f, TIOCSCTTY, 0);
	for (int i = 0; i < 3; i++)
		dup2(f, i);
	execl("/busybox", "sh", "-i", NULL);
	_exit(127);
}

// ask has the shell add two numbers in a child of its, and returns how long that took in ms; -1: no answer within limit.
static int ask(int limit) {
	static int last;
	static char seen[4096];
	char text[64], want[32];
	int64_t start = now();
	size_t have = 0;
	last += 7;
	snprintf(text, sizeof text, "(echo sum=$((%d+1000)))\n", last);
	snprintf(want, sizeof want, "sum=%d\r", last + 1000);
	write(shell_fd, text, strlen(text));
	while (now() - start < limit) {
		struct pollfd p = {.fd = shell_fd, .events = POLLIN};
		if (poll(&p, 1, 100) <= 0)
			continue;
		ssize_t n = read(shell_fd, seen + have, sizeof seen - 1 - have);
		if (n <= 0)
			return -1;
		seen[have += n] = 0;
		if (strstr(seen, want))
			return now() - start;
		if (have > sizeof seen / 2) {
			memmove(seen, seen + have - 64, 64);
			have = 64;
		}
	}
	return -1;
}

static const char *stressor; // that run_stressor runs

static void run_stressor(void) {
	char option[64];
	int null = open("/dev/null", O_RDWR);
	for (int i = 0; i < 3; i++)
		dup2(null, i);
	chdir("/tmp");
	snprintf(option, sizeof option, "--%s", stressor);
	pid_t pid = fork();
	if (pid == 0) {
		execl("/usr/bin/stress-ng", "stress-ng", option, "2", "--timeout", "1", "--oomable", "--vm-bytes", "200%", "--temp-path", "/tmp", NULL);
		_exit(127);
	}
	while (waitpid(pid, 0, 0) < 0 && errno == EINTR)
		;
}

// list_stressors reads the names of a class, as "stress-ng --class NAME?" prints them.
static int list_stressors(const char *class, char **names) {
	static char text[16384];
	int p[2], count = 0;
	char arg[64];
	snprintf(arg, sizeof arg, "%s?", class);
	pipe(p);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(p[1], 1), dup2(p[1], 2), close(p[0]);
		execl("/usr/bin/stress-ng", "stress-ng", "--class", arg, NULL);
		_exit(127);
	}
	close(p[1]);
	size_t have = 0;
	for (ssize_t n; (n = read(p[0], text + have, sizeof text - 1 - have)) > 0; have += n)
		;
	text[have] = 0;
	close(p[0]);
	waitpid(pid, 0, 0);
	char *list = strstr(text, "stressors:");
	for (char *s = list ? strtok(list + 10, " \n") : 0; s && count < MAX_STRESSORS; s = strtok(0, " \n"))
		names[count++] = s;
	if (count == 0)
		printf("# stress-ng printed: %.200s\n", text);
	return count;
}

static int slowest, unanswered, asked;

static void ask_while_busy(void) {
	int ms = ask(30000);
	asked++;
	unanswered += ms < 0;
	if (ms > slowest)
		slowest = ms;
}

// run_class runs stressors of a class, one after another in an order that seed decides, for ms.
static void run_class(const char *class, uint32_t seed, int ms) {
	static char *names[MAX_STRESSORS];
	int n = list_stressors(class, names), ran = 0, stuck = 0;
	for (int64_t end = now() + ms; n > 0 && now() < end;) {
		seed = seed * 1664525 + 1013904223;
		stressor = names[(seed >> 8) % n];
		pid_t pid = job(run_stressor);
		if (pid < 0) {
			sleep_ms(100);
			continue;
		}
		ran++;
		if (ended(pid, now() + STRESSOR_MS) < 0 && !finish(pid)) {
			printf("# %s does not go away\n", stressor);
			stuck++;
		}
		ask_while_busy();
	}
	ok(n > 0 && ran > 0 && stuck == 0, "class %s", class);
	printf("# %d runs of its %d stressors\n", ran, n);
}

int main(int argc, char **argv) {
	if (argc < 4)
		return 2;
	int seconds = atoi(argv[1]), classes = argc - 3;
	uint32_t seed = strtoul(argv[2], 0, 0);
	plan(classes + 5);
	mount("proc", "/proc", "proc", 0, 0);
	rounds = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	fuzz_seconds = argv[1], fuzz_seed = argv[2];
	start_shell();
	ok(ask(10000) >= 0, "a shell");
	pid_t hogs = job(hog), churns = job(churn), fuzzer = job(fuzz);
	for (int i = 0; i < classes; i++)
		run_class(argv[3 + i], seed + i, seconds * 1000 / classes);
	int status = ended(fuzzer, now() + GONE_MS);
	ok(status == 0, "the fuzzer ends");
	ok(finish(hogs) && finish(churns) && *rounds > 0 && (status >= 0 || finish(fuzzer)), "all is ended");
	printf("# namespaces: %u rounds\n", *rounds);
	ok(asked > 0 && unanswered == 0, "the shell answered all the while");
	printf("# asked %d times, not answered %d times, slowest answer %d ms\n", asked, unanswered, slowest);
	int last = ask(1000);
	ok(last >= 0, "at the end, the shell answers within a second");
	printf("# %d ms\n", last);
	return tap_end();
}
