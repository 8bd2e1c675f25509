/* Loads a PVH kernel from the disk that this is the beginning of, as Bochs has no -kernel: a boot sector, which reads the
 * second stage, which reads the kernel's ELF file (from sector KERNEL_SECTOR, of KERNEL_SECTORS) to 32 MiB, copies its
 * segments to where they belong, and enters it as Xen's docs/misc/pvh.pandoc says.
 */
	.set	STAGE2_SECTORS, 4
	.set	KERNEL_SECTOR, 8
	.set	ELF, 0x2000000		/* where the file is read to */
	.set	BUFFER, 0x10000		/* of the BIOS */
	.set	CHUNK, 64		/* sectors that are read at once */
	.set	INFO, 0x9000		/* start info, memory map */
	.set	MEMORY, 128 << 20

	.code16
	.globl	_start
_start:
	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	$0x7c00, %sp
	movb	%dl, drive
	movw	$packet, %si
	movb	$0x42, %ah		/* extended read */
	int	$0x13
	jc	stop
	inb	$0x92, %al		/* A20 */
	orb	$2, %al
	outb	%al, $0x92
	jmp	stage2
stop:
	hlt
	jmp	stop

drive:	.byte	0
	.align	4
packet:	.byte	16, 0
count:	.word	STAGE2_SECTORS
	.word	0x7e00, 0		/* offset, segment */
sector:	.quad	1

	.align	8
gdt:	.quad	0, 0x00cf9a000000ffff, 0x00cf92000000ffff, 0x000f9a000000ffff, 0x000f92000000ffff
gdtr:	.word	. - gdt - 1
	.long	gdt

	.org	510
	.word	0xaa55

stage2:
	movl	$ELF, %edi
	movl	$KERNEL_SECTOR, sector
	movw	$CHUNK, count
	movw	$0, packet + 4
	movw	$BUFFER >> 4, packet + 6
	movl	$KERNEL_SECTORS, %ebp
next:
	pushl	%edi
	pushl	%ebp
	movb	drive, %dl
	movw	$packet, %si
	movb	$0x42, %ah
	int	$0x13
	popl	%ebp
	popl	%edi
	jc	stop
	/* In protected mode for the copy, and back. */
	cli
	lgdtl	gdtr
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	ljmpl	$8, $copy32
	.code32
copy32:
	movw	$16, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movl	$BUFFER, %esi
	movl	$CHUNK * 512 / 4, %ecx
	cld
	rep	movsl
	subl	$CHUNK, %ebp
	jbe	loaded
	ljmp	$24, $back16
	.code16
back16:
	movw	$32, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movl	%cr0, %eax
	andb	$0xfe, %al
	movl	%eax, %cr0
	ljmp	$0, $real
real:
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	addl	$CHUNK, sector
	jmp	next

	.code32
loaded:
	movw	$16, %ax
	movw	%ax, %ss
	movl	$0x7c00, %esp
	movl	ELF + 32, %ebp		/* e_phoff */
	addl	$ELF, %ebp
	movzwl	ELF + 56, %edx		/* e_phnum */
segment:
	movl	8(%ebp), %esi		/* p_offset */
	addl	$ELF, %esi
	cmpl	$4, (%ebp)		/* PT_NOTE */
	jne	load
	movl	16(%esi), %eax		/* name size 4, description: the entry */
	movl	%eax, entry
load:
	cmpl	$1, (%ebp)		/* PT_LOAD */
	jne	skip
	movl	24(%ebp), %edi		/* p_paddr */
	movl	32(%ebp), %ecx		/* p_filesz */
	movl	40(%ebp), %ebx		/* p_memsz */
	subl	%ecx, %ebx
	rep	movsb
	movl	%ebx, %ecx
	xorl	%eax, %eax
	rep	stosb
skip:
	addl	$56, %ebp
	decl	%edx
	jnz	segment
	movl	$INFO, %edi
	movl	$info, %esi
	movl	$(infoEnd - info), %ecx
	rep	movsb
	movl	$INFO, %ebx
	jmp	*entry

entry:	.long	0
	/* struct hvm_start_info and its memory map */
info:	.long	0x336ec578, 1, 0, 0
	.quad	0, INFO + (cmdline - info), 0, INFO + (map - info)
	.long	2, 0
map:	.quad	0, 0x9f000
	.long	1, 0
	.quad	0x100000, MEMORY - 0x100000
	.long	1, 0
cmdline:
	.asciz	CMDLINE
infoEnd:
	.org	512 + STAGE2_SECTORS * 512
