// Threads: futexes, thread-local storage, robust and shared locks, exit and exec of threaded processes.
#include "tap.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

static __thread int local = 5;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static int counter, stage;

static long futex(int *a, int op, int v, const struct timespec *t, int *b, int v3) {
	return syscall(SYS_futex, a, op, v, t, b, v3);
}

static void *count(void *arg) {
	local = (int)(intptr_t)arg;
	for (int i = 0; i < 20000; i++) {
		pthread_mutex_lock(&lock);
		counter++;
		pthread_mutex_unlock(&lock);
	}
	return (void *)(intptr_t)local;
}

static void *staged(void *arg) {
	(void)arg;
	pthread_mutex_lock(&lock);
	while (!stage)
		pthread_cond_wait(&cond, &lock);
	counter++;
	pthread_mutex_unlock(&lock);
	pthread_barrier_wait(&barrier);
	return 0;
}

static void libraries(void) {
	pthread_t t[8];
	intptr_t sum = 0;
	void *r;
	for (int i = 0; i < 8; i++)
		pthread_create(&t[i], 0, count, (void *)(intptr_t)(i + 1));
	for (int i = 0; i < 8; i++) {
		pthread_join(t[i], &r);
		sum += (intptr_t)r;
	}
	ok(counter == 160000, "eight threads and a mutex");
	ok(sum == 36 && local == 5, "thread-local storage is each thread's own");
	counter = 0;
	pthread_barrier_init(&barrier, 0, 9);
	for (int i = 0; i < 8; i++)
		pthread_create(&t[i], 0, staged, 0);
	pthread_mutex_lock(&lock);
	stage = 1;
	pthread_cond_broadcast(&cond);
	pthread_mutex_unlock(&lock);
	pthread_barrier_wait(&barrier);
	ok(counter == 8, "condition variable and barrier");
	for (int i = 0; i < 8; i++)
		pthread_join(t[i], 0);
}

static void futexes(void) {
	int word = 1, other = 0;
	struct timespec ms = {0, 5000000};
	fails(futex(&word, FUTEX_WAIT, 0, 0, 0, 0), EAGAIN, "FUTEX_WAIT with another value: EAGAIN");
	fails(futex(&word, FUTEX_WAIT, 1, &ms, 0, 0), ETIMEDOUT, "FUTEX_WAIT times out");
	ok(futex(&word, FUTEX_WAKE, 10, 0, 0, 0) == 0, "nobody to wake");
	fails(futex((int *)((char *)&word + 1), FUTEX_WAIT, 1, 0, 0, 0), EINVAL, "an odd address: EINVAL");
	fails(futex((int *)16, FUTEX_WAIT, 1, 0, 0, 0), EFAULT, "page zero: EFAULT");
	fails(futex(&word, 99, 0, 0, 0, 0), ENOSYS, "an unknown operation: ENOSYS");
	fails(futex(&word, FUTEX_CMP_REQUEUE, 1, (void *)1, &other, 7), EAGAIN, "CMP_REQUEUE with another value: EAGAIN");
	int *shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = fork();
	if (pid == 0) {
		while (!shared[0])
			futex(shared, FUTEX_WAIT, 0, 0, 0, 0);
		_exit(shared[0]);
	}
	usleep(2000);
	shared[0] = 21;
	futex(shared, FUTEX_WAKE, 1, 0, 0, 0);
	int st;
	waitpid(pid, &st, 0);
	ok(WEXITSTATUS(st) == 21, "a futex in shared memory between processes");
}

static void locks(void) {
	pthread_mutexattr_t a;
	pthread_mutex_t *m = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_init(&a);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(m, &a);
	if (fork() == 0) {
		pthread_mutex_lock(m);
		_exit(0);
	}
	wait(0);
	ok(pthread_mutex_lock(m) == EOWNERDEAD, "a robust lock of a dead process: EOWNERDEAD");
	ok(pthread_mutex_consistent(m) == 0 && pthread_mutex_unlock(m) == 0, "is made consistent");
}

static int pipefd[2];

static void *sleeper(void *arg) {
	(void)arg;
	for (;;)
		pause();
	return 0;
}

static void *execs(void *arg) {
	(void)arg;
	execl("/proc/self/exe", "threads", "child", NULL);
	_exit(99);
}

static void *exits(void *arg) {
	(void)arg;
	_exit(33);
}

static void *leaves(void *arg) {
	write(pipefd[1], "x", 1);
	return arg;
}

static int child_with(void *(*f)(void *)) {
	int st;
	pid_t pid = fork();
	if (pid == 0) {
		pthread_t t;
		for (int i = 0; i < 4; i++)
			pthread_create(&t, 0, sleeper, 0);
		pthread_create(&t, 0, f, 0);
		for (;;)
			pause();
	}
	waitpid(pid, &st, 0);
	return st;
}

static void ends(void) {
	ok(WEXITSTATUS(child_with(exits)) == 33, "one thread's exit_group ends all");
	ok(WEXITSTATUS(child_with(execs)) == 44, "one thread's execve ends the others");
	int st;
	pipe(pipefd);
	pid_t pid = fork();
	if (pid == 0) {
		pthread_t t;
		pthread_create(&t, 0, leaves, 0);
		syscall(SYS_exit, 0); // the leader leaves first
	}
	char c;
	ok(read(pipefd[0], &c, 1) == 1 && waitpid(pid, &st, 0) == pid, "a leader that has left is waited for with its last thread");
	ok(syscall(SYS_tgkill, getpid(), getpid(), 0) == 0, "tgkill");
	pid = fork();
	if (pid == 0)
		sleeper(0);
	fails(syscall(SYS_tgkill, getpid(), pid, 0), ESRCH, "tgkill of another process's thread: ESRCH");
	kill(pid, SIGKILL);
	waitpid(pid, 0, 0);
}

int main(int argc, char **argv) {
	if (argc > 1 && !strcmp(argv[1], "child"))
		return 44;
	plan(18);
	libraries();
	futexes();
	locks();
	ends();
	return tap_end();
}
