#include "textflag.h"

// One entry stub for each vector, 16 bytes apart (stubSize): the vector goes on the stack, below the error code, which
// the processor pushes for some exceptions (SDM vol. 3, table 6-1) and the stub for all others.
// The pushes are spelled in bytes, as the assembler would add up those of all stubs.

#define PLAIN(v) \
	PCALIGN	$16	\
	BYTE	$0x6a; BYTE $0;	/* PUSHQ $0 */ \
	BYTE	$0x68; LONG $(v);	/* PUSHQ $v */ \
	JMP	·trapEntry(SB)

#define WITHCODE(v) \
	PCALIGN	$16	\
	BYTE	$0x68; LONG $(v);	/* PUSHQ $v */ \
	JMP	·trapEntry(SB)

#define PLAIN8(v) \
	PLAIN(v+0); PLAIN(v+1); PLAIN(v+2); PLAIN(v+3); PLAIN(v+4); PLAIN(v+5); PLAIN(v+6); PLAIN(v+7)

#define PLAIN32(v) \
	PLAIN8(v+0); PLAIN8(v+8); PLAIN8(v+16); PLAIN8(v+24)

TEXT ·stubs(SB), NOSPLIT|NOFRAME, $0
	PLAIN8(0)
	WITHCODE(8)	// #DF
	PLAIN(9)
	WITHCODE(10)	// #TS
	WITHCODE(11)	// #NP
	WITHCODE(12)	// #SS
	WITHCODE(13)	// #GP
	WITHCODE(14)	// #PF
	PLAIN(15)
	PLAIN(16)
	WITHCODE(17)	// #AC
	PLAIN(18)
	PLAIN(19)
	PLAIN(20)
	WITHCODE(21)	// #CP
	PLAIN(22); PLAIN(23)
	PLAIN(24); PLAIN(25); PLAIN(26); PLAIN(27); PLAIN(28)
	WITHCODE(29)	// #VC
	WITHCODE(30)	// #SX
	PLAIN(31)
	PLAIN32(32)
	PLAIN32(64)
	PLAIN32(96)
	PLAIN32(128)
	PLAIN32(160)
	PLAIN32(192)
	PLAIN32(224)
