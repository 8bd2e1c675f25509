package proctest

import "cleave/abi"

// StartStack is what lies on the stack of a program at its first instruction (System V ABI for i386).
type StartStack struct {
	Args, Env []string
	Auxv      map[uint32]uint32
}

// StartStack reads the stack of a task that stands at the start of a program.
func (t *Task) StartStack() StartStack {
	t.k.t.Helper()
	at := t.Sync().Regs.ESP
	word := func() uint32 { at += 4; return t.Word(at - 4) }
	list := func() (l []string) {
		for p := word(); p != 0; p = word() {
			l = append(l, t.String(p))
		}
		return l
	}
	argc := int(word())
	s := StartStack{Args: list(), Env: list(), Auxv: map[uint32]uint32{}}
	if argc != len(s.Args) {
		t.k.t.Errorf("argc is %d, for %d arguments", argc, len(s.Args))
	}
	for key := word(); key != abi.AT_NULL; key = word() {
		s.Auxv[key] = word()
	}
	return s
}

// String loads a string of user memory, up to its NUL.
func (t *Task) String(addr uint32) string {
	t.k.t.Helper()
	var b []byte
	for c := t.Load(addr, 1)[0]; c != 0; c = t.Load(addr, 1)[0] {
		b = append(b, c)
		addr++
	}
	return string(b)
}
