package devpts

import (
	"encoding/binary"
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/fstest"
	"cleave/fs/tty"
)

// session, group and process are what a terminal knows of processes.
type session struct {
	id        int32
	leader    *process
	members   []*process
	abandoned tty.Group
}

func (s *session) Detach(t *tty.TTY, foreground tty.Group) {
	for _, p := range s.members {
		if p.tty == t {
			p.tty = nil
		}
	}
	s.abandoned = foreground
}

func (s *session) Abandoned() tty.Group {
	g := s.abandoned
	s.abandoned = nil
	return g
}

func (s *session) SignalLeader(sig int) {
	if s.leader != nil {
		s.leader.got = append(s.leader.got, sig)
	}
}

type group struct {
	id      int32
	session *session
	got     []int
}

func (g *group) Signal(sig int) { g.got = append(g.got, sig) }

func (g *group) take() []int {
	got := g.got
	g.got = nil
	return got
}

type process struct {
	w        *world
	tty      *tty.TTY
	group    *group
	orphaned bool
	ignored  map[int]bool
	admin    bool
	got      []int
}

func (p *process) TTY() *tty.TTY             { return p.tty }
func (p *process) SetTTY(t *tty.TTY)         { p.tty = t }
func (p *process) Session() tty.Session      { return p.group.session }
func (p *process) Group() tty.Group          { return p.group }
func (p *process) SessionLeader() bool       { return p.group.session.leader == p }
func (p *process) Orphaned() bool            { return p.orphaned }
func (p *process) Ignores(sig int) bool      { return p.ignored[sig] }
func (p *process) Admin() bool               { return p.admin }
func (p *process) GroupID(g tty.Group) int32 { return g.(*group).id }

func (p *process) SessionID(s tty.Session) int32 { return s.(*session).id }

func (p *process) FindGroup(id int32) (tty.Group, tty.Session, bool) {
	if g := p.w.groups[id]; g != nil {
		return g, g.session, true
	}
	return nil, nil, false
}

// world is a kit with devpts on /pts, and some processes.
type world struct {
	*fstest.Kit
	groups map[int32]*group
	mem    fstest.Memory
}

func newWorld(t testing.TB) *world {
	w := &world{Kit: fstest.New(t), groups: map[int32]*group{}, mem: make([]byte, 256)}
	Register(w.V)
	w.dir("/pts")
	w.mount("/pts", "")
	if err := w.Mknodat(abi.AT_FDCWD, []byte("/ptmx"), abi.S_IFCHR|0o666, PTMX); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) dir(path string) {
	w.T.Helper()
	if err := w.Mkdirat(abi.AT_FDCWD, []byte(path), 0o755); err != nil {
		w.T.Fatal(err)
	}
}

func (w *world) mount(path, options string) {
	w.T.Helper()
	if err := w.Mount([]byte("devpts"), []byte(path), "devpts", 0, options); err != nil {
		w.T.Fatal(err)
	}
	w.T.Cleanup(func() {
		if err := w.Umount([]byte(path), 0); err != nil {
			w.T.Errorf("umount %s: %v", path, err)
		}
	})
}

// newSession starts a session: a process that leads it and a group.
func (w *world) newSession(id int32) *process {
	s := &session{id: id}
	g := &group{id: id, session: s}
	w.groups[id] = g
	s.leader = &process{w: w, group: g}
	s.members = append(s.members, s.leader)
	return s.leader
}

// fork makes another process in a group of the same session, a new one if there is none with that id.
func (p *process) fork(gid int32) *process {
	g := p.w.groups[gid]
	if g == nil {
		g = &group{id: gid, session: p.group.session}
		p.w.groups[gid] = g
	}
	c := &process{w: p.w, group: g, tty: p.tty}
	g.session.members = append(g.session.members, c)
	return c
}

// as returns the kit of a process.
func (w *world) as(p *process) *world {
	caller := *w.Caller
	if p != nil {
		caller.Task = p
	}
	kit := *w.Kit
	kit.Caller = &caller
	n := *w
	n.Kit = &kit
	return &n
}

func (w *world) ioctl(f *fs.File, cmd, arg uint32) error {
	_, err := f.Ops.Ioctl(f, w.Caller, cmd, arg, w.mem)
	return err
}

// ioctlInt gives an int to an ioctl and returns what it is afterwards.
func (w *world) ioctlInt(f *fs.File, cmd uint32, v int) (int, error) {
	binary.LittleEndian.PutUint32(w.mem, uint32(v))
	err := w.ioctl(f, cmd, 0)
	return int(int32(binary.LittleEndian.Uint32(w.mem))), err
}

func (w *world) want(err, want error) {
	w.T.Helper()
	if err != want {
		w.T.Errorf("got %v, want %v", err, want)
	}
}

// pair opens a pseudo-terminal as openpty(3) does.
func (w *world) pair() (m, s *fs.File) {
	w.T.Helper()
	m = w.Open("/ptmx", abi.O_RDWR|abi.O_NOCTTY)
	return m, w.slave(m, abi.O_NOCTTY)
}

// slave opens the slave of a master.
func (w *world) slave(m *fs.File, flags uint32) *fs.File {
	w.T.Helper()
	_, err := w.ioctlInt(m, abi.TIOCSPTLCK, 0)
	w.want(err, nil)
	n, err := w.ioctlInt(m, abi.TIOCGPTN, 0)
	w.want(err, nil)
	return w.Open("/pts/"+string(rune('0'+n)), abi.O_RDWR|flags)
}

// expect reads up to n bytes.
func (w *world) expect(f *fs.File, n int, want string) {
	w.T.Helper()
	if got, err := w.Get(f, n); got != want || err != nil {
		w.T.Errorf("read %q, %v; want %q", got, err, want)
	}
}

// expectError reads and expects an error.
func (w *world) expectError(f *fs.File, want error) {
	w.T.Helper()
	if got, err := w.Get(f, 100); err != want {
		w.T.Errorf("read %q, %v; want %v", got, err, want)
	}
}

func (w *world) termios(s *fs.File) abi.Termios {
	w.T.Helper()
	w.want(w.ioctl(s, abi.TCGETS, 0), nil)
	var t abi.Termios
	if _, err := binary.Decode(w.mem, binary.LittleEndian, &t); err != nil {
		w.T.Fatal(err)
	}
	return t
}

func (w *world) setTermios(s *fs.File, t abi.Termios, cmd uint32) error {
	if _, err := binary.Encode(w.mem, binary.LittleEndian, &t); err != nil {
		w.T.Fatal(err)
	}
	return w.ioctl(s, cmd, 0)
}

// raw turns canonical mode, echo and output processing off.
func (w *world) raw(s *fs.File, least, tenths byte) {
	t := w.termios(s)
	t.Lflag &^= abi.ICANON | abi.ECHO
	t.Oflag &^= abi.OPOST
	t.Cc[abi.VMIN], t.Cc[abi.VTIME] = least, tenths
	w.want(w.setTermios(s, t, abi.TCSETS), nil)
}
