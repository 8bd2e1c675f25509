// F_NOTIFY: signals about a directory (fcntl(2)).
#include "tap.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

static volatile int count, lastFD, lastCode, lastSignal, lastBand;

static void handler(int sig, siginfo_t *info, void *context) {
	(void)context;
	count++;
	lastSignal = sig;
	lastFD = info->si_fd;
	lastCode = info->si_code;
	lastBand = info->si_band;
}

// told returns how many signals have come since it was called last.
static int told(void) {
	int n = count;
	count = 0;
	return n;
}

static void make(const char *path) {
	int fd = open(path, O_CREAT | O_RDWR, 0644);
	if (fd < 0)
		die(path);
	close(fd);
}

static void events(int fd) {
	char c = 0;
	make("d/a");
	ok(told() == 1 && lastSignal == SIGRTMIN + 1 && lastFD == fd, "DN_CREATE: the signal of F_SETSIG, with the descriptor");
	ok(lastCode == POLL_MSG && lastBand == 0x441, "its si_code is POLL_MSG, its si_band says that too");
	int f = open("d/a", O_RDWR);
	ok(told() == 0, "opening is no event");
	write(f, "x", 1);
	ok(told() == 1, "DN_MODIFY");
	pread(f, &c, 1, 0);
	ok(told() == 1 && c == 'x', "DN_ACCESS");
	close(f);
	chmod("d/a", 0600);
	ok(told() == 1, "DN_ATTRIB");
	rename("d/a", "d/b");
	ok(told() >= 1, "DN_RENAME");
	make("c");
	told();
	rename("c", "d/c");
	ok(told() == 1, "DN_CREATE by rename");
	unlink("d/b");
	ok(told() == 1, "DN_DELETE");
	mkdir("d/e", 0755);
	ok(told() == 1, "DN_CREATE by mkdir");
	make("d/e/f");
	ok(told() == 0, "what is further down is not told");
}

static void closing(int fd) {
	int other = dup(fd);
	if (fork() == 0) {
		close(fd);
		close(other);
		_exit(0);
	}
	wait(NULL);
	make("d/g");
	ok(told() == 1, "a child that closes the directory ends nothing");
	close(other);
	make("d/h");
	ok(told() == 0, "closing one descriptor of it ends the notification");
	close(fd);
}

int main(void) {
	struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART};
	plan(26);
	sigaction(SIGRTMIN + 1, &sa, NULL);
	sigaction(SIGIO, &sa, NULL);
	char dir[] = "/tmp/dirnotifyXXXXXX";
	if (!mkdtemp(dir) || mount("none", dir, "tmpfs", 0, "") || chdir(dir))
		die(dir);
	mkdir("d", 0755);
	make("plain");
	int fd = open("plain", O_RDONLY), all = DN_ACCESS | DN_MODIFY | DN_CREATE | DN_DELETE | DN_RENAME | DN_ATTRIB;
	fails(fcntl(fd, F_NOTIFY, all), ENOTDIR, "of a file: ENOTDIR");
	close(fd);
	fd = open("d", O_PATH);
	fails(fcntl(fd, F_NOTIFY, all), EBADF, "of an O_PATH descriptor: EBADF");
	close(fd);
	fd = open("d", O_RDONLY | O_DIRECTORY);
	ok(fcntl(fd, F_NOTIFY, DN_CREATE) == 0 && fcntl(fd, F_GETOWN) == getpid(), "it makes the caller the owner");
	make("d/1");
	ok(told() == 1 && lastSignal == SIGIO, "without F_SETSIG: SIGIO");
	make("d/2");
	ok(told() == 0, "without DN_MULTISHOT: once");
	fcntl(fd, F_NOTIFY, DN_CREATE);
	fcntl(fd, F_NOTIFY, DN_DELETE);
	unlink("d/1");
	ok(told() == 1, "masks add up");
	unlink("d/2");
	ok(told() == 0, "and one event ends them all");
	fcntl(fd, F_NOTIFY, DN_CREATE);
	ok(fcntl(fd, F_NOTIFY, 0) == 0, "no events: no notification");
	make("d/3");
	ok(told() == 0, "as is so");
	close(fd);
	fd = open("d", O_RDONLY | O_DIRECTORY);
	ok(fcntl(fd, F_SETSIG, SIGRTMIN + 1) == 0 && fcntl(fd, F_GETSIG) == SIGRTMIN + 1, "F_SETSIG needs no owner");
	ok(fcntl(fd, F_GETOWN) == 0, "nor makes one");
	ok(fcntl(fd, F_SETOWN, getpid()) == 0 && fcntl(fd, F_SETOWN, 0) == 0 && fcntl(fd, F_GETSIG) == SIGRTMIN + 1, "it outlives owners");
	ok(fcntl(fd, F_NOTIFY, all | DN_MULTISHOT) == 0, "all events, each time");
	events(fd);
	closing(fd);
	chdir("/");
	if (umount2(dir, MNT_DETACH) || rmdir(dir))
		die(dir);
	return tap_end();
}
