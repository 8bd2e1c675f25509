// System V IPC: shared memory, semaphores with undo, message queues, through ipc(2), and a namespace of their own.
#include "tap.h"
#include <sched.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

struct msg {
	long type;
	char text[64];
};

static int status_of(pid_t pid) {
	int st;
	waitpid(pid, &st, 0);
	return WIFEXITED(st) ? WEXITSTATUS(st) : 1000 + WTERMSIG(st);
}

static int value(int id, int n) { return semctl(id, n, GETVAL); }

static int op(int id, int n, int by, int flags) {
	struct sembuf b = {n, by, flags};
	return semop(id, &b, 1);
}

static void shared_memory(void) {
	struct shmid_ds ds;
	int id = shmget(0x1234, 5000, IPC_CREAT | IPC_EXCL | 0600);
	ok(id >= 0, "shmget");
	fails(shmget(0x1234, 5000, IPC_CREAT | IPC_EXCL | 0600), EEXIST, "shmget again, exclusively");
	fails(shmget(0x1234, 9000, 0), EINVAL, "shmget of a larger one");
	fails(shmget(0x4321, 1, 0), ENOENT, "shmget of none");
	fails(shmget(IPC_PRIVATE, 0, 0600), EINVAL, "shmget of nothing");
	char *p = shmat(id, 0, 0), *q = shmat(id, 0, SHM_RDONLY);
	ok(p != (char *)-1 && q != (char *)-1 && p != q, "shmat twice");
	strcpy(p + 4096, "seen");
	ok(!strcmp(q + 4096, "seen"), "both show the same");
	pid_t pid = fork();
	if (!pid) {
		strcpy(p, "child");
		struct shmid_ds in;
		_exit(shmctl(id, IPC_STAT, &in) || in.shm_nattch != 4);
	}
	ok(status_of(pid) == 0, "a child has both attached");
	ok(!strcmp(q, "child"), "what a child writes is seen");
	pid = fork();
	if (!pid) {
		*(volatile char *)q = 1;
		_exit(0);
	}
	ok(status_of(pid) == 1000 + SIGSEGV, "a read-only attachment");
	fails(mprotect(q, 4096, PROT_READ | PROT_WRITE), EACCES, "mprotect of it");
	fails((long)shmat(id, p, 0), EINVAL, "shmat over another");
	fails((long)shmat(id, (char *)(((long)p & ~4095L) + 12), 0), EINVAL, "shmat at no page");
	ok(shmat(id, q + 12, SHM_RND | SHM_REMAP) == q, "shmat over another, remapping");
	ok(!shmctl(id, IPC_STAT, &ds) && ds.shm_nattch == 2 && ds.shm_segsz == 5000 && ds.shm_cpid == getpid() && ds.shm_perm.mode == 0600, "IPC_STAT");
	ok(shmdt(q) == 0, "shmdt");
	fails(shmdt(q), EINVAL, "shmdt again");
	ok(shmctl(id, IPC_RMID, 0) == 0, "IPC_RMID");
	ok(!shmctl(id, IPC_STAT, &ds) && ds.shm_perm.mode == (0600 | SHM_DEST) && ds.shm_nattch == 1, "it stays while it is attached");
	fails(shmget(0x1234, 1, 0), ENOENT, "but has no key");
	ok(!strcmp(p, "child"), "and its content");
	ok(shmdt(p) == 0, "the last shmdt");
	fails(shmctl(id, IPC_STAT, &ds), EINVAL, "then it is gone");
}

static void on_alarm(int sig) { (void)sig; }

static void semaphores(void) {
	union {
		unsigned short *array;
		struct semid_ds *ds;
	} arg;
	unsigned short all[3] = {5, 0, 7};
	struct semid_ds ds;
	int id = semget(0x1234, 3, IPC_CREAT | 0600);
	ok(id >= 0, "semget");
	arg.array = all;
	ok(semctl(id, 0, SETALL, arg) == 0 && value(id, 0) == 5 && value(id, 2) == 7, "SETALL");
	ok(op(id, 0, -3, 0) == 0 && value(id, 0) == 2 && semctl(id, 0, GETPID) == getpid(), "down");
	fails(op(id, 0, -3, IPC_NOWAIT), EAGAIN, "too far down");
	fails(op(id, 3, 1, 0), EFBIG, "no such semaphore");
	fails(op(id, 0, 32767, 0), ERANGE, "too far up");
	struct sembuf two[2] = {{0, 1, 0}, {1, -1, IPC_NOWAIT}};
	fails(semop(id, two, 2), EAGAIN, "two operations, one of which can't be");
	ok(value(id, 0) == 2, "then neither is done");
	fails(semop(id, two, 0), EINVAL, "no operations");
	fails(semop(id, two, 501), E2BIG, "too many operations");

	pid_t pid = fork();
	if (!pid)
		_exit(op(id, 1, -4, 0) ? errno : 0);
	while (semctl(id, 1, GETNCNT) != 1)
		sched_yield();
	ok(op(id, 1, 3, 0) == 0 && value(id, 1) == 3, "a waiter is not let go on too soon");
	ok(op(id, 1, 1, 0) == 0 && status_of(pid) == 0 && value(id, 1) == 0, "a waiter goes on");
	pid = fork();
	if (!pid)
		_exit(op(id, 0, 0, 0) ? errno : 0);
	while (semctl(id, 0, GETZCNT) != 1)
		sched_yield();
	ok(op(id, 0, -2, 0) == 0 && status_of(pid) == 0, "one that waits for zero");

	pid = fork();
	if (!pid)
		_exit(op(id, 2, -5, SEM_UNDO) || value(id, 2) != 2);
	ok(status_of(pid) == 0 && value(id, 2) == 7, "undo at exit");
	pid = fork();
	if (!pid) {
		op(id, 2, -5, SEM_UNDO);
		unshare(CLONE_SYSVSEM);
		_exit(value(id, 2) != 7);
	}
	ok(status_of(pid) == 0, "undo at unshare");

	struct timespec ts = {0, 20000000};
	struct sembuf down = {1, -1, 0};
	fails(semtimedop(id, &down, 1, &ts), EAGAIN, "semtimedop");
	struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	sigaction(SIGALRM, &sa, 0);
	alarm(1);
	fails(op(id, 1, -1, 0), EINTR, "a signal ends the wait");
	pid = fork();
	if (!pid)
		_exit(op(id, 1, -4, 0) ? errno : 0);
	while (semctl(id, 1, GETNCNT) != 1)
		sched_yield();
	arg.ds = &ds;
	ok(semctl(id, 0, IPC_STAT, arg) == 0 && ds.sem_nsems == 3 && ds.sem_otime != 0, "IPC_STAT");
	ok(semctl(id, 0, IPC_RMID) == 0 && status_of(pid) == EIDRM, "removed under a waiter");
	fails(value(id, 0), EINVAL, "and gone");
}

static int clone_sharing_undo(void *arg) {
	return op(*(int *)arg, 0, -1, SEM_UNDO);
}

static void shared_undo(void) {
	static char stack[65536];
	int id = semget(IPC_PRIVATE, 1, 0600);
	op(id, 0, 3, 0);
	pid_t pid = fork();
	if (!pid) {
		pid_t c = clone(clone_sharing_undo, stack + sizeof stack, CLONE_SYSVSEM | SIGCHLD, &id);
		_exit(status_of(c) || value(id, 0) != 2); // not undone yet: the list is shared
	}
	ok(status_of(pid) == 0 && value(id, 0) == 3, "CLONE_SYSVSEM: undo after the last has gone");
	semctl(id, 0, IPC_RMID);
}

static void messages(void) {
	struct msg m = {3, "three"};
	struct msqid_ds ds;
	int id = msgget(0x1234, IPC_CREAT | 0600);
	ok(id >= 0, "msgget");
	ok(msgsnd(id, &m, 6, 0) == 0, "msgsnd");
	m = (struct msg){1, "one"};
	ok(msgsnd(id, &m, 4, 0) == 0, "msgsnd of another type");
	m.type = 0;
	fails(msgsnd(id, &m, 4, 0), EINVAL, "msgsnd of type 0");
	ok(!msgctl(id, IPC_STAT, &ds) && ds.msg_qnum == 2 && ds.msg_lspid == getpid(), "IPC_STAT");
	fails(msgrcv(id, &m, 64, 2, IPC_NOWAIT), ENOMSG, "msgrcv of a type that is not there");
	fails(msgrcv(id, &m, 3, 1, 0), E2BIG, "msgrcv of too little");
	ok(msgrcv(id, &m, 64, -2, 0) == 4 && !strcmp(m.text, "one") && m.type == 1, "msgrcv of the lowest type");
	ok(msgrcv(id, &m, 3, 0, MSG_NOERROR) == 3 && m.type == 3 && !memcmp(m.text, "thr", 3), "msgrcv of a part");
	pid_t pid = fork();
	if (!pid) {
		struct msg in;
		_exit(msgrcv(id, &in, 64, 5, 0) != 6 || strcmp(in.text, "hello"));
	}
	m = (struct msg){5, "hello"};
	ok(msgsnd(id, &m, 6, 0) == 0 && status_of(pid) == 0, "a waiter gets it");
	while (!msgsnd(id, &m, 64, IPC_NOWAIT))
		;
	ok(errno == EAGAIN, "a full queue");
	pid = fork();
	if (!pid)
		_exit(msgsnd(id, &m, 64, 0) ? errno : 0);
	ok(msgrcv(id, &m, 64, 0, 0) == 64 && status_of(pid) == 0, "room for a waiter");
	pid = fork();
	if (!pid) {
		struct msg in;
		_exit(msgrcv(id, &in, 64, 77, 0) < 0 ? errno : 0);
	}
	struct timespec ts = {0, 50000000};
	nanosleep(&ts, 0);
	ok(msgctl(id, IPC_RMID, 0) == 0 && status_of(pid) == EIDRM, "removed under a waiter");
}

static void namespaces(void) {
	int shm = shmget(0x77, 4096, IPC_CREAT | 0600), sem = semget(0x77, 1, IPC_CREAT | 0600), msg = msgget(0x77, IPC_CREAT | 0600);
	char *p = shmat(shm, 0, 0);
	pid_t pid = fork();
	if (!pid) {
		if (unshare(CLONE_NEWIPC))
			_exit(1);
		if (shmget(0x77, 1, 0) != -1 || semget(0x77, 1, 0) != -1 || msgget(0x77, 0) != -1)
			_exit(2);
		if (shmget(0x77, 9999, IPC_CREAT | IPC_EXCL | 0600) < 0)
			_exit(3);
		strcpy(p, "inside");
		_exit(shmdt(p) ? 4 : 0);
	}
	ok(status_of(pid) == 0, "a new IPC namespace is empty; what is attached stays");
	ok(!strcmp(p, "inside") && shmget(0x77, 4096, 0) == shm, "the old one is as it was");
	shmctl(shm, IPC_RMID, 0);
	semctl(sem, 0, IPC_RMID);
	msgctl(msg, IPC_RMID, 0);
}

// The calls with numbers of their own, which glibc for i386 does not use.
static void own_numbers(void) {
	struct timespec64 {
		long long sec, nsec;
	} ts = {0, 1000000};
	struct sembuf down = {0, -1, 0};
	int sem = syscall(393, IPC_PRIVATE, 1, 0600), shm = syscall(395, IPC_PRIVATE, 4096, 0600), msg = syscall(399, IPC_PRIVATE, 0600);
	ok(sem >= 0 && syscall(394, sem, 0, SETVAL, 4) == 0 && syscall(394, sem, 0, GETVAL, 0) == 4, "semget, semctl");
	ok(syscall(394, sem, 0, SETVAL, 0) == 0 && syscall(420, sem, &down, 1, &ts) == -1 && errno == EAGAIN, "semtimedop_time64");
	char *p = (char *)syscall(397, shm, 0, 0);
	ok(p != (char *)-1 && syscall(398, p) == 0 && syscall(396, shm, IPC_RMID, 0) == 0, "shmat, shmdt, shmctl");
	struct msg m = {4, "four"};
	ok(syscall(400, msg, &m, 5, 0) == 0 && syscall(401, msg, &m, 64, 0, 0) == 5 && syscall(402, msg, IPC_RMID, 0) == 0, "msgsnd, msgrcv, msgctl");
	syscall(394, sem, 0, IPC_RMID, 0);
}

int main(void) {
	plan(63);
	shared_memory();
	semaphores();
	shared_undo();
	messages();
	namespaces();
	own_numbers();
	return tap_end();
}
