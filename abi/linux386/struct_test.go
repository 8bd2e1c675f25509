package linux386

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// cStruct pairs a Go structure with its C type.
type cStruct struct {
	typ string
	val any
}

// layouts has, for each set of headers that can be included together, the structures that they declare. What no header
// exports is declared here as the kernel declares it.
var layouts = []struct {
	headers string
	structs []cStruct
}{
	{"#include <asm/stat.h>\n#include <asm/statfs.h>\n#include <linux/stat.h>\n#include <linux/types.h>\n#include <linux/fcntl.h>\n" +
		"#include <linux/openat2.h>\n#include <linux/mount.h>\n#include <linux/uio.h>\n#include <asm/poll.h>\n#include <linux/eventpoll.h>\n" +
		"#include <linux/utime.h>\nstruct linux_dirent { unsigned long d_ino, d_off; unsigned short d_reclen; };\n" +
		"struct ustat { int f_tfree; unsigned long f_tinode; char f_fname[6], f_fpack[6]; };\n", []cStruct{
		{"struct __old_kernel_stat", oldKernelStat{}}, {"struct stat", stat{}}, {"struct stat64", stat64{}},
		{"struct statx_timestamp", statxTime{}}, {"struct statx", statx{}}, {"struct statfs", statfs{}},
		{"struct statfs64", statfs64{}}, {"struct ustat", ustat{}}, {"struct linux_dirent", dirent{}}, {"struct flock", flock{}},
		{"struct flock64", flock64{}}, {"struct f_owner_ex", fOwnerEx{}}, {"struct open_how", openHow{}},
		{"struct mount_attr", mountAttr{}}, {"struct iovec", iovec{}}, {"struct pollfd", pollFD{}},
		{"struct epoll_event", epollEvent{}}, {"struct utimbuf", utimbuf{}},
	}},
	{"#include <linux/time.h>\n#include <linux/time_types.h>\n#include <linux/timex.h>\n#include <linux/times.h>\n", []cStruct{
		{"struct timespec", timespec32{}}, {"struct __kernel_timespec", timespec64{}}, {"struct timeval", timeval32{}},
		{"struct timezone", timezone{}}, {"struct itimerspec", itimerspec32{}}, {"struct __kernel_itimerspec", itimerspec64{}},
		{"struct itimerval", itimerval{}}, {"struct timex", timex32{}}, {"struct __kernel_timex", timex64{}}, {"struct tms", tms{}},
	}},
	{"#include <linux/time.h>\n#include <linux/resource.h>\n#include <linux/sysinfo.h>\n#include <linux/utsname.h>\n#include <asm/ldt.h>\n" +
		"#include <linux/sched.h>\n#include <linux/sched/types.h>\n#include <linux/futex.h>\n#include <linux/capability.h>\n#include <linux/filter.h>\n#include <linux/seccomp.h>\n", []cStruct{
		{"struct rusage", rusage{}}, {"struct rlimit", rlimit{}}, {"struct rlimit64", rlimit64{}}, {"struct sysinfo", sysinfo{}},
		{"struct new_utsname", utsname{}}, {"struct old_utsname", oldUtsname{}}, {"struct oldold_utsname", oldoldUtsname{}},
		{"struct user_desc", userDesc{}}, {"struct clone_args", cloneArgs{}}, {"struct sched_param", schedParam{}},
		{"struct sched_attr", schedAttr{}}, {"struct robust_list_head", robustListHead{}},
		{"struct __user_cap_header_struct", capHeader{}}, {"struct __user_cap_data_struct", capData{}},
		{"struct sock_fprog", sockFprog{}}, {"struct sock_filter", sockFilter{}}, {"struct seccomp_notif_sizes", seccompNotifSizes{}},
	}},
	{"#include <linux/types.h>\n#include <asm/signal.h>\n#include <asm/siginfo.h>\n#include <asm/sigcontext.h>\n" +
		"struct ksigaction { void *handler; unsigned long flags; void *restorer; unsigned long mask[2]; };\n" +
		"struct ucontext { unsigned long uc_flags; void *uc_link; stack_t uc_stack; struct sigcontext_32 uc_mcontext; unsigned long uc_sigmask[2]; };\n" +
		"struct fphead { __u32 cw, sw, tag, ipoff, cssel, dataoff, datasel; struct _fpreg _st[8]; __u16 status, magic; };\n" +
		"_Static_assert(sizeof(struct fphead) == offsetof(struct _fpstate_32, _fxsr_env), \"fxsave image\");\n", []cStruct{
		{"struct sigaction", oldSigaction{}}, {"struct ksigaction", sigaction{}}, {"stack_t", stackT{}},
		{"siginfo_t", siginfo{}}, {"struct sigevent", sigevent{}}, {"struct sigcontext_32", sigcontext{}},
		{"struct ucontext", ucontext{}}, {"struct fphead", fpstate{}}, {"struct _fpx_sw_bytes", fpxSW{}},
	}},
	{"#include <sys/user.h>\n#include <linux/ptrace.h>\n", []cStruct{
		{"struct user_regs_struct", userRegs{}}, {"struct user", userArea{}},
		{"struct ptrace_peeksiginfo_args", peekSiginfoArgs{}}, {"struct ptrace_syscall_info", syscallInfo{}},
	}},
	{"#define _GNU_SOURCE\n#include <sys/socket.h>\n", []cStruct{
		{"struct msghdr", msghdr{}}, {"struct mmsghdr", mmsghdr{}}, {"struct cmsghdr", cmsghdr{}},
		{"struct ucred", ucred{}}, {"struct linger", linger{}},
	}},
	{"#include <linux/ipc.h>\n#include <linux/shm.h>\n#include <linux/sem.h>\n#include <linux/msg.h>\n#include <linux/mqueue.h>\n" +
		"#include <asm/ipcbuf.h>\n#include <asm/shmbuf.h>\n#include <asm/sembuf.h>\n#include <asm/msgbuf.h>\n", []cStruct{
		{"struct ipc_perm", ipcPerm{}}, {"struct ipc64_perm", ipc64Perm{}}, {"struct shmid_ds", shmidDS{}},
		{"struct shmid64_ds", shmid64DS{}}, {"struct shminfo64", shminfo64{}}, {"struct shm_info", shmInfo{}},
		{"struct semid_ds", semidDS{}}, {"struct semid64_ds", semid64DS{}}, {"struct seminfo", seminfo{}},
		{"struct sembuf", sembuf{}}, {"struct msqid_ds", msqidDS{}}, {"struct msqid64_ds", msqid64DS{}},
		{"struct msginfo", msginfo{}}, {"struct mq_attr", mqAttr{}},
	}},
}

// newerThanHeaders are fields that the installed headers may not have yet.
var newerThanHeaders = map[string]bool{"stx_dio_mem_align": true, "stx_dio_offset_align": true}

func TestStructLayout(t *testing.T) {
	for i, l := range layouts {
		var src, want strings.Builder
		src.WriteString("#include <stddef.h>\n" + l.headers + "extern int printf(const char *, ...);\nint main(void) {\n")
		for _, s := range l.structs {
			typ := reflect.TypeOf(s.val)
			fmt.Fprintf(&src, "printf(\"%s %%u\\n\", (unsigned)sizeof(%s));\n", s.typ, s.typ)
			size := int(typ.Size())
			fmt.Fprintf(&want, "%s %d\n", s.typ, size)
			for f := range typ.NumField() {
				field := typ.Field(f)
				c := field.Tag.Get("c")
				if c == "" || newerThanHeaders[c] {
					continue
				}
				fmt.Fprintf(&src, "printf(\"%s.%s %%u %%u\\n\", (unsigned)offsetof(%s, %s), (unsigned)sizeof(((%s *)0)->%s));\n", s.typ, c, s.typ, c, s.typ, c)
				fmt.Fprintf(&want, "%s.%s %d %d\n", s.typ, c, field.Offset, field.Type.Size())
			}
		}
		src.WriteString("return 0; }\n")
		got := runC(t, fmt.Sprintf("layout%d", i), src.String())
		diffLines(t, got, want.String())
	}
}

// runC compiles an i386 program, runs it and returns its output.
func runC(t *testing.T, name, src string) string {
	t.Helper()
	return runProgram(t, buildC(t, name, src))
}

func runProgram(t *testing.T, bin string, args ...string) string {
	t.Helper()
	out, err := exec.Command(bin, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", filepath.Base(bin), err, out)
	}
	return string(out)
}

// buildC compiles an i386 program for the host's Linux and returns its path. The test is skipped where gcc -m32 is missing.
func buildC(t *testing.T, name, src string) string {
	t.Helper()
	dir := t.TempDir()
	file, bin := filepath.Join(dir, name+".c"), filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	if exec.Command("gcc", "-m32", "-E", "-include", "stdio.h", "-x", "c", "/dev/null").Run() != nil {
		t.Skip("gcc -m32 is missing (package gcc-multilib)")
	}
	if out, err := exec.Command("gcc", "-m32", "-O1", "-w", "-fasynchronous-unwind-tables", "-o", bin, file, "-ldl").CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	return bin
}

func diffLines(t *testing.T, got, want string) {
	t.Helper()
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		if i >= len(g) || i >= len(w) {
			t.Fatalf("%d lines, want %d", len(g), len(w))
		}
		if g[i] != w[i] {
			t.Errorf("C has %q, Go has %q", g[i], w[i])
		}
	}
}
