package drbg

// The file that this one replaces has a scratch buffer of 32 MiB, which costs other systems nothing until it is used.
// In the kernel's image it would be 32 MiB of memory. Only the FIPS 140-3 mode, which the kernel is never in, needs it.

func getEntropy() *[SeedSize]byte {
	panic("there is no FIPS 140-3 mode")
}
