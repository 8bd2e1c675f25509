#include "textflag.h"

// func now() (sec int64, nsec int32, mono int64)
TEXT time·now<ABIInternal>(SB),NOSPLIT,$0-24
	JMP	·bareNow<ABIInternal>(SB)
