// What netlink tells of unix sockets (sock_diag) and of tasks (generic netlink's TASKSTATS), and /proc/net/unix.
#include "child.h"
#include "tap.h"
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/taskstats.h>
#include <linux/unix_diag.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

enum { established = 1, idle = 7, listens = 10 };

static char reply[1 << 16];
static int replySize, seq;

// ask sends a request of a protocol and receives all answers. It returns how many bytes of messages came, or -1 with the error.
static int ask(int protocol, int type, int flags, const void *body, int size) {
	struct {
		struct nlmsghdr h;
		char body[256];
	} req = {.h = {NLMSG_LENGTH(size), type, NLM_F_REQUEST | flags, ++seq, 0}};
	int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol), e = 0, more = 1;
	if (s < 0)
		return -1;
	memcpy(req.body, body, size);
	send(s, &req, req.h.nlmsg_len, 0);
	for (replySize = 0; more;) {
		int n = recv(s, reply + replySize, sizeof reply - replySize, 0);
		if (n <= 0)
			break;
		for (struct nlmsghdr *h = (void *)(reply + replySize); NLMSG_OK(h, (unsigned)n); h = NLMSG_NEXT(h, n)) {
			if (h->nlmsg_type == NLMSG_ERROR)
				e = -((struct nlmsgerr *)NLMSG_DATA(h))->error, more = 0;
			else if (h->nlmsg_type == NLMSG_DONE)
				more = 0;
			else
				replySize = (char *)h + NLMSG_ALIGN(h->nlmsg_len) - reply;
			if (!(h->nlmsg_flags & NLM_F_MULTI))
				more = 0;
		}
	}
	close(s);
	errno = e;
	return e ? -1 : replySize;
}

static void *find(void *first, int size, int type, int *len) {
	for (struct nlattr *a = first; size >= NLA_HDRLEN && a->nla_len >= NLA_HDRLEN && a->nla_len <= size;) {
		if ((a->nla_type & NLA_TYPE_MASK) == type) {
			*len = a->nla_len - NLA_HDRLEN;
			return (char *)a + NLA_HDRLEN;
		}
		size -= NLA_ALIGN(a->nla_len);
		a = (void *)((char *)a + NLA_ALIGN(a->nla_len));
	}
	*len = 0;
	return NULL;
}

static unsigned inode(int fd) {
	struct stat st;
	return fstat(fd, &st) ? 0 : st.st_ino;
}

// about finds a socket among the answers.
static struct unix_diag_msg *about(unsigned ino, int *size) {
	int n = replySize;
	for (struct nlmsghdr *h = (void *)reply; NLMSG_OK(h, (unsigned)n); h = NLMSG_NEXT(h, n)) {
		struct unix_diag_msg *m = NLMSG_DATA(h);
		*size = h->nlmsg_len - NLMSG_LENGTH(sizeof *m);
		if (m->udiag_ino == ino)
			return m;
	}
	return NULL;
}

static unsigned *property(unsigned ino, int type, int *len) {
	int size;
	struct unix_diag_msg *m = about(ino, &size);
	*len = 0;
	return m ? find(m + 1, size, type, len) : NULL;
}

static unsigned number(unsigned ino, int type, int i) {
	int len;
	unsigned *v = property(ino, type, &len);
	return v && len >= 4 * (i + 1) ? v[i] : ~0u;
}

static int state(unsigned ino) {
	int size;
	struct unix_diag_msg *m = about(ino, &size);
	return m ? m->udiag_state : -1;
}

static int dump(unsigned states) {
	struct unix_diag_req q = {.sdiag_family = AF_UNIX, .udiag_states = states, .udiag_show = 0x7f};
	return ask(NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &q, sizeof q);
}

static int one(unsigned ino, unsigned cookie) {
	struct unix_diag_req q = {.sdiag_family = AF_UNIX, .udiag_states = -1, .udiag_ino = ino, .udiag_show = UDIAG_SHOW_NAME, .udiag_cookie = {cookie, cookie}};
	return ask(NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, 0, &q, sizeof q);
}

static int in_proc(unsigned ino, const char *want) {
	FILE *f = fopen("/proc/net/unix", "r");
	char line[512];
	int good = 0;
	while (f && fgets(line, sizeof line, f)) {
		unsigned flags, type, st, nr;
		char name[200] = "";
		if (sscanf(line, "%*[^:]: %*x %*x %x %x %x %u %199s", &flags, &type, &st, &nr, name) >= 4 && nr == ino) {
			char got[256];
			snprintf(got, sizeof got, "%x %x %x %s", flags, type, st, name);
			good = !strcmp(got, want);
			if (!good)
				printf("# %s\n", got);
		}
	}
	fclose(f);
	return good;
}

static int unix_sockets(void) {
	struct sockaddr_un hidden = {AF_UNIX, "\0links-test"}, named = {AF_UNIX, "/tmp/links-test.sock"};
	int pair[2], l = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0), q = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	int d = socket(AF_UNIX, SOCK_DGRAM, 0), e = socket(AF_UNIX, SOCK_DGRAM, 0), len;
	unlink(named.sun_path);
	socklen_t size = offsetof(struct sockaddr_un, sun_path) + 11;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) || bind(l, (void *)&hidden, size) || listen(l, 3) || connect(c, (void *)&hidden, size) ||
		bind(d, (void *)&named, sizeof named) || connect(e, (void *)&named, sizeof named) || write(pair[0], "1234", 4) != 4 ||
		write(e, "12345", 5) != 5 || write(e, "1", 1) != 1)
		die("sockets");
	unsigned a = inode(pair[0]), b = inode(pair[1]), li = inode(l), ci = inode(c), qi = inode(q), di = inode(d), ei = inode(e);
	ok(dump(-1) > 0 && state(a) == established && state(b) == established && state(li) == listens && state(ci) == established &&
		   state(qi) == idle && state(di) == established && state(ei) == established, "all sockets and their states");
	ok(number(a, UNIX_DIAG_PEER, 0) == b && number(b, UNIX_DIAG_PEER, 0) == a && number(ei, UNIX_DIAG_PEER, 0) == di, "who is whose peer");
	ok(number(ci, UNIX_DIAG_PEER, 0) == 0 && !property(di, UNIX_DIAG_PEER, &len), "of one that is not accepted yet 0, of one that has none nothing");
	ok(number(b, UNIX_DIAG_RQLEN, 0) == 4 && number(di, UNIX_DIAG_RQLEN, 0) == 5 && number(a, UNIX_DIAG_RQLEN, 1) >= 4, "bytes that wait, of the next message");
	ok(number(li, UNIX_DIAG_RQLEN, 0) == 1 && number(li, UNIX_DIAG_RQLEN, 1) == 3, "connections that wait, and may");
	ok(number(li, UNIX_DIAG_ICONS, 0) == ci, "who they are from");
	char *text = (void *)property(li, UNIX_DIAG_NAME, &len);
	ok(text && len == 11 && !memcmp(text, "\0links-test", 11), "an abstract name");
	text = (void *)property(di, UNIX_DIAG_NAME, &len);
	ok(text && len == 21 && !strcmp(text, named.sun_path), "a path");
	struct stat st;
	ok(!stat(named.sun_path, &st) && number(di, UNIX_DIAG_VFS, 0) == st.st_ino, "its inode");
	ok(!property(ei, UNIX_DIAG_NAME, &len) && !property(ei, UNIX_DIAG_VFS, &len), "neither of one that has none");
	ok(number(a, UNIX_DIAG_MEMINFO, SK_MEMINFO_SNDBUF) == 212992 && number(a, UNIX_DIAG_UID, 0) == 0, "sizes of buffers, and whose it is");
	shutdown(pair[0], SHUT_WR);
	char *shut = (dump(-1), (void *)property(a, UNIX_DIAG_SHUTDOWN, &len));
	char *peer = (void *)property(b, UNIX_DIAG_SHUTDOWN, &len);
	ok(shut && *shut == 2 && peer && *peer == 1, "what is shut down");
	ok(dump(1 << listens) > 0 && state(li) == listens && state(a) == -1, "those of a state that is asked for");
	ok(one(ci, -1) > 0 && state(ci) == established, "a single one");
	fails(one(0, -1), EINVAL, "without a number: EINVAL");
	fails(one(0x7ffffff0, -1), ENOENT, "there is none: ENOENT");
	fails(one(ci, 0x55555555), ESTALE, "another one had this number: ESTALE");
	struct unix_diag_req other = {.sdiag_family = 44};
	fails(ask(NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &other, sizeof other), ENOENT, "another family: ENOENT");
	fails(ask(NETLINK_SOCK_DIAG, 99, 0, &other, sizeof other), EINVAL, "another message: EINVAL");
	ok(in_proc(li, "10000 1 1 @links-test") && in_proc(di, "0 2 3 /tmp/links-test.sock") && in_proc(a, "0 1 3 ") && in_proc(qi, "0 5 1 "), "/proc/net/unix says the same");
	int f = accept(l, NULL, NULL);
	ok(dump(-1) > 0 && number(ci, UNIX_DIAG_PEER, 0) == inode(f) && number(li, UNIX_DIAG_RQLEN, 0) == 0 && state(inode(f)) == established, "after accept");
	close(f), close(l), close(d);
	ok(dump(-1) > 0 && state(li) == -1 && state(di) == -1 && number(ci, UNIX_DIAG_PEER, 0) == 0, "closed ones are gone");
	if (unshare(CLONE_NEWNET))
		die("unshare");
	ok(dump(-1) == 0 && one(ci, -1) == -1, "another network namespace has none of them");
	unlink(named.sun_path);
	return 0;
}

static int family;

static struct taskstats *stats(int type, unsigned pid) {
	struct {
		struct genlmsghdr h;
		struct nlattr a;
		unsigned pid;
	} q = {{TASKSTATS_CMD_GET, 1, 0}, {8, type}, pid};
	int len;
	if (ask(NETLINK_GENERIC, family, 0, &q, sizeof q) <= 0)
		return NULL;
	void *all = find(reply + NLMSG_HDRLEN + GENL_HDRLEN, replySize, type == TASKSTATS_CMD_ATTR_PID ? TASKSTATS_TYPE_AGGR_PID : TASKSTATS_TYPE_AGGR_TGID, &len);
	return all ? find(all, len, TASKSTATS_TYPE_STATS, &len) : NULL;
}

static int by_name(const char *name) {
	struct {
		struct genlmsghdr h;
		struct nlattr a;
		char name[16];
	} q = {{CTRL_CMD_GETFAMILY, 1, 0}, {4 + strlen(name) + 1, CTRL_ATTR_FAMILY_NAME}, ""};
	strcpy(q.name, name);
	return ask(NETLINK_GENERIC, GENL_ID_CTRL, 0, &q, 8 + strlen(name) + 1);
}

static int not_root(void) {
	return setuid(1000) || stats(TASKSTATS_CMD_ATTR_PID, getpid()) || errno != EPERM || by_name("nlctrl") < 0;
}

static void tasks(void) {
	int len;
	unsigned short *id = by_name("TASKSTATS") > 0 ? find(reply + NLMSG_HDRLEN + GENL_HDRLEN, replySize, CTRL_ATTR_FAMILY_ID, &len) : NULL;
	family = id ? *id : 0;
	ok(family > GENL_ID_CTRL, "the family TASKSTATS");
	fails(by_name("NONESUCH"), ENOENT, "no such family: ENOENT");
	struct genlmsghdr h = {CTRL_CMD_GETFAMILY, 1, 0};
	fails(ask(NETLINK_GENERIC, GENL_ID_CTRL, 0, &h, sizeof h), EINVAL, "none is named: EINVAL");
	ok(ask(NETLINK_GENERIC, GENL_ID_CTRL, NLM_F_DUMP, &h, sizeof h) > 0 && memmem(reply, replySize, "nlctrl", 7) && memmem(reply, replySize, "TASKSTATS", 10), "all families");
	fails(ask(NETLINK_GENERIC, 1000, 0, &h, sizeof h), ENOENT, "a message of none: ENOENT");
	h.cmd = 99;
	fails(ask(NETLINK_GENERIC, family, 0, &h, sizeof h), EOPNOTSUPP, "another command: EOPNOTSUPP");
	h.cmd = TASKSTATS_CMD_GET;
	fails(ask(NETLINK_GENERIC, family, 0, &h, sizeof h), EINVAL, "of nobody: EINVAL");
	fails(ask(NETLINK_GENERIC, family, NLM_F_DUMP, &h, sizeof h), EOPNOTSUPP, "of all: EOPNOTSUPP");
	prctl(PR_SET_NAME, "statistician");
	setpriority(PRIO_PROCESS, 0, 3);
	for (volatile int i = 0; i < 20000000; i++)
		;
	struct taskstats *t = stats(TASKSTATS_CMD_ATTR_PID, getpid());
	ok(t && t->version >= 13 && t->ac_pid == (unsigned)getpid() && t->ac_ppid == (unsigned)getppid() && t->ac_tgid == t->ac_pid && !strcmp(t->ac_comm, "statistician"), "who a task is");
	ok(t && t->ac_nice == 3 && t->ac_uid == 0 && t->ac_gid == 0 && t->ac_sched == 0, "how it is scheduled, and whose it is");
	ok(t && t->ac_utime + t->ac_stime > 1000 && t->ac_utime + t->ac_stime <= t->ac_etime + 10000 && t->ac_minflt > 0 && t->hiwater_rss > 0 && t->hiwater_vm >= t->hiwater_rss, "what it has used");
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	ok(t && now.tv_sec - (long)t->ac_btime >= 0 && now.tv_sec - (long)t->ac_btime < 100, "since when");
	unsigned long long before = t ? t->nvcsw : 0;
	for (int i = 0; i < 5; i++)
		usleep(1000);
	t = stats(TASKSTATS_CMD_ATTR_PID, getpid());
	ok(t && t->nvcsw >= before + 5, "how often it has slept");
	t = stats(TASKSTATS_CMD_ATTR_TGID, getpid());
	ok(t && t->nvcsw >= before + 5, "the same of the process");
	ok(!stats(TASKSTATS_CMD_ATTR_PID, 0x7fffffff) && errno == ESRCH, "there is none: ESRCH");
	ok(in_child(not_root) == 0, "it takes CAP_NET_ADMIN: EPERM; the list of families does not");
}

int main(void) {
	plan(39);
	int counts[2], p[2];
	fflush(stdout);
	if (pipe(p))
		die("pipe");
	if (!fork()) {
		unix_sockets();
		counts[0] = tap_run, counts[1] = tap_failed;
		fflush(stdout);
		_exit(write(p[1], counts, sizeof counts) != sizeof counts);
	}
	close(p[1]);
	if (read(p[0], counts, sizeof counts) != sizeof counts)
		die("the cases of sockets");
	wait(NULL);
	tap_run = counts[0], tap_failed = counts[1];
	tasks();
	return tap_end();
}
