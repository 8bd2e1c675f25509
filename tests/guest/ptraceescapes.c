// Ways to more rights by ptrace(2), /proc/PID/mem and process_vm_writev(2): across users, capabilities, set-id programs,
// user and PID namespaces. Each case passes if nothing is gained.
#include "trace.h"
#include "child.h"
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mount.h>
#include <sys/stat.h>

static volatile int number = 5;
static int waits(void) { return pause(); }

static int ordinary(int uid) { return setgroups(0, 0) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid) || prctl(PR_SET_DUMPABLE, 1); }

// root_of_namespace makes an ordinary user root of a user namespace of his own.
static int root_of_namespace(void) {
	return ordinary(1000) || unshare(CLONE_NEWUSER) || put("/proc/self/uid_map", "0 1000 1") || put("/proc/self/setgroups", "deny") ||
	       put("/proc/self/gid_map", "0 1000 1");
}

static int no_capabilities(void) {
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};
	return syscall(SYS_capset, &h, none);
}

// closed reports whether a process is closed in every way to look into it or to change it.
static int closed(pid_t pid) {
	char path[32];
	int here = 6;
	struct iovec l = {&here, 4}, r = {(void *)&number, 4};
	REFUSED(ptrace(PTRACE_ATTACH, pid, 0, 0), EPERM);
	REFUSED(ptrace(PTRACE_SEIZE, pid, 0, 0), EPERM);
	REFUSED(process_vm_readv(pid, &l, 1, &r, 1, 0), EPERM);
	REFUSED(process_vm_writev(pid, &l, 1, &r, 1, 0), EPERM);
	snprintf(path, sizeof path, "/proc/%d/mem", pid);
	REFUSED(open(path, O_RDONLY), EACCES);
	REFUSED(open(path, O_RDWR), EACCES);
	MUST(here == 6);
	return 0;
}

// A process that has become someone else and says so.
static int ready[2];
static int becomes_1000(void) { return ordinary(1000) || write(ready[1], "r", 1) != 1 || waits(); }
static int becomes_1001(void) { return ordinary(1001) || write(ready[1], "r", 1) != 1 || waits(); }
static int becomes_hidden(void) { return ordinary(1000) || prctl(PR_SET_DUMPABLE, 0) || write(ready[1], "r", 1) != 1 || waits(); }
static int becomes_mixed(void) {
	return setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1001) || prctl(PR_SET_DUMPABLE, 1) || write(ready[1], "r", 1) != 1 || waits();
}
static pid_t other(int (*f)(void)) {
	char c;
	pipe(ready);
	pid_t pid = child(f);
	return read(ready[0], &c, 1) == 1 ? pid : -1;
}

static int other_user(void) {
	pid_t root = getppid(), stranger = other(becomes_1001), mixed = other(becomes_mixed);
	MUST(ordinary(1000) == 0);
	MUST(closed(root) == 0 && closed(stranger) == 0 && closed(mixed) == 0);
	return 0;
}

static int hidden(void) { // prctl(PR_SET_DUMPABLE, 0), and the same user
	pid_t pid = other(becomes_hidden), seen = other(becomes_1000);
	MUST(ptrace(PTRACE_ATTACH, pid, 0, 0) == 0 && is(await(pid), STOP(SIGSTOP)) && ptrace(PTRACE_DETACH, pid, 0, 0) == 0); // root may
	MUST(ordinary(1000) == 0 && closed(pid) == 0);
	MUST(ptrace(PTRACE_ATTACH, seen, 0, 0) == 0 && is(await(seen), STOP(SIGSTOP))); // while this one may be seen
	return !finish(seen);
}

static int fewer_capabilities(void) { // the same user, with more
	pid_t pid = child(waits);
	MUST(no_capabilities() == 0);
	return closed(pid);
}

static int from_namespace(void) { // root of a user namespace, all its capabilities: nothing outside, be it the same user's
	pid_t root = getppid(), same = other(becomes_1000);
	MUST(root_of_namespace() == 0);
	return closed(root) || closed(same);
}

static int makes_namespace(void) { return root_of_namespace() || write(ready[1], "r", 1) != 1 || waits(); }

static int into_namespace(void) { // its maker of a namespace has every right in it, a stranger none
	pid_t pid = other(makes_namespace), again = other(makes_namespace);
	MUST(ordinary(1000) == 0);
	MUST(ptrace(PTRACE_ATTACH, pid, 0, 0) == 0 && is(await(pid), STOP(SIGSTOP)) && finish(pid));
	MUST(unshare(CLONE_NEWUSER) == 0); // a sister of that namespace
	return closed(again);
}

// Programs whose file has the set-user-id bit, or may not be read.
static int execs_suid(void) { return execl("/tmp/p/suid", "suid", "uid", NULL); }
static int execs_secret(void) { return execl("/tmp/p/secret", "secret", "uid", NULL); }
static int user_execs_suid(void) { return ordinary(1000) || execs_suid(); }

static int suid_traced(void) { // the program runs, as who started it
	MUST(ordinary(1000) == 0);
	pid_t pid = traced(execs_suid, PTRACE_O_TRACEEXEC);
	MUST(is(resume(PTRACE_CONT, pid, 0), EVENT(PTRACE_EVENT_EXEC)));
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(1)));
	return 0;
}

static int suid_traced_by_root(void) { // whose tracer may, gains
	pid_t pid = traced(user_execs_suid, PTRACE_O_TRACEEXEC);
	MUST(is(resume(PTRACE_CONT, pid, 0), EVENT(PTRACE_EVENT_EXEC)));
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(0)));
	return 0;
}

static int go[2];
static int execs_suid_waiting(void) {
	dup2(ready[1], 3), dup2(go[0], 4);
	return execl("/tmp/p/suid", "suid", "wait", NULL);
}

static int suid_attached(void) { // a set-id program of one's own child
	char c;
	pipe(ready), pipe(go);
	MUST(ordinary(1000) == 0);
	pid_t pid = child(execs_suid_waiting);
	MUST(read(ready[0], &c, 1) == 1 && c == 'w');
	MUST(closed(pid) == 0);
	MUST(write(go[1], "g", 1) == 1 && is(await(pid), EXIT(0)));
	return 0;
}

static int execs_suid_traceme(void) { return execl("/tmp/p/suid", "suid", "traceme", NULL); }
static int suid_traceme(void) { // nor can it give itself away
	MUST(ordinary(1000) == 0);
	MUST(is(await(child(execs_suid_traceme)), EXIT(EPERM)));
	return 0;
}

static int secret_text(void) { // a file that may be executed and not read
	MUST(ordinary(1000) == 0);
	REFUSED(open("/tmp/p/secret", O_RDONLY), EACCES);
	pid_t pid = traced(execs_secret, PTRACE_O_TRACEEXEC);
	MUST(is(resume(PTRACE_CONT, pid, 0), EVENT(PTRACE_EVENT_EXEC)));
	REFUSED(ptrace(PTRACE_PEEKTEXT, pid, waits, 0), EIO);
	REFUSED(ptrace(PTRACE_POKETEXT, pid, waits, 0), EIO);
	char path[32];
	snprintf(path, sizeof path, "/proc/%d/mem", pid);
	REFUSED(open(path, O_RDONLY), EACCES);
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(1)));
	return 0;
}

static int own_memory_as_output(void) { // of the process before, given to a set-id program
	int fd = open("/proc/self/mem", O_RDWR);
	lseek(fd, (long)&number, SEEK_SET);
	dup2(fd, 3);
	return execl("/tmp/p/suid", "suid", "write", NULL);
}

static int memory_kept(void) {
	MUST(ordinary(1000) == 0);
	MUST(is(await(child(own_memory_as_output)), EXIT(0)));
	return 0;
}

static int memory_of_gainer(void) { // opened while one still was the same user
	char path[32], buf[4];
	pipe(ready), pipe(go);
	MUST(ordinary(1000) == 0);
	pid_t pid = traced(execs_suid_waiting, 0);
	snprintf(path, sizeof path, "/proc/%d/mem", pid);
	int fd = open(path, O_RDWR);
	MUST(fd >= 0 && pread(fd, buf, 4, (long)&number) == 4);
	MUST(ptrace(PTRACE_DETACH, pid, 0, 0) == 0 && read(ready[0], buf, 1) == 1 && *buf == 'w');
	MUST(pread(fd, buf, 4, (long)&number) <= 0 && pwrite(fd, "abcd", 4, (long)&number) <= 0);
	MUST(write(go[1], "g", 1) == 1 && is(await(pid), EXIT(0)));
	return 0;
}

static int privileged(void) {
	asm volatile("cli");
	return 0;
}

static int port(void) {
	asm volatile("in $0x80, %%al" ::: "eax");
	return 0;
}

static int ring_0(void) { // neither privilege by flags nor by selectors
	int (*each[2])(void) = {privileged, port};
	for (int i = 0; i < 2; i++) {
		pid_t pid = traced(each[i], 0);
		regs_t r = regs_of(pid);
		r.eflags |= 0x3000;
		MUST(ptrace(PTRACE_SETREGS, pid, 0, &r) == 0 && (regs_of(pid).eflags & 0x3000) == 0);
		r.xcs = 0x10;
		REFUSED(ptrace(PTRACE_SETREGS, pid, 0, &r), EIO);
		MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGSEGV)) && (regs_of(pid).xcs & 3) == 3);
		MUST(finish(pid));
	}
	return 0;
}

static int suspend_seccomp(void) { // a filter is suspended by who could have done without
	pid_t pid = traced(waits, 0);
	MUST(no_capabilities() == 0);
	REFUSED(ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_SUSPEND_SECCOMP), EPERM);
	REFUSED(ptrace(PTRACE_SECCOMP_GET_FILTER, pid, 0, 0), EACCES);
	return !finish(pid);
}

static int filtered_suspends(void) {
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog prog = {1, &allow};
	pid_t pid = traced(waits, 0);
	MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0) == 0);
	REFUSED(ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_SUSPEND_SECCOMP), EPERM);
	return !finish(pid);
}

static int inits_child(void) {
	MUST(getpid() == 2);
	REFUSED(ptrace(PTRACE_ATTACH, 3, 0, 0), ESRCH); // the outside has no numbers here
	MUST(ptrace(PTRACE_ATTACH, 1, 0, 0) == 0 && is(await(1), STOP(SIGSTOP)));
	MUST(ptrace(PTRACE_PEEKDATA, 1, &number, 0) == 5 && ptrace(PTRACE_DETACH, 1, 0, 0) == 0);
	MUST(kill(1, SIGKILL) == 0 && kill(1, SIGSTOP) == 0); // which do nothing to it
	MUST(ordinary(1000) == 0);
	return closed(1);
}
static int is_init(void) {
	MUST(getpid() == 1 && is(await(child(inits_child)), EXIT(0)));
	return 0;
}
static int init_of_namespace(void) { // is a process like others to who may trace it
	MUST(unshare(CLONE_NEWPID) == 0 && is(await(child(is_init)), EXIT(0)));
	return 0;
}

static int forks_init(void) {
	MUST(unshare(CLONE_NEWPID) == 0);
	pid_t pid = fork();
	return pid ? !is(await(pid), EXIT(31)) : getpid() == 1 ? 31 : 32;
}
static int numbers_of_tracer(void) { // a tracer learns its own namespace's numbers
	pid_t pid = traced(forks_init, PTRACE_O_TRACEFORK);
	MUST(is(resume(PTRACE_CONT, pid, 0), EVENT(PTRACE_EVENT_FORK)));
	pid_t kid = message_of(pid);
	MUST(kid > 2 && is(await(kid), STOP(SIGSTOP)) && is(resume(PTRACE_CONT, kid, 0), EXIT(31)));
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGCHLD)) && info_of(pid).si_pid == kid);
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(0)));
	return 0;
}

static void copy_self(const char *to, int mode) {
	char buf[65536];
	int in = open("/proc/self/exe", O_RDONLY), out = open(to, O_CREAT | O_WRONLY, 0755);
	for (ssize_t n; (n = read(in, buf, sizeof buf)) > 0;)
		write(out, buf, n);
	fchmod(out, mode);
	close(in);
	close(out);
}

// set_id is what this program does as a set-id one.
static int set_id(const char *what) {
	char c;
	if (!strcmp(what, "uid"))
		return geteuid() == 0 ? 0 : 1;
	if (geteuid())
		return 50;
	if (!strcmp(what, "traceme"))
		return ptrace(PTRACE_TRACEME, 0, 0, 0) == 0 ? 0 : errno;
	if (!strcmp(what, "write"))
		return write(3, "abcd", 4) >= 0 && number != 5;
	return write(3, "w", 1) != 1 || read(4, &c, 1) != 1 || number != 5;
}

int main(int argc, char **argv) {
	if (argc > 1)
		return set_id(argv[1]);
	if (unshare(CLONE_NEWNS) || mount(0, "/", 0, MS_REC | MS_PRIVATE, 0))
		die("unshare");
	mkdir("/tmp", 01777);
	mkdir("/tmp/p", 0755);
	if (mount("t", "/tmp/p", "tmpfs", 0, "mode=755"))
		die("tmpfs");
	copy_self("/tmp/p/suid", 04755);
	copy_self("/tmp/p/secret", 0711);
	plan(18);
	CASE(other_user, "processes of other users");
	CASE(hidden, "a process that may not be dumped");
	CASE(fewer_capabilities, "a process with more capabilities");
	CASE(from_namespace, "the outside of a user namespace");
	CASE(into_namespace, "the inside of a stranger's user namespace");
	CASE(suid_traced, "a set-id program that is traced");
	CASE(suid_traced_by_root, "(root's tracees gain)");
	CASE(suid_attached, "a set-id program that runs");
	CASE(suid_traceme, "a set-id program that wants to be traced");
	CASE(secret_text, "a program that may not be read");
	CASE(memory_kept, "/proc/self/mem as the output of a set-id program");
	CASE(memory_of_gainer, "/proc/PID/mem, opened before a set-id program ran");
	CASE(ring_0, "flags and selectors for ring 0");
	CASE(suspend_seccomp, "PTRACE_O_SUSPEND_SECCOMP without capabilities");
	CASE(filtered_suspends, "PTRACE_O_SUSPEND_SECCOMP by who has a filter");
	CASE(init_of_namespace, "the first process of a PID namespace");
	CASE(numbers_of_tracer, "(numbers are those of the tracer's PID namespace)");
	ok(umount2("/tmp/p", MNT_DETACH) == 0, "all is cleaned up");
	return tap_end();
}
