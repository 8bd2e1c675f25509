/* Carries out calls that change credentials, as read line by line from standard input, and prints the error number and
   what it then is. With "exec PATH" another copy of it goes on. The tests of package user compare Linux's answers. */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int set_caps(unsigned long long e, unsigned long long p, unsigned long long i)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2] = {{e, p, i}, {e >> 32, p >> 32, i >> 32}};
	return syscall(SYS_capset, &h, d);
}

static void show(int err)
{
	char line[256], state[4096] = "";
	FILE *f = fopen("/proc/self/status", "r");
	while (f && fgets(line, sizeof line, f))
		if (!strncmp(line, "Uid:", 4) || !strncmp(line, "Gid:", 4) || !strncmp(line, "Groups:", 7) || !strncmp(line, "Cap", 3))
			strcat(state, strcat(strtok(line, "\n"), "; "));
	if (f)
		fclose(f);
	printf("%d secure=%d bits=%x %s\n", err, (int)getauxval(AT_SECURE), prctl(PR_GET_SECUREBITS), state);
	fflush(stdout);
}

static int run(const char *op, const char *path, long long a, long long b, long long c)
{
	if (!strcmp(op, "setuid")) return syscall(SYS_setuid, (uid_t)a);
	if (!strcmp(op, "setreuid")) return syscall(SYS_setreuid, (uid_t)a, (uid_t)b);
	if (!strcmp(op, "setresuid")) return syscall(SYS_setresuid, (uid_t)a, (uid_t)b, (uid_t)c);
	if (!strcmp(op, "setfsuid")) return syscall(SYS_setfsuid, (uid_t)a), 0;
	if (!strcmp(op, "setgid")) return syscall(SYS_setgid, (gid_t)a);
	if (!strcmp(op, "setregid")) return syscall(SYS_setregid, (gid_t)a, (gid_t)b);
	if (!strcmp(op, "setresgid")) return syscall(SYS_setresgid, (gid_t)a, (gid_t)b, (gid_t)c);
	if (!strcmp(op, "setfsgid")) return syscall(SYS_setfsgid, (gid_t)a), 0;
	if (!strcmp(op, "setgroups")) { gid_t g[3] = {a, b, c}; return syscall(SYS_setgroups, 3, g); }
	if (!strcmp(op, "capset")) return set_caps(a, b, c);
	if (!strcmp(op, "securebits")) return prctl(PR_SET_SECUREBITS, a);
	if (!strcmp(op, "keepcaps")) return prctl(PR_SET_KEEPCAPS, a);
	if (!strcmp(op, "drop")) return prctl(PR_CAPBSET_DROP, a);
	if (!strcmp(op, "raise")) return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, a, 0, 0);
	if (!strcmp(op, "lower")) return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, a, 0, 0);
	if (!strcmp(op, "clear")) return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (!strcmp(op, "nnp")) return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (!strcmp(op, "exec")) return execl(path, path, "1", NULL);
	errno = ENOSYS;
	return -1;
}

int main(int argc, char **argv)
{
	char line[512], op[32], path[300];
	setvbuf(stdin, NULL, _IONBF, 0);
	show(0);
	while (fgets(line, sizeof line, stdin)) {
		long long v[3] = {0};
		if (!strncmp(line, "exec", 4))
			sscanf(line, "%31s %299s", op, path);
		else
			sscanf(line, "%31s %lld %lld %lld", op, &v[0], &v[1], &v[2]);
		show(run(op, path, v[0], v[1], v[2]) < 0 ? errno : 0);
	}
	return 0;
}
