// Files: opening, links, directories, times, permissions, locks, sendfile, errors.
#include "tap.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>

static struct stat st;

static void put(const char *path, const char *text) {
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die(path);
	close(fd);
}

static int holds(const char *path, const char *text) {
	char buf[4096];
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, buf, sizeof buf);
	close(fd);
	return n == (ssize_t)strlen(text) && !memcmp(buf, text, n);
}

static void opening(void) {
	fails(open("nothing", O_RDONLY), ENOENT, "open of nothing: ENOENT");
	put("f", "hello");
	fails(open("f", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST, "O_EXCL: EEXIST");
	fails(open("f/g", O_RDONLY), ENOTDIR, "below a file: ENOTDIR");
	fails(open(".", O_WRONLY), EISDIR, "a directory for writing: EISDIR");
	fails(open("f", O_DIRECTORY), ENOTDIR, "O_DIRECTORY of a file: ENOTDIR");
	fails(open("f/", O_RDONLY), ENOTDIR, "a trailing slash: ENOTDIR");
	char longname[300];
	memset(longname, 'x', 299);
	longname[299] = 0;
	fails(open(longname, O_RDONLY), ENAMETOOLONG, "a name of 299 bytes: ENAMETOOLONG");
	fails(open("", O_RDONLY), ENOENT, "an empty path: ENOENT");
	int fd = open("f", O_RDWR | O_APPEND);
	lseek(fd, 0, SEEK_SET);
	ok(write(fd, " world", 6) == 6 && holds("f", "hello world"), "O_APPEND writes at the end");
	ok(lseek(fd, 100, SEEK_SET) == 100 && read(fd, longname, 1) == 0, "beyond the end there is nothing");
	fails(lseek(fd, -1, SEEK_SET), EINVAL, "lseek to -1: EINVAL");
	close(fd);
	fails(close(fd), EBADF, "close twice: EBADF");
	fd = open(".", O_TMPFILE | O_RDWR, 0600);
	ok(fd >= 0 && write(fd, "t", 1) == 1 && fstat(fd, &st) == 0 && st.st_nlink == 0, "O_TMPFILE has no name");
	close(fd);
	fd = open("f", O_PATH);
	fails(read(fd, longname, 1), EBADF, "O_PATH does not read: EBADF");
	ok(fstat(fd, &st) == 0 && st.st_size == 11, "but stats");
	close(fd);
	fd = open("sparse", O_RDWR | O_CREAT, 0600);
	fails(pwrite64(fd, "x", 1, 5000000000LL), EFBIG, "5 GB in without O_LARGEFILE: EFBIG");
	close(fd);
	fd = open("sparse", O_RDWR | O_LARGEFILE);
	ok(pwrite64(fd, "x", 1, 5000000000LL) == 1 && fstat(fd, &st) == -1 && errno == EOVERFLOW, "5 GB in with it: stat with 32 bits overflows");
	struct stat64 st64;
	ok(fstat64(fd, &st64) == 0 && st64.st_size == 5000000001LL && st64.st_blocks < 100, "stat64 does not, and the file is sparse");
	close(fd);
	unlink("sparse");
}

static void links(void) {
	char buf[64];
	ok(link("f", "hard") == 0 && stat("hard", &st) == 0 && st.st_nlink == 2, "link");
	ok(symlink("f", "soft") == 0 && readlink("soft", buf, 64) == 1 && buf[0] == 'f', "symlink, readlink");
	ok(lstat("soft", &st) == 0 && S_ISLNK(st.st_mode) && st.st_size == 1, "lstat");
	fails(open("soft", O_NOFOLLOW), ELOOP, "O_NOFOLLOW: ELOOP");
	symlink("l2", "l1");
	symlink("l1", "l2");
	fails(open("l1", O_RDONLY), ELOOP, "a circle of links: ELOOP");
	ok(rename("hard", "soft") == 0 && stat("soft", &st) == 0 && st.st_nlink == 2, "rename over a link (hard links stay two)");
	ok(rename("f", "soft") == 0 && access("f", F_OK) == 0, "rename of a file to its own other name does nothing");
	ok(unlink("f") == 0 && stat("soft", &st) == 0 && st.st_nlink == 1, "unlink");
	ok(rename("soft", "f") == 0 && access("soft", F_OK) == -1 && errno == ENOENT, "rename");
	fails(link(".", "dirlink"), EPERM, "a hard link to a directory: EPERM");
	fails(syscall(SYS_renameat2, AT_FDCWD, "f", AT_FDCWD, "l1", 1), EEXIST, "RENAME_NOREPLACE: EEXIST");
	put("g", "other");
	ok(syscall(SYS_renameat2, AT_FDCWD, "f", AT_FDCWD, "g", 2) == 0 && holds("f", "other") && holds("g", "hello world"), "RENAME_EXCHANGE");
}

static void directories(void) {
	ok(mkdir("d", 0755) == 0 && stat("d", &st) == 0 && st.st_nlink == 2, "mkdir");
	fails(mkdir("d", 0755), EEXIST, "twice: EEXIST");
	fails(mkdir("x/y", 0755), ENOENT, "without a parent: ENOENT");
	char name[300];
	for (int i = 0; i < 200; i++) {
		sprintf(name, "d/file-with-a-longer-name-%03d", i);
		put(name, "");
	}
	fails(rmdir("d"), ENOTEMPTY, "rmdir of a full one: ENOTEMPTY");
	int n = 0, dots = 0;
	DIR *dir = opendir("d");
	for (struct dirent *e; (e = readdir(dir));) {
		if (e->d_name[0] == '.')
			dots++;
		else if (e->d_type == DT_REG && n++ % 2 == 0) {
			sprintf(name, "d/%s", e->d_name);
			unlink(name); // while it is being read
		}
	}
	ok(n == 200 && dots == 2, "readdir gives each entry once");
	rewinddir(dir);
	for (n = 0; readdir(dir); n++)
		;
	ok(n == 102, "rewinddir sees what is left");
	closedir(dir);
	fails(rename("d", "d/sub"), EINVAL, "rename into itself: EINVAL");
	fails(unlink("d"), EISDIR, "unlink of a directory: EISDIR");
	fails(rmdir("f"), ENOTDIR, "rmdir of a file: ENOTDIR");
	mkdir("e", 0700);
	int fd = open("e", O_DIRECTORY);
	rmdir("e");
	fails(openat(fd, "new", O_CREAT | O_WRONLY, 0600), ENOENT, "creating in a removed directory: ENOENT");
	close(fd);
	chdir("d");
	char cwd[4096];
	ok(getcwd(cwd, sizeof cwd) && strstr(cwd, "/d"), "getcwd");
	ok(!getcwd(cwd, 2) && errno == ERANGE, "with too little room: ERANGE");
	chdir("..");
	fd = open("d", O_DIRECTORY);
	ok(fchdir(fd) == 0 && chdir("..") == 0 && access("d", F_OK) == 0, "fchdir, and back");
	ok(openat(fd, "../f", O_RDONLY) >= 0, "openat relative to a directory");
	close(fd);
}

static void attributes(void) {
	struct timespec ts[2] = {{1000000000, 5}, {1100000000, 7}};
	ok(utimensat(AT_FDCWD, "f", ts, 0) == 0 && stat("f", &st) == 0 && st.st_mtime == 1100000000 && st.st_mtim.tv_nsec == 7, "utimensat");
	umask(077);
	int fd = open("masked", O_CREAT | O_WRONLY, 0666);
	ok(fstat(fd, &st) == 0 && (st.st_mode & 07777) == 0600, "umask");
	umask(022);
	ok(fchmod(fd, 04755) == 0 && fchown(fd, 1000, 1000) == 0 && fstat(fd, &st) == 0 && (st.st_mode & 07777) == 0755 && st.st_uid == 1000, "chown clears the set-id bit");
	pid_t pid = fork();
	if (pid == 0) {
		int bad = setgid(1000) | setuid(1000);
		put("masked", "mine");
		bad |= open("/", O_WRONLY | O_TMPFILE, 0600) >= 0;
		bad |= chmod("f", 0600) == 0 || errno != EPERM;
		bad |= access("f", W_OK) == 0 || errno != EACCES;
		bad |= unlink("/etc") == 0;
		bad |= open("f", O_WRONLY) >= 0 || errno != EACCES;
		bad |= setuid(0) == 0;
		_exit(bad);
	}
	int status;
	waitpid(pid, &status, 0);
	ok(status == 0, "another user is held to the permissions");
	close(fd);
	mkdir("sticky", 01777);
	chmod("sticky", 01777);
	put("sticky/roots", "");
	if ((pid = fork()) == 0) {
		if (setuid(1000))
			_exit(9);
		_exit(!(unlink("sticky/roots") == -1 && errno == EPERM));
	}
	waitpid(pid, &status, 0);
	ok(status == 0, "a sticky directory keeps others from removing: EPERM");
	struct statfs sf;
	ok(statfs(".", &sf) == 0 && sf.f_bsize > 0 && sf.f_namelen == 255, "statfs");
	struct statx sx;
	ok(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS, &sx) == 0 && sx.stx_size == 5 && sx.stx_mtime.tv_nsec == 7, "statx");
	ok(setxattr("f", "trusted.note", "v", 1, 0) == 0 && getxattr("f", "trusted.note", &sx, 8) == 1, "extended attributes");
}

static void descriptors(void) {
	int fd = open("f", O_RDWR), two;
	ok((two = fcntl(fd, F_DUPFD_CLOEXEC, 50)) == 50 && fcntl(50, F_GETFD) == FD_CLOEXEC, "F_DUPFD_CLOEXEC");
	char c;
	ok(read(fd, &c, 1) == 1 && lseek(two, 0, SEEK_CUR) == 1, "duplicates share the offset");
	ok(dup2(fd, fd) == fd && syscall(SYS_dup3, fd, fd, 0) == -1 && errno == EINVAL, "dup2 and dup3 on itself");
	ok(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK) == 0 && (fcntl(two, F_GETFL) & (O_APPEND | O_NONBLOCK)) == (O_APPEND | O_NONBLOCK), "F_SETFL is shared");
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 10};
	ok(fcntl(fd, F_SETLK, &fl) == 0, "F_SETLK");
	pid_t pid = fork();
	if (pid == 0) {
		int other = open("f", O_RDWR);
		fl.l_type = F_WRLCK;
		int bad = fcntl(other, F_SETLK, &fl) != -1 || errno != EAGAIN;
		fcntl(other, F_GETLK, &fl);
		bad |= fl.l_type != F_WRLCK || fl.l_pid != getppid();
		_exit(bad);
	}
	int status;
	waitpid(pid, &status, 0);
	ok(status == 0, "another process is locked out, and told by whom");
	int other = open("f", O_RDWR);
	ok(flock(fd, LOCK_EX) == 0 && flock(other, LOCK_EX | LOCK_NB) == -1 && errno == EWOULDBLOCK, "flock: EWOULDBLOCK");
	put("src", "0123456789");
	int in = open("src", O_RDONLY), out = open("dst", O_RDWR | O_CREAT | O_TRUNC, 0600);
	off_t off = 3;
	ok(sendfile(out, in, &off, 4) == 4 && off == 7 && holds("dst", "3456"), "sendfile");
	struct iovec v[3] = {{"ab", 2}, {"", 0}, {"cde", 3}};
	ok(writev(out, v, 3) == 5 && holds("dst", "3456abcde"), "writev");
	ok(copy_file_range(in, 0, out, 0, 2, 0) == 2 && holds("dst", "3456abcde01"), "copy_file_range");
	ok(fallocate(out, 0, 0, 100) == 0 && fstat(out, &st) == 0 && st.st_size == 100, "fallocate");
	ok(ftruncate(out, 4) == 0 && holds("dst", "3456"), "ftruncate");
	fails(read(-1, &c, 1), EBADF, "descriptor -1: EBADF");
	fails(read(0x7fffffff, &c, 1), EBADF, "a huge descriptor: EBADF");
	fails(write(in, &c, 1), EBADF, "write to a read-only descriptor: EBADF");
	ok(syscall(SYS_close_range, 3, ~0U, 0) == 0 && fcntl(fd, F_GETFD) == -1 && errno == EBADF, "close_range");
}

static void devices(void) {
	char buf[16];
	memset(buf, 1, 16);
	int fd = open("/dev/zero", O_RDONLY);
	ok(read(fd, buf, 16) == 16 && !memcmp(buf, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16), "/dev/zero");
	fd = open("/dev/full", O_WRONLY);
	fails(write(fd, buf, 1), ENOSPC, "/dev/full: ENOSPC");
	fd = open("/dev/null", O_RDWR);
	ok(write(fd, buf, 16) == 16 && read(fd, buf, 16) == 0, "/dev/null");
	fd = open("/dev/urandom", O_RDONLY);
	char other[16];
	ok(read(fd, buf, 16) == 16 && read(fd, other, 16) == 16 && memcmp(buf, other, 16), "/dev/urandom");
}

int main(void) {
	char dir[] = "/tmp/filesXXXXXX";
	if (!mkdtemp(dir) || chdir(dir))
		die("mkdtemp");
	chmod(dir, 0755);
	if (mount("none", dir, "tmpfs", 0, "") || chdir(dir)) // the same file system on both
		die("mount");
	plan(73);
	opening();
	links();
	directories();
	attributes();
	descriptors();
	devices();
	chdir("/");
	ok(umount2(dir, MNT_DETACH) == 0 && rmdir(dir) == 0, "umount");
	return tap_end();
}
