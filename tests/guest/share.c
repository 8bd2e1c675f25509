// The processor is shared: by all alike, by nice value, and with those who sleep before those who compute.
#include "tap.h"
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

static volatile unsigned *turns; // a line of the cache for each process

static void pin(void) {
	cpu_set_t one;
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	sched_setaffinity(0, sizeof one, &one);
}

// busy starts a process that only computes.
static pid_t busy(int k, int value) {
	pid_t pid = fork();
	if (pid == 0) {
		pin();
		setpriority(PRIO_PROCESS, 0, value);
		for (;;)
			turns[k * 16]++;
	}
	return pid;
}

// ratio is how often a process of nice value a comes round for each time that one of nice value b does.
static double ratio(int a, int b) {
	turns[0] = turns[16] = 0;
	pid_t first = busy(0, a), second = busy(1, b);
	usleep(700000);
	kill(first, SIGKILL);
	kill(second, SIGKILL);
	while (wait(0) > 0)
		;
	return turns[16] ? (double)turns[0] / turns[16] : 1e9;
}

static long long now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

// late is how much later than asked a sleep ends on average, in microseconds.
static long long late(void) {
	long long sum = 0;
	for (int i = 0; i < 20; i++) {
		long long t = now();
		usleep(5000);
		sum += now() - t - 5000000;
	}
	return sum / 20000;
}

static void bounded(const char *name, double got, double low, double high) {
	if (!ok(got >= low && got <= high, "%s", name))
		printf("# %g, want %g to %g\n", got, low, high);
}

int main(void) {
	turns = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pin();
	plan(6);
	bounded("two alike", ratio(0, 0), 0.5, 2);
	bounded("two of nice 15", ratio(15, 15), 0.4, 2.5);
	bounded("nice 5 has a third", ratio(0, 5), 1.8, 6);
	bounded("nice 10 has a ninth", ratio(0, 10), 5, 20);
	bounded("nice -5 has three times as much", ratio(-5, 0), 1.8, 6);
	pid_t kids[4];
	for (int k = 0; k < 4; k++)
		kids[k] = busy(k, 0);
	bounded("a sleeper wakes in time beside four who compute", late(), 0, 60000);
	for (int k = 0; k < 4; k++)
		kill(kids[k], SIGKILL);
	while (wait(0) > 0)
		;
	return tap_end();
}
