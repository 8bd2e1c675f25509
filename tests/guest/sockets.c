// Unix sockets: addresses, datagrams, messages, backlog, options, credentials, descriptors in flight.
#include "tap.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>

static char buf[300000];

static int polled(int fd, int events) {
	struct pollfd p = {fd, events, 0};
	poll(&p, 1, 0);
	return p.revents;
}

// un makes an address; a leading @ stands for the 0 of an abstract name.
static socklen_t un(struct sockaddr_un *a, const char *name) {
	memset(a, 0, sizeof *a);
	a->sun_family = AF_UNIX;
	strcpy(a->sun_path, name);
	if (name[0] == '@')
		a->sun_path[0] = 0;
	return offsetof(struct sockaddr_un, sun_path) + strlen(name) + (name[0] != '@');
}

static int bound(int type, const char *name) {
	struct sockaddr_un a;
	socklen_t n = un(&a, name);
	int fd = socket(AF_UNIX, type, 0);
	if (fd < 0 || bind(fd, (void *)&a, n) != 0)
		die(name);
	return fd;
}

static int reach(int fd, const char *name) {
	struct sockaddr_un a;
	socklen_t n = un(&a, name);
	return connect(fd, (void *)&a, n);
}

static void addresses(void) {
	struct sockaddr_un a;
	struct stat st;
	socklen_t n = sizeof a;
	unlink("/tmp/s");
	int l = bound(SOCK_STREAM, "/tmp/s"), c = socket(AF_UNIX, SOCK_STREAM, 0);
	ok(stat("/tmp/s", &st) == 0 && S_ISSOCK(st.st_mode), "a bound name is a socket");
	fails(open("/tmp/s", O_RDWR), ENXIO, "which can't be opened: ENXIO");
	ok(getsockname(l, (void *)&a, &n) == 0 && n == 9 && !strcmp(a.sun_path, "/tmp/s"), "getsockname");
	fails(reach(c, "/tmp/s"), ECONNREFUSED, "it does not listen: ECONNREFUSED");
	fails(reach(c, "/tmp/missing"), ENOENT, "no such name: ENOENT");
	fails(reach(c, "@missing"), ECONNREFUSED, "no such abstract name: ECONNREFUSED");
	fails(getpeername(c, (void *)&a, &n), ENOTCONN, "getpeername: ENOTCONN");
	fails(listen(c, 1), EINVAL, "listen without a name: EINVAL");
	fails(bind(l, (void *)&a, un(&a, "/tmp/t")), EINVAL, "a second name: EINVAL");
	fails(accept(l, 0, 0), EINVAL, "accept before listen: EINVAL");
	listen(l, 1);
	ok(rename("/tmp/s", "/tmp/t") == 0 && reach(c, "/tmp/t") == 0, "a socket moves with its name");
	fails(reach(c, "/tmp/t"), EISCONN, "connected twice: EISCONN");
	int d = socket(AF_UNIX, SOCK_DGRAM, 0);
	fails(reach(d, "/tmp/t"), EPROTOTYPE, "another type: EPROTOTYPE");
	a.sun_family = AF_UNIX;
	n = sizeof a;
	ok(bind(d, (void *)&a, sizeof a.sun_family) == 0 && getsockname(d, (void *)&a, &n) == 0 && n == 8 && !a.sun_path[0], "autobind");
	int s = accept4(l, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC);
	ok(fcntl(s, F_GETFL) == (O_RDWR | O_NONBLOCK) && fcntl(s, F_GETFD) == FD_CLOEXEC, "accept4 with flags");
	fails(read(s, buf, 1), EAGAIN, "nothing yet: EAGAIN");
	int e = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), f = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int g = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	ok(reach(e, "/tmp/t") == 0 && reach(f, "/tmp/t") == 0, "a backlog of one takes two");
	fails(reach(g, "/tmp/t"), EAGAIN, "but not three: EAGAIN");
	if (write(f, "x", 1) != 1)
		die("write");
	close(l);
	fails(read(f, buf, 1), ECONNRESET, "never accepted: ECONNRESET");
	close(c), close(d), close(e), close(f), close(g), close(s);
	unlink("/tmp/t");
}

static void messages(void) {
	struct sockaddr_un a;
	socklen_t n = sizeof a;
	int l = bound(SOCK_DGRAM, "@here"), c = bound(SOCK_DGRAM, "@there"), o = socket(AF_UNIX, SOCK_DGRAM, 0);
	ok(sendto(c, "hello", 5, 0, (void *)&a, un(&a, "@here")) == 5, "sendto");
	ok(recvfrom(l, buf, 3, MSG_PEEK, (void *)&a, &n) == 3 && n == 8 && !memcmp(a.sun_path, "\0there", 6), "recvfrom tells the sender");
	ok(recv(l, buf, 3, MSG_TRUNC) == 5, "MSG_TRUNC tells the length");
	fails(recv(l, buf, 3, MSG_DONTWAIT), EAGAIN, "the rest is lost");
	fails(send(o, "x", 1, 0), ENOTCONN, "not connected: ENOTCONN");
	ok(reach(c, "@here") == 0 && send(c, "", 0, 0) == 0 && recv(l, buf, 10, 0) == 0, "an empty datagram");
	fails(sendto(o, "x", 1, 0, (void *)&a, un(&a, "@there")), EPERM, "connected to another: EPERM");
	int i = 0;
	while (send(c, "x", 1, MSG_DONTWAIT) == 1)
		i++;
	ok(errno == EAGAIN && i > 5 && polled(c, POLLOUT) == 0, "a full queue: EAGAIN, not writable");
	recv(l, buf, 1, 0);
	ok(polled(c, POLLOUT) == POLLOUT, "and writable after a receive");
	close(l);
	fails(send(c, "x", 1, 0), ECONNREFUSED, "the receiver is gone: ECONNREFUSED");
	close(c), close(o);
	int s[2];
	socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s);
	ok(send(s[0], "one", 3, 0) == 3 && send(s[0], "two", 3, 0) == 3 && recv(s[1], buf, 100, 0) == 3, "SOCK_SEQPACKET keeps messages");
	fails(send(s[0], buf, sizeof buf, 0), EMSGSIZE, "too large: EMSGSIZE");
	close(s[0]);
	ok(recv(s[1], buf, 100, 0) == 3 && recv(s[1], buf, 100, 0) == 0, "and ends when the peer closes");
	close(s[1]);
}

static void streams(void) {
	int s[2], n = 0;
	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	ok(polled(s[0], POLLIN | POLLOUT) == POLLOUT, "an empty stream is writable");
	pid_t pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 3; i++) {
			usleep(10000);
			if (write(s[1], "abc", 3) != 3)
				_exit(1);
		}
		_exit(0);
	}
	ok(recv(s[0], buf, 9, MSG_WAITALL) == 9, "MSG_WAITALL waits for all");
	waitpid(pid, 0, 0);
	ok(write(s[0], "12345", 5) == 5 && ioctl(s[1], FIONREAD, &n) == 0 && n == 5, "SIOCINQ");
	ok(recv(s[1], buf, 2, MSG_PEEK) == 2 && recv(s[1], buf, 10, 0) == 5, "MSG_PEEK leaves the bytes");
	struct timeval tv = {0, 20000};
	setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
	fails(read(s[0], buf, 1), EAGAIN, "SO_RCVTIMEO: EAGAIN");
	fcntl(s[0], F_SETFL, O_NONBLOCK);
	while (write(s[0], buf, 4096) > 0)
		n += 4096;
	ok(errno == EAGAIN && n > 65536 && polled(s[0], POLLOUT) == 0, "a full stream: EAGAIN, not writable");
	ok(shutdown(s[0], SHUT_WR) == 0 && polled(s[1], POLLIN | POLLRDHUP) == (POLLIN | POLLRDHUP), "SHUT_WR: POLLRDHUP");
	signal(SIGPIPE, SIG_IGN);
	fails(write(s[0], "x", 1), EPIPE, "and EPIPE here");
	close(s[1]);
	ok(polled(s[0], POLLIN) == (POLLIN | POLLHUP | POLLERR), "unread bytes at the peer's close: POLLHUP, POLLERR");
	close(s[0]);
	int size = 10000;
	socklen_t len = sizeof size;
	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &size, len);
	ok(getsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &size, &len) == 0 && size == 20000, "SO_SNDBUF is doubled");
	ok(getsockopt(s[0], SOL_SOCKET, SO_TYPE, &size, &len) == 0 && size == SOCK_STREAM, "SO_TYPE");
	fails(getsockopt(s[0], SOL_SOCKET, 9999, &size, &len), ENOPROTOOPT, "no such option: ENOPROTOOPT");
	close(s[0]), close(s[1]);
}

// post sends a byte with control data.
static int post(int fd, int type, const void *data, int len) {
	char control[256] __attribute__((aligned(4)));
	struct iovec io = {"x", 1};
	struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(len)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), data, len);
	return sendmsg(fd, &m, 0);
}

// take receives bytes with up to room bytes of control data, and gives the first control message and the flags.
static int take(int fd, int room, int flags, struct cmsghdr **c, int *out) {
	static char control[256] __attribute__((aligned(4)));
	struct iovec io = {buf, 100};
	struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = room};
	int n = recvmsg(fd, &m, flags);
	*c = CMSG_FIRSTHDR(&m);
	*out = m.msg_flags;
	return n;
}

static int rights(struct cmsghdr *c) {
	return c && c->cmsg_type == SCM_RIGHTS ? (int)(c->cmsg_len - CMSG_LEN(0)) / 4 : 0;
}

static void passing(void) {
	int s[2], p[2], on = 1, out, fds[3];
	struct cmsghdr *c;
	struct ucred u = {getpid(), 1000, 1001};
	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	if (pipe(p) != 0)
		die("pipe");
	int two[2] = {p[1], p[1]};
	ok(post(s[0], SCM_RIGHTS, two, 8) == 1 && take(s[1], CMSG_LEN(4), MSG_CMSG_CLOEXEC, &c, &out) == 1, "two descriptors, room for one");
	memcpy(fds, CMSG_DATA(c), 4);
	ok(rights(c) == 1 && out & MSG_CTRUNC && fcntl(fds[0], F_GETFD) == FD_CLOEXEC, "one comes, MSG_CTRUNC, close-on-exec");
	close(fds[0]);
	fails(post(s[0], SCM_RIGHTS, (int[]){-1}, 4), EBADF, "a bad descriptor: EBADF");
	if (write(s[0], "ab", 2) != 2 || post(s[0], SCM_RIGHTS, two, 4) != 1 || write(s[0], "cd", 2) != 2)
		die("write");
	ok(take(s[1], 100, 0, &c, &out) == 3 && rights(c) == 1, "bytes with descriptors end a read");
	memcpy(fds, CMSG_DATA(c), 4);
	close(fds[0]);
	ok(take(s[1], 100, 0, &c, &out) == 2 && rights(c) == 0, "the next bytes have none");
	post(s[0], SCM_RIGHTS, two, 4);
	close(p[1]);
	ok(polled(p[0], POLLIN) == 0, "a descriptor in flight keeps the pipe open");
	close(s[0]), close(s[1]);
	ok(polled(p[0], POLLIN) == POLLHUP, "until the socket is closed");
	close(p[0]);
	socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
	setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
	ok(send(s[0], "x", 1, 0) == 1 && take(s[1], 100, 0, &c, &out) == 1 && c && c->cmsg_type == SCM_CREDENTIALS &&
		((struct ucred *)CMSG_DATA(c))->pid == getpid(), "SO_PASSCRED");
	ok(post(s[0], SCM_CREDENTIALS, &u, sizeof u) == 1 && take(s[1], 100, 0, &c, &out) == 1 &&
		!memcmp(CMSG_DATA(c), &u, sizeof u), "root may claim another user");
	pid_t pid = fork();
	if (pid == 0) {
		if (setgid(1001) != 0 || setuid(1000) != 0)
			_exit(9);
		u.pid = getpid();
		int good = post(s[0], SCM_CREDENTIALS, &u, sizeof u) == 1;
		u.uid = 0;
		good = good && post(s[0], SCM_CREDENTIALS, &u, sizeof u) == -1 && errno == EPERM;
		u.uid = 1000, u.pid = 1;
		_exit(!(good && post(s[0], SCM_CREDENTIALS, &u, sizeof u) == -1 && errno == EPERM));
	}
	int st;
	ok(waitpid(pid, &st, 0) == pid && st == 0, "others may not: EPERM");
	close(s[0]), close(s[1]);
}

// cycles passes sockets over themselves, so that only a search can free what is in them.
static void cycles(void) {
	int p[2], s[2];
	if (pipe(p) != 0)
		die("pipe");
	for (int i = 0; i < 100; i++) {
		socketpair(AF_UNIX, SOCK_STREAM, 0, s);
		int self[3] = {s[0], s[1], p[1]};
		post(s[0], SCM_RIGHTS, self, 12);
		post(s[1], SCM_RIGHTS, self, 12);
		close(s[0]), close(s[1]);
	}
	close(p[1]);
	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	close(s[0]), close(s[1]);
	struct pollfd f = {p[0], POLLIN, 0};
	ok(poll(&f, 1, 5000) == 1 && f.revents == POLLHUP, "lost sockets are found");
}

int main(void) {
	plan(55);
	addresses();
	messages();
	streams();
	passing();
	cycles();
	return tap_end();
}
