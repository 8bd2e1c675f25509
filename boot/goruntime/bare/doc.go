// Package bare is what the Go runtime needs to run without an operating system, as far as that can be told without the
// runtime: a pool of physical frames, page tables, the PVH start info, the arithmetic of clocks, a random generator.
//
// In the kernel it is compiled into the standard library as internal/bare, where package runtime imports it. On the
// host it is an ordinary package with ordinary tests. Hence its rules: it imports only unsafe (and, for the tests,
// nothing else that the runtime could not), it never allocates, and its functions are nosplit, for most of them run
// before there is a goroutine, or on a stack that can't grow. Physical memory is reached through a window: the address
// at which physical address 0 is mapped.
package bare
