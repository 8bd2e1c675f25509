// Package tests boots the kernel in QEMU and judges it by real programs.
//
//   - guest/*.c print TAP; each must pass on the host's own Linux first, then in Cleave. A case whose description ends in
//     "# DIVERGES" differs from Linux on purpose: it is expected to fail on the host and must pass in Cleave.
//   - Debian's i386 packages are downloaded into build/debian when the tests run.
//   - soak/ has what TestSoak runs: a fuzzer that throws the calls of abi/linux386's table at the kernel. It sets clocks and
//     more, and refuses to run anywhere else.
//   - The Go standard library's tests are compiled for linux/386 from the installed Go.
//
// The tests need the tag guest and what 'make' builds: run them by 'make guest' and 'make programs'.
package tests
