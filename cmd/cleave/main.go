// Command cleave is the host's side of Cleave: it packs programs and folders into boot archives, builds the default
// root, and runs the kernel in QEMU as if it were a command of the host.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

// command is one verb of the command line.
type command struct {
	name, args, about string
	run               func(args []string) (status int, err error)
}

var commands = []command{
	{"run", "[options] [-- PROGRAM [ARG...]]", "boot the kernel in QEMU; see './qemu.sh -h'", runMain},
	{"pack", "-o FILE.cpio DIR|PROGRAM...", "pack folders (their contents at /) and programs (at /bin) into an archive", packMain},
	{"root", "-o FILE.cpio", "build the default root: u-root's commands for linux/386", rootMain},
}

// errUsage says that the message has been printed already.
var errUsage = errors.New("usage")

// usageStatus is the exit status after the flags of a command could not be parsed, or asked for help.
func usageStatus(err error) int {
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	return statusUsage
}

func main() {
	if len(os.Args) < 2 {
		usage(os.Stderr)
		os.Exit(statusUsage)
	}
	switch os.Args[1] {
	case "-h", "--help", "help":
		usage(os.Stdout)
		return
	}
	for _, c := range commands {
		if c.name == os.Args[1] {
			status, err := c.run(os.Args[2:])
			report(err)
			os.Exit(status)
		}
	}
	fmt.Fprintf(os.Stderr, "cleave: no command %q; 'cleave help' lists them\n", os.Args[1])
	os.Exit(statusUsage)
}

// report prints err unless it has been said already.
func report(err error) {
	if err != nil && !errors.Is(err, errUsage) {
		fmt.Fprintf(os.Stderr, "cleave: %v\n", err)
	}
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "usage: cleave COMMAND [ARG...]")
	for _, c := range commands {
		fmt.Fprintf(w, "  %-5s %s\n        %s\n", c.name, c.args, c.about)
	}
}
