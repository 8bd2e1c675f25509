package bpf

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// oracle is a process of the host's Linux that installs programs.
type oracle struct {
	in  io.WriteCloser
	out *bufio.Reader
}

func startOracle(t *testing.T) *oracle {
	t.Helper()
	path := filepath.Join(t.TempDir(), "oracle")
	cmd := exec.Command("gcc", "-m32", "-O1", "-static", "-w", "-o", path, "testdata/oracle.c")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("needs gcc -m32: %v\n%s", err, out)
	}
	cmd = exec.Command(path)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	return &oracle{in, bufio.NewReader(out)}
}

// ask installs a program, with call makes the system call, and returns the error number and the result.
func (o *oracle) ask(t *testing.T, prog []Insn, call bool) (err int, result string) {
	t.Helper()
	head := binary.LittleEndian.AppendUint32(nil, uint32(len(prog)))
	flag := uint32(0)
	if call {
		flag = 1
	}
	head = binary.LittleEndian.AppendUint32(head, flag)
	if _, err := o.in.Write(append(head, encode(prog)...)); err != nil {
		t.Fatal(err)
	}
	line, e := o.out.ReadString('\n')
	if e != nil {
		t.Fatal(e)
	}
	if _, e := fmt.Sscan(strings.TrimSpace(line), &err, &result); e != nil {
		t.Fatal(line, e)
	}
	return err, result
}

var someCodes = []uint16{
	LD | W | ABS, LD | IMM, LD | MEM, LD | LEN, LDX | IMM, LDX | MEM, LDX | LEN, ST, STX, ALU | ADD | K, ALU | ADD | X, ALU | SUB | K,
	ALU | MUL | X, ALU | DIV | K, ALU | DIV | X, ALU | LSH | K, ALU | RSH | X, ALU | NEG, ALU | XOR | K, ALU | XOR | X, ALU | AND | X,
	ALU | OR | X, JMP | JA, JMP | JEQ | K, JMP | JGT | X, JMP | JGE | K, JMP | JSET | X, RET | K, RET | A, MISC | TAX, MISC | TXA,
}

// random makes a program that is valid every other time or so.
func random(r *rand.Rand) []Insn {
	n := 1 + r.Intn(8)
	prog := make([]Insn, n)
	for i := range prog {
		in := Insn{Code: someCodes[r.Intn(len(someCodes))], K: uint32(r.Intn(5)), JT: uint8(r.Intn(3)), JF: uint8(r.Intn(3))}
		switch {
		case in.Code == LD|W|ABS:
			in.K = uint32(r.Intn(17)) * 4
		case in.Code&7 == ALU && r.Intn(2) == 0:
			in.K = uint32(r.Intn(34))
		}
		if r.Intn(40) == 0 {
			in.Code = uint16(r.Intn(256))
		}
		prog[i] = in
	}
	prog[n-1] = stmt(RET|uint16(r.Intn(2))*A, allow)
	return prog
}

// TestOracle compares verdicts with those of the host's Linux.
func TestOracle(t *testing.T) {
	o := startOracle(t)
	compare := func(name string, prog []Insn) (good bool) {
		_, err := Compile(prog)
		theirs, _ := o.ask(t, prog, false)
		if (err == nil) != (theirs == 0) {
			t.Errorf("%s: %v: %v here, error number %d on Linux", name, prog, err, theirs)
		}
		return err == nil
	}
	for _, c := range checks {
		compare(c.name, c.prog)
	}
	good, r := 0, rand.New(rand.NewSource(1))
	const rounds = 400
	for range rounds {
		if compare("random", random(r)) {
			good++
		}
	}
	if good < rounds/10 || good > rounds*9/10 {
		t.Errorf("%d of %d random programs are valid: the generator shows little", good, rounds)
	}
}

// TestOracleRuns compares what programs compute: the error number that getppid(2) then gives.
func TestOracleRuns(t *testing.T) {
	o, r := startOracle(t), rand.New(rand.NewSource(2))
	ran := 0
	for range 500 {
		body := random(r)
		body = body[:len(body)-1]
		prog := append([]Insn{stmt(LD|W|ABS, 0), branch(JMP|JEQ|K, getppid, 1, 0), stmt(RET|K, allow)}, body...)
		prog = append(prog, stmt(ALU|AND|K, 0x7ff), stmt(ALU|OR|K, errno), stmt(RET|A, 0))
		p, err := Compile(prog)
		if err != nil {
			continue
		}
		d := Data{WordNr: getppid, WordArch: i386, 4: 1, 6: 2, 8: 3, 10: 4, 12: 5, 14: 0x80000006}
		got := p.Run(&d)
		want := fmt.Sprint(-min(int(got&0xffff), 4095))
		switch {
		case got&0xffff0000 == 0:
			want = "dead"
		case got&0xffff0000 != errno || usesIP(prog):
			continue
		}
		ran++
		if _, theirs := o.ask(t, prog, true); theirs != want {
			t.Errorf("%v: %s here, %s on Linux", prog, want, theirs)
		}
	}
	if ran < 100 {
		t.Errorf("only %d programs ran", ran)
	}
}

// usesIP reports whether a program looks at the address of the call, which differs from program to program.
func usesIP(prog []Insn) bool {
	for _, in := range prog {
		if in.Code == LD|W|ABS && in.K/8 == 1 {
			return true
		}
	}
	return false
}
