package abi

// Limits of path names and of vectors (limits.h, uio.h).
const (
	PathMax  = 4096 // bytes of a path, the final NUL included
	NameMax  = 255  // bytes of one component, without a NUL
	IovMax   = 1024
	PageSize = 4096
)
