// namespaces: initial
// Process events by the connector: who is told of fork, execve, exit, new ids, sessions and names.
#include "child.h"
#include "tap.h"
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

struct packet {
	struct nlmsghdr h;
	struct cn_msg m;
	union {
		struct proc_event e;
		unsigned words[2];
	};
} __attribute__((packed));

static int listener(int groups) {
	int s = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_CONNECTOR);
	struct sockaddr_nl a = {AF_NETLINK, 0, 0, groups};
	if (s < 0 || bind(s, (void *)&a, sizeof a))
		die("connector");
	return s;
}

static int say(int s, unsigned op, int mask, int words) {
	struct packet p = {.h = {sizeof p.h + sizeof p.m + 4 * words, NLMSG_DONE, 0, 0, 0}, .m = {.id = {CN_IDX_PROC, CN_VAL_PROC}, .seq = 5, .ack = 9, .len = 4 * words}};
	p.words[0] = op, p.words[1] = mask;
	return send(s, &p, p.h.nlmsg_len, 0);
}

// next receives the next event about a process, or of pid 0 the answer; false: none came in a second.
static int next(int s, int pid, unsigned what, struct packet *p) {
	struct pollfd f = {s, POLLIN, 0};
	while (poll(&f, 1, 1000) > 0) {
		int n = recv(s, p, sizeof *p, 0);
		if (n < 0)
			return 0;
		if (p->e.what != what)
			continue;
		int *ids = (int *)((char *)p + offsetof(struct packet, e) + offsetof(struct proc_event, event_data));
		if (!pid || ids[what == PROC_EVENT_FORK ? 2 : 0] == pid)
			return n == sizeof *p;
	}
	return 0;
}

static pid_t events(void) {
	pid_t pid = fork();
	if (!pid) {
		prctl(PR_SET_NAME, "another name");
		setsid();
		if (setgid(6) || setuid(5))
			_exit(1);
		execl("/proc/self/exe", "connector", "exit", NULL);
		_exit(2);
	}
	return pid;
}

static void told(void) {
	struct packet p;
	int s = listener(CN_IDX_PROC), st;
	ok(say(s, PROC_CN_MCAST_LISTEN, 0, 1) > 0 && next(s, 0, PROC_EVENT_NONE, &p), "listening is answered");
	ok(p.h.nlmsg_type == NLMSG_DONE && p.m.id.idx == CN_IDX_PROC && p.m.id.val == CN_VAL_PROC && p.m.ack == 10 &&
		   p.m.len == sizeof p.e && p.e.event_data.ack.err == 0, "with the next of the request's numbers");
	pid_t pid = events();
	ok(next(s, pid, PROC_EVENT_FORK, &p) && p.e.event_data.fork.parent_pid == getpid() && p.e.event_data.fork.parent_tgid == getpid() &&
		   p.e.event_data.fork.child_tgid == pid, "told of a fork");
	unsigned long long before = p.e.timestamp_ns;
	ok(next(s, pid, PROC_EVENT_COMM, &p) && !strcmp(p.e.event_data.comm.comm, "another name"), "of a name");
	ok(next(s, pid, PROC_EVENT_SID, &p), "of a session");
	ok(next(s, pid, PROC_EVENT_GID, &p) && p.e.event_data.id.r.rgid == 6 && p.e.event_data.id.e.egid == 6, "of a group id");
	ok(next(s, pid, PROC_EVENT_UID, &p) && p.e.event_data.id.r.ruid == 5, "of a user id");
	ok(next(s, pid, PROC_EVENT_EXEC, &p) && p.e.event_data.exec.process_tgid == pid, "of an execve");
	ok(next(s, pid, PROC_EVENT_EXIT, &p) && p.e.event_data.exit.exit_code == 3 << 8 && p.e.event_data.exit.exit_signal == SIGCHLD &&
		   p.e.event_data.exit.parent_pid == getpid(), "of its end");
	ok(p.e.timestamp_ns > before, "in time");
	waitpid(pid, &st, 0);
	pid = fork();
	if (!pid)
		for (;;)
			pause();
	kill(pid, SIGTERM);
	waitpid(pid, &st, 0);
	ok(next(s, pid, PROC_EVENT_EXIT, &p) && p.e.event_data.exit.exit_code == SIGTERM, "of an end by a signal");
	ok(say(s, 77, 0, 1) > 0 && next(s, 0, PROC_EVENT_NONE, &p) && p.e.event_data.ack.err == EINVAL, "asking for something else is answered, too");
	ok(say(s, PROC_CN_MCAST_IGNORE, 0, 1) > 0, "enough");
	while (recv(s, &p, sizeof p, MSG_DONTWAIT) > 0)
		;
	waitpid(fork() ?: (_exit(0), 0), &st, 0);
	ok(recv(s, &p, sizeof p, MSG_DONTWAIT) == -1 && errno == EAGAIN, "told nothing any more");
	close(s);
}

static void chosen(void) {
	struct packet p;
	int s = listener(CN_IDX_PROC), deaf = listener(0), st;
	say(s, PROC_CN_MCAST_LISTEN, PROC_EVENT_EXEC | PROC_EVENT_SID, 2);
	pid_t pid = events();
	waitpid(pid, &st, 0);
	ok(next(s, pid, PROC_EVENT_SID, &p) && next(s, pid, PROC_EVENT_EXEC, &p), "told of what was asked for");
	int others = 0;
	while (recv(s, &p, sizeof p, MSG_DONTWAIT) > 0)
		others |= p.e.what != PROC_EVENT_EXEC && p.e.what != PROC_EVENT_SID;
	ok(!others, "and of nothing else");
	fails(recv(deaf, &p, sizeof p, MSG_DONTWAIT), EAGAIN, "who is not in the group is told nothing");
	close(s), close(deaf);
}

static int elsewhere(void) {
	struct packet p;
	int s = listener(CN_IDX_PROC);
	if (unshare(CLONE_NEWPID))
		return 1;
	pid_t pid = fork();
	if (!pid) {
		int heard = say(s, PROC_CN_MCAST_LISTEN, 0, 1) <= 0;
		while (recv(s, &p, sizeof p, MSG_DONTWAIT) > 0)
			heard |= p.e.what == PROC_EVENT_NONE;
		_exit(heard);
	}
	int st;
	waitpid(pid, &st, 0);
	return WEXITSTATUS(st);
}

static int other_net(void) {
	if (unshare(CLONE_NEWNET))
		return 1;
	int s = listener(CN_IDX_PROC);
	return !(say(s, PROC_CN_MCAST_LISTEN, 0, 1) == -1 && errno == ECONNREFUSED);
}

static int no_root(void) {
	struct packet p;
	return setuid(5) || (listener(CN_IDX_PROC), 0) || next(-1, 0, 0, &p);
}

int main(int argc, char **argv) {
	if (argc > 1 && !strcmp(argv[1], "exit"))
		return 3;
	plan(20);
	told();
	chosen();
	ok(in_child(elsewhere) == 0, "a process in another pid namespace is not heard");
	ok(in_child(other_net) == 0, "in another network namespace nobody is there: ECONNREFUSED");
	ok(in_child(no_root) == 0, "a socket in the group is for everyone");
	return tap_end();
}
