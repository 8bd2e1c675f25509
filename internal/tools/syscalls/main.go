// Syscalls prints the table of system calls: number, name, and how much of each is there.
package main

import (
	"bufio"
	"fmt"
	"os"

	"cleave/abi/linux386"
)

func main() {
	w := bufio.NewWriter(os.Stdout)
	var whole, partial, absent int
	for _, c := range linux386.Calls() {
		state := "whole"
		switch {
		case c.Absent:
			state = "absent: " + c.Lacks
			absent++
		case c.Lacks != "":
			state = "all but: " + c.Lacks
			partial++
		default:
			whole++
		}
		fmt.Fprintf(w, "%3d  %-28s %s\n", c.Nr, c.Name, state)
	}
	fmt.Fprintf(w, "%d whole, %d in part, %d absent\n", whole, partial, absent)
	if err := w.Flush(); err != nil {
		fmt.Fprintln(os.Stderr, "syscalls:", err)
		os.Exit(1)
	}
}
