// Pseudo-terminals: editing, raw mode, window size, packet mode; job control and hang-up.
#include "tap.h"
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>

static int m, s;
static char buf[8192];

// got reads once and compares.
static int got(int fd, const char *want) {
	int n = read(fd, buf, sizeof buf - 1);
	buf[n > 0 ? n : 0] = 0;
	if (n == (int)strlen(want) && !strcmp(buf, want))
		return 1;
	printf("# read %d: %s\n", n, buf);
	return 0;
}

// drop reads what nobody wants to see.
static void drop(int fd) {
	if (read(fd, buf, sizeof buf) < 0)
		die("read");
}

static void type(const char *keys) {
	if (write(m, keys, strlen(keys)) != (int)strlen(keys))
		die("typing");
}

static int polled(int fd, int events) {
	struct pollfd p = {fd, events, 0};
	poll(&p, 1, 0);
	return p.revents;
}

// arrives waits until fd can be read.
static int arrives(int fd) {
	struct pollfd p = {fd, POLLIN, 0};
	return poll(&p, 1, 5000) == 1;
}

static void editing(void) {
	char name[100];
	struct stat st;
	ok(openpty(&m, &s, name, 0, 0) == 0 && isatty(s), "openpty");
	ok(!strcmp(ttyname(s), name) && fstat(s, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev >> 8 == 136, "ttyname and device");
	type("hello\r");
	ok(arrives(s) && got(s, "hello\n"), "a line");
	ok(got(m, "hello\r\n"), "and its echo");
	type("abx\177cd ef\027g\n");
	ok(arrives(s) && got(s, "abcd g\n"), "erase and word erase");
	drop(m);
	type("gone\025kept\026\003\n");
	ok(arrives(s) && got(s, "kept\003\n"), "kill and literal next");
	drop(m);
	type("no newline\004");
	ok(arrives(s) && got(s, "no newline"), "Ctrl-D pushes a line");
	type("\004");
	ok(arrives(s) && got(s, ""), "Ctrl-D alone is the end of the file");
	drop(m);
	ok(write(s, "a\tb\n", 4) == 4 && got(m, "a\tb\r\n"), "output processing");
}

static void raw(void) {
	struct termios old, t;
	int n;
	tcgetattr(s, &old);
	t = old;
	cfmakeraw(&t);
	ok(tcsetattr(s, TCSANOW, &t) == 0, "raw mode");
	type("\003\004\r\177");
	ok(arrives(s) && got(s, "\003\004\r\177") && polled(m, POLLIN) == 0, "passes control characters, no echo");
	t.c_cc[VMIN] = 3;
	tcsetattr(s, TCSANOW, &t);
	type("ab");
	ok(polled(s, POLLIN) == 0 && ioctl(s, FIONREAD, &n) == 0 && n == 2, "VMIN 3: two are not enough");
	type("c");
	ok(arrives(s) && got(s, "abc"), "three are");
	t.c_cc[VMIN] = 0, t.c_cc[VTIME] = 1;
	tcsetattr(s, TCSANOW, &t);
	struct timespec a, b;
	clock_gettime(CLOCK_MONOTONIC, &a);
	n = read(s, buf, 10);
	clock_gettime(CLOCK_MONOTONIC, &b);
	long ms = (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000;
	ok(n == 0 && ms >= 95, "VTIME 1: nothing after a tenth of a second");
	tcsetattr(s, TCSAFLUSH, &old);
	fcntl(s, F_SETFL, O_NONBLOCK);
	fails(read(s, buf, 10), EAGAIN, "O_NONBLOCK: EAGAIN");
	fcntl(s, F_SETFL, 0);
	struct winsize w = {24, 80, 0, 0}, x = {0};
	ok(ioctl(m, TIOCSWINSZ, &w) == 0 && ioctl(s, TIOCGWINSZ, &x) == 0 && x.ws_row == 24 && x.ws_col == 80, "window size");
	n = 1;
	ioctl(m, TIOCPKT, &n);
	if (write(s, "x", 1) != 1)
		die("write");
	n = read(m, buf, 10);
	ok(n == 2 && buf[0] == TIOCPKT_DATA && buf[1] == 'x', "packet mode: data");
	tcflush(s, TCIFLUSH);
	ok(polled(m, POLLPRI | POLLIN) & POLLPRI && read(m, buf, 10) == 1 && buf[0] == TIOCPKT_FLUSHREAD, "packet mode: status");
	n = 0;
	ioctl(m, TIOCPKT, &n);
}

static void closing(void) {
	close(s);
	ok(polled(m, POLLIN) & POLLHUP, "the slave closes: POLLHUP");
	fails(read(m, buf, 10), EIO, "and EIO");
	close(m);
	openpty(&m, &s, 0, 0, 0);
	close(m);
	ok(read(s, buf, 10) == 0, "the master closes: the end of the file");
	fails(write(s, "x", 1), EIO, "and EIO for a write");
	struct termios t;
	fails(tcgetattr(s, &t), EIO, "and for tcgetattr");
	close(s);
}

// report sends a word to the parent.
static void report(int fd, const char *what) {
	if (write(fd, what, 1) != 1)
		_exit(99);
}

// session is a shell without jobs of its own: it tells through fd how it fares.
static void session(int fd) {
	signal(SIGTTOU, SIG_DFL);
	report(fd, tcgetpgrp(0) == getpgrp() && tcgetsid(0) == getsid(0) ? "a" : "A");
	int p[2], st;
	if (pipe(p) != 0)
		_exit(98);
	pid_t job = fork();
	if (job == 0) {
		setpgid(0, 0);
		close(p[1]);
		if (read(p[0], buf, 1) != 0) // until the parent has set the group too
			_exit(97);
		_exit(read(0, buf, 10) == 5 ? 7 : 8);
	}
	setpgid(job, job);
	close(p[0]);
	close(p[1]);
	report(fd, waitpid(job, &st, WUNTRACED) == job && WIFSTOPPED(st) && WSTOPSIG(st) == SIGTTIN ? "b" : "B");
	report(fd, tcsetpgrp(0, job) == 0 && tcgetpgrp(0) == job ? "c" : "C");
	kill(-job, SIGCONT);
	report(fd, waitpid(job, &st, 0) == job && WIFEXITED(st) && WEXITSTATUS(st) == 7 ? "d" : "D");
	signal(SIGTTOU, SIG_IGN);
	report(fd, tcsetpgrp(0, getpgrp()) == 0 ? "e" : "E");
	job = fork();
	if (job == 0) {
		signal(SIGTTOU, SIG_DFL);
		setpgid(0, 0);
		struct termios t;
		tcgetattr(0, &t);
		tcsetattr(0, TCSANOW, &t);
		_exit(0);
	}
	report(fd, waitpid(job, &st, WUNTRACED) == job && WIFSTOPPED(st) && WSTOPSIG(st) == SIGTTOU ? "f" : "F");
	kill(job, SIGKILL);
	waitpid(job, &st, 0);
	job = fork();
	if (job == 0) {
		signal(SIGINT, SIG_DFL);
		report(fd, "g");
		for (;;)
			pause();
	}
	report(fd, waitpid(job, &st, 0) == job && WIFSIGNALED(st) && WTERMSIG(st) == SIGINT ? "h" : "H");
}

static void ignore(int sig) { (void)sig; }

static void jobs(void) {
	int p[2], st;
	char c;
	if (pipe(p) != 0)
		die("pipe");
	pid_t leader = forkpty(&m, 0, 0, 0);
	if (leader == 0) {
		signal(SIGINT, ignore);
		session(p[1]);
		for (;;)
			pause(); // until the hang-up
	}
	close(p[1]);
	static const char *names[] = {"a session with a terminal", "a background read stops: SIGTTIN", "tcsetpgrp",
		"in the foreground it goes on", "taking the terminal back with SIGTTOU ignored", "a background tcsetattr stops: SIGTTOU",
		"a job in the foreground", "Ctrl-C interrupts it"};
	for (int i = 0; i < 8; i++) {
		if (read(p[0], &c, 1) != 1)
			die("the session ended");
		ok(c == 'a' + i, "%s", names[i]);
		if (c == 'c')
			type("line\n");
		if (c == 'g')
			type("\003");
	}
	close(m);
	ok(waitpid(leader, &st, 0) == leader && WIFSIGNALED(st) && WTERMSIG(st) == SIGHUP, "the master closes: SIGHUP for the leader");
	if ((leader = fork()) == 0) {
		setsid();
		_exit(open("/dev/tty", O_RDWR) != -1 || errno != ENXIO);
	}
	ok(waitpid(leader, &st, 0) == leader && st == 0, "no controlling terminal: ENXIO");
}

static void locking(void) {
	struct termios t, l = {0};
	openpty(&m, &s, NULL, NULL, NULL);
	ok(ioctl(s, TIOCGLCKTRMIOS, &l) == 0 && l.c_lflag == 0 && l.c_cc[VINTR] == 0, "TIOCGLCKTRMIOS: nothing is locked");
	l.c_lflag = ECHO;
	l.c_cc[VINTR] = 1;
	ok(ioctl(s, TIOCSLCKTRMIOS, &l) == 0, "TIOCSLCKTRMIOS");
	tcgetattr(s, &t);
	t.c_lflag &= ~(ECHO | ICANON);
	t.c_cc[VINTR] = t.c_cc[VQUIT] = 'x';
	tcsetattr(s, TCSANOW, &t);
	tcgetattr(s, &t);
	ok((t.c_lflag & (ECHO | ICANON)) == ECHO && t.c_cc[VINTR] == 3 && t.c_cc[VQUIT] == 'x', "what is locked stays, the rest changes");
	close(m);
	close(s);
}

int main(void) {
	plan(36);
	locking();
	setsid(); // away from the terminal of who runs this
	editing();
	raw();
	closing();
	jobs();
	return tap_end();
}
