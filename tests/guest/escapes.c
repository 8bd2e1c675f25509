// Ways out of a chroot and a set of namespaces that have been tried over the years. Each case passes if it stays inside.
#include "child.h"
#include "tap.h"
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static int exists(const char *p) { return access(p, F_OK) == 0; }

static int sh(int uid) { return setgid(uid) || setuid(uid) || prctl(PR_SET_DUMPABLE, 1); }

// userns makes a user and a mount namespace in which an ordinary user is root.
static int userns(void) {
	return sh(1000) || unshare(CLONE_NEWUSER | CLONE_NEWNS) || put("/proc/self/uid_map", "0 1000 1") || put("/proc/self/setgroups", "deny") ||
	       put("/proc/self/gid_map", "0 1000 1");
}

static int dotdot(void) {
	if (chroot("jail") || chdir("/"))
		return 9;
	for (int i = 0; i < 50; i++)
		chdir("..");
	return exists("outside") || exists("../../../outside") || exists("/../outside");
}

static int link_out(void) {
	if (chroot("jail") || chdir("/"))
		return 9;
	unlink("out");
	symlink("../../../../outside", "out");
	return exists("out");
}

static int unprivileged_second_chroot(void) {
	if (chroot("jail") || chdir("/") || sh(1000))
		return 9;
	mkdir("second", 0755);
	return chroot("/") == 0 || errno != EPERM;
}

static int move_under_jail(void) {
	// A folder inside the jail is moved out while a process stands in it: ".." must not lead it to the real root.
	int go[2], done[2], st;
	char c;
	pipe(go);
	pipe(done);
	mkdir("jail/deep", 0755);
	mkdir("jail/deep/er", 0755);
	pid_t pid = fork();
	if (pid == 0) {
		if (chroot("jail/deep") || chdir("/er") || sh(1000))
			_exit(9);
		write(done[1], "x", 1);
		read(go[0], &c, 1);
		// cwd is now outside of the root: Linux lets it walk up there, but the root stays what it was
		_exit(exists("/outside"));
	}
	read(done[0], &c, 1);
	rename("jail/deep/er", "moved");
	write(go[1], "x", 1);
	waitpid(pid, &st, 0);
	rmdir("moved");
	return WEXITSTATUS(st);
}

static int proc_root(void) {
	// /proc/1/root and cwd of a process with more rights are closed to an ordinary user
	if (sh(1000))
		return 9;
	char buf[64];
	return readlink("/proc/1/root", buf, 64) >= 0 || open("/proc/1/root", O_PATH) >= 0 || readlink("/proc/1/cwd", buf, 64) >= 0 ||
	       open("/proc/1/mem", O_RDWR) >= 0 || open("/proc/1/fd/0", O_RDONLY) >= 0 || open("/proc/1/ns/mnt", O_RDONLY) >= 0;
}

static int proc_root_userns(void) {
	char buf[64];
	if (userns())
		return 9;
	return readlink("/proc/1/root", buf, 64) >= 0 || open("/proc/1/ns/mnt", O_RDONLY) >= 0 || open("/proc/1/ns/user", O_RDONLY) >= 0;
}

static int reveal_by_umount(void) {
	if (mount("t", "cover", "tmpfs", 0, 0) || userns())
		return 9;
	return umount("cover") == 0 || errno != EINVAL || umount2("cover", MNT_DETACH) == 0 || exists("cover/secret");
}

static int reveal_by_bind(void) {
	if (mount("t", "cover", "tmpfs", 0, 0) || userns())
		return 9;
	return mount("/tmp/e", "view", 0, MS_BIND, 0) == 0 || errno != EINVAL; // not without what covers it
}

static int remount_writable(void) {
	if (mount("cover", "cover", 0, MS_BIND, 0) || mount(0, "cover", 0, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID, 0) || userns())
		return 9;
	if (mount(0, "cover", 0, MS_BIND | MS_REMOUNT | MS_NOSUID, 0) == 0 || errno != EPERM)
		return 1;
	return mount(0, "cover", 0, MS_BIND | MS_REMOUNT | MS_RDONLY, 0) == 0 || errno != EPERM;
}

static int devices(void) {
	if (userns() || mount("t", "jail", "tmpfs", 0, 0))
		return 9;
	return mknod("jail/mem", S_IFCHR | 0666, 0x101) == 0 || mknod("jail/kmsg", S_IFCHR | 0666, 0x10b) == 0;
}

static int set_id(void) {
	// a set-id root program on a mount made inside gives the mapped root, nothing more
	if (userns() || mount("t", "jail", "tmpfs", 0, 0))
		return 9;
	int fd = open("jail/x", O_CREAT | O_WRONLY, 0755);
	if (fchown(fd, 0, 0) || fchmod(fd, 04755))
		return 2;
	struct stat st;
	fstat(fd, &st);
	return st.st_uid != 0 || chown("jail/x", 1, 1) == 0 || setuid(1) == 0;
}

static int hostname(void) {
	if (userns())
		return 9;
	return sethostname("owned", 5) == 0 || syscall(SYS_settimeofday, 0, 0) == 12345 || chroot("/proc/1/root") == 0 ||
	       syscall(SYS_reboot, 0xfee1dead, 672274793, 0x01234567, 0) == 0;
}

static int signals_up(void) {
	pid_t victim = getppid();
	if (userns())
		return 9;
	return kill(victim, SIGTERM) == 0 || errno != EPERM || kill(1, SIGTERM) == 0;
}

static int ptrace_up(void) {
	pid_t victim = getppid();
	if (userns())
		return 9;
	return ptrace(PTRACE_ATTACH, victim, 0, 0) == 0;
}

static int vm_up(void) {
	pid_t victim = getppid();
	static char here[16];
	struct {
		void *base;
		size_t len;
	} l = {here, 16}, r = {(void *)exists, 16};
	if (userns())
		return 9;
	return syscall(SYS_process_vm_readv, victim, &l, 1, &r, 1, 0) != -1;
}

static int join_parent(void) {
	int fd = open("/proc/self/ns/user", O_RDONLY), mnt = open("/proc/self/ns/mnt", O_RDONLY);
	if (fd < 0 || userns())
		return 9;
	return setns(fd, CLONE_NEWUSER) == 0 || setns(mnt, CLONE_NEWNS) == 0 || errno != EPERM;
}

static int chroot_then_userns(void) {
	if (chroot("jail") || chdir("/") || sh(1000))
		return 9;
	return unshare(CLONE_NEWUSER) == 0 || errno != EPERM;
}

static int nested_map(void) {
	// a namespace cannot be given ids that its parent does not have
	int up[2], down[2], st;
	char path[64], c;
	if (userns())
		return 9;
	pipe(up);
	pipe(down);
	pid_t pid = fork();
	if (pid == 0) {
		unshare(CLONE_NEWUSER);
		write(up[1], "x", 1);
		read(down[0], &c, 1);
		_exit(0);
	}
	read(up[0], &c, 1);
	snprintf(path, sizeof path, "/proc/%d/uid_map", pid);
	int bad = put(path, "0 1000 1") == 0 || put(path, "0 0 2") == 0 || put(path, "0 0 4294967295") == 0;
	write(down[1], "x", 1);
	waitpid(pid, &st, 0);
	return bad;
}

static int no_new_privs(void) {
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || sh(1000))
		return 9;
	int st;
	pid_t pid = fork();
	if (pid == 0) {
		execl("/tmp/e/suid", "suid", "uid", NULL);
		_exit(99);
	}
	waitpid(pid, &st, 0);
	return WEXITSTATUS(st) != 1; // 1: still an ordinary user
}

static int suid_works(void) {
	if (sh(1000))
		return 9;
	int st;
	pid_t pid = fork();
	if (pid == 0) {
		execl("/tmp/e/suid", "suid", "uid", NULL);
		_exit(99);
	}
	waitpid(pid, &st, 0);
	return WEXITSTATUS(st);
}

static int suid_in_userns(void) {
	// the file's owner is not mapped: the bit is ignored
	if (userns())
		return 9;
	int st;
	pid_t pid = fork();
	if (pid == 0) {
		execl("/tmp/e/suid", "suid", "nobody", NULL);
		_exit(99);
	}
	waitpid(pid, &st, 0);
	return WEXITSTATUS(st);
}

static void copy_self(const char *to) {
	char buf[65536];
	int in = open("/proc/self/exe", O_RDONLY), out = open(to, O_CREAT | O_WRONLY, 0755);
	for (ssize_t n; (n = read(in, buf, sizeof buf)) > 0;)
		write(out, buf, n);
	fchmod(out, 04755);
	close(in);
	close(out);
}

int main(int argc, char **argv) {
	if (argc > 1 && !strcmp(argv[1], "uid"))
		return geteuid() == 0 ? 0 : 1;
	if (argc > 1)
		return geteuid() == 0 ? 0 : 2; // the mapped root that it was before
	if (unshare(CLONE_NEWNS) || mount(0, "/", 0, MS_REC | MS_PRIVATE, 0))
		die("unshare");
	mkdir("/tmp", 01777);
	mkdir("/tmp/e", 0755);
	if (mount("t", "/tmp/e", "tmpfs", 0, "mode=755") || chdir("/tmp/e"))
		die("tmpfs");
	mkdir("jail", 0777);
	chmod("jail", 0777);
	mkdir("cover", 0755);
	mkdir("view", 0755);
	close(open("outside", O_CREAT | O_WRONLY, 0644));
	close(open("cover/secret", O_CREAT | O_WRONLY, 0644));
	copy_self("suid");
	plan(23);
	int n;
#define CASE(f, name) \
	if (!ok((n = in_child(f)) == 0, name)) \
		printf("# step %d\n", n)
	CASE(dotdot, "chroot: .. from its root");
	CASE(link_out, "chroot: a symbolic link out");
	CASE(unprivileged_second_chroot, "chroot: a second one needs the right");
	CASE(move_under_jail, "chroot: a folder moved out from under a process");
	CASE(proc_root, "/proc/1/{root,cwd,mem,fd,ns} of a stranger");
	CASE(proc_root_userns, "the same as root of a user namespace");
	CASE(reveal_by_umount, "umount of what covers a secret");
	CASE(reveal_by_bind, "a bind without what covers a secret");
	CASE(remount_writable, "clearing locked mount flags");
	CASE(devices, "device nodes made inside");
	CASE(set_id, "set-id files made inside");
	CASE(hostname, "host name, chroot and reboot of the outside");
	CASE(signals_up, "signals to the outside");
	CASE(ptrace_up, "ptrace of the outside");
	CASE(vm_up, "the memory of the outside");
	CASE(join_parent, "setns back to the parent");
	CASE(chroot_then_userns, "a user namespace in a chroot");
	CASE(nested_map, "ids that the parent does not have");
	CASE(suid_works, "(a set-id program works at all)");
	CASE(no_new_privs, "no_new_privs and a set-id program");
	CASE(suid_in_userns, "a set-id program of an unmapped owner");
	ok(exists("outside") && !exists("/outside"), "the outside is as it was");
	chdir("/");
	ok(umount2("/tmp/e", MNT_DETACH) == 0, "and is cleaned up");
	return tap_end();
}
