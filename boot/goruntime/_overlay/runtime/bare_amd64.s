// Start-up in Go's world, and what only assembly can say: ports, model-specific registers, switching stacks.

#include "go_asm.h"
#include "go_tls.h"
#include "textflag.h"

// cleave_start is where the start-up stub jumps to, in 64-bit mode, with interrupts off, the first GiB of memory mapped
// at the direct map and (from the kernel's link address on) at the top, and the physical address of the PVH start info
// in RBX. The stack that it sets becomes that of g0 of the first M, which rt0_go takes to be 64 KiB.
TEXT cleave_start(SB),NOSPLIT|NOFRAME,$0
	LEAQ	bootStack<>+0x12000(SB), SP
	RDTSC
	SHLQ	$32, DX
	ORQ	DX, AX
	MOVQ	AX, ·bareStartTSC(SB)
	LEAQ	runtime·m0+m_tls(SB), DI
	CALL	runtime·settls(SB)
	MOVQ	$0, BP
	SUBQ	$16, SP
	MOVQ	BX, 0(SP)
	CALL	·bareStart(SB) // its result at 8(SP) is the address of the argument vector
	MOVQ	8(SP), BX
	ADDQ	$16, SP
	// Copy the vector to the stack: argc, argv, NULL, envp, NULL, auxv.
	SUBQ	$128, SP
	MOVQ	BX, SI
	MOVQ	SP, DI
	MOVQ	$16, CX
	REP; MOVSQ
	JMP	_rt0_amd64(SB)

GLOBL bootStack<>(SB), NOPTR, $0x12000

// func bareSetTables(root uint64, gdt, idt *bareDescriptor)
TEXT ·bareSetTables(SB),NOSPLIT,$0-24
	MOVQ	gdt+8(FP), AX
	LGDT	(AX)
	MOVQ	idt+16(FP), AX
	LIDT	(AX)
	MOVQ	root+0(FP), AX
	MOVQ	AX, CR3
	RET

// func bareInvalidate(va uintptr)
TEXT ·bareInvalidate(SB),NOSPLIT,$0-8
	MOVQ	va+0(FP), AX
	INVLPG	(AX)
	RET

// func bareZero(p unsafe.Pointer): clears a page
TEXT ·bareZero(SB),NOSPLIT,$0-8
	MOVQ	p+0(FP), AX
	LEAQ	4096(AX), CX
	PXOR	X0, X0
loop:
	MOVUPS	X0, 0(AX)
	MOVUPS	X0, 16(AX)
	MOVUPS	X0, 32(AX)
	MOVUPS	X0, 48(AX)
	MOVUPS	X0, 64(AX)
	MOVUPS	X0, 80(AX)
	MOVUPS	X0, 96(AX)
	MOVUPS	X0, 112(AX)
	MOVUPS	X0, 128(AX)
	MOVUPS	X0, 144(AX)
	MOVUPS	X0, 160(AX)
	MOVUPS	X0, 176(AX)
	MOVUPS	X0, 192(AX)
	MOVUPS	X0, 208(AX)
	MOVUPS	X0, 224(AX)
	MOVUPS	X0, 240(AX)
	ADDQ	$256, AX
	CMPQ	AX, CX
	JNE	loop
	RET

// func bareOutb(port uint16, v uint8)
TEXT ·bareOutb(SB),NOSPLIT,$0-3
	MOVW	port+0(FP), DX
	MOVB	v+2(FP), AX
	OUTB
	RET

// func bareInb(port uint16) uint8
TEXT ·bareInb(SB),NOSPLIT,$0-9
	MOVW	port+0(FP), DX
	INB
	MOVB	AX, ret+8(FP)
	RET

// func bareOutw(port, v uint16)
TEXT ·bareOutw(SB),NOSPLIT,$0-4
	MOVW	port+0(FP), DX
	MOVW	v+2(FP), AX
	OUTW
	RET

// func bareInw(port uint16) uint16
TEXT ·bareInw(SB),NOSPLIT,$0-10
	MOVW	port+0(FP), DX
	INW
	MOVW	AX, ret+8(FP)
	RET

// func bareOutl(port uint16, v uint32)
TEXT ·bareOutl(SB),NOSPLIT,$0-8
	MOVW	port+0(FP), DX
	MOVL	v+4(FP), AX
	OUTL
	RET

// func bareInl(port uint16) uint32
TEXT ·bareInl(SB),NOSPLIT,$0-12
	MOVW	port+0(FP), DX
	INL
	MOVL	AX, ret+8(FP)
	RET

// func bareTSC() uint64
TEXT ·bareTSC(SB),NOSPLIT,$0-8
	RDTSC
	SHLQ	$32, DX
	ORQ	DX, AX
	MOVQ	AX, ret+0(FP)
	RET

// func bareReadMSR(msr uint32) uint64
TEXT ·bareReadMSR(SB),NOSPLIT,$0-16
	MOVL	msr+0(FP), CX
	RDMSR
	SHLQ	$32, DX
	ORQ	DX, AX
	MOVQ	AX, ret+8(FP)
	RET

// func bareWriteMSR(msr uint32, v uint64)
TEXT ·bareWriteMSR(SB),NOSPLIT,$0-16
	MOVL	msr+0(FP), CX
	MOVL	v+8(FP), AX
	MOVL	v+12(FP), DX
	WRMSR
	RET

// func bareRandom() (v uint64, ok bool): RDRAND
TEXT ·bareRandom(SB),NOSPLIT,$0-9
	MOVL	$10, CX // Intel's advice: an underflow lasts no longer
again:
	RDRANDQ	AX
	JCS	good
	DECL	CX
	JNZ	again
	MOVQ	$0, v+0(FP)
	MOVB	$0, ok+8(FP)
	RET
good:
	MOVQ	AX, v+0(FP)
	MOVB	$1, ok+8(FP)
	RET

// func bareCPUID(leaf, sub uint32) (a, b, c, d uint32)
TEXT ·bareCPUID(SB),NOSPLIT,$0-24
	MOVL	leaf+0(FP), AX
	MOVL	sub+4(FP), CX
	CPUID
	MOVL	AX, a+8(FP)
	MOVL	BX, b+12(FP)
	MOVL	CX, c+16(FP)
	MOVL	DX, d+20(FP)
	RET

// func bareHang()
TEXT ·bareHang(SB),NOSPLIT,$0
	CLI
	HLT
	JMP	-2(PC)

// func bareTripleFault(): resets the CPU, as the last resort
TEXT ·bareTripleFault(SB),NOSPLIT,$16
	MOVQ	$0, 0(SP)
	MOVQ	$0, 8(SP)
	MOVQ	SP, AX
	LIDT	(AX)
	INT	$3

// func bareHalt(stack uintptr): lets interrupts in while the CPU is halted, on a stack of their own that ends at stack. STI
// takes effect after the instruction that follows it, so that no interrupt slips in between. Their entries keep BX.
TEXT ·bareHalt(SB),NOSPLIT|NOFRAME,$0-8
	MOVQ	SP, BX
	MOVQ	stack+0(FP), SP
	STI
	HLT
	CLI
	MOVQ	BX, SP
	RET

// func bareWindow(stack uintptr): lets in the interrupts that wait. The instruction after STI still runs without them, so it
// takes one more; the assembler's own NOP makes no code.
TEXT ·bareWindow(SB),NOSPLIT|NOFRAME,$0-8
	MOVQ	SP, BX
	MOVQ	stack+0(FP), SP
	STI
	BYTE	$0x90 // NOP
	CLI
	MOVQ	BX, SP
	RET

// func bareSwitch(old *uintptr, sp, tls uintptr): saves this thread's stack pointer in old and goes on where the thread
// with the stack pointer sp was left, with tls as the base of FS. Only BP is worth keeping: the caller is Go code, for
// which a call spoils all other registers.
TEXT ·bareSwitch(SB),NOSPLIT|NOFRAME,$0-24
	MOVQ	old+0(FP), BX
	MOVQ	sp+8(FP), SI
	MOVQ	tls+16(FP), AX
	MOVQ	AX, DX
	SHRQ	$32, DX
	MOVL	$0xc0000100, CX // IA32_FS_BASE
	WRMSR
	PUSHQ	BP
	MOVQ	SP, (BX)
	MOVQ	SI, SP
	POPQ	BP
	RET

// bareThreadStart is where a new thread begins: bareClone left m, g and the function on its stack.
TEXT ·bareThreadStart(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	MOVQ	0(SP), R13 // m
	MOVQ	8(SP), R9  // g
	get_tls(CX)
	MOVQ	R13, g_m(R9)
	MOVQ	R9, g(CX)
	MOVQ	R9, R14
	CALL	·bareThreadBegin(SB)
	CALL	runtime·stackcheck(SB)
	MOVQ	16(SP), R12
	CALL	R12
	INT	$3 // it does not return

// func bareThreadStartPC() uintptr
TEXT ·bareThreadStartPC(SB),NOSPLIT,$0-8
	LEAQ	·bareThreadStart(SB), AX
	MOVQ	AX, ret+0(FP)
	RET

// func bareOutsb(port uint16, p unsafe.Pointer, n int): writes n bytes to a port
TEXT ·bareOutsb(SB),NOSPLIT,$0-24
	MOVW	port+0(FP), DX
	MOVQ	p+8(FP), SI
	MOVQ	n+16(FP), CX
	REP; OUTSB
	RET
