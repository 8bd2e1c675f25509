package proc

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"cleave/abi"
	"cleave/fs"
	"cleave/proc/elf"
)

const (
	headBytes  = 256 // of a file that say what it is
	maxScripts = 5   // interpreters that are scripts themselves
)

// open opens the program, and follows "#!" lines to the interpreter that is one.
func (p *program) open(a *ExecArgs) error {
	t := p.task
	f, err := t.Caller.OpenExec(int(a.DirFD), []byte(a.Path), a.Flags)
	if err != nil {
		return err
	}
	p.file = f
	unreachable := p.nameOf(a)
	for depth := 0; ; depth++ {
		var head [headBytes]byte
		n, err := p.reader(p.file).ReadAt(head[:], 0)
		if err != nil && err != io.EOF {
			return err
		}
		if elf.IsELF(head[:n]) || !bytes.HasPrefix(head[:n], []byte("#!")) {
			return nil // package elf refuses what is neither
		}
		if depth == maxScripts {
			return abi.ELOOP
		}
		interp, arg, err := parseScript(&head)
		if err != nil {
			return err
		}
		if unreachable {
			return abi.ENOENT // the interpreter could not open the script
		}
		if err := p.interpret(interp, arg); err != nil {
			return err
		}
	}
}

// nameOf sets the names of the program: as given, or by its descriptor. unreachable: the name is a descriptor that
// execve closes, so a script cannot be opened by it.
func (p *program) nameOf(a *ExecArgs) (unreachable bool) {
	p.execFn = a.Path
	if a.DirFD != abi.AT_FDCWD && !strings.HasPrefix(a.Path, "/") {
		p.execFn = fmt.Sprintf("/dev/fd/%d", a.DirFD)
		if a.Path != "" {
			p.execFn += "/" + a.Path
		}
		cloexec, err := p.task.Caller.Files.Cloexec(int(a.DirFD))
		unreachable = err == nil && cloexec
	}
	p.name = p.execFn[strings.LastIndexByte(p.execFn, '/')+1:]
	return unreachable
}

// interpret puts the interpreter of a script in the place of the script, which becomes its argument.
func (p *program) interpret(interp, arg string) error {
	script := p.execFn
	if p.script != "" {
		script = p.script
	}
	args := []string{interp}
	if arg != "" {
		args = append(args, arg)
	}
	p.args = append(append(args, script), p.args[1:]...)
	p.script = interp
	p.file.Put()
	f, err := p.task.Caller.OpenExec(abi.AT_FDCWD, []byte(interp), 0)
	p.file = f
	return err
}

// parseScript reads a "#!" line: the interpreter, and all that follows as one argument (execve(2), "Interpreter
// scripts"). ENOEXEC: there is none, or its name may be cut off.
func parseScript(head *[headBytes]byte) (interp, arg string, err error) {
	line := head[2:]
	if i := bytes.IndexByte(line, '\n'); i >= 0 {
		line = line[:i]
	} else if i := bytes.IndexAny(bytes.TrimLeft(line, " \t"), " \t\x00"); i <= 0 {
		return "", "", abi.ENOEXEC
	}
	line = bytes.Trim(line, " \t")
	if i := bytes.IndexByte(line, 0); i >= 0 {
		line = line[:i]
	}
	name, rest := line, []byte(nil)
	if i := bytes.IndexAny(line, " \t"); i >= 0 {
		name, rest = line[:i], bytes.Trim(line[i:], " \t")
	}
	if len(name) == 0 {
		return "", "", abi.ENOEXEC
	}
	return string(name), string(rest), nil
}

// fileReader reads a file at any place, for package elf.
type fileReader struct {
	caller *fs.Caller
	file   *fs.File
}

func (p *program) reader(f *fs.File) fileReader { return fileReader{&p.task.Caller, f} }

// ReadAt implements io.ReaderAt.
func (r fileReader) ReadAt(b []byte, off int64) (int, error) {
	done := 0
	for done < len(b) {
		n, err := r.caller.Pread(r.file, &fs.Bytes{B: b[done:]}, off+int64(done))
		if err != nil {
			return done, err
		}
		if n == 0 {
			return done, io.EOF
		}
		done += n
	}
	return done, nil
}
