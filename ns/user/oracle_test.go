package user

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"cleave/abi"
)

// oracle is a process of the host's Linux that makes the same calls as the credentials under test.
type oracle struct {
	t   *testing.T
	in  io.WriteCloser
	out *bufio.Reader
	cmd *exec.Cmd
}

// buildOracle compiles testdata/oracle.c into a directory that every user can search. It skips the test where that can't be done.
func buildOracle(t *testing.T) string {
	t.Helper()
	gcc, err := exec.LookPath("gcc")
	if err != nil || os.Getuid() != 0 {
		t.Skip("needs root and gcc")
	}
	dir, err := os.MkdirTemp("", "oracle")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "plain")
	if out, err := exec.Command(gcc, "-O1", "-static", "-w", "-o", path, "testdata/oracle.c").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

func startOracle(t *testing.T, path string) *oracle {
	t.Helper()
	o := &oracle{t: t, cmd: exec.Command(path)}
	in, err := o.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := o.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	o.in, o.out = in, bufio.NewReader(out)
	if err := o.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *oracle) answer() string {
	s, err := o.out.ReadString('\n')
	if err != nil {
		o.t.Fatal(err)
	}
	return strings.TrimSpace(s)
}

func (o *oracle) do(cmd string) string {
	if _, err := io.WriteString(o.in, cmd+"\n"); err != nil {
		o.t.Fatal(err)
	}
	return o.answer()
}

func (o *oracle) stop() {
	o.in.Close()
	if err := o.cmd.Wait(); err != nil {
		o.t.Error(err)
	}
}

// describe prints c as the oracle does.
func describe(c *Cred, err error, secure bool) string {
	var e abi.Errno
	if err != nil {
		errors.As(err, &e)
	}
	groups := strings.Trim(fmt.Sprint(c.Groups), "[]") + " "
	s := 0
	if secure {
		s = 1
	}
	return fmt.Sprintf("%d secure=%d bits=%x Uid:\t%d\t%d\t%d\t%d; Gid:\t%d\t%d\t%d\t%d; Groups:\t%s; "+
		"CapInh:\t%016x; CapPrm:\t%016x; CapEff:\t%016x; CapBnd:\t%016x; CapAmb:\t%016x;",
		e, s, c.Securebits, c.UID, c.EUID, c.SUID, c.FSUID, c.GID, c.EGID, c.SGID, c.FSGID, groups,
		c.Inheritable, c.Permitted, c.Effective, c.Bounding, c.Ambient)
}

// scan makes credentials of what the oracle prints at its start: the test itself may lack some capabilities.
func scan(t *testing.T, ns *Namespace, s string) *Cred {
	t.Helper()
	c := NewRoot(ns).Copy()
	i := strings.Index(s, "CapInh")
	_, err := fmt.Sscanf(s[i:], "CapInh:\t%x; CapPrm:\t%x; CapEff:\t%x; CapBnd:\t%x; CapAmb:\t%x;",
		&c.Inheritable, &c.Permitted, &c.Effective, &c.Bounding, &c.Ambient)
	if err != nil {
		t.Fatal(s, err)
	}
	for _, f := range strings.Fields(s[strings.Index(s, "Groups:")+7 : strings.Index(s, "; CapInh")]) {
		var g KGID
		fmt.Sscan(f, &g)
		c.Groups = append(c.Groups, g)
	}
	return c
}

type program struct {
	name string
	prog Program
}

// programs makes copies of the oracle with set-id bits and capabilities, for exec.
func programs(t *testing.T, plain string) []program {
	text, err := os.ReadFile(plain)
	if err != nil {
		t.Fatal(err)
	}
	low := Set(CapChown, CapKill, CapSetuid)
	list := []program{
		{"plain", Program{}},
		{"owned", Program{UID: 1000, GID: 1000}},
		{"suid0", Program{SetUID: true}},
		{"suid1000", Program{UID: 1000, GID: 1000, SetUID: true}},
		{"sgid0", Program{SetGID: true}},
		{"sgid1000", Program{UID: 1000, GID: 1000, SetGID: true}},
		{"both", Program{UID: 1, GID: 1000, SetUID: true, SetGID: true}},
		{"ep", Program{Caps: &FileCaps{Permitted: low, Effective: true}}},
		{"p", Program{Caps: &FileCaps{Permitted: low}}},
		{"ei", Program{Caps: &FileCaps{Inheritable: low, Effective: true}}},
		{"empty", Program{Caps: &FileCaps{}}},
		{"suid0p", Program{SetUID: true, Caps: &FileCaps{Permitted: low}}},
		{"suid0empty", Program{SetUID: true, Caps: &FileCaps{}}},
	}
	for i := range list {
		p := &list[i]
		path := filepath.Join(filepath.Dir(plain), p.name)
		if err := os.WriteFile(path, text, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(path, int(p.prog.UID), int(p.prog.GID)); err != nil {
			t.Fatal(err)
		}
		mode := uint32(0o755)
		if p.prog.SetUID {
			mode |= syscall.S_ISUID
		}
		if p.prog.SetGID {
			mode |= syscall.S_ISGID
		}
		if err := syscall.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if p.prog.Caps != nil {
			setFileCaps(t, path, p.prog.Caps)
		}
		p.prog.MaySetID = true
	}
	return list
}

func setFileCaps(t *testing.T, path string, f *FileCaps) {
	v := binary.LittleEndian.AppendUint32(nil, 0x02000000)
	if f.Effective {
		v[0] = 1
	}
	for _, w := range []uint32{uint32(f.Permitted), uint32(f.Inheritable), uint32(f.Permitted >> 32), uint32(f.Inheritable >> 32)} {
		v = binary.LittleEndian.AppendUint32(v, w)
	}
	if err := syscall.Setxattr(path, "security.capability", v, 0); err != nil {
		t.Skip("no file capabilities here: ", err)
	}
}

// step is one random call, for the oracle and for us.
func step(r *rand.Rand, c *Cred, progs []program, dir string, nnp *bool) (string, *Cred, bool, error) {
	ids := []uint32{0, 0, 1, 2, 1000, 70000, ^uint32(0)}
	id := func() uint32 { return ids[r.Intn(len(ids))] }
	a, b, d := id(), id(), id()
	caps := func(from Caps) Caps {
		return (from | Caps(r.Intn(4))<<30) & Caps(r.Uint64()|r.Uint64()|r.Uint64()) & AllCaps
	}
	cp := uint32(r.Intn(9))
	if r.Intn(12) == 0 {
		cp = 41
	}
	var n *Cred
	var err error
	s := ""
	switch k := r.Intn(20); k {
	case 0:
		s = fmt.Sprintf("setuid %d", a)
		n, err = c.SetUID(UID(a))
	case 1:
		s = fmt.Sprintf("setreuid %d %d", a, b)
		n, err = c.SetREUID(UID(a), UID(b))
	case 2:
		s = fmt.Sprintf("setresuid %d %d %d", a, b, d)
		n, err = c.SetRESUID(UID(a), UID(b), UID(d))
	case 3:
		s, n = fmt.Sprintf("setfsuid %d", a), c.SetFSUID(UID(a))
	case 4:
		s = fmt.Sprintf("setgid %d", a)
		n, err = c.SetGID(GID(a))
	case 5:
		s = fmt.Sprintf("setregid %d %d", a, b)
		n, err = c.SetREGID(GID(a), GID(b))
	case 6:
		s = fmt.Sprintf("setresgid %d %d %d", a, b, d)
		n, err = c.SetRESGID(GID(a), GID(b), GID(d))
	case 7:
		s, n = fmt.Sprintf("setfsgid %d", a), c.SetFSGID(GID(a))
	case 8:
		s = fmt.Sprintf("setgroups %d %d %d", a, b, d)
		n, err = c.SetGroups([]GID{GID(a), GID(b), GID(d)})
	case 9, 10, 11:
		e, p, i := caps(c.Permitted), c.Permitted, caps(c.Permitted)
		if k == 11 {
			e, p, i = caps(c.Effective), caps(c.Permitted), caps(c.Inheritable)
		}
		s = fmt.Sprintf("capset %d %d %d", e, p, i)
		n, err = c.SetCaps(e, p, i)
	case 12:
		few := r.Uint32()
		few &= r.Uint32()
		few &= r.Uint32()
		v := Securebits(few)&0x10ff | c.Securebits&secLocks
		s = fmt.Sprintf("securebits %d", v)
		n, err = c.SetSecurebits(v)
	case 13:
		s = fmt.Sprintf("keepcaps %d", cp%3)
		n, err = c.SetKeepCaps(cp % 3)
	case 14:
		if r.Intn(3) > 0 {
			cp = uint32(CapLast)
		}
		s = fmt.Sprintf("drop %d", cp)
		n, err = c.DropBounding(cp)
	case 15, 16:
		s = fmt.Sprintf("raise %d", cp)
		n, err = c.RaiseAmbient(cp)
	case 17:
		s = fmt.Sprintf("lower %d", cp)
		n, err = c.LowerAmbient(cp)
	case 18:
		if r.Intn(20) == 0 {
			*nnp = true
			return "nnp", c, false, nil
		}
		fallthrough
	default:
		p := progs[r.Intn(len(progs))]
		var secure bool
		n, secure, err = c.Exec(p.prog, Unsafe{NoNewPrivs: *nnp})
		s = "exec " + filepath.Join(dir, p.name)
		if err == nil {
			return s, n, secure, nil
		}
	}
	return s, n, false, err
}

// TestLikeLinux makes long random sequences of calls that change credentials, execve among them, here and on the host.
func TestLikeLinux(t *testing.T) {
	plain := buildOracle(t)
	progs := programs(t, plain)
	runs := 100
	if testing.Short() {
		runs = 10
	}
	for seed := range runs {
		r := rand.New(rand.NewSource(int64(seed)))
		o := startOracle(t, plain)
		c := scan(t, NewInitial(), o.answer())
		var log []string
		secure, nnp := false, false
		for range 80 {
			cmd, n, sec, err := step(r, c, progs, filepath.Dir(plain), &nnp)
			isExec := strings.HasPrefix(cmd, "exec") && err == nil
			if err == nil {
				c = n
			}
			if isExec {
				secure = sec
			}
			got := o.do(cmd)
			log = append(log, cmd)
			if want := describe(c, err, secure); got != strings.TrimSpace(want) {
				t.Fatalf("seed %d, after %s:\nLinux %s\n here %s", seed, strings.Join(log[max(0, len(log)-12):], ", "), got, want)
			}
			if !slices.IsSorted(c.Groups) {
				t.Fatal("groups are not sorted")
			}
		}
		o.stop()
	}
}
