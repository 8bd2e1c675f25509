// The rules of the owned model beside those of owned.c: who is whom, accounts, mounts share-ns, SIGIO; and namespaces of
// both models side by side.
// kargs: userns=owned
// only: Cleave
#include "child.h"
#include "tap.h"
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define is(call, e) ((call) == -1 && errno == (e))
#define MS_SHARE_NS (1 << 22)

static int exists(const char *p) { return access(p, F_OK) == 0; }

static int shows(const char *path, const char *want) {
	static char buf[8192];
	int fd = open(path, O_RDONLY);
	ssize_t n, at = 0;
	while ((n = read(fd, buf + at, sizeof buf - 1 - at)) > 0)
		at += n;
	close(fd);
	buf[at] = 0;
	return strstr(buf, want) != NULL;
}

// below runs f in a new user namespace.
static int below(int (*f)(void)) {
	int st;
	fflush(stdout);
	pid_t pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0)
		_exit(f());
	waitpid(pid, &st, 0);
	return pid < 0 ? 2000 : WIFEXITED(st) ? WEXITSTATUS(st) : 1000 + WTERMSIG(st);
}

static int become(int uid) { return setresgid(uid, uid, uid) || setresuid(uid, uid, uid) || prctl(PR_SET_DUMPABLE, 1); }

// own_root makes a mount namespace whose root every user namespace may use.
static int own_root(void) {
	return unshare(CLONE_NEWNS) || mount(0, "/", 0, MS_REC | MS_PRIVATE, 0) || mount("/", "/mnt", "none", MS_BIND | MS_SHARE_NS, "") ||
	       chdir("/mnt") || chroot("/mnt") || mount("p", "/proc", "proc", 0, 0);
}

static int needs_right(void) {
	if (become(1000) || !is(unshare(CLONE_NEWUSER), EPERM))
		return 1;
	return !is(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0), EPERM);
}

static int ids_stay(void) {
	if (mount("p", "/proc", "proc", 0, 0) || getuid() != 0 || geteuid() != 0 || chown("/tmp/owned", 5, 6) || prctl(PR_CAPBSET_READ, 21) != 1)
		return 1;
	struct stat st;
	if (stat("/tmp/owned", &st) || st.st_uid != 5 || put("/proc/self/uid_map", "0 0 1") != -EPERM)
		return 2;
	return become(1000) || getuid() != 1000; // no map is needed
}

static int same_ids(void) { return own_root() ? 100 : below(ids_stay); }

// strangers: the same uid of another namespace is another user.
static pid_t other;
static int strangers(void) {
	if (become(1000))
		return 1;
	if (!is(kill(other, 0), EPERM))
		return 2;
	if (!is(setpriority(PRIO_PROCESS, other, 5), EPERM))
		return 4;
	char byte;
	struct iovec to = {&byte, 1}, from = {(void *)&other, 1};
	if (!is(process_vm_readv(other, &to, 1, &from, 1, 0), EPERM))
		return 10 + errno;
	struct sched_param p = {0};
	struct rlimit r;
	if (!is(sched_setscheduler(other, SCHED_BATCH, &p), EPERM) || !is(prlimit(other, RLIMIT_CPU, 0, &r), EPERM))
		return 3;
	return 0;
}
static int who_is_whom(void) {
	int ready[2], st;
	char c;
	if (pipe(ready))
		return 9;
	if ((other = fork()) == 0) {
		become(1000);
		write(ready[1], "x", 1);
		for (;;)
			pause();
	}
	read(ready[0], &c, 1);
	close(ready[0]), close(ready[1]);
	int bad = below(strangers);
	pid_t pid = fork();
	if (pid == 0)
		_exit(become(1000) || kill(other, 0)); // in one's own namespace he is the same
	waitpid(pid, &st, 0);
	kill(other, SIGKILL);
	waitpid(other, 0, 0);
	return bad ? bad : st != 0;
}

// forks tries n processes at once and returns how many there were.
static int forks(int n) {
	int made = 0;
	pid_t pid[16];
	for (int i = 0; i < n; i++) {
		if ((pid[i] = fork()) == 0)
			for (;;)
				pause();
		if (pid[i] > 0)
			made++;
	}
	for (int i = 0; i < n; i++)
		if (pid[i] > 0) {
			kill(pid[i], SIGKILL);
			waitpid(pid[i], 0, 0);
		}
	return made;
}
static int account(void) {
	struct rlimit r = {4, 4};
	if (setrlimit(RLIMIT_NPROC, &r) || become(1000))
		return 100;
	return forks(8); // with itself, four
}
static int root_account(void) {
	struct rlimit r = {4, 4};
	if (setrlimit(RLIMIT_NPROC, &r))
		return 100;
	prctl(PR_SET_SECUREBITS, 1); // no rights of a root
	return forks(8);
}
static int accounts(void) {
	pid_t pid[3];
	for (int i = 0; i < 3; i++) // three processes of user 1000 here count for nothing there
		if ((pid[i] = fork()) == 0) {
			become(1000);
			for (;;)
				pause();
		}
	usleep(2000);
	int n = below(account), root = below(root_account);
	for (int i = 0; i < 3; i++) {
		kill(pid[i], SIGKILL);
		waitpid(pid[i], 0, 0);
	}
	return n == 3 && root == 8 ? 0 : n * 16 + root;
}


static int others_mounts(void) {
	if (!is(open("/private/x", O_RDONLY), EACCES) || !is(access("/private", F_OK), EACCES) || !is(chdir("/private"), EACCES) || !is(mkdir("/private/d", 0755), EACCES))
		return 1;
	if (!is(mount("/private", "/mine", 0, MS_BIND, 0), EPERM) && errno != EACCES)
		return 2;
	if (!is(mount("/", "/mine", 0, MS_BIND | MS_REC, 0), EPERM) || exists("/mine/tmp") || mount("/", "/mine", 0, MS_BIND, 0)) // nothing of it stays
		return 3;
	if (!is(unshare(CLONE_NEWNS), EPERM) || !is(syscall(SYS_clone, CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0), EPERM))
		return 4;
	return umount("/mine");
}
static int mount_rules(void) {
	if (own_root() || mount("t", "/private", "tmpfs", 0, 0) || creat("/private/x", 0644) < 0)
		return 100;
	int bad = below(others_mounts);
	return bad ? bad : umount2("/private", MNT_DETACH) != 0;
}

static int uses_shared(void) {
	if (!exists("/shared/x") || !is(open("/shared/y", O_CREAT | O_WRONLY, 0600), EROFS))
		return 1;
	if (mount("/shared", "/mine", 0, MS_BIND, 0) || !exists("/mine/x")) // a copy is one's own, and not share-ns
		return 2;
	return umount("/mine");
}
static int share_ns(void) {
	if (own_root() || mount("t", "/private", "tmpfs", 0, 0) || creat("/private/x", 0644) < 0)
		return 100;
	if (mount("/private", "/shared", 0, MS_BIND | MS_SHARE_NS, 0) || mount(0, "/shared", 0, MS_REMOUNT | MS_BIND | MS_RDONLY, 0))
		return 101;
	if (!shows("/proc/self/mountinfo", "share_userns") || !shows("/proc/self/mounts", "share_userns"))
		return 102;
	int bad = below(uses_shared);
	if (bad)
		return bad;
	umount("/shared");
	mount("/private", "/shared", 0, MS_BIND, 0); // without asking again
	return below(uses_shared) != 1;
}

static int made_inside(void) {
	return mount("t", "/private", "tmpfs", 0, 0) || creat("/private/x", 0600) < 0;
}
static int initial_may(void) {
	if (own_root() || below(made_inside))
		return 1;
	return !exists("/private/x") || umount("/private");
}

// comes waits for SIGIO, which is blocked.
static int comes(long ms) {
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	sigprocmask(SIG_BLOCK, &set, 0);
	return sigtimedwait(&set, 0, &t) == SIGIO;
}
static int fds[2];
static int sets_owner(void) { return fcntl(fds[0], F_SETOWN, getppid()) || fcntl(fds[0], F_SETFL, O_ASYNC | O_NONBLOCK); }
static int sigio_below(void) { // this one is of an owned namespace, and so is neither the initial one nor its child's
	char c;
	comes(0);
	if (pipe(fds) || below(sets_owner))
		return 1;
	write(fds[1], "x", 1);
	if (comes(50))
		return 2;
	if (read(fds[0], &c, 1) != 1 || fcntl(fds[0], F_SETOWN, getpid()))
		return 3;
	write(fds[1], "x", 1);
	return !comes(5000);
}
static int sigio(void) { return below(sigio_below); }

static int mapped_beside(void) {
	if (put("/proc/sys/user/model", "mapped"))
		return 1;
	pid_t pid = fork();
	int st;
	if (pid == 0)
		_exit(become(1000) || unshare(CLONE_NEWUSER) || put("/proc/self/uid_map", "0 1000 1") || getuid() != 0 || mount("t", "/tmp", "tmpfs", 0, 0) != -1);
	waitpid(pid, &st, 0);
	return put("/proc/sys/user/model", "owned") || st != 0;
}
static int inherits(void) {
	// the model of a namespace below is that of the one it is made in
	return unshare(CLONE_NEWUSER) || getuid() != 0; // an owned one: ids stay
}
static int inherited(void) {
	int bad;
	pid_t pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0), st;
	if (pid == 0) {
		usleep(2000); // the model for new ones changes meanwhile
		_exit(inherits());
	}
	put("/proc/sys/user/model", "mapped");
	waitpid(pid, &st, 0);
	bad = st != 0;
	return put("/proc/sys/user/model", "owned") || bad;
}

int main(void) {
	int n;
	static const char *const dirs[] = {"/tmp", "/private", "/mine", "/shared", "/proc", "/mnt"};
	for (unsigned i = 0; i < sizeof dirs / sizeof *dirs; i++)
		mkdir(dirs[i], 0755);
	close(creat("/tmp/owned", 0644));
	plan(10);
#define CASE(call, name) \
	if (!ok((n = call) == 0, name)) \
		printf("# step %d\n", n)
	CASE(in_child(needs_right), "making one takes CAP_SYS_ADMIN: EPERM");
	CASE(in_child(same_ids), "ids and capabilities stay; there are no maps: EPERM");
	CASE(in_child(who_is_whom), "the same uid in another namespace is another user: kill, setpriority, memory, prlimit");
	CASE(in_child(accounts), "RLIMIT_NPROC counts by namespace; its user 0 is exempt");
	CASE(in_child(mount_rules), "another namespace's mount: EACCES; a copy of it: EPERM, and nothing stays");
	CASE(in_child(share_ns), "a share-ns bind, read-only, is for all; a copy of it is not");
	CASE(in_child(initial_may), "the initial namespace may use every mount");
	CASE(in_child(sigio), "SIGIO is dropped when another namespace has set whom it goes to");
	CASE(in_child(mapped_beside), "a mapped namespace beside owned ones");
	CASE(in_child(inherited), "a namespace below has the model of the one above");
	return tap_end();
}
