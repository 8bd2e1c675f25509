// Package proc has tasks and what tasks do to each other: creation, exec, exit and wait, signals, futexes, timers,
// process groups and sessions, and the sharing of the CPU.
package proc
