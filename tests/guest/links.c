// Network interfaces as objects of a network namespace: making, changing, moving and deleting them by rtnetlink, what
// /proc and /sys show of them, the ioctls, and who may.
#include "child.h"
#include "tap.h"
#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

static const char *kind; // of links without hardware that this kernel can make
static int route, seq;

static struct {
	struct nlmsghdr h;
	union {
		struct ifinfomsg link;
		struct ifaddrmsg addr;
	};
	char attrs[512];
} req;

static void *attr(int type, const void *data, int len) {
	struct rtattr *a = (void *)((char *)&req + NLMSG_ALIGN(req.h.nlmsg_len));
	a->rta_type = type, a->rta_len = RTA_LENGTH(len);
	if (data)
		memcpy(RTA_DATA(a), data, len);
	req.h.nlmsg_len = NLMSG_ALIGN(req.h.nlmsg_len) + RTA_ALIGN(a->rta_len);
	return a;
}

static void name(const char *text) { attr(IFLA_IFNAME, text, strlen(text) + 1); }
static void number(int type, unsigned v) { attr(type, &v, 4); }

static void start(int type, int flags, int index) {
	memset(&req, 0, sizeof req);
	req.h = (struct nlmsghdr){NLMSG_LENGTH(sizeof req.link), type, NLM_F_REQUEST | NLM_F_ACK | flags, ++seq, 0};
	req.link.ifi_index = index;
}

static void of_kind(const char *text) {
	struct rtattr *info = attr(IFLA_LINKINFO, NULL, 0);
	attr(IFLA_INFO_KIND, text, strlen(text));
	info->rta_len = (char *)&req + req.h.nlmsg_len - (char *)info;
}

// ask sends the request and returns 0 or -1 with the error that was answered. Of an answer that is a link, got has it.
static struct {
	struct nlmsghdr h;
	struct ifinfomsg link;
	char attrs[4096];
} got;

static int ask(void) {
	if (send(route, &req, req.h.nlmsg_len, 0) < 0)
		return -1;
	for (;;) {
		char buf[8192];
		int n = recv(route, buf, sizeof buf, 0);
		struct nlmsghdr *h = (void *)buf;
		if (n < 0)
			return -1;
		if (h->nlmsg_seq != (unsigned)seq)
			continue;
		if (h->nlmsg_type == NLMSG_ERROR) {
			errno = -((struct nlmsgerr *)NLMSG_DATA(h))->error;
			return errno ? -1 : 0;
		}
		memcpy(&got, buf, n < (int)sizeof got ? n : (int)sizeof got);
	}
}

static void *found(int type) {
	int n = got.h.nlmsg_len - NLMSG_LENGTH(sizeof got.link);
	for (struct rtattr *a = (void *)got.attrs; RTA_OK(a, n); a = RTA_NEXT(a, n))
		if (a->rta_type == type)
			return RTA_DATA(a);
	return NULL;
}

static int make(const char *text) {
	start(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
	name(text);
	of_kind(kind);
	return ask();
}

static int drop(int index) {
	start(RTM_DELLINK, 0, index);
	return ask();
}

static int rename_to(int index, const char *text) {
	start(RTM_SETLINK, 0, index);
	name(text);
	return ask();
}

static int set_flags(int index, unsigned flags, unsigned mask) {
	start(RTM_SETLINK, 0, index);
	req.link.ifi_flags = flags, req.link.ifi_change = mask;
	return ask();
}

static int set_number(int index, int type, unsigned v) {
	start(RTM_SETLINK, 0, index);
	number(type, v);
	return ask();
}

static int address(int type, int flags, int index, const char *ip, int prefix) {
	start(type, flags, 0);
	req.h.nlmsg_len = NLMSG_LENGTH(sizeof req.addr);
	req.addr = (struct ifaddrmsg){AF_INET, prefix, 0, 0, index};
	unsigned a = inet_addr(ip);
	attr(IFA_LOCAL, &a, 4);
	attr(IFA_ADDRESS, &a, 4);
	return ask();
}

static int get(int index) {
	memset(&got, 0, sizeof got);
	start(RTM_GETLINK, 0, index);
	return ask();
}

static const char *slurp(const char *path) {
	static char buf[8192];
	int fd = open(path, O_RDONLY), n = fd < 0 ? -1 : (int)read(fd, buf, sizeof buf - 1), e = errno;
	close(fd);
	errno = e;
	buf[n < 0 ? 0 : n] = 0;
	return n < 0 ? "?" : buf;
}

static int mentions(const char *path, const char *word) { return strstr(slurp(path), word) != NULL; }

static void open_route(void) { route = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE); }

static int making(void) {
	ok(make("d0") == 0 && if_nametoindex("d0") == 2, "a link is made, number 2 after the loopback");
	fails(make("d0"), EEXIST, "one of that name again: EEXIST");
	fails(make("a/b"), EINVAL, "a name with a slash: EINVAL");
	fails(make("a b"), EINVAL, "with a space: EINVAL");
	fails(make("a:b"), EINVAL, "with a colon: EINVAL");
	fails(make(".."), EINVAL, "..: EINVAL");
	fails(make("%s"), EINVAL, "a pattern that is not %d: EINVAL");
	fails(make("sixteen-letters-"), ERANGE, "16 letters: ERANGE");
	ok(make("p%d") == 0 && make("p%d") == 0 && if_nametoindex("p0") == 3 && if_nametoindex("p1") == 4, "%%d stands for the first free number");
	start(RTM_NEWLINK, NLM_F_CREATE, 0);
	name("other");
	of_kind("nonesuch");
	fails(ask(), EOPNOTSUPP, "an unknown kind: EOPNOTSUPP");
	start(RTM_NEWLINK, NLM_F_CREATE, 70);
	name("seventy");
	of_kind(kind);
	ok(ask() == 0 && if_nametoindex("seventy") == 70, "with a number that is asked for");
	start(RTM_NEWLINK, NLM_F_CREATE, 0);
	of_kind(kind);
	char own[IFNAMSIZ], first[IFNAMSIZ];
	snprintf(first, sizeof first, "%s0", kind);
	ok(ask() == 0 && if_nametoindex(first) && if_indextoname(if_nametoindex(first), own), "without a name it is called after its kind");
	start(RTM_NEWLINK, NLM_F_CREATE, 0);
	name("mac");
	attr(IFLA_ADDRESS, "\2\1\2\3\4\5", 6);
	number(IFLA_MTU, 1234);
	of_kind(kind);
	ok(ask() == 0 && get(if_nametoindex("mac")) == 0 && found(IFLA_ADDRESS) && !memcmp(found(IFLA_ADDRESS), "\2\1\2\3\4\5", 6) &&
		   *(unsigned *)found(IFLA_MTU) == 1234, "with a hardware address and an MTU");
	start(RTM_NEWLINK, NLM_F_CREATE, 0);
	name("bad");
	attr(IFLA_ADDRESS, "\1\1\2\3\4\5", 6);
	of_kind(kind);
	fails(ask(), EADDRNOTAVAIL, "a group's address: EADDRNOTAVAIL");
	fails(drop(1), EOPNOTSUPP, "the loopback stays: EOPNOTSUPP");
	ok(drop(70) == 0 && if_nametoindex("seventy") == 0, "a link is deleted");
	fails(drop(70), ENODEV, "again: ENODEV");
	fails(drop(0), EINVAL, "without a number or a name: EINVAL");
	fails(get(70), ENODEV, "asking for it: ENODEV");
	return 0;
}

static int changing(void) {
	int d = (make("d0"), make("e0"), if_nametoindex("d0"));
	ok(get(d) == 0 && got.link.ifi_flags == (IFF_BROADCAST | IFF_NOARP) && *(char *)found(IFLA_OPERSTATE) == 2 &&
		   !strcmp(found(IFLA_QDISC), "noop"), "it begins down");
	ok(set_flags(d, IFF_UP, IFF_UP) == 0 && get(d) == 0 && got.link.ifi_flags == (IFF_BROADCAST | IFF_NOARP | IFF_UP | IFF_RUNNING | 0x10000),
	   "up: it is running");
	ok(rename_to(d, "d1") == 0 && if_nametoindex("d1") == (unsigned)d && !if_nametoindex("d0"), "renamed while it is up");
	fails(rename_to(d, "e0"), EEXIST, "to a name that is taken: EEXIST");
	fails(rename_to(d, "e 0"), EINVAL, "to a bad name: EINVAL");
	fails(rename_to(99, "x"), ENODEV, "no such link: ENODEV");
	ok(set_number(d, IFLA_MTU, 9000) == 0 && set_number(d, IFLA_TXQLEN, 7) == 0 && set_number(d, IFLA_GROUP, 3) == 0 && get(d) == 0 &&
		   *(unsigned *)found(IFLA_MTU) == 9000 && *(unsigned *)found(IFLA_TXQLEN) == 7 && *(unsigned *)found(IFLA_GROUP) == 3,
	   "MTU, length of the queue, group");
	fails(set_number(d, IFLA_MTU, -1), EINVAL, "a negative MTU: EINVAL");
	start(RTM_SETLINK, 0, d);
	attr(IFLA_MTU, "", 2);
	fails(ask(), ERANGE, "half a number: ERANGE");
	fails(set_number(d, IFLA_MASTER, if_nametoindex("e0")), EOPNOTSUPP, "under a link that has no slaves: EOPNOTSUPP");
	ok(set_flags(d, IFF_MULTICAST | IFF_LOOPBACK, IFF_MULTICAST | IFF_NOARP | IFF_LOOPBACK) == 0 && get(d) == 0 &&
		   (got.link.ifi_flags & (IFF_MULTICAST | IFF_NOARP | IFF_LOOPBACK | IFF_UP)) == (IFF_MULTICAST | IFF_UP),
	   "flags, but those that say what it is");
	start(RTM_SETLINK, 0, 1);
	attr(IFLA_ADDRESS, "\2\0\0\0\0\1", 6);
	ok(ask() == 0 && get(1) == 0 && !memcmp(found(IFLA_ADDRESS), "\2\0\0\0\0\1", 6), "another hardware address for the loopback");
	start(RTM_SETLINK, 0, 1);
	attr(IFLA_ADDRESS, "\2\0\0", 3);
	fails(ask(), EINVAL, "half of one: EINVAL");
	start(RTM_SETLINK, 0, 0);
	name("d1");
	req.link.ifi_change = IFF_UP;
	ok(ask() == 0 && get(d) == 0 && !(got.link.ifi_flags & IFF_UP), "found by its name, and down");
	start(RTM_NEWLINK, NLM_F_EXCL, d);
	fails(ask(), EEXIST, "NLM_F_EXCL for one that is there: EEXIST");
	start(RTM_NEWLINK, NLM_F_REPLACE, d);
	fails(ask(), EOPNOTSUPP, "NLM_F_REPLACE: EOPNOTSUPP");
	ok(found(IFLA_STATS64) != NULL, "it has counters");
	start(RTM_SETLINK, 0, d);
	attr(IFLA_IFALIAS, "my link", 7);
	ok(ask() == 0 && get(d) == 0 && found(IFLA_IFALIAS) && !strcmp(found(IFLA_IFALIAS), "my link"), "an alias");
	return 0;
}

static int addresses(void) {
	int d = (make("d0"), if_nametoindex("d0"));
	ok(address(RTM_NEWADDR, NLM_F_EXCL, d, "10.0.0.1", 24) == 0 && address(RTM_NEWADDR, NLM_F_EXCL, d, "10.0.0.2", 24) == 0, "two addresses");
	fails(address(RTM_NEWADDR, NLM_F_EXCL, d, "10.0.0.2", 24), EEXIST, "one again: EEXIST");
	fails(address(RTM_NEWADDR, 0, 99, "10.0.0.1", 24), ENODEV, "of no link: ENODEV");
	fails(address(RTM_NEWADDR, 0, d, "10.0.0.1", 33), EINVAL, "33 bits: EINVAL");
	int s = socket(AF_UNIX, SOCK_DGRAM, 0);
	struct ifreq list[4];
	struct ifconf conf = {.ifc_len = sizeof list, .ifc_req = list};
	ok(!ioctl(s, SIOCGIFCONF, &conf) && conf.ifc_len == 2 * sizeof list[0] && !strcmp(list[1].ifr_name, "d0") &&
		   ((struct sockaddr_in *)&list[1].ifr_addr)->sin_addr.s_addr == inet_addr("10.0.0.2"), "SIOCGIFCONF lists them");
	ok(address(RTM_DELADDR, 0, d, "10.0.0.1", 24) == 0, "the first is deleted");
	fails(address(RTM_DELADDR, 0, d, "10.0.0.2", 24), EADDRNOTAVAIL, "and with it went the second of its network");
	ok(address(RTM_NEWADDR, 0, d, "10.0.0.3", 24) == 0 && set_number(d, IFLA_MTU, 67) == 0, "an MTU too small for IPv4");
	fails(address(RTM_DELADDR, 0, d, "10.0.0.3", 24), ENODEV, "takes the address along");
	fails(address(RTM_NEWADDR, 0, d, "10.0.0.3", 24), ENOBUFS, "and there is room for none: ENOBUFS");
	close(s);
	return 0;
}

static int ioctls(void) {
	make("d0");
	int s = socket(AF_UNIX, SOCK_DGRAM, 0);
	struct ifreq r = {.ifr_name = "d0"};
	ok(!ioctl(s, SIOCGIFINDEX, &r) && r.ifr_ifindex == 2, "SIOCGIFINDEX on a unix socket");
	strcpy(r.ifr_name, "x");
	ok(!ioctl(s, SIOCGIFNAME, &r) && !strcmp(r.ifr_name, "d0"), "SIOCGIFNAME");
	ok(!ioctl(s, SIOCGIFFLAGS, &r) && (unsigned short)r.ifr_flags == (IFF_BROADCAST | IFF_NOARP), "SIOCGIFFLAGS");
	r.ifr_flags |= IFF_UP;
	ok(!ioctl(s, SIOCSIFFLAGS, &r) && !ioctl(s, SIOCGIFFLAGS, &r) && r.ifr_flags & IFF_RUNNING, "SIOCSIFFLAGS: up");
	r.ifr_mtu = 1300;
	ok(!ioctl(s, SIOCSIFMTU, &r) && (r.ifr_mtu = 0, !ioctl(s, SIOCGIFMTU, &r)) && r.ifr_mtu == 1300, "SIOCSIFMTU, SIOCGIFMTU");
	ok(!ioctl(s, SIOCGIFHWADDR, &r) && r.ifr_hwaddr.sa_family == 1 && (r.ifr_hwaddr.sa_data[0] & 3) == 2, "SIOCGIFHWADDR: a local one");
	strcpy(r.ifr_newname, "d9");
	ok(!ioctl(s, SIOCSIFNAME, &r) && if_nametoindex("d9") == 2, "SIOCSIFNAME");
	fails(ioctl(s, SIOCGIFINDEX, &r), ENODEV, "its old name: ENODEV");
	strcpy(r.ifr_name, "lo:1");
	ok(!ioctl(s, SIOCGIFINDEX, &r) && r.ifr_ifindex == 1, "what comes after a colon does not count");
	fails(ioctl(s, 0x8950, &r), ENOTTY, "another command: ENOTTY");
	return 0;
}

static int shown(void) {
	char path[64];
	struct stat st;
	make("d0");
	ok(mentions("/proc/net/dev", "\n    d0:       0") && mentions("/proc/net/dev", "\n    lo:"), "/proc/net/dev lists them");
	ok(readlink("/proc/net", path, sizeof path) == 8 && !memcmp(path, "self/net", 8), "/proc/net is a link to self/net");
	snprintf(path, sizeof path, "/proc/%d/net/dev", getppid());
	ok(!mentions(path, " d0:"), "another process's shows its own");
	mkdir("/tmp/links-sys", 0700);
	ok(!mount("sysfs", "/tmp/links-sys", "sysfs", 0, ""), "sysfs is mounted");
	ok(!stat("/tmp/links-sys/class/net/d0/mtu", &st) && !stat("/tmp/links-sys/devices/virtual/net/d0", &st), "and has the link");
	ok(!strcmp(slurp("/tmp/links-sys/class/net/d0/mtu"), "1500\n") && !strcmp(slurp("/tmp/links-sys/class/net/d0/flags"), "0x82\n") &&
		   !strcmp(slurp("/tmp/links-sys/class/net/d0/operstate"), "down\n") && !strcmp(slurp("/tmp/links-sys/class/net/lo/type"), "772\n") &&
		   !strcmp(slurp("/tmp/links-sys/class/net/d0/statistics/rx_bytes"), "0\n"), "with its properties");
	ok(!strcmp(slurp("/tmp/links-sys/class/net/d0/carrier"), "?") && errno == EINVAL, "carrier of one that is down: EINVAL");
	ok(!put("/tmp/links-sys/class/net/d0/mtu", "1400") && get(2) == 0 && *(unsigned *)found(IFLA_MTU) == 1400, "its MTU is written");
	ok(put("/tmp/links-sys/class/net/d0/mtu", "much") == -EINVAL, "to something else: EINVAL");
	rename_to(2, "e0");
	ok(stat("/tmp/links-sys/class/net/d0/mtu", &st) && !stat("/tmp/links-sys/class/net/e0/mtu", &st), "renamed, its folder is too");
	int fd = open("/tmp/links-sys/class/net/e0/mtu", O_RDONLY);
	drop(2);
	ok(stat("/tmp/links-sys/class/net/e0", &st) && fd >= 0 && read(fd, path, 9) == -1 && errno == ENODEV, "deleted, it is gone");
	close(fd);
	umount2("/tmp/links-sys", MNT_DETACH);
	rmdir("/tmp/links-sys");
	return 0;
}

// other runs a child in a network namespace of its own, which ends with fd.
static pid_t other(int *fd) {
	int ready[2], end[2];
	char c;
	if (pipe(ready) || pipe(end))
		die("pipe");
	pid_t pid = fork();
	if (!pid) {
		close(end[1]);
		if (unshare(CLONE_NEWNET) || write(ready[1], "x", 1) != 1)
			_exit(1);
		read(end[0], &c, 1);
		char path[64];
		_exit(mentions("/proc/self/net/dev", " moved:") | 2 * (if_nametoindex("moved") == 2) | (snprintf(path, 9, "x") == 0));
	}
	close(ready[1]), close(end[0]);
	if (read(ready[0], &c, 1) != 1)
		die("other");
	close(ready[0]);
	*fd = end[1];
	return pid;
}

static int moving(void) {
	int fd, st;
	pid_t pid = other(&fd);
	char path[64];
	make("d0"), make("e0"), make("stays");
	set_flags(2, IFF_UP, IFF_UP);
	address(RTM_NEWADDR, 0, 2, "10.0.0.1", 24);
	start(RTM_SETLINK, 0, 2);
	number(IFLA_NET_NS_PID, pid);
	name("moved");
	ok(ask() == 0 && !if_nametoindex("d0") && !if_nametoindex("moved"), "moved to a process's namespace, and renamed");
	snprintf(path, sizeof path, "/proc/%d/net/dev", pid);
	ok(mentions(path, " moved:"), "that has it now");
	start(RTM_SETLINK, 0, 1);
	number(IFLA_NET_NS_PID, pid);
	fails(ask(), EINVAL, "the loopback stays: EINVAL");
	start(RTM_SETLINK, 0, 3);
	number(IFLA_NET_NS_PID, 0x7fffffff);
	fails(ask(), ESRCH, "no such process: ESRCH");
	start(RTM_SETLINK, 0, 3);
	number(IFLA_NET_NS_FD, fd);
	fails(ask(), EINVAL, "a descriptor that is no namespace: EINVAL");
	snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
	int ns = open(path, O_RDONLY | O_CLOEXEC);
	start(RTM_SETLINK, 0, 3);
	number(IFLA_NET_NS_FD, ns);
	ok(ask() == 0 && !if_nametoindex("e0"), "moved by a descriptor");
	make("e0");
	start(RTM_SETLINK, 0, if_nametoindex("e0"));
	number(IFLA_NET_NS_FD, ns);
	fails(ask(), EEXIST, "a name that is taken there: EEXIST");
	start(RTM_NEWLINK, NLM_F_CREATE, 0);
	name("there");
	number(IFLA_NET_NS_FD, ns);
	of_kind(kind);
	ok(ask() == 0 && !if_nametoindex("there"), "made in another namespace");
	close(fd);
	waitpid(pid, &st, 0);
	ok(WIFEXITED(st) && WEXITSTATUS(st) == 3, "it keeps its number there");
	fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	setns(ns, CLONE_NEWNET);
	int r = route;
	open_route();
	ok(get(2) == 0 && !(got.link.ifi_flags & IFF_UP) && address(RTM_DELADDR, 0, 2, "10.0.0.1", 24) == -1, "it went down and lost its addresses");
	ok(if_nametoindex("there") && if_nametoindex("e0"), "the others are there too");
	close(route);
	route = r;
	ok(get(2) == -1 && if_nametoindex("there"), "an old socket is about its own namespace, a new one about the new one");
	setns(fd, CLONE_NEWNET);
	close(ns), close(fd);
	return 0;
}

static int watching(void) {
	struct sockaddr_nl a = {AF_NETLINK, 0, 0, RTMGRP_LINK | RTMGRP_IPV4_IFADDR};
	int w = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), n, seen[32] = {0};
	socklen_t len = sizeof a;
	struct pollfd p = {w, POLLIN, 0};
	ok(!bind(w, (void *)&a, sizeof a) && !getsockname(w, (void *)&a, &len) && a.nl_groups == (RTMGRP_LINK | RTMGRP_IPV4_IFADDR), "a socket in two groups");
	make("d0"), set_flags(2, IFF_UP, IFF_UP), address(RTM_NEWADDR, 0, 2, "10.0.0.1", 24), drop(2);
	char buf[8192];
	while (poll(&p, 1, 0) > 0 && (n = recvfrom(w, buf, sizeof buf, 0, (void *)&a, &len)) > 0) {
		struct nlmsghdr *h = (void *)buf;
		seen[h->nlmsg_type & 31]++;
		if (h->nlmsg_type == RTM_DELLINK)
			ok(a.nl_groups == RTMGRP_LINK && a.nl_pid == 0 && ((struct ifinfomsg *)NLMSG_DATA(h))->ifi_index == 2, "told that the link is gone");
	}
	ok(seen[RTM_NEWLINK & 31] >= 2 && seen[RTM_NEWADDR & 31] == 1 && seen[RTM_DELADDR & 31] == 1 && seen[RTM_DELLINK & 31] == 1, "told of everything");
	int group = RTNLGRP_LINK, none = 1000;
	ok(!setsockopt(w, 270, NETLINK_DROP_MEMBERSHIP, &group, 4) && make("d0") == 0 && poll(&p, 1, 0) == 0, "out of a group, it is told nothing");
	fails(setsockopt(w, 270, NETLINK_ADD_MEMBERSHIP, &none, 4), EINVAL, "no such group: EINVAL");
	int size = 0;
	setsockopt(w, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	setsockopt(w, 270, NETLINK_ADD_MEMBERSHIP, &group, 4);
	for (int i = 0; i < 100; i++)
		set_flags(if_nametoindex("d0"), i & 1 ? 0 : IFF_UP, IFF_UP);
	do
		n = recv(w, buf, sizeof buf, MSG_DONTWAIT);
	while (n > 0);
	ok(n == -1 && errno == ENOBUFS, "who does not read is told that he has missed something: ENOBUFS");
	close(w);
	return 0;
}

static int unprivileged(void) {
	make("d0");
	if (setuid(1000))
		die("setuid");
	fails(make("e0"), EPERM, "an ordinary user makes no link: EPERM");
	fails(drop(2), EPERM, "nor deletes one: EPERM");
	fails(set_flags(2, IFF_UP, IFF_UP), EPERM, "nor switches one on: EPERM");
	ok(get(2) == 0, "but may look");
	struct ifreq r = {.ifr_name = "nonesuch"};
	int s = socket(AF_UNIX, SOCK_DGRAM, 0);
	fails(ioctl(s, SIOCSIFFLAGS, &r), EPERM, "by ioctl neither, before anything is looked at: EPERM");
	int old = open("/proc/self/ns/net", O_RDONLY);
	prctl(PR_SET_DUMPABLE, 1);
	ok(!unshare(CLONE_NEWUSER | CLONE_NEWNET) && (open_route(), make("mine")) == 0, "in a network namespace of his own he does");
	start(RTM_SETLINK, 0, if_nametoindex("mine"));
	number(IFLA_NET_NS_FD, old);
	ok(old < 0 || (ask() == -1 && errno == EPERM), "but moves none where he has no right: EPERM");
	return 0;
}

// apart runs cases in a network namespace of their own.
static int (*cases)(void);
static int in_new_net(void) {
	if (unshare(CLONE_NEWNET))
		die("unshare");
	open_route();
	return cases();
}

static void apart(int (*f)(void), int n) {
	cases = f;
	int pipefd[2];
	if (pipe(pipefd))
		die("pipe");
	fflush(stdout);
	pid_t pid = fork();
	if (!pid) {
		in_new_net();
		int counts[2] = {tap_run, tap_failed};
		fflush(stdout);
		_exit(write(pipefd[1], counts, sizeof counts) != sizeof counts);
	}
	close(pipefd[1]);
	int counts[2] = {tap_run + n, tap_failed + n};
	if (read(pipefd[0], counts, sizeof counts) != sizeof counts)
		printf("# the cases ended early\n");
	close(pipefd[0]);
	waitpid(pid, NULL, 0);
	tap_run = counts[0], tap_failed = counts[1];
}

static int has_dummy(void) {
	kind = "dummy";
	return make("try") == 0;
}

int main(void) {
	plan(93);
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		die("unshare");
	cases = has_dummy;
	kind = in_child(in_new_net) ? "dummy" : "ifb"; // a Linux without the driver for dummies may have another
	apart(making, 20);
	apart(changing, 18);
	apart(addresses, 10);
	apart(ioctls, 10);
	apart(shown, 11);
	apart(moving, 12);
	apart(watching, 6);
	apart(unprivileged, 7);
	return tap_end();
}
