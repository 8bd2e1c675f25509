// System V IPC: shared memory, semaphores with SEM_UNDO, messages; permissions; removal; IPC namespaces.
#include "child.h"
#include "tap.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>

union semun {
	int val;
	struct semid_ds *buf;
	unsigned short *array;
};

static void become(int uid) {
	if (setresgid(uid, uid, uid) || setresuid(uid, uid, uid))
		die("setresuid");
}

// ---- shared memory

static int shm;
static volatile int *mem;

static int other_writes(void) {
	volatile int *p = shmat(shm, 0, 0);
	if (p == (void *)-1 || p[0] != 42)
		return 1;
	p[1] = 43;
	return shmdt((void *)p);
}

static int inherited(void) { // an attached segment stays so over fork
	mem[2] = 44;
	struct shmid_ds ds;
	return shmctl(shm, IPC_STAT, &ds) || ds.shm_nattch != 2;
}

static int execs(void) {
	execl("/proc/self/exe", "sysv", "nothing", NULL);
	return 1;
}

static int no_right(void) {
	become(1000);
	if (shmat(shm, 0, 0) != (void *)-1 || errno != EACCES || shmctl(shm, IPC_RMID, 0) != -1 || errno != EPERM)
		return 1;
	struct shmid_ds ds;
	return shmctl(shm, IPC_STAT, &ds) != -1 || errno != EACCES || shmget(0x5ee, 1, 0600) != -1 || errno != EACCES;
}

static volatile int *readonly;
static int writes_readonly(void) {
	readonly[0] = 1;
	return 1;
}

static void memory(void) {
	struct shmid_ds ds;
	fails(shmget(0x5ee, 4096, 0600), ENOENT, "shmget: no segment with this key: ENOENT");
	fails(shmget(0x5ee, 0, IPC_CREAT | 0600), EINVAL, "no size: EINVAL");
	shm = shmget(0x5ee, 5000, IPC_CREAT | IPC_EXCL | 0600);
	fails(shmget(0x5ee, 5000, IPC_CREAT | IPC_EXCL | 0600), EEXIST, "IPC_EXCL: EEXIST");
	fails(shmget(0x5ee, 5001, 0600), EINVAL, "a size that is too large: EINVAL");
	ok(shm >= 0 && shmget(0x5ee, 100, 0600) == shm, "the key finds the segment");
	mem = shmat(shm, 0, 0);
	mem[0] = 42;
	ok(in_child(other_writes) == 0 && mem[1] == 43, "two processes share it");
	ok(in_child(inherited) == 0 && mem[2] == 44, "a child inherits the mapping");
	ok(in_child(execs) == 0 && !shmctl(shm, IPC_STAT, &ds) && ds.shm_nattch == 1 && ds.shm_segsz == 5000 && ds.shm_cpid == getpid() && ds.shm_perm.mode == 0600,
	   "execve and exit detach; IPC_STAT tells");
	fails((long)shmat(shm, (char *)mem + 4096 * 16 + 1, 0), EINVAL, "an address that is no multiple of a page: EINVAL");
	volatile int *twice = shmat(shm, (char *)mem + 4096 * 16 + 1, SHM_RND);
	ok(twice == (void *)((char *)mem + 4096 * 16) && twice[0] == 42, "SHM_RND, attached twice");
	ok(shmdt((void *)twice) == 0 && shmdt((void *)twice) == -1 && errno == EINVAL, "shmdt, once only: EINVAL");
	readonly = shmat(shm, 0, SHM_RDONLY);
	ok(readonly[0] == 42 && in_child(writes_readonly) == 1000 + SIGSEGV, "SHM_RDONLY: a store is a SIGSEGV");
	shmdt((void *)readonly);
	ok(in_child(no_right) == 0, "another user: EACCES, EPERM");
	ok(shmctl(shm, IPC_RMID, 0) == 0 && mem[0] == 42 && !shmctl(shm, IPC_STAT, &ds) && ds.shm_perm.mode & SHM_DEST && ds.shm_perm.__key == 0,
	   "a removed segment lives on while it is attached");
	fails(shmget(0x5ee, 100, 0600), ENOENT, "but its key is gone: ENOENT");
	shmdt((void *)mem);
	fails((long)shmat(shm, 0, 0), EINVAL, "after the last shmdt it is gone: EINVAL");
}

// ---- semaphores

static int sem;

static int up(int n, int by, int flags) {
	struct sembuf op = {n, by, flags};
	return semop(sem, &op, 1);
}

static int value(int n) { return semctl(sem, n, GETVAL); }

static int takes_with_undo(void) { return up(0, -3, SEM_UNDO) || up(1, 2, SEM_UNDO) || value(0) != 2 || value(1) != 3; }

static int waits_for_zero(void) { return up(0, 0, 0); }
static int waits(void) { return up(0, -1, 0); }
static int gets_eidrm(void) { return up(0, -100, 0) != -1 || errno != EIDRM; }

static void on_alarm(int sig) { (void)sig; }

static int interrupted(void) {
	struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = SA_RESTART}; // semop is never restarted
	sigaction(SIGALRM, &sa, 0);
	ualarm(20000, 0);
	return up(0, -100, 0) != -1 || errno != EINTR;
}

static int thread_undo(void *a) {
	(void)a;
	return up(0, -1, SEM_UNDO);
}

// shared_undo has a child that shares the undo list: what it took comes back when the last of the two has gone.
static int shared_undo(void) {
	static char stack[65536];
	int st, before = value(0);
	pid_t pid = clone(thread_undo, stack + sizeof stack, CLONE_VM | CLONE_SYSVSEM | SIGCHLD, 0);
	waitpid(pid, &st, 0);
	return value(0) != before - 1;
}

static int unshared_undo(void) { // unshare applies it at once: the list is this task's alone
	if (up(0, -1, SEM_UNDO) || value(0) != 4)
		return 1;
	return unshare(CLONE_SYSVSEM) || value(0) != 5;
}

// later starts f in a child and waits until it sleeps in semop.
static pid_t later(int (*f)(void), int kind) {
	pid_t pid = fork();
	if (pid == 0)
		_exit(f());
	while (semctl(sem, 0, kind) == 0)
		sched_yield();
	return pid;
}
static int ended(pid_t pid) {
	int st;
	waitpid(pid, &st, 0);
	return WIFEXITED(st) ? WEXITSTATUS(st) : 1000 + WTERMSIG(st);
}

static void semaphores(void) {
	fails(semget(0x5ef, 3, 0), ENOENT, "semget: no such set: ENOENT");
	fails(semget(0x5ef, 0, IPC_CREAT | 0600), EINVAL, "a set of none: EINVAL");
	sem = semget(0x5ef, 3, IPC_CREAT | 0600);
	fails(semget(0x5ef, 4, 0600), EINVAL, "a set that is too small: EINVAL");
	unsigned short v[3] = {5, 1, 0}, got[3];
	ok(!semctl(sem, 0, SETALL, (union semun){.array = v}) && !semctl(sem, 0, GETALL, (union semun){.array = got}) && !memcmp(v, got, sizeof v), "SETALL, GETALL");
	fails(semctl(sem, 3, GETVAL), EINVAL, "a semaphore that is not there: EINVAL");
	fails(up(3, 1, 0), EFBIG, "semop on it: EFBIG");
	fails(semctl(sem, 0, SETVAL, (union semun){.val = 32768}), ERANGE, "a value too high: ERANGE");
	fails(up(0, 32767, 0), ERANGE, "an operation beyond the highest value: ERANGE");
	fails(up(2, -1, IPC_NOWAIT), EAGAIN, "IPC_NOWAIT: EAGAIN");
	struct sembuf both[2] = {{0, -1, IPC_NOWAIT}, {2, -1, IPC_NOWAIT}};
	ok(semop(sem, both, 2) == -1 && errno == EAGAIN && value(0) == 5, "all operations or none");
	struct sembuf down = {2, -1, 0};
	fails(syscall(SYS_semtimedop_time64, sem, &down, 1, (long long[2]){0, 20000000}), EAGAIN, "semtimedop: too late: EAGAIN");
	ok(in_child(interrupted) == 0, "a signal: EINTR, SA_RESTART or not");
	ok(in_child(takes_with_undo) == 0 && value(0) == 5 && value(1) == 1, "SEM_UNDO: exit gives back");
	ok(in_child(shared_undo) == 0 && value(0) == 5, "CLONE_SYSVSEM: when the last who shares the list exits");
	ok(in_child(unshared_undo) == 0 && value(0) == 5, "unshare(CLONE_SYSVSEM) gives back at once");
	pid_t pid = later(waits_for_zero, GETZCNT);
	ok(up(0, -5, 0) == 0 && ended(pid) == 0, "waiting for zero");
	pid = later(waits, GETNCNT);
	ok(up(0, 1, 0) == 0 && ended(pid) == 0 && value(0) == 0 && semctl(sem, 0, GETPID) > 0, "waiting for more");
	pid = later(gets_eidrm, GETNCNT);
	ok(semctl(sem, 0, IPC_RMID) == 0 && ended(pid) == 0, "removal: who waits gets EIDRM");
	fails(up(0, 1, 0), EINVAL, "a removed set: EINVAL");
}

// ---- messages

struct message {
	long type;
	char text[64];
};
static int msg;

static int send_type(long type, const char *text) {
	struct message m = {.type = type};
	strcpy(m.text, text);
	return msgsnd(msg, &m, strlen(text), IPC_NOWAIT);
}

static int is(long want, int flags, long type, const char *text) {
	struct message m = {0};
	ssize_t n = msgrcv(msg, &m, sizeof m.text, want, flags | IPC_NOWAIT);
	return n == (ssize_t)strlen(text) && m.type == type && !memcmp(m.text, text, n);
}

static int receives(void) {
	struct message m;
	return msgrcv(msg, &m, sizeof m.text, 9, 0) != 4 || memcmp(m.text, "late", 4);
}
static int removed(void) {
	struct message m;
	return msgrcv(msg, &m, sizeof m.text, 0, 0) != -1 || errno != EIDRM;
}

static int asleep(pid_t pid) { // whether a process sleeps
	char path[64], buf[256], state = 0;
	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	FILE *f = fopen(path, "r");
	if (f && fgets(buf, sizeof buf, f) && strrchr(buf, ')'))
		state = strrchr(buf, ')')[2];
	if (f)
		fclose(f);
	return state == 'S';
}
static pid_t sleeper(int (*f)(void)) {
	pid_t pid = fork();
	if (pid == 0)
		_exit(f());
	while (!asleep(pid))
		sched_yield();
	return pid;
}

static void messages(void) {
	struct message m;
	fails(msgget(0x5f0, 0), ENOENT, "msgget: no such queue: ENOENT");
	msg = msgget(0x5f0, IPC_CREAT | 0600);
	fails(send_type(0, "x"), EINVAL, "a type below 1: EINVAL");
	fails(msgsnd(msg, &m, 1 << 20, 0), EINVAL, "a message too long: EINVAL");
	fails(msgrcv(msg, &m, 64, 0, IPC_NOWAIT), ENOMSG, "no message: ENOMSG");
	send_type(3, "a");
	send_type(1, "b");
	send_type(2, "cc");
	send_type(1, "d");
	fails(msgrcv(msg, &m, 1, 2, IPC_NOWAIT), E2BIG, "a buffer too small: E2BIG");
	ok(is(1, 0, 1, "b") && is(-2, 0, 1, "d") && is(3, MSG_EXCEPT, 2, "cc") && is(0, 0, 3, "a"), "by type, lowest type, other type, first");
	send_type(4, "truncated");
	ok(msgrcv(msg, &m, 3, 0, MSG_NOERROR) == 3 && !memcmp(m.text, "tru", 3), "MSG_NOERROR cuts");
	struct msqid_ds ds;
	ok(!msgctl(msg, IPC_STAT, &ds) && ds.msg_qnum == 0 && ds.msg_qbytes == 16384 && ds.msg_lspid == getpid(), "IPC_STAT");
	ds.msg_qbytes = 100;
	msgctl(msg, IPC_SET, &ds);
	int n = 0;
	while (n < 1000 && send_type(1, "0123456789") == 0)
		n++;
	ok(n == 10 && errno == EAGAIN, "a queue of 100 bytes holds ten messages of 10: EAGAIN");
	while (msgrcv(msg, &m, 64, 0, IPC_NOWAIT) >= 0)
		;
	pid_t pid = sleeper(receives);
	ok(send_type(9, "late") == 0 && ended(pid) == 0, "a receiver waits for its type");
	pid = sleeper(removed);
	ok(msgctl(msg, IPC_RMID, 0) == 0 && ended(pid) == 0, "removal: who waits gets EIDRM");
}

// ---- namespaces

static int new_namespace(void) {
	if (unshare(CLONE_NEWIPC))
		return 1;
	if (shmget(0x5ee, 1, 0) != -1 || errno != ENOENT || semget(0x5ef, 1, 0) != -1 || errno != ENOENT || msgget(0x5f0, 0) != -1 || errno != ENOENT)
		return 2;
	int id = shmget(0x5ee, 4096, IPC_CREAT | 0600);
	int *p = shmat(id, 0, 0);
	if (p == (void *)-1)
		return 3;
	*p = 7;
	if (semget(0x5ef, 1, IPC_CREAT | IPC_EXCL | 0600) < 0 || msgget(0x5f0, IPC_CREAT | IPC_EXCL | 0600) < 0)
		return 4;
	return 0; // all of it goes with the namespace
}

static int keeps_attached(void) { // a segment of the old namespace stays attached, but can't be found
	volatile int *p = shmat(shm, 0, 0);
	p[0] = 1;
	if (unshare(CLONE_NEWIPC))
		return 1;
	p[0] = 2;
	return shmat(shm, 0, 0) != (void *)-1 || shmdt((void *)p);
}

static int undo_on_unshare(void) { // NEWIPC implies SYSVSEM
	if (up(0, -1, SEM_UNDO) || unshare(CLONE_NEWIPC))
		return 1;
	return 0;
}

static void namespaces(void) {
	shm = shmget(0x5ee, 4096, IPC_CREAT | 0600);
	sem = semget(0x5ef, 1, IPC_CREAT | 0600);
	msg = msgget(0x5f0, IPC_CREAT | 0600);
	semctl(sem, 0, SETVAL, (union semun){.val = 1});
	mem = shmat(shm, 0, 0);
	ok(in_child(new_namespace) == 0 && mem[0] == 0, "an IPC namespace has objects of its own");
	int good = 0;
	for (int i = 0; i < 100; i++)
		good += in_child(new_namespace) == 0;
	ok(good == 100, "a hundred of them, one after the other");
	ok(in_child(keeps_attached) == 0 && mem[0] == 2, "an attached segment stays attached over unshare");
	ok(in_child(undo_on_unshare) == 0 && value(0) == 1, "unshare(CLONE_NEWIPC) undoes semaphore operations");
	shmctl(shm, IPC_RMID, 0);
	semctl(sem, 0, IPC_RMID);
	msgctl(msg, IPC_RMID, 0);
}

int main(int argc, char **argv) {
	(void)argv;
	if (argc > 1)
		return 0;
	plan(50);
	memory();
	semaphores();
	messages();
	namespaces();
	return tap_end();
}
