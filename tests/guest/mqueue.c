// POSIX message queues: opening, priorities, waiting, notification, limits, the file system, and IPC namespaces.
#include "child.h"
#include "tap.h"
#include <dirent.h>
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

static const char *name = "/cleave-test";

static mqd_t make(int flags, long max, long size) {
	struct mq_attr a = {.mq_maxmsg = max, .mq_msgsize = size};
	return mq_open(name, O_CREAT | O_RDWR | flags, 0600, &a);
}

static struct timespec after_ms(long ms) {
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += ms * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

static void opening(void) {
	fails(mq_open(name, O_RDWR), ENOENT, "no such queue: ENOENT");
	fails(syscall(SYS_mq_open, "a/b", O_CREAT | O_RDWR, 0600, 0), EACCES, "a slash in the name: EACCES");
	fails(syscall(SYS_mq_open, "", O_CREAT | O_RDWR, 0600, 0), ENOENT, "no name: ENOENT");
	fails(syscall(SYS_mq_open, "..", O_CREAT | O_RDWR, 0600, 0), EACCES, "..: EACCES");
	fails(make(0, 0, 10), EINVAL, "room for no message: EINVAL");
	fails(make(0, 10, -1), EINVAL, "a negative size: EINVAL");
	fails(make(0, 65537, 10), EINVAL, "more than 65536 messages: EINVAL");
	mqd_t q = make(0, 4, 32);
	struct mq_attr a;
	ok(q >= 0 && mq_getattr(q, &a) == 0 && a.mq_maxmsg == 4 && a.mq_msgsize == 32 && a.mq_curmsgs == 0 && a.mq_flags == 0,
	   "a queue with the attributes asked for");
	ok(fcntl(q, F_GETFD) == FD_CLOEXEC, "its descriptor is closed by execve");
	fails(make(O_EXCL, 4, 32), EEXIST, "O_EXCL: EEXIST");
	mqd_t same = mq_open(name, O_RDONLY);
	ok(same >= 0 && mq_send(same, "x", 1, 0) == -1 && errno == EBADF, "no sending to a queue open for reading: EBADF");
	fails(mq_send(0, "x", 1, 0), EBADF, "a descriptor that is no queue: EBADF");
	mq_close(same);
	ok(mq_unlink(name) == 0 && mq_send(q, "x", 1, 0) == 0, "a queue without a name lives on while it is open");
	fails(mq_unlink(name), ENOENT, "its name is gone: ENOENT");
	mq_close(q);
}

static void order(void) {
	char buf[32];
	unsigned prio;
	mqd_t q = make(O_NONBLOCK, 4, 32);
	fails(mq_receive(q, buf, 32, 0), EAGAIN, "an empty queue: EAGAIN");
	fails(mq_receive(q, buf, 31, 0), EMSGSIZE, "a buffer smaller than a message may be: EMSGSIZE");
	fails(mq_send(q, buf, 33, 0), EMSGSIZE, "a message too long: EMSGSIZE");
	fails(mq_send(q, buf, 1, 32768), EINVAL, "a priority too high: EINVAL");
	ok(!mq_send(q, "one", 3, 1) && !mq_send(q, "two", 3, 32767) && !mq_send(q, "three", 5, 1) && !mq_send(q, "", 0, 7), "four messages");
	fails(mq_send(q, "x", 1, 0), EAGAIN, "a fifth does not fit: EAGAIN");
	int good = mq_receive(q, buf, 32, &prio) == 3 && prio == 32767 && !memcmp(buf, "two", 3);
	good &= mq_receive(q, buf, 32, &prio) == 0 && prio == 7;
	good &= mq_receive(q, buf, 32, &prio) == 3 && prio == 1 && !memcmp(buf, "one", 3);
	good &= mq_receive(q, buf, 32, &prio) == 5 && prio == 1 && !memcmp(buf, "three", 5);
	ok(good, "they come by priority, then in the order they were sent");
	struct pollfd p = {q, POLLIN | POLLOUT, 0};
	ok(poll(&p, 1, 0) == 1 && p.revents == POLLOUT, "poll: an empty queue can be written to");
	for (int i = 0; i < 4; i++)
		mq_send(q, "x", 1, 0);
	ok(poll(&p, 1, 0) == 1 && p.revents == POLLIN, "a full one can be read from");
	struct mq_attr a = {.mq_flags = 0}, old;
	ok(!mq_setattr(q, &a, &old) && old.mq_flags == O_NONBLOCK && old.mq_curmsgs == 4 && !(fcntl(q, F_GETFL) & O_NONBLOCK),
	   "mq_setattr changes O_NONBLOCK");
	a.mq_flags = O_APPEND;
	fails(mq_setattr(q, &a, 0), EINVAL, "and nothing else: EINVAL");
	mq_unlink(name);
	mq_close(q);
}

static void on_signal(int sig) { (void)sig; }

static mqd_t shared;
static void *sends(void *a) {
	(void)a;
	usleep(20000);
	mq_send(shared, "late", 4, 0);
	return 0;
}
static void *receives(void *a) {
	char buf[32];
	(void)a;
	usleep(20000);
	mq_receive(shared, buf, 32, 0);
	return 0;
}

static void waiting(void) {
	char buf[32];
	pthread_t t;
	shared = make(0, 1, 32);
	struct timespec at = after_ms(30), bad = {0, 1000000000};
	fails(mq_timedreceive(shared, buf, 32, 0, &at), ETIMEDOUT, "nothing comes in time: ETIMEDOUT");
	fails(mq_timedreceive(shared, buf, 32, 0, &bad), EINVAL, "no time at all: EINVAL");
	pthread_create(&t, 0, sends, 0);
	ok(mq_receive(shared, buf, 32, 0) == 4 && !memcmp(buf, "late", 4), "a receiver waits for a message");
	pthread_join(t, 0);
	mq_send(shared, "full", 4, 0);
	at = after_ms(30);
	fails(mq_timedsend(shared, "x", 1, 0, &at), ETIMEDOUT, "no room in time: ETIMEDOUT");
	pthread_create(&t, 0, receives, 0);
	ok(mq_send(shared, "next", 4, 0) == 0, "a sender waits for room");
	pthread_join(t, 0);
	mq_receive(shared, buf, 32, 0);
	struct sigaction sa = {.sa_handler = on_signal};
	sigaction(SIGALRM, &sa, 0);
	ualarm(20000, 0);
	fails(mq_receive(shared, buf, 32, 0), EINTR, "a signal: EINTR");
	mq_unlink(name);
	mq_close(shared);
}

static volatile int told, told_value, told_code, told_pid;
static void on_message(int sig, siginfo_t *si, void *uc) {
	(void)sig;
	(void)uc;
	told++;
	told_value = si->si_value.sival_int;
	told_code = si->si_code;
	told_pid = si->si_pid;
}

static int sends_one(void) {
	mqd_t q = mq_open(name, O_WRONLY);
	return mq_send(q, "x", 1, 0);
}

static int registers(void) { // its registration ends with it
	struct sigevent ev = {.sigev_notify = SIGEV_NONE};
	mqd_t q = mq_open(name, O_RDONLY);
	return mq_notify(q, &ev);
}

static int is_busy(void) {
	struct sigevent ev = {.sigev_notify = SIGEV_NONE};
	mqd_t q = mq_open(name, O_RDONLY);
	return mq_notify(q, &ev) != -1 || errno != EBUSY;
}

static void notification(void) {
	char buf[128];
	mqd_t q = make(O_NONBLOCK, 4, 32);
	struct sigaction sa = {.sa_sigaction = on_message, .sa_flags = SA_SIGINFO | SA_RESTART};
	sigaction(SIGUSR1, &sa, 0);
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 77}, bad = {.sigev_notify = 99};
	fails(mq_notify(q, &bad), EINVAL, "an unknown way of notification: EINVAL");
	ok(mq_notify(q, &ev) == 0 && in_child(is_busy) == 0, "one process may be registered: EBUSY");
	buf[read(q, buf, sizeof buf - 1)] = 0;
	char want[128];
	snprintf(want, sizeof want, "QSIZE:%-10u NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n", 0, SIGEV_SIGNAL, SIGUSR1, getpid());
	ok(!strcmp(buf, want), "read shows it");
	ok(in_child(sends_one) == 0 && told == 1 && told_value == 77 && told_code == SI_MESGQ && told_pid > getpid(), "a message in the empty queue sends the signal");
	ok(mq_send(q, "x", 1, 0) == 0 && told == 1, "once only");
	ok(mq_notify(q, &ev) == 0 && mq_send(q, "x", 1, 0) == 0 && told == 1, "and not while there are messages");
	ok(in_child(is_busy) == 0 && mq_notify(q, 0) == 0 && in_child(is_busy) == 1, "a registration can be taken back");
	ok(in_child(registers) == 0 && mq_notify(q, &ev) == 0, "or ends with its process");
	mqd_t other = mq_open(name, O_RDONLY);
	mq_close(other);
	ok(in_child(is_busy) == 1, "or when the process closes the queue");
	mq_unlink(name);
	mq_close(q);
}

static int limits(void) {
	struct rlimit r = {10000, 10000};
	if (setrlimit(RLIMIT_MSGQUEUE, &r) || make(0, 10, 8192) != -1 || errno != EMFILE)
		return 1;
	mqd_t q = make(0, 10, 100);
	if (q < 0 || make(0, 10, 100) < 0)
		return 2;
	if (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000))
		return 3;
	if (mq_open(name, O_RDONLY) != -1 || errno != EACCES || mq_unlink(name) != -1 || (errno != EPERM && errno != EACCES))
		return 4;
	name = "/cleave-own";
	if (make(0, 11, 10) != -1 || errno != EINVAL || make(0, 10, 8193) != -1 || errno != EINVAL)
		return 5;
	return make(0, 10, 100) < 0 || mq_unlink(name);
}

static int mounted(void) {
	struct stat st;
	char text[128];
	if (unshare(CLONE_NEWNS | CLONE_NEWIPC) || mount("", "/", 0, MS_REC | MS_PRIVATE, 0) || mount("mq", "/tmp", "mqueue", 0, 0))
		return 1;
	if (access("/tmp/cleave-test", F_OK) == 0)
		return 2; // the queues of the old namespace
	mqd_t q = make(0, 4, 32);
	if (stat("/tmp/cleave-test", &st) || (st.st_mode & 07777) != 0600 || st.st_size != 80)
		return 3;
	mq_send(q, "12345", 5, 0);
	int fd = open("/tmp/cleave-test", O_RDONLY);
	text[read(fd, text, sizeof text - 1)] = 0;
	if (strncmp(text, "QSIZE:5 ", 8))
		return 4;
	close(fd);
	fd = open("/tmp/by-open", O_CREAT | O_RDWR, 0644);
	struct mq_attr a;
	if (fd < 0 || mq_getattr(fd, &a) || a.mq_maxmsg != 10 || a.mq_msgsize != 8192)
		return 5;
	DIR *d = opendir("/tmp");
	int n = 0;
	while (readdir(d))
		n++;
	closedir(d);
	if (n != 4 || unlink("/tmp/by-open") || mq_unlink("/cleave-test") || access("/tmp/cleave-test", F_OK) == 0)
		return 6;
	return stat("/tmp", &st) || (st.st_mode & 07777) != 01777 || mkdir("/tmp/dir", 0700) != -1;
}

static int other_namespace(void) {
	if (unshare(CLONE_NEWIPC) || mq_open(name, O_RDWR) != -1 || errno != ENOENT)
		return 1;
	return make(0, 4, 32) < 0;
}

int main(void) {
	int n;
	plan(45);
#define CASE(f, name) \
	if (!ok((n = in_child(f)) == 0, name)) \
		printf("# step %d\n", n)
	opening();
	order();
	waiting();
	notification();
	CASE(limits, "limits of bytes, messages and sizes; permissions");
	mq_unlink(name);
	mqd_t q = make(0, 4, 32);
	CASE(other_namespace, "an IPC namespace has queues of its own");
	ok(mq_send(q, "x", 1, 0) == 0, "which does not touch those outside");
	CASE(mounted, "the queues as files");
	ok(mq_unlink(name) == 0, "and the old queue is still there");
	return tap_end();
}
