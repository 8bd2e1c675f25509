// Package cmdline parses the kernel's command line.
//
//	init=PATH               the first process (default: the root's /init, /sbin/init, /bin/init, /bin/sh, whichever is there)
//	root=initrd             the root file system: the archive that the boot loader brought
//	userns=mapped|owned     the model of user namespaces (default mapped)
//	trace=all|NAME,...      write the system calls, or those of these names, to the kernel's log
//	console=ttyS0[,raw]     the terminal of the first process; raw: it passes all characters through
//	panic=exit|reboot|halt  what a kernel panic does (default exit: tell the host, or halt if there is none)
//	loglevel=N              messages of a level below N appear on the console (default 5: warnings and worse), 0 to 8
//	quiet, debug            loglevel=4, loglevel=8
//	gcstat                  measure the garbage collector, and say at the end how long it kept tasks from running
//	-- ARGS                 arguments of the first process
//
// Words are separated by white space; within double quotes it is part of a word, and \", \\ and \n stand for a quote, a
// backslash and a newline. Of an argument that is given twice, the last one counts.
//
// An argument that is unknown or has a bad value does not stop the kernel: it is reported and left out. A misspelt
// option of somebody's boot loader should not cost them their system.
package cmdline

import (
	"fmt"
	"strconv"
	"strings"
)

// Policy is what a kernel panic does.
type Policy int

// The policies.
const (
	Exit Policy = iota
	Halt
	Reboot
)

// Args are the arguments of a command line.
type Args struct {
	Init       string // "" if not given
	InitArgs   []string
	Root       string
	UserNS     string // "mapped" or "owned"
	Trace      string
	Console    string
	RawConsole bool
	Panic      Policy
	LogLevel   int
	GCStat     bool
	Problems   []string // what was wrong, a line each
}

// DefaultLogLevel shows warnings (level 4) and worse.
const DefaultLogLevel = 5

// Parse parses a command line.
func Parse(line string) Args {
	a := Args{Root: "initrd", UserNS: "mapped", Console: "ttyS0", LogLevel: DefaultLogLevel}
	words, ok := Split(line)
	if !ok {
		a.problem("a quote is not closed")
	}
	for i, w := range words {
		if w == "--" {
			a.InitArgs = words[i+1:]
			break
		}
		a.word(w)
	}
	return a
}

func (a *Args) problem(format string, args ...any) {
	a.Problems = append(a.Problems, "kernel argument: "+fmt.Sprintf(format, args...))
}

// word takes one argument.
func (a *Args) word(w string) {
	key, value, _ := strings.Cut(w, "=")
	switch key {
	case "init":
		a.Init = value
	case "root":
		a.Root = value
	case "trace":
		a.Trace = value
	case "userns":
		if choose(a, w, value, "mapped", "owned") {
			a.UserNS = value
		}
	case "console":
		name, mode, _ := strings.Cut(value, ",")
		if choose(a, w, name, "ttyS0") && choose(a, w, mode, "", "raw") {
			a.Console, a.RawConsole = name, mode == "raw"
		}
	case "panic":
		if choose(a, w, value, "exit", "halt", "reboot") {
			a.Panic = map[string]Policy{"exit": Exit, "halt": Halt, "reboot": Reboot}[value]
		}
	case "loglevel":
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 || n > 8 {
			a.problem("%s: a number from 0 to 8 is expected", w)
			return
		}
		a.LogLevel = n
	case "gcstat":
		a.GCStat = true
	case "quiet":
		a.LogLevel = 4
	case "debug":
		a.LogLevel = 8
	default:
		a.problem("%s is unknown", w)
	}
}

// choose reports whether value is one of the choices; if not, it notes a problem with the word w.
func choose(a *Args, w, value string, choices ...string) bool {
	for _, c := range choices {
		if value == c {
			return true
		}
	}
	a.problem("%s: %q is not one of %q", w, value, choices)
	return false
}

// Split splits a command line into words. It reports whether all quotes were closed.
func Split(line string) (words []string, closed bool) {
	var word strings.Builder
	in, quoted := false, false
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == '"':
			in, quoted = true, !quoted
			continue
		case quoted && c == '\\' && i+1 < len(line) && strings.IndexByte(`"\n`, line[i+1]) >= 0:
			i++
			c = line[i]
			if c == 'n' {
				c = '\n'
			}
		case !quoted && (c == ' ' || c == '\t' || c == '\n'):
			if in {
				words = append(words, word.String())
				word.Reset()
			}
			in = false
			continue
		}
		in = true
		word.WriteByte(c)
	}
	if in {
		words = append(words, word.String())
	}
	return words, !quoted
}
