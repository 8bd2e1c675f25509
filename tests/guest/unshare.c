// unshare(2), as its author tested it: (1) bad flags; (2) NEWNS without FS unshares both; (3) each part alone, and all
// combinations, shown by an effect; (4) ten threads that one futex releases, which exec, exit and unshare.
#include "child.h"
#include "tap.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>

static char stack[65536];
static volatile int word;
static int chan[2];

// sharing runs f in a child made by clone(flags), and returns its exit status. The child shares what flags say.
static int sharing(int flags, int (*f)(void *)) {
	int st;
	pid_t pid = clone(f, stack + sizeof stack, flags | SIGCHLD, 0);
	if (pid < 0)
		return -1;
	waitpid(pid, &st, 0);
	return WIFEXITED(st) ? WEXITSTATUS(st) : 1000 + WTERMSIG(st);
}

static int un_fs(void *a) {
	(void)a;
	return unshare(CLONE_FS) || chdir("/proc");
}
static int keep_fs(void *a) {
	(void)a;
	return chdir("/dev");
}
static int un_files(void *a) {
	(void)a;
	return unshare(CLONE_FILES) || close(chan[0]);
}
static int keep_files(void *a) {
	(void)a;
	return close(chan[1]);
}
static int un_vm(void *a) {
	(void)a;
	if (unshare(CLONE_VM))
		return 1;
	word = 99;
	return 0;
}
static int keep_vm(void *a) {
	(void)a;
	word = 98;
	return 0;
}
static int un_sighand(void *a) {
	(void)a;
	if (unshare(CLONE_SIGHAND))
		return 1;
	signal(SIGUSR1, SIG_IGN);
	return 0;
}
static int keep_sighand(void *a) {
	(void)a;
	signal(SIGUSR2, SIG_IGN);
	return 0;
}

static int cwd_is(const char *want) {
	char buf[4096];
	return getcwd(buf, sizeof buf) && !strcmp(buf, want);
}

static int handler_is(int sig, void (*want)(int)) {
	struct sigaction sa;
	sigaction(sig, 0, &sa);
	return sa.sa_handler == want;
}

static int newpid_parent(void) {
	long pid = syscall(SYS_clone, CLONE_NEWPID | CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0)
		_exit(0);
	return pid != -1 || errno != EINVAL;
}

static void bad_flags(void) {
	fails(unshare(0x1), EINVAL, "an unknown bit: EINVAL");
	fails(unshare(CLONE_VFORK), EINVAL, "CLONE_VFORK: EINVAL");
	fails(unshare(CLONE_PARENT | CLONE_FS), EINVAL, "CLONE_PARENT among others: EINVAL");
	ok(unshare(0) == 0, "unshare(0) does nothing, with success");
	ok(unshare(CLONE_FS | CLONE_FILES | CLONE_SYSVSEM) == 0, "what is not shared is no error");
	ok(unshare(CLONE_THREAD | CLONE_SIGHAND | CLONE_VM) == 0, "alone in the thread group: THREAD, SIGHAND, VM");
	fails(syscall(SYS_clone, CLONE_NEWNS | CLONE_FS | SIGCHLD, 0, 0, 0, 0), EINVAL, "clone(NEWNS|FS): EINVAL");
	fails(syscall(SYS_clone, CLONE_NEWUSER | CLONE_FS | SIGCHLD, 0, 0, 0, 0), EINVAL, "clone(NEWUSER|FS): EINVAL");
	fails(syscall(SYS_clone, CLONE_NEWIPC | CLONE_SYSVSEM | SIGCHLD, 0, 0, 0, 0), EINVAL, "clone(NEWIPC|SYSVSEM): EINVAL");
	ok(in_child(newpid_parent) == 0, "clone(NEWPID|PARENT): EINVAL # DIVERGES");
}

static void parts(void) {
	chdir("/");
	ok(sharing(CLONE_FS, keep_fs) == 0 && cwd_is("/dev"), "a shared cwd is shared");
	chdir("/");
	ok(sharing(CLONE_FS, un_fs) == 0 && cwd_is("/"), "CLONE_FS: its chdir is its own");
	pipe(chan);
	ok(sharing(CLONE_FILES, un_files) == 0 && fcntl(chan[0], F_GETFD) >= 0, "CLONE_FILES: its close is its own");
	ok(sharing(CLONE_FILES, keep_files) == 0 && fcntl(chan[1], F_GETFD) == -1, "a shared table is shared");
	close(chan[0]);
	word = 1;
	ok(sharing(CLONE_VM, keep_vm) == 0 && word == 98, "shared memory is shared");
	word = 1;
	ok(sharing(CLONE_VM, un_vm) == 0 && word == 1, "CLONE_VM: its store is its own # DIVERGES");
	ok(sharing(CLONE_VM | CLONE_SIGHAND, keep_sighand) == 0 && handler_is(SIGUSR2, SIG_IGN), "shared handlers are shared");
	ok(sharing(CLONE_VM | CLONE_SIGHAND, un_sighand) == 0 && handler_is(SIGUSR1, SIG_DFL), "CLONE_SIGHAND: its handlers are its own # DIVERGES");
}

// all is what a child shares in combinations, part is what it unshares of it.
static const int all[] = {CLONE_FS, CLONE_FILES, CLONE_NEWNS, CLONE_NEWUTS, CLONE_SYSVSEM};
static const int memory[] = {CLONE_FS, CLONE_FILES, CLONE_VM, CLONE_SIGHAND};
#define OWN_FD 77
static int part;

// touches unshares part and then changes one thing in each part: cwd, a descriptor, a mount, the host's name, a word, a handler.
static int touches(void *a) {
	(void)a;
	if (unshare(part))
		return 1;
	if (chdir("/proc") || dup2(1, OWN_FD) != OWN_FD || mount("t", "/tmp/combined", "tmpfs", 0, 0) || sethostname("combined", 8))
		return 2;
	word = 5;
	signal(SIGUSR1, SIG_IGN);
	return 0;
}

// seen returns the parts in which the parent sees the change, and undoes it.
static int seen(void) {
	struct utsname u;
	uname(&u);
	int is = (cwd_is("/proc") ? CLONE_FS : 0) | (fcntl(OWN_FD, F_GETFD) >= 0 ? CLONE_FILES : 0) | (umount("/tmp/combined") == 0 ? CLONE_NEWNS : 0) |
	         (!strcmp(u.nodename, "combined") ? CLONE_NEWUTS : 0) | (word == 5 ? CLONE_VM : 0) | (handler_is(SIGUSR1, SIG_IGN) ? CLONE_SIGHAND : 0);
	chdir("/");
	close(OWN_FD);
	sethostname("before", 6);
	word = 1;
	signal(SIGUSR1, SIG_DFL);
	return is;
}

// combine tries every set of the parts; it returns 0, or the set after which the wrong parts were private.
static int combine(const int *parts, int n, int shared) {
	int possible = CLONE_NEWNS | CLONE_NEWUTS | (shared & ~CLONE_SYSVSEM);
	seen();
	for (int set = 0; set < 1 << n; set++) {
		part = 0;
		for (int i = 0; i < n; i++)
			part |= set >> i & 1 ? parts[i] : 0;
		int private = part | (part & CLONE_NEWNS ? CLONE_FS : 0) | (part & CLONE_VM ? CLONE_SIGHAND : 0);
		if (sharing(shared, touches) || seen() != (possible & ~private))
			return set + 1;
	}
	return 0;
}
static int alone_in_mounts(void) { return unshare(CLONE_NEWNS | CLONE_NEWUTS) || mount("", "/", 0, MS_REC | MS_PRIVATE, 0); }
static int combined(void) { return alone_in_mounts() || combine(all, 5, CLONE_FS | CLONE_FILES | CLONE_SYSVSEM); }
static int combined_memory(void) { return alone_in_mounts() || combine(memory, 4, CLONE_FS | CLONE_FILES | CLONE_VM | CLONE_SIGHAND); }

static int mount_private(void) {
	if (unshare(CLONE_NEWNS) || mount("", "/", 0, MS_REC | MS_PRIVATE, 0) || mount("x", "/tmp", "tmpfs", 0, 0))
		return 1;
	return creat("/tmp/only-here", 0600) < 0;
}

static int newns_unshares_fs(void *a) {
	(void)a;
	return unshare(CLONE_NEWNS) || chdir("/proc");
}

static int uts(void) {
	struct utsname u;
	return unshare(CLONE_NEWUTS) || sethostname("inner", 5) || uname(&u) || strcmp(u.nodename, "inner");
}

static int pids(void) {
	int st;
	if (unshare(CLONE_NEWPID) || getpid() == 1)
		return 1;
	pid_t pid = fork();
	if (pid == 0)
		_exit(getpid() != 1 || getppid() != 0);
	waitpid(pid, &st, 0);
	if (st)
		return 2;
	return fork() != -1 || errno != ENOMEM; // its init is gone
}

static int everything(void) {
	int st;
	if (unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP | CLONE_NEWUSER | CLONE_FILES | CLONE_FS))
		return 1;
	pid_t pid = fork();
	if (pid == 0)
		_exit(getpid() != 1 || getuid() != 65534);
	waitpid(pid, &st, 0);
	return st != 0;
}

static int no_right(void) {
	int kinds[] = {CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWCGROUP};
	if (setuid(1000))
		return 9;
	for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (unshare(kinds[i]) != -1 || errno != EPERM)
			return 1;
	return 0;
}

static void namespaces(void) {
	struct utsname before, after;
	uname(&before);
	ok(in_child(mount_private) == 0 && access("/tmp/only-here", F_OK) == -1, "CLONE_NEWNS: its mount is its own");
	chdir("/");
	ok(sharing(CLONE_FS, newns_unshares_fs) == 0 && cwd_is("/"), "CLONE_NEWNS without CLONE_FS unshares both");
	ok(in_child(uts) == 0 && uname(&after) == 0 && !strcmp(before.nodename, after.nodename), "CLONE_NEWUTS: its name is its own");
	ok(in_child(pids) == 0, "CLONE_NEWPID: for children; none after its init is gone");
	ok(in_child(everything) == 0, "all namespaces at once");
	ok(in_child(no_right) == 0, "without CAP_SYS_ADMIN: EPERM");
}

static void *waits(void *a) {
	pthread_mutex_lock(a);
	pthread_mutex_unlock(a);
	return 0;
}

static int threaded(void) {
	pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
	pthread_t t;
	pthread_mutex_lock(&m);
	pthread_create(&t, 0, waits, &m);
	int flags[] = {CLONE_THREAD, CLONE_SIGHAND, CLONE_VM, CLONE_NEWUSER};
	for (unsigned i = 0; i < sizeof flags / sizeof *flags; i++)
		if (unshare(flags[i]) != -1 || errno != EINVAL)
			return 1;
	if (unshare(CLONE_FS | CLONE_FILES | CLONE_NEWNS))
		return 2;
	pthread_mutex_unlock(&m);
	pthread_join(t, 0);
	return 0;
}

static volatile int go, waiting;

static void *one_of_ten(void *arg) {
	int n = (int)(intptr_t)arg;
	int flags[] = {CLONE_FS, CLONE_FILES, CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_FS | CLONE_FILES | CLONE_NEWNS, CLONE_SYSVSEM};
	__atomic_add_fetch(&waiting, 1, __ATOMIC_SEQ_CST);
	while (!go)
		syscall(SYS_futex, &go, FUTEX_WAIT, 0, 0, 0, 0);
	if (n == 0)
		execl("/proc/self/exe", "unshare", "child", NULL);
	if (n == 1)
		syscall(SYS_exit, 0);
	if (n == 2)
		return 0;
	unshare(flags[n - 3]);
	return 0;
}

static int ten_threads(void) {
	pthread_t t;
	for (intptr_t i = 0; i < 10; i++)
		pthread_create(&t, 0, one_of_ten, (void *)i);
	while (waiting < 10)
		sched_yield();
	go = 1;
	syscall(SYS_futex, &go, FUTEX_WAKE, 100, 0, 0, 0);
	for (;;)
		pause();
	return 0;
}

int main(int argc, char **argv) {
	if (argc > 1 && !strcmp(argv[1], "child"))
		return 44;
	plan(29);
	mkdir("/tmp", 01777);
	mkdir("/tmp/combined", 0755);
	bad_flags();  // the author's first test
	namespaces(); // has his second
	parts();      // his third: each alone
	ok(in_child(combined) == 0, "all combinations of FS, FILES, NEWNS, NEWUTS, SYSVSEM");
	ok(in_child(combined_memory) == 0, "all combinations of FS, FILES, VM, SIGHAND # DIVERGES");
	ok(in_child(threaded) == 0, "in a threaded process: THREAD, SIGHAND, VM, NEWUSER are EINVAL, the others work");
	int good = 0; // his fourth
	for (int i = 0; i < 20; i++)
		good += in_child(ten_threads) == 44;
	ok(good == 20, "ten threads released at once: exec, exit, unshare, twenty times over");
	int fresh = 0;
	for (int i = 0; i < 300; i++)
		fresh += in_child(everything) == 0;
	ok(fresh == 300, "three hundred sets of namespaces made and dropped");
	return tap_end();
}
