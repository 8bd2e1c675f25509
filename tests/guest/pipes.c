// Pipes, fifos, poll, select, epoll, eventfd, timerfd, signalfd, socket pairs.
#include "tap.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

static volatile sig_atomic_t caught;
static void on_signal(int sig) { caught = sig; }

static short polled(int fd, short events) {
	struct pollfd p = {.fd = fd, .events = events};
	return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

static void pipes(void) {
	int p[2], n;
	char buf[70000];
	ok(pipe(p) == 0 && polled(p[0], POLLIN) == 0 && polled(p[1], POLLOUT) == POLLOUT, "an empty pipe is writable, not readable");
	ok(write(p[1], "abc", 3) == 3 && polled(p[0], POLLIN) == POLLIN, "and readable after a write");
	ok(ioctl(p[0], FIONREAD, &n) == 0 && n == 3, "FIONREAD");
	ok(read(p[0], buf, 100) == 3, "a read takes what is there");
	fcntl(p[1], F_SETFL, O_NONBLOCK);
	fcntl(p[0], F_SETFL, O_NONBLOCK);
	fails(read(p[0], buf, 1), EAGAIN, "O_NONBLOCK: EAGAIN when empty");
	int total = 0;
	while ((n = write(p[1], buf, 4096)) > 0)
		total += n;
	ok(total == 65536 && errno == EAGAIN, "64 KiB fit");
	ok(polled(p[1], POLLOUT) == 0, "a full pipe is not writable");
	read(p[0], buf, 100);
	fails(write(p[1], buf, 4096), EAGAIN, "a write of PIPE_BUF is whole or not at all");
	ok(fcntl(p[1], F_SETPIPE_SZ, 131072) == 131072 && write(p[1], buf, 4096) == 4096, "F_SETPIPE_SZ");
	close(p[1]);
	while (read(p[0], buf, sizeof buf) > 0)
		;
	ok(read(p[0], buf, 1) == 0 && polled(p[0], POLLIN) == POLLHUP, "the end of the file when the writer is gone");
	close(p[0]);
	char again[64];
	pipe(p);
	write(p[1], "left", 4);
	close(p[1]);
	snprintf(again, sizeof again, "/proc/self/fd/%d", p[0]);
	int fd = open(again, O_RDONLY); // does not wait for a writer
	ok(read(fd, buf, 10) == 4 && read(fd, buf, 10) == 0, "a pipe opened again through /proc is the same pipe");
	close(fd);
	close(p[0]);
	pipe(p);
	close(p[0]);
	signal(SIGPIPE, on_signal);
	ok(write(p[1], "x", 1) == -1 && errno == EPIPE && caught == SIGPIPE, "no reader: EPIPE and SIGPIPE");
	ok(polled(p[1], POLLOUT) == (POLLOUT | POLLERR), "poll: POLLERR");
	close(p[1]);
}

static void flow(void) {
	int p[2], st;
	static char data[1 << 20];
	pipe(p);
	pid_t pid = fork();
	if (pid == 0) {
		for (size_t i = 0; i < sizeof data; i++)
			data[i] = (char)(i * 7);
		close(p[0]);
		_exit(write(p[1], data, sizeof data) != sizeof data);
	}
	close(p[1]);
	size_t got = 0;
	ssize_t n;
	while ((n = read(p[0], data + got, sizeof data - got)) > 0)
		got += n;
	int good = got == sizeof data;
	for (size_t i = 0; i < got; i++)
		good &= data[i] == (char)(i * 7);
	waitpid(pid, &st, 0);
	ok(good && st == 0, "a megabyte through a pipe");
	close(p[0]);
	mkfifo("/tmp/fifo", 0600);
	pid = fork();
	if (pid == 0) {
		int fd = open("/tmp/fifo", O_WRONLY);
		_exit(write(fd, "fifo", 4) != 4);
	}
	int fd = open("/tmp/fifo", O_RDONLY);
	ok(read(fd, data, 10) == 4 && !memcmp(data, "fifo", 4), "a fifo: open waits for the other side");
	waitpid(pid, &st, 0);
	close(fd);
	for (int reader_first = 0; reader_first <= 1; reader_first++) {
		int go[2];
		char c;
		pipe(go);
		pid = fork();
		if (pid == 0) {
			int w = open("/tmp/fifo", O_WRONLY);
			read(go[0], &c, 1);
			_exit(write(w, "x", 1) != 1);
		}
		if (!reader_first)
			usleep(20000); // the writer waits in its open
		fd = open("/tmp/fifo", O_RDONLY);
		int before = polled(fd, POLLIN);
		write(go[1], "g", 1);
		waitpid(pid, &st, 0);
		ok(before == 0 && polled(fd, POLLIN) == (POLLIN | POLLHUP) && read(fd, &c, 1) == 1 && polled(fd, POLLIN) == POLLHUP, "a fifo hangs up when its writer ends, whoever came first");
		close(fd);
	}
	fails(open("/tmp/fifo", O_WRONLY | O_NONBLOCK), ENXIO, "a fifo without a reader: ENXIO");
	unlink("/tmp/fifo");
}

static void polls(void) {
	int p[2];
	pipe(p);
	struct pollfd pf[3] = {{.fd = p[0], .events = POLLIN}, {.fd = -1}, {.fd = 999, .events = POLLIN}};
	ok(poll(pf, 3, 0) == 1 && pf[2].revents == POLLNVAL, "poll of a closed descriptor: POLLNVAL");
	struct timespec a, b;
	clock_gettime(CLOCK_MONOTONIC, &a);
	ok(poll(pf, 1, 30) == 0, "poll times out");
	clock_gettime(CLOCK_MONOTONIC, &b);
	ok((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 >= 29, "not too early");
	pid_t pid = fork();
	if (pid == 0) {
		usleep(5000);
		_exit(write(p[1], "x", 1) != 1);
	}
	ok(poll(pf, 1, -1) == 1 && pf[0].revents == POLLIN, "poll wakes when data come");
	wait(0);
	fd_set r, w;
	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_SET(p[0], &r);
	FD_SET(p[1], &w);
	ok(select(p[1] + 1, &r, &w, 0, 0) == 2 && FD_ISSET(p[0], &r) && FD_ISSET(p[1], &w), "select");
	FD_ZERO(&r);
	FD_SET(p[0], &r);
	close(p[0]);
	fails(select(p[0] + 1, &r, 0, 0, 0), EBADF, "select of a closed descriptor: EBADF");
	struct timeval tv = {0, 1000};
	ok(select(0, 0, 0, 0, &tv) == 0 && tv.tv_usec == 0, "select as a sleep, with the time that is left");
	close(p[1]);
}

static void epolls(void) {
	int p[2], ep = epoll_create1(EPOLL_CLOEXEC);
	char c;
	pipe(p);
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = 0x123456789abcdefULL}, got[4];
	ok(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev) == 0 && epoll_wait(ep, got, 4, 0) == 0, "epoll: nothing ready");
	fails(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev), EEXIST, "added twice: EEXIST");
	fails(epoll_ctl(ep, EPOLL_CTL_ADD, ep, &ev), EINVAL, "added to itself: EINVAL");
	int fd = open("/etc", O_RDONLY);
	fails(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev), EPERM, "a directory: EPERM");
	write(p[1], "ab", 2);
	ok(epoll_wait(ep, got, 4, -1) == 1 && got[0].data.u64 == 0x123456789abcdefULL && got[0].events == EPOLLIN, "ready, with its data");
	ok(epoll_wait(ep, got, 4, 0) == 1, "level-triggered: again");
	ev.events = EPOLLIN | EPOLLET;
	epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &ev);
	ok(epoll_wait(ep, got, 4, 0) == 1 && epoll_wait(ep, got, 4, 0) == 0, "edge-triggered: once");
	read(p[0], &c, 1);
	write(p[1], "c", 1);
	ok(epoll_wait(ep, got, 4, 0) == 1, "and once more after new data");
	ev.events = EPOLLIN | EPOLLONESHOT;
	epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &ev);
	ok(epoll_wait(ep, got, 4, 0) == 1 && epoll_wait(ep, got, 4, 0) == 0, "one-shot");
	ok(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], 0) == 0 && epoll_ctl(ep, EPOLL_CTL_DEL, p[0], 0) == -1 && errno == ENOENT, "deleted twice: ENOENT");
	ev.events = EPOLLIN;
	epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev);
	close(p[0]);
	ok(epoll_wait(ep, got, 4, 0) == 0, "a closed file drops out");
	close(ep);
	close(p[1]);
}

static void others(void) {
	uint64_t v;
	int fd = eventfd(3, EFD_NONBLOCK);
	v = 4;
	write(fd, &v, 8);
	ok(read(fd, &v, 8) == 8 && v == 7, "eventfd adds up");
	fails(read(fd, &v, 8), EAGAIN, "and is empty then");
	close(fd);
	fd = eventfd(2, EFD_SEMAPHORE);
	ok(read(fd, &v, 8) == 8 && v == 1 && read(fd, &v, 8) == 8 && v == 1 && polled(fd, POLLIN) == 0, "EFD_SEMAPHORE counts down");
	fails(read(fd, &v, 4), EINVAL, "a short read of an eventfd: EINVAL");
	close(fd);
	fd = timerfd_create(CLOCK_MONOTONIC, 0);
	struct itimerspec its = {{0, 1000000}, {0, 1000000}};
	timerfd_settime(fd, 0, &its, 0);
	usleep(5000);
	ok(read(fd, &v, 8) == 8 && v >= 4, "timerfd counts its expirations");
	close(fd);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, 0);
	fd = signalfd(-1, &set, SFD_NONBLOCK);
	kill(getpid(), SIGUSR1);
	struct signalfd_siginfo si;
	ok(polled(fd, POLLIN) == POLLIN && read(fd, &si, sizeof si) == sizeof si && si.ssi_signo == SIGUSR1 && si.ssi_pid == (uint32_t)getpid(), "signalfd");
	close(fd);
}

static void sockets(void) {
	int s[2];
	char buf[64];
	ok(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0 && write(s[0], "hello", 5) == 5 && read(s[1], buf, 64) == 5, "socketpair");
	int p[2];
	pipe(p);
	struct iovec io = {"f", 1};
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} u;
	struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = u.room, .msg_controllen = sizeof u.room};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &p[1], sizeof(int));
	ok(sendmsg(s[0], &m, 0) == 1, "SCM_RIGHTS is sent");
	close(p[1]);
	memset(&u, 0, sizeof u);
	io.iov_base = buf;
	int fd = -1;
	if (recvmsg(s[1], &m, 0) == 1 && (c = CMSG_FIRSTHDR(&m)))
		memcpy(&fd, CMSG_DATA(c), sizeof fd);
	ok(fd >= 0 && write(fd, "via", 3) == 3 && read(p[0], buf, 64) == 3, "and the received descriptor is the pipe");
	close(fd);
	ok(read(p[0], buf, 1) == 0, "which closes with its last descriptor");
	shutdown(s[0], SHUT_WR);
	ok(read(s[1], buf, 1) == 0, "shutdown");
	struct ucred cr;
	socklen_t len = sizeof cr;
	ok(getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &cr, &len) == 0 && cr.pid == getpid(), "SO_PEERCRED");
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "/tmp/cleave.sock"};
	unlink(a.sun_path);
	int l = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ok(bind(l, (void *)&a, sizeof a) == 0 && listen(l, 5) == 0, "bind and listen");
	fails(bind(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&a, sizeof a), EADDRINUSE, "a name in use: EADDRINUSE");
	pid_t pid = fork();
	if (pid == 0) {
		int cl = socket(AF_UNIX, SOCK_STREAM, 0);
		_exit(connect(cl, (void *)&a, sizeof a) || write(cl, "client", 6) != 6);
	}
	int conn = accept(l, 0, 0), st;
	ok(conn >= 0 && read(conn, buf, 64) == 6, "connect and accept");
	waitpid(pid, &st, 0);
	ok(read(conn, buf, 1) == 0, "the client's exit is the end");
	close(l);
	fails(connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&a, sizeof a), ECONNREFUSED, "nobody listens: ECONNREFUSED");
	unlink(a.sun_path);
}

int main(void) {
	plan(53);
	pipes();
	flow();
	polls();
	epolls();
	others();
	sockets();
	return tap_end();
}
