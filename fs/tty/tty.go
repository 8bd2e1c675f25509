// Package tty has terminals: the line discipline, job control, and pairs of pseudo-terminals.
package tty

// TTY is a terminal.
type TTY struct{}
