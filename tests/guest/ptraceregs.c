// ptrace(2): the registers. What a tracer reads the program had, what it writes the program gets; no more than that.
#include "trace.h"
#include <asm/ldt.h>

#define REG(name) offsetof(struct user, regs.name)
#define SEGMENTS 3 // descriptors for thread-local storage

static int waits(void) { return pause(); }

// breaks stops with registers that are known and returns whether they came back with one more in each.
static int breaks(void) {
	long r[7];
	asm volatile("push %%ebp\n mov $17, %%ebp\n int3\n mov %%ebp, %%eax\n pop %%ebp"
	             : "=a"(r[6]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]), "=S"(r[4]), "=D"(r[5])
	             : "0"(11), "1"(12), "2"(13), "3"(14), "4"(15), "5"(16));
	return r[1] == 13 && r[2] == 14 && r[3] == 15 && r[4] == 16 && r[5] == 17 && r[6] == 18;
}

static int general(void) {
	pid_t pid = traced(breaks, 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGTRAP)));
	regs_t r = regs_of(pid);
	MUST(r.eax == 11 && r.ebx == 12 && r.ecx == 13 && r.edx == 14 && r.esi == 15 && r.edi == 16 && r.ebp == 17 && r.orig_eax == -1);
	MUST((r.xcs & 3) == 3 && (r.xss & 3) == 3 && (r.xds & 3) == 3 && (r.eflags & 0x3202) == 0x202);
	r.ebx++, r.ecx++, r.edx++, r.esi++, r.edi++, r.ebp++;
	MUST(ptrace(PTRACE_SETREGS, pid, 0, &r) == 0);
	regs_t now = regs_of(pid);
	MUST(!memcmp(&r, &now, sizeof r));
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(1)));
	return 0;
}

static int by_words(void) {
	pid_t pid = traced(breaks, 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGTRAP)));
	regs_t r = regs_of(pid), now;
	for (size_t i = 0; i < sizeof r / 4; i++)
		((long *)&now)[i] = ptrace(PTRACE_PEEKUSER, pid, i * 4, 0);
	MUST(!memcmp(&r, &now, sizeof r));
	static const long each[] = {REG(ebx), REG(ecx), REG(edx), REG(esi), REG(edi), REG(ebp)};
	for (int i = 0; i < 6; i++)
		MUST(ptrace(PTRACE_POKEUSER, pid, each[i], ptrace(PTRACE_PEEKUSER, pid, each[i], 0) + 1) == 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(1)));
	return 0;
}

static int bounds(void) {
	pid_t pid = traced(waits, 0);
	REFUSED(ptrace(PTRACE_PEEKUSER, pid, 1, 0), EIO);
	REFUSED(ptrace(PTRACE_PEEKUSER, pid, 2, 0), EIO);
	REFUSED(ptrace(PTRACE_PEEKUSER, pid, -4, 0), EIO);
	REFUSED(ptrace(PTRACE_PEEKUSER, pid, sizeof(struct user) + 4, 0), EIO);
	REFUSED(ptrace(PTRACE_PEEKUSER, pid, 0xfffffffc, 0), EIO);
	REFUSED(ptrace(PTRACE_POKEUSER, pid, 3, 0), EIO);
	REFUSED(ptrace(PTRACE_POKEUSER, pid, -4, 0), EIO);
	REFUSED(ptrace(PTRACE_POKEUSER, pid, sizeof(struct user) + 4, 0), EIO);
	errno = 0;
	MUST(ptrace(PTRACE_PEEKUSER, pid, offsetof(struct user, u_tsize), 0) == 0 && errno == 0); // of a core file; nobody fills it in
	return !finish(pid);
}

static int selectors(void) { // the kernel's are refused, and so is no code or stack
	pid_t pid = traced(waits, 0);
	regs_t old = regs_of(pid), r;
	static const long kernel[] = {0x10, 0x18, 0x8, 0x28, 0x30, 0x60, 0x21, 0x22};
	for (size_t i = 0; i < sizeof kernel / sizeof *kernel; i++) {
		static const long where[] = {REG(xcs), REG(xss), REG(xds), REG(xes), REG(xfs), REG(xgs)};
		for (int k = 0; k < 6; k++)
			REFUSED(ptrace(PTRACE_POKEUSER, pid, where[k], kernel[i]), EIO);
		r = old;
		r.xcs = kernel[i];
		REFUSED(ptrace(PTRACE_SETREGS, pid, 0, &r), EIO);
	}
	REFUSED(ptrace(PTRACE_POKEUSER, pid, REG(xcs), 0), EIO);
	REFUSED(ptrace(PTRACE_POKEUSER, pid, REG(xss), 0), EIO);
	MUST(ptrace(PTRACE_POKEUSER, pid, REG(xds), old.xds) == 0 && ptrace(PTRACE_POKEUSER, pid, REG(xcs), old.xcs) == 0);
	r = regs_of(pid);
	MUST(r.xcs == old.xcs && r.xss == old.xss && r.xds == old.xds && r.xes == old.xes && r.xfs == old.xfs && r.xgs == old.xgs);
	return !finish(pid);
}

static int bad_return(long where, long selector) { // what ring 3 cannot be entered with is the program's fault
	pid_t pid = traced(breaks, 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGTRAP)));
	MUST(ptrace(PTRACE_POKEUSER, pid, where, selector) == 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGSEGV)));
	return !finish(pid);
}

static int no_descriptors(void) {
	MUST(bad_return(REG(xcs), 0x7) == 0); // of a local table that is not there
	MUST(bad_return(REG(xcs), 0xfffb) == 0);
	MUST(bad_return(REG(xss), 0xf) == 0);
	MUST(bad_return(REG(xss), 0xfffb) == 0);
	return 0;
}

static int tells_gs(void) {
	long r;
	asm volatile("int3\n mov %%gs, %0" : "=r"(r));
	return int80(SYS_exit_group, r & 0xffff, 0, 0); // without its thread's segment the library cannot
}

static int null_segment(void) { // a data segment may be empty
	pid_t pid = traced(tells_gs, 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGTRAP)));
	MUST(ptrace(PTRACE_POKEUSER, pid, REG(xgs), 0) == 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(0)));
	pid = traced(tells_gs, 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGTRAP)));
	long data = regs_of(pid).xds;
	MUST(ptrace(PTRACE_POKEUSER, pid, REG(xgs), data) == 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(data)));
	return 0;
}

static int flags(void) {
	const long writable = 0x54dd5; // CF PF AF ZF SF TF DF OF NT RF AC
	pid_t pid = traced(waits, 0);
	MUST(ptrace(PTRACE_POKEUSER, pid, REG(eflags), 0) == 0);
	MUST(ptrace(PTRACE_PEEKUSER, pid, REG(eflags), 0) == 0x202); // interrupts stay on
	MUST(ptrace(PTRACE_POKEUSER, pid, REG(eflags), 0xffffffff) == 0);
	MUST(ptrace(PTRACE_PEEKUSER, pid, REG(eflags), 0) == (writable | 0x202)); // neither IOPL nor VM
	regs_t r = regs_of(pid);
	r.eflags = 0x203246 | 1;
	MUST(ptrace(PTRACE_SETREGS, pid, 0, &r) == 0 && regs_of(pid).eflags == (0x246 | 1));
	return !finish(pid);
}

static int carry(void) {
	long r = 0;
	asm volatile("clc\n int3\n setc %%al\n cld" : "+a"(r));
	return r;
}

static int flags_take_effect(void) {
	pid_t pid = traced(carry, 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGTRAP)));
	MUST(ptrace(PTRACE_POKEUSER, pid, REG(eflags), regs_of(pid).eflags | 1) == 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(1)));
	return 0;
}

static int set(int request, pid_t pid, long type, void *buf, size_t *len) {
	struct iovec v = {buf, *len};
	int r = ptrace(request, pid, type, &v);
	*len = v.iov_len;
	return r;
}

static int general_set(void) {
	regs_t r, now = {0};
	size_t n = 4096;
	pid_t pid = traced(breaks, 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGTRAP)));
	r = regs_of(pid);
	MUST(set(PTRACE_GETREGSET, pid, NT_PRSTATUS, &now, &n) == 0 && n == sizeof r && !memcmp(&r, &now, sizeof r));
	memset(&now, 0xaa, sizeof now);
	n = 8;
	MUST(set(PTRACE_GETREGSET, pid, NT_PRSTATUS, &now, &n) == 0 && n == 8 && now.ecx == r.ecx && now.edx == (long)0xaaaaaaaa);
	n = 6;
	REFUSED(set(PTRACE_GETREGSET, pid, NT_PRSTATUS, &now, &n), EINVAL);
	n = 64;
	REFUSED(set(PTRACE_GETREGSET, pid, 0x7777, &now, &n), EINVAL);
	REFUSED(ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, 8), EFAULT);
	now = r, now.ebx = 77;
	n = 4;
	MUST(set(PTRACE_SETREGSET, pid, NT_PRSTATUS, &now, &n) == 0 && regs_of(pid).ebx == 77 && regs_of(pid).ecx == r.ecx);
	return !finish(pid);
}

// floats stops with 2.5 and 1 on the floating point stack and returns ten times what is on top.
static int floats(void) {
	int r = 0;
	double a = 2.5, ten = 10;
	asm volatile("fldl %1\n fld1\n fxch\n int3\n fmull %2\n fistpl %0\n fstp %%st(0)" : "+m"(r) : "m"(a), "m"(ten));
	return r;
}

static int x87(void) {
	struct user_fpregs_struct f;
	pid_t pid = traced(floats, 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGTRAP)));
	MUST(ptrace(PTRACE_GETFPREGS, pid, 0, &f) == 0);
	MUST((f.cwd & 0xffff) == 0x37f && ((f.swd >> 11) & 7) == 6 && (f.twd & 0xffff) == 0x0fff);
	static const unsigned char two_and_a_half[10] = {0, 0, 0, 0, 0, 0, 0, 0xa0, 0, 0x40};
	MUST(!memcmp(f.st_space, two_and_a_half, 10));
	((unsigned char *)f.st_space)[7] = 0xe0; // 3.5
	MUST(ptrace(PTRACE_SETFPREGS, pid, 0, &f) == 0);
	size_t n = 4096;
	struct user_fpregs_struct again;
	MUST(set(PTRACE_GETREGSET, pid, NT_PRFPREG, &again, &n) == 0 && n == sizeof f && !memcmp(&f, &again, n));
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(35)));
	return 0;
}

// vectors stops with 40 to 43 in XMM3 and returns the sum that it then has.
static int vectors(void) {
	static int v[4] __attribute__((aligned(16))) = {40, 41, 42, 43}, w[4] __attribute__((aligned(16)));
	asm volatile("movdqa %1, %%xmm3\n int3\n movdqa %%xmm3, %0" : "=m"(w) : "m"(v) : "xmm3");
	return w[0] + w[1] + w[2] + w[3];
}

static int sse(void) {
	struct user_fpxregs_struct x;
	pid_t pid = traced(vectors, 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGTRAP)));
	MUST(sizeof x == 512 && ptrace(PTRACE_GETFPXREGS, pid, 0, &x) == 0);
	MUST(x.mxcsr == 0x1f80 && x.xmm_space[12] == 40 && x.xmm_space[15] == 43);
	x.xmm_space[12] = 50;
	MUST(ptrace(PTRACE_SETFPXREGS, pid, 0, &x) == 0);
	x.mxcsr = 0x10000;
	REFUSED(ptrace(PTRACE_SETFPXREGS, pid, 0, &x), EINVAL); // bits that LDMXCSR would fault for
	size_t n = 4096;
	MUST(set(PTRACE_GETREGSET, pid, NT_PRXFPREG, &x, &n) == 0 && n == 512 && x.mxcsr == 0x1f80 && x.xmm_space[12] == 50);
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(176)));
	return 0;
}

static int xstate(void) {
	static unsigned char area[32768] __attribute__((aligned(64)));
	size_t n = sizeof area;
	pid_t pid = traced(vectors, 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGTRAP)));
	MUST(set(PTRACE_GETREGSET, pid, NT_X86_XSTATE, area, &n) == 0 && n >= 576);
	uint64_t xcr0 = *(uint64_t *)(area + 464), *header = (uint64_t *)(area + 512);
	MUST((xcr0 & 3) == 3 && (header[0] & ~xcr0) == 0 && (header[0] & 2) && header[1] == 0);
	MUST(((int *)(area + 160))[12] == 40);
	((int *)(area + 160))[12] = 60;
	size_t all = n;
	MUST(set(PTRACE_SETREGSET, pid, NT_X86_XSTATE, area, &n) == 0);
	header[0] |= 1ull << 62;
	REFUSED(set(PTRACE_SETREGSET, pid, NT_X86_XSTATE, area, &n), EINVAL); // a state that there is not
	header[0] &= 3;
	n = 512;
	REFUSED(set(PTRACE_SETREGSET, pid, NT_X86_XSTATE, area, &n), EFAULT); // not whole
	n = 12;
	REFUSED(set(PTRACE_GETREGSET, pid, NT_X86_XSTATE, area, &n), EINVAL); // of words of eight bytes
	n = all;
	header[0] = 1; // the state of SSE is as at the start
	MUST(set(PTRACE_SETREGSET, pid, NT_X86_XSTATE, area, &n) == 0 && set(PTRACE_GETREGSET, pid, NT_X86_XSTATE, area, &n) == 0);
	MUST(((int *)(area + 160))[12] == 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(0)));
	return 0;
}

static int xstate_by_program(void) {
	static unsigned char area[32768] __attribute__((aligned(64)));
	size_t n = sizeof area;
	pid_t pid = traced(vectors, 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGTRAP)) && set(PTRACE_GETREGSET, pid, NT_X86_XSTATE, area, &n) == 0);
	((int *)(area + 160))[13] += 9;
	MUST(set(PTRACE_SETREGSET, pid, NT_X86_XSTATE, area, &n) == 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(175)));
	return 0;
}

// thread_value stops and returns the first word of its thread's segment.
static int thread_values[2] = {23, 24}, loads_again;
static int thread_value(void) {
	struct user_desc d = {.entry_number = -1, .base_addr = (long)&thread_values[0], .limit = 0xfffff, .seg_32bit = 1, .limit_in_pages = 1, .useable = 1};
	int r;
	syscall(SYS_set_thread_area, &d);
	asm volatile("mov %0, %%fs\n int3" ::"r"(d.entry_number * 8 + 3));
	if (loads_again)
		asm volatile("mov %0, %%fs" ::"r"(d.entry_number * 8 + 3));
	asm volatile("mov %%fs:0, %0" : "=r"(r));
	return r;
}

static int thread_area(void) {
	struct user_desc d = {0}, all[SEGMENTS];
	pid_t pid = traced(thread_value, 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGTRAP)));
	int entry = regs_of(pid).xfs >> 3;
	MUST(ptrace(PTRACE_GET_THREAD_AREA, pid, entry, &d) == 0);
	MUST(d.entry_number == (unsigned)entry && d.base_addr == (unsigned long)&thread_values[0] && d.limit == 0xfffff && d.useable);
	REFUSED(ptrace(PTRACE_GET_THREAD_AREA, pid, 3, &d), EINVAL);
	REFUSED(ptrace(PTRACE_SET_THREAD_AREA, pid, 3, &d), EINVAL);
	REFUSED(ptrace(PTRACE_GET_THREAD_AREA, pid, -1, &d), EIO);
	size_t n = sizeof all;
	MUST(set(PTRACE_GETREGSET, pid, NT_386_TLS, all, &n) == 0 && n == sizeof all);
	int i = 0;
	while (i < SEGMENTS && all[i].entry_number != (unsigned)entry)
		i++;
	MUST(i < SEGMENTS && all[i].base_addr == d.base_addr);
	d.base_addr += 4;
	MUST(ptrace(PTRACE_SET_THREAD_AREA, pid, entry, &d) == 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(24)));
	return 0;
}

static int thread_area_set(void) { // it is in force when the selector is loaded
	loads_again = 1;
	struct user_desc all[SEGMENTS];
	pid_t pid = traced(thread_value, 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGTRAP)));
	size_t n = sizeof all;
	MUST(set(PTRACE_GETREGSET, pid, NT_386_TLS, all, &n) == 0);
	for (int i = 0; i < SEGMENTS; i++)
		if (all[i].base_addr == (unsigned long)&thread_values[0])
			all[i].base_addr += 4;
	MUST(set(PTRACE_SETREGSET, pid, NT_386_TLS, all, &n) == 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), EXIT(24)));
	return 0;
}

static int called(void) { _exit(91); }

static int jumps(void) { // what a debugger's call does: registers away, another place
	pid_t pid = traced(breaks, 0);
	MUST(is(resume(PTRACE_CONT, pid, 0), STOP(SIGTRAP)));
	regs_t r = regs_of(pid);
	r.eip = (long)called;
	r.esp = (r.esp - 128) & -16;
	MUST(ptrace(PTRACE_SETREGS, pid, 0, &r) == 0 && is(resume(PTRACE_CONT, pid, 0), EXIT(91)));
	return 0;
}

int main(void) {
	plan(17);
	CASE(general, "PTRACE_GETREGS, PTRACE_SETREGS");
	CASE(by_words, "PTRACE_PEEKUSER, PTRACE_POKEUSER of registers");
	CASE(bounds, "PTRACE_PEEKUSER, PTRACE_POKEUSER: EIO outside of struct user");
	CASE(selectors, "selectors of the kernel: EIO");
	CASE(no_descriptors, "selectors of nothing: SIGSEGV");
	CASE(null_segment, "an empty data segment");
	CASE(flags, "flags: neither IOPL nor interrupts");
	CASE(flags_take_effect, "a changed flag");
	CASE(general_set, "NT_PRSTATUS: whole and in part");
	CASE(x87, "PTRACE_GETFPREGS, PTRACE_SETFPREGS, NT_PRFPREG");
	CASE(sse, "PTRACE_GETFPXREGS, PTRACE_SETFPXREGS, NT_PRXFPREG");
	CASE(xstate, "NT_X86_XSTATE: its header is checked, components are reset");
	CASE(xstate_by_program, "NT_X86_XSTATE: what is set arrives");
	CASE(thread_area, "PTRACE_GET_THREAD_AREA, PTRACE_SET_THREAD_AREA");
	CASE(thread_area_set, "NT_386_TLS");
	CASE(jumps, "another EIP and ESP");
	ok(tracer_of(getpid()) == 0, "nobody traces this program");
	return tap_end();
}
