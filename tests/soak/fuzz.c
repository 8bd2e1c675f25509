// Random system calls: fuzz -s SEED -n RUNS [-f FIRST] [-t SECONDS] [-c CALLS] [-v]
//
// Each run is a process in namespaces of its own, with two or three workers that throw calls. What they throw follows from the seed and
// the number of the run; fuzz -s SEED -f RUN -n 1 does that one again. Its first process watches over the workers and kills
// those that have stopped; this one kills the first process when the time of the run is up, and waits until all is gone.
#include "fuzz.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint32_t seed_of_all = 1, runs = 100, first, calls_each = 400, seconds, verbose;
static struct progress *progress; // of the workers, in shared memory

static int64_t now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void sleep_ms(int ms) {
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};
	nanosleep(&t, 0);
}

static void on_signal(int sig) {
	if (sig == SIGSEGV || sig == SIGBUS || sig == SIGILL || sig == SIGFPE)
		_exit(3);
}

static void catch_signals(void) {
	struct sigaction a = {.sa_handler = on_signal};
	for (int s = 1; s < 64; s++)
		if (s != SIGCHLD)
			sigaction(s, &a, 0);
}

static void limit(int what, uint32_t n) {
	struct rlimit r = {n, n};
	setrlimit(what, &r);
}

// small_limits gives some runs so little of something that calls fail half-way.
static void small_limits(void) {
	limit(RLIMIT_NPROC, 40);
	limit(RLIMIT_CORE, 0);
	switch (below(6)) {
	case 0: limit(RLIMIT_AS, (20 + below(40)) << 20); break;
	case 1: limit(RLIMIT_NOFILE, 64 + below(200)); break;
	case 2: limit(RLIMIT_FSIZE, below(100000)); break;
	case 3: limit(RLIMIT_MEMLOCK, below(100) * 4096); break;
	case 4: limit(RLIMIT_SIGPENDING, below(10)); break;
	}
}

// worker throws calls. It never returns.
static void worker(uint32_t run, int n, int user) {
	struct progress *p = &progress[n];
	seed(seed_of_all * 7919 + run * 104729 + n * 1299709 + 1);
	catch_signals();
	small_limits();
	if (user)
		syscall(SYS_setgroups, 0, 0), setresgid(1000, 1000, 1000), setresuid(1000, 1000, 1000);
	if (below(3) == 0)
		unshare(CLONE_NEWUSER);
	if (below(4) == 0)
		unshare(CLONE_NEWNS | (below(2) ? CLONE_NEWIPC : 0) | (below(2) ? CLONE_NEWUTS : 0) | (below(2) ? 0x80 : 0));
	for (uint32_t i = 0; i < calls_each; i++) {
		if (i % 64 == 0) {
			make_memory();
			make_descriptors();
		}
		const struct call *c = pick();
		uint32_t a[6];
		fill(c, a);
		p->nr = c->nr;
		memcpy((void *)p->arg, a, sizeof a);
		p->calls++;
		raw(c->nr, a);
	}
	_exit(0);
}

// watch kills workers that make no call for a while, after a try with a signal, and returns when all have ended.
static void watch(const pid_t *pid, int n) {
	uint32_t seen[WORKERS] = {0};
	int idle[WORKERS] = {0}, alive = n;
	for (int tick = 0; alive > 0 && tick < 400; tick++) {
		sleep_ms(10);
		while (waitpid(-1, 0, WNOHANG | __WALL) > 0)
			;
		alive = 0;
		for (int i = 0; i < n; i++) {
			if (kill(pid[i], 0) < 0)
				continue;
			alive++;
			idle[i] = progress[i].calls == seen[i] ? idle[i] + 1 : 0;
			seen[i] = progress[i].calls;
			if (idle[i] == 3)
				kill(pid[i], SIGUSR1);
			if (idle[i] >= 10)
				kill(pid[i], SIGKILL);
		}
	}
}

// first_process is the init of a run's pid namespace.
static void first_process(uint32_t run) {
	pid_t pid[WORKERS];
	int mode = below(12), n = 1 + below(WORKERS);
	setsid();
	close(0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	mount(0, "/", 0, MS_REC | MS_PRIVATE, 0);
	if (mount("fuzz", "/tmp", "tmpfs", 0, below(4) ? "size=8m" : 0) < 0 || chdir("/tmp") < 0)
		_exit(4);
	make_files();
	if (mode % 3 == 0)
		chroot(".");
	if (mode % 4 == 3)
		unshare(CLONE_NEWUSER);
	for (int i = 0; i < n; i++) {
		int shared = mode % 2 ? CLONE_FILES | CLONE_FS : 0;
		pid[i] = syscall(SYS_clone, shared | SIGCHLD, 0, 0, 0, 0);
		if (pid[i] == 0) {
			close(1), close(2);
			worker(run, i, mode % 4 == 1);
		}
	}
	watch(pid, n);
	_exit(0);
}

static void show_last(uint32_t run) {
	for (int i = 0; i < WORKERS; i++) {
		struct progress *p = &progress[i];
		printf("# run %u, worker %d: %u calls, the last %u(%#x, %#x, %#x, %#x, %#x, %#x)\n", run, i, p->calls, p->nr, p->arg[0], p->arg[1],
			p->arg[2], p->arg[3], p->arg[4], p->arg[5]);
	}
}

// await waits until the first process has gone. false: it has not within ms.
static int await(pid_t pid, int ms) {
	for (int64_t end = now() + ms; now() < end; sleep_ms(2)) {
		pid_t got = waitpid(pid, 0, WNOHANG | __WALL);
		if (got == pid || (got < 0 && errno == ECHILD))
			return 1;
	}
	return 0;
}

// run does one. false: it could not be ended.
static int do_run(uint32_t run) {
	static const uint32_t kinds[] = {CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWCGROUP};
	uint32_t flags = CLONE_NEWPID | CLONE_NEWNS | SIGCHLD;
	seed(seed_of_all * 31337 + run);
	for (int i = 0; i < 4; i++)
		if (below(3))
			flags |= kinds[i];
	memset(progress, 0, WORKERS * sizeof *progress);
	if (verbose)
		printf("# run %u\n", run);
	pid_t pid = syscall(SYS_clone, flags, 0, 0, 0, 0);
	if (pid == 0)
		first_process(run);
	if (pid < 0) {
		printf("# run %u: clone: %s\n", run, strerror(errno));
		sleep_ms(100);
		return errno == EAGAIN || errno == ENOMEM; // whoever runs beside has all there is
	}
	if (await(pid, 10000))
		return 1;
	kill(pid, SIGKILL);
	if (await(pid, 10000))
		return 1;
	show_last(run);
	return 0;
}

static void options(int argc, char **argv) {
	for (int c; (c = getopt(argc, argv, "s:n:f:t:c:v")) != -1;) {
		uint32_t v = optarg ? strtoul(optarg, 0, 0) : 1;
		switch (c) {
		case 's': seed_of_all = v; break;
		case 'n': runs = v; break;
		case 'f': first = v; break;
		case 't': seconds = v, runs = -1; break;
		case 'c': calls_each = v; break;
		case 'v': verbose = 1; break;
		default: exit(2);
		}
	}
}

// only_in_a_guest refuses to run on a machine that somebody needs: calls that set its clock are among those thrown.
static void only_in_a_guest(void) {
	struct utsname u;
	if (uname(&u) < 0 || !strstr(u.version, "Cleave")) {
		fprintf(stderr, "fuzz: runs in Cleave only\n");
		exit(2);
	}
}

int main(int argc, char **argv) {
	only_in_a_guest();
	setvbuf(stdout, 0, _IOLBF, 0);
	options(argc, argv);
	progress = mmap((void *)(ARENA_END + 0x100000), 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	mmap((void *)SHARED, 4 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	uint64_t total = 0;
	uint32_t i = 0;
	for (int64_t end = now() + seconds * 1000LL; i < runs && (!seconds || now() < end); i++) {
		if (!do_run(first + i)) {
			printf("# run %u of seed %u cannot be ended\n", first + i, seed_of_all);
			return 1;
		}
		for (int k = 0; k < WORKERS; k++)
			total += progress[k].calls;
	}
	printf("# seed %u: %u runs, %llu calls\n", seed_of_all, i, (unsigned long long)total);
	return 0;
}
