// Signals: the flags of sigaction, what siginfo says of each kind of sender, SIGCHLD, stopping and continuing.
#include "tap.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

static volatile sig_atomic_t count, depth, deepest, code, pid_of, status_of, blocked;

static void on_any(int sig, siginfo_t *si, void *uc) {
	(void)uc;
	sigset_t now;
	sigprocmask(SIG_BLOCK, 0, &now);
	blocked = sigismember(&now, sig) + 2 * sigismember(&now, SIGUSR2);
	count++;
	code = si->si_code, pid_of = si->si_pid, status_of = si->si_status;
	if (++depth > deepest)
		deepest = depth;
	if (count == 1)
		raise(sig);
	depth--;
}

static void set(int sig, int flags, int also) {
	struct sigaction sa = {.sa_sigaction = on_any, .sa_flags = SA_SIGINFO | flags};
	if (also)
		sigaddset(&sa.sa_mask, also);
	if (sigaction(sig, &sa, 0))
		die("sigaction");
	count = depth = deepest = code = pid_of = status_of = 0;
}

static void flags(void) {
	set(SIGUSR1, 0, SIGUSR2);
	raise(SIGUSR1);
	ok(count == 2 && deepest == 1 && blocked == 3, "a signal and sa_mask are blocked in the handler");
	set(SIGUSR1, SA_NODEFER, 0);
	raise(SIGUSR1);
	ok(count == 2 && deepest == 2 && blocked == 0, "SA_NODEFER: the handler interrupts itself");
	struct sigaction now;
	set(SIGUSR1, SA_RESETHAND, 0);
	count = 1;
	raise(SIGUSR1);
	sigaction(SIGUSR1, 0, &now);
	ok(count == 2 && now.sa_handler == SIG_DFL, "SA_RESETHAND: once, then the default");
	struct sigaction sa = {.sa_handler = SIG_DFL};
	sigaddset(&sa.sa_mask, SIGKILL);
	sigaction(SIGUSR2, &sa, 0);
	sigaction(SIGUSR2, 0, &now);
	ok(!sigismember(&now.sa_mask, SIGKILL), "SIGKILL cannot be in a mask");
	fails(sigaction(65, &sa, 0), EINVAL, "signal 65: EINVAL");
	fails(sigaction(0, &sa, 0), EINVAL, "signal 0: EINVAL");
	fails(kill(getpid(), 65), EINVAL, "kill with signal 65: EINVAL");
	fails(kill(999999, 0), ESRCH, "kill of nobody: ESRCH");
	ok(kill(getpid(), 0) == 0, "signal 0 asks whether somebody is there");
}

static void senders(void) {
	set(SIGUSR1, 0, 0), count = 1;
	kill(getpid(), SIGUSR1);
	ok(code == SI_USER && pid_of == getpid(), "kill: SI_USER");
	set(SIGUSR1, 0, 0), count = 1;
	syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1);
	ok(code == SI_TKILL && pid_of == getpid(), "tgkill: SI_TKILL");
	set(SIGUSR1, 0, 0), count = 1;
	sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 5});
	ok(code == SI_QUEUE, "sigqueue: SI_QUEUE");
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	struct itimerspec in = {{0, 0}, {0, 1000000}};
	timer_t t;
	set(SIGUSR1, 0, 0), count = 1;
	timer_create(CLOCK_MONOTONIC, &ev, &t);
	timer_settime(t, 0, &in, 0);
	while (count < 2)
		pause();
	ok(code == SI_TIMER, "a timer: SI_TIMER");
	timer_delete(t);
	siginfo_t si = {.si_code = SI_USER};
	pid_t pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	fails(syscall(SYS_rt_sigqueueinfo, pid, SIGUSR1, &si), EPERM, "rt_sigqueueinfo cannot pose as kill: EPERM");
	kill(pid, SIGKILL);
	waitpid(pid, 0, 0);
}

// child runs f in a child, which then exits with 3.
static pid_t child(void (*f)(void)) {
	pid_t pid = fork();
	if (pid == 0) {
		f();
		_exit(3);
	}
	return pid;
}

static void nothing(void) {}
static void crash(void) { kill(getpid(), SIGTERM); }
static void halt(void) { raise(SIGSTOP); }

// until waits for the nth signal.
static void until(int n) {
	for (int i = 0; count < n && i < 500; i++)
		usleep(10000);
}

static void children(void) {
	set(SIGCHLD, 0, 0), count = 1;
	pid_t pid = child(nothing);
	until(2);
	ok(code == CLD_EXITED && pid_of == pid && status_of == 3, "SIGCHLD: CLD_EXITED and the status");
	waitpid(pid, 0, 0);
	set(SIGCHLD, 0, 0), count = 1;
	pid = child(crash);
	until(2);
	ok(code == CLD_KILLED && status_of == SIGTERM, "CLD_KILLED and the signal");
	waitpid(pid, 0, 0);
	set(SIGCHLD, 0, 0), count = 1;
	pid = child(halt);
	until(2);
	ok(code == CLD_STOPPED && status_of == SIGSTOP, "CLD_STOPPED");
	kill(pid, SIGCONT);
	until(3);
	ok(count >= 3 && (code == CLD_CONTINUED || code == CLD_EXITED), "CLD_CONTINUED");
	waitpid(pid, 0, 0);
	set(SIGCHLD, SA_NOCLDSTOP, 0), count = 1;
	int st;
	pid = child(halt);
	waitpid(pid, &st, WUNTRACED);
	ok(WIFSTOPPED(st) && count == 1, "SA_NOCLDSTOP: no signal when a child stops");
	kill(pid, SIGCONT);
	waitpid(pid, &st, 0);
	until(2);
	ok(count == 2, "but when it ends");
	set(SIGCHLD, SA_NOCLDWAIT, 0), count = 1;
	pid = child(nothing);
	fails(waitpid(pid, &st, 0), ECHILD, "SA_NOCLDWAIT: nothing to wait for");
	signal(SIGCHLD, SIG_IGN);
	pid = child(nothing);
	fails(waitpid(-1, &st, 0), ECHILD, "SIGCHLD ignored: likewise");
	signal(SIGCHLD, SIG_DFL);
}

static void stops(void) {
	int st, p[2];
	if (pipe(p))
		die("pipe");
	pid_t pid = fork();
	if (pid == 0) {
		for (char c = 0;; c++) {
			write(p[1], &c, 1);
			usleep(1000);
		}
	}
	char c;
	read(p[0], &c, 1);
	kill(pid, SIGSTOP);
	ok(waitpid(pid, &st, WUNTRACED) == pid && WIFSTOPPED(st) && WSTOPSIG(st) == SIGSTOP, "SIGSTOP stops");
	fcntl(p[0], F_SETFL, O_NONBLOCK);
	while (read(p[0], &c, 1) == 1)
		;
	usleep(30000);
	ok(read(p[0], &c, 1) == -1 && errno == EAGAIN, "what is stopped does nothing");
	kill(pid, SIGTERM);
	ok(waitpid(pid, &st, WNOHANG) == 0, "a signal waits until it goes on");
	kill(pid, SIGCONT);
	ok(waitpid(pid, &st, 0) == pid && WIFSIGNALED(st) && WTERMSIG(st) == SIGTERM, "and is then delivered");
	pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	kill(pid, SIGSTOP);
	waitpid(pid, &st, WUNTRACED);
	kill(pid, SIGKILL);
	ok(waitpid(pid, &st, 0) == pid && WTERMSIG(st) == SIGKILL, "SIGKILL ends what is stopped");
	pid = fork();
	if (pid == 0) {
		setsid();
		raise(SIGTSTP); // in an orphaned process group it does nothing
		_exit(4);
	}
	ok(waitpid(pid, &st, 0) == pid && WIFEXITED(st) && WEXITSTATUS(st) == 4, "SIGTSTP does not stop an orphaned process group");
}

// restarts makes calls that wait while a signal comes whose handler has SA_RESTART.
static void restarts(void) {
	struct itimerval tv = {{0, 0}, {0, 20000}};
	struct timespec ts = {0, 60000000}, rem = {9, 9};
	struct pollfd none = {.fd = -1};
	set(SIGALRM, SA_RESTART, 0), count = 1;
	setitimer(ITIMER_REAL, &tv, 0);
	fails(poll(&none, 1, 200), EINTR, "poll is not restarted: EINTR");
	set(SIGALRM, SA_RESTART, 0), count = 1;
	setitimer(ITIMER_REAL, &tv, 0);
	ok(nanosleep(&ts, &rem) == -1 && errno == EINTR && rem.tv_sec == 0 && rem.tv_nsec < 60000000, "nor nanosleep, which tells the rest");
	set(SIGALRM, SA_RESTART, 0), count = 1;
	setitimer(ITIMER_REAL, &tv, 0);
	pid_t pid = fork();
	if (pid == 0) {
		usleep(60000);
		_exit(6);
	}
	int st = 0;
	ok(waitpid(pid, &st, 0) == pid && WEXITSTATUS(st) == 6 && count == 2, "wait is");
	int fd[2];
	if (pipe(fd))
		die("pipe");
	set(SIGALRM, SA_RESTART, 0), count = 1;
	setitimer(ITIMER_REAL, &tv, 0);
	pid = fork();
	if (pid == 0) {
		struct flock l = {.l_type = F_WRLCK};
		int f = open("/tmp/lock", O_RDWR | O_CREAT, 0600);
		fcntl(f, F_SETLK, &l);
		write(fd[1], "x", 1);
		usleep(80000);
		_exit(0);
	}
	char c;
	read(fd[0], &c, 1);
	struct flock l = {.l_type = F_WRLCK};
	int f = open("/tmp/lock", O_RDWR | O_CREAT, 0600);
	ok(fcntl(f, F_SETLKW, &l) == 0, "a lock is waited for over a signal");
	waitpid(pid, 0, 0);
	close(f);
	unlink("/tmp/lock");
}

int main(void) {
	plan(32);
	flags();
	senders();
	children();
	stops();
	restarts();
	return tap_end();
}
