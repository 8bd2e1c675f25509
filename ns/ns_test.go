package ns

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/netdev"
	"cleave/ns/user"
)

func wantErr(t *testing.T, what string, err error, want abi.Errno) {
	t.Helper()
	var e abi.Errno
	if err != nil && !errors.As(err, &e) {
		t.Fatalf("%s: %v is no Errno", what, err)
	}
	if e != want {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// world is a first task's credentials and namespaces.
type world struct {
	t    *testing.T
	root *user.Cred
	set  *Set
	pid  *PIDNamespace
}

func newWorld(t *testing.T) *world {
	u := user.NewInitial()
	m := &fs.MountNamespace{}
	m.BeginFirst(user.KindMount, u, nil)
	w := &world{t: t, root: user.NewRoot(u), set: NewInitial(Config{Owner: u, Mount: m, HostName: "cleave", IPC: testIPC()})}
	w.pid = w.set.PIDForChildren
	return w
}

func copyMount(c *user.Cred) (*fs.MountNamespace, error) {
	m := &fs.MountNamespace{}
	if err := m.Begin(user.KindMount, c.NS, c.EUID, nil); err != nil {
		return nil, err
	}
	return m, nil
}

func (w *world) request(flags uint64) *Request {
	return &Request{Flags: flags, Cred: w.root, Set: w.set, PID: w.pid, CopyMount: copyMount}
}

// counts is everything that a test compares before and after.
func (w *world) counts() string {
	s := ""
	for k := range user.Kind(user.NumKinds) {
		s += fmt.Sprintf("%v=%d,%d ", k, w.root.NS.Live(k), w.root.Account.Namespaces(k))
	}
	return fmt.Sprintf("%s accounts=%d refs=%d pids=%d", s, w.root.NS.Accounts(), w.root.NS.Refs(), w.pid.Count())
}

func TestPrepareEachKind(t *testing.T) {
	w := newWorld(t)
	before := w.counts()
	for k := range user.Kind(user.NumKinds) {
		p, err := Prepare(w.request(k.CloneFlag()))
		if err != nil {
			t.Fatal(k, err)
		}
		for i, n := range p.Set.all() {
			changed := n != w.set.all()[i]
			// The last one is the time namespace for children, the one before the task's own.
			want := n.Kind() == k && !(k == user.KindTime && i == 6)
			if changed != want {
				t.Errorf("flag of %v: %v changed: %v", k, n.Kind(), changed)
			}
			if changed && (n.Owner() != w.root.NS || n.Inode() < 0xf0000000) {
				t.Errorf("%v: owner or inode number", k)
			}
		}
		if changed := p.Cred != w.root; changed != (k == user.KindUser) {
			t.Errorf("flag of %v: credentials changed: %v", k, changed)
		}
		p.Drop()
	}
	if after := w.counts(); after != before {
		t.Errorf("left behind:\n%s\n%s", before, after)
	}
	p, err := Prepare(w.request(0))
	if err != nil || p.Set != w.set || p.Cred != w.root {
		t.Error("without flags all stays")
	}
}

func TestPrepareErrors(t *testing.T) {
	w := newWorld(t)
	plain := w.root.Copy()
	plain.Effective = 0
	plain.UID, plain.EUID = 1000, 1000
	for k := range user.Kind(user.NumKinds) {
		r := w.request(k.CloneFlag())
		r.Cred = plain
		p, err := Prepare(r)
		if k == user.KindUser {
			wantErr(t, "an ordinary user's user namespace", err, 0)
			p.Drop()
			continue
		}
		wantErr(t, k.String(), err, abi.EPERM)
		r.Flags |= abi.CLONE_NEWUSER
		p, err = Prepare(r)
		wantErr(t, k.String()+" with a user namespace", err, 0)
		for _, n := range p.Set.all() {
			if n.Kind() == k && n.Owner() != p.Cred.NS && n != user.Any(w.set.Time) {
				t.Errorf("%v is not owned by the new user namespace", k)
			}
		}
		p.Drop()
	}
	r := w.request(abi.CLONE_NEWUSER)
	r.Chrooted = true
	_, err := Prepare(r)
	wantErr(t, "chrooted", err, abi.EPERM)

	p, err := Prepare(w.request(abi.CLONE_NEWPID))
	wantErr(t, "pid namespace", err, 0)
	r = w.request(abi.CLONE_NEWPID)
	r.Set = p.Set
	_, err = Prepare(r)
	wantErr(t, "a second pid namespace, unused the first", err, abi.EINVAL)
	p.Drop()

	before := w.counts()
	for k := range user.Kind(user.NumKinds) {
		wantErr(t, "limit", w.root.NS.SetLimit(w.root, int(k), 0), 0)
		_, err := Prepare(w.request(CloneAny))
		wantErr(t, "at the limit of "+k.String(), err, abi.ENOSPC)
		wantErr(t, "limit", w.root.NS.SetLimit(w.root, int(k), 1000), 0)
	}
	if after := w.counts(); after != before {
		t.Errorf("left behind:\n%s\n%s", before, after)
	}
}

// TestEveryStepFails lets each step of making all namespaces at once fail in turn.
func TestEveryStepFails(t *testing.T) {
	w := newWorld(t)
	before := w.counts()
	n := 0
	for ; ; n++ {
		r := w.request(CloneAny)
		r.Steps = &user.Steps{Left: n}
		p, err := Prepare(r)
		if !r.Steps.Failed {
			wantErr(t, "no step", err, 0)
			p.Drop()
			break
		}
		wantErr(t, fmt.Sprint("step ", n), err, abi.ENOMEM)
		if after := w.counts(); after != before {
			t.Fatalf("step %d:\n%s\n%s", n, before, after)
		}
	}
	if n != user.NumKinds+1 {
		t.Errorf("%d steps, want one for each kind and one for the set", n)
	}
	if after := w.counts(); after != before {
		t.Errorf("left behind:\n%s\n%s", before, after)
	}
}

// TestUnshareLoop makes and drops thousands of namespaces, as a task that calls unshare again and again.
func TestUnshareLoop(t *testing.T) {
	w := newWorld(t)
	before := w.counts()
	cred, set := w.root, w.set
	cred.Enter() // the task
	set.Get()
	for range 3000 {
		r := w.request(CloneOwned &^ abi.CLONE_NEWPID)
		r.Cred, r.Set = cred, set
		p, err := Prepare(r)
		if err != nil {
			t.Fatal(err)
		}
		p.Commit(cred)
		set.Put()
		cred, set = p.Cred, p.Set
	}
	set.Put()
	cred.Leave()
	for range 30 {
		nested(t, w, w.root, w.set, 20)
	}
	if after := w.counts(); after != before {
		t.Errorf("left behind:\n%s\n%s", before, after)
	}
}

// nested is a task that makes all namespaces and has a child that does the same, depth times.
func nested(t *testing.T, w *world, cred *user.Cred, set *Set, depth int) {
	if depth == 0 {
		return
	}
	p, err := Prepare(&Request{Flags: CloneAny, Cred: cred, Set: set, PID: set.PIDForChildren, CopyMount: copyMount})
	if err != nil {
		t.Fatal(err)
	}
	wantErr(t, "enter", p.Cred.EnterWithin(1000), 0)
	p.CommitChild()
	id, err := p.Set.PIDForChildren.Alloc(nil)
	if err != nil || id.Number() != 1 {
		t.Fatal(err, id)
	}
	for _, k := range []user.MapKind{user.UIDMap, user.GIDMap} {
		wantErr(t, "map", p.Cred.NS.WriteMap(k, cred, cred, 0, []byte("0 0 1000")), 0)
	}
	nested(t, w, p.Cred, p.Set, depth-1)
	id.Put()
	p.Set.Put()
	p.Cred.Leave()
}

func TestForChild(t *testing.T) {
	w := newWorld(t)
	if c := w.set.ForChild(); c != w.set {
		t.Error("a child has the same set")
	} else {
		c.Put()
	}
	p, err := Prepare(w.request(abi.CLONE_NEWTIME))
	wantErr(t, "time", err, 0)
	if p.Set.Time != w.set.Time || p.Set.TimeForChildren == w.set.Time {
		t.Error("the new time namespace is for children")
	}
	tn := p.Set.TimeForChildren
	_, err = tn.WriteOffsets(w.root, "monotonic 100 5\nboottime -7 0\n", 50*time.Second)
	wantErr(t, "before anyone is in it", err, 0)
	c := p.Set.ForChild()
	if c.Time != tn || c.TimeForChildren != tn {
		t.Error("a child is in it")
	}
	_, err = tn.WriteOffsets(w.root, "monotonic 1 0", 0)
	wantErr(t, "with a task in it", err, abi.EACCES)
	c.Put()
	p.Drop()
	if w.root.NS.Live(user.KindTime) != 1 {
		t.Error("the time namespace is left")
	}
}

func TestTimeOffsets(t *testing.T) {
	w := newWorld(t)
	n, err := w.set.Time.Copy(w.root)
	wantErr(t, "copy", err, 0)
	weak := w.root.Copy()
	weak.Effective = 0
	for _, test := range []struct {
		text string
		cred *user.Cred
		want abi.Errno
		used int
	}{
		{"monotonic 86400 0\n", w.root, 0, 18},
		{"boottime -100 500000000", w.root, 0, 23},
		{"1 5 6\n7 8 9\njunk", w.root, 0, 12},
		{"monotonic 1 0", weak, abi.EPERM, 0},
		{"nonsense", weak, abi.EINVAL, 0},
		{"", w.root, abi.EINVAL, 0},
		{"\n", w.root, abi.EINVAL, 0},
		{"realtime 1 0", w.root, abi.EINVAL, 0},
		{"0 1 0", w.root, abi.EINVAL, 0},
		{"monotonic 1", w.root, abi.EINVAL, 0},
		{"monotonic 1 1000000000", w.root, abi.EINVAL, 0},
		{"monotonic 1 -1", w.root, abi.EINVAL, 0},
		{"monotonic -201 0", w.root, abi.ERANGE, 0},
		{"monotonic 9223372036 0", w.root, abi.ERANGE, 0},
		{"monotonic 9223372036854775807 0", w.root, abi.ERANGE, 0},
		{"monotonic 1 0\nmonotonic -9000 0", w.root, abi.ERANGE, 0},
	} {
		used, err := n.WriteOffsets(test.cred, test.text, 200*time.Second)
		wantErr(t, fmt.Sprintf("%q", test.text), err, test.want)
		if used != test.used {
			t.Errorf("%q: %d bytes used", test.text, used)
		}
	}
	if n.Monotonic() != 5*time.Second+6 || n.Boottime() != 8*time.Second+9 {
		t.Error(n.Monotonic(), n.Boottime())
	}
	_, err = n.WriteOffsets(w.root, "boottime -2 250000000", 200*time.Second)
	wantErr(t, "negative", err, 0)
	const want = "monotonic           5         6\nboottime           -2 250000000\n"
	if got := n.ShowOffsets(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestUTS(t *testing.T) {
	w := newWorld(t)
	n, err := w.set.UTS.Copy(w.root)
	wantErr(t, "copy", err, 0)
	wantErr(t, "set", n.SetHostName(w.root, "inner"), 0)
	wantErr(t, "set", n.SetDomainName(w.root, "example"), 0)
	if h, d := n.Names(); h != "inner" || d != "example" {
		t.Error(h, d)
	}
	if h, d := w.set.UTS.Names(); h != "cleave" || d != "(none)" {
		t.Error(h, d)
	}
	wantErr(t, "too long", n.SetHostName(w.root, string(make([]byte, 65))), abi.EINVAL)
	wantErr(t, "longest", n.SetHostName(w.root, string(make([]byte, 64))), 0)
	c, err := w.root.Create(false)
	wantErr(t, "user namespace", err, 0)
	wantErr(t, "from a user namespace that does not own it", n.SetHostName(c, "x"), abi.EPERM)
}

func TestAbstractNames(t *testing.T) {
	w := newWorld(t)
	n, err := w.set.Net.NewChild(w.root)
	wantErr(t, "net", err, 0)
	a, b := new(int), new(int)
	wantErr(t, "bind", n.Abstract.Bind("x", a), 0)
	wantErr(t, "bind again", n.Abstract.Bind("x", b), abi.EADDRINUSE)
	wantErr(t, "bind in another namespace", w.set.Net.Abstract.Bind("x", b), 0)
	n.Abstract.Unbind("x", b)
	if n.Abstract.Find("x") != a || w.set.Net.Abstract.Find("x") != b {
		t.Error("names of two namespaces are mixed up")
	}
	n.Abstract.Unbind("x", a)
	if n.Abstract.Find("x") != nil {
		t.Error("a name is left")
	}
}

func TestJoin(t *testing.T) {
	w := newWorld(t)
	before := w.counts()
	p, err := Prepare(w.request(CloneAny))
	wantErr(t, "prepare", err, 0)
	aimed := 0
	request := func(targets ...user.Any) *JoinRequest {
		return &JoinRequest{Targets: targets, Cred: w.root, Set: w.set, PID: w.pid,
			AimAt: func(*fs.MountNamespace, *user.Cred) error { aimed++; return nil }}
	}
	for i, n := range p.Set.all() {
		q, err := PrepareJoin(request(n))
		wantErr(t, "join "+n.Kind().String(), err, 0)
		if got := q.Set.all(); got[i] != n {
			t.Errorf("%v is not joined", n.Kind())
		}
		q.Drop()
	}
	if aimed != 1 {
		t.Error("root and cwd are not re-aimed")
	}
	all := p.Set.all()
	q, err := PrepareJoin(request(append(all[:7:7], user.Any(p.Cred.NS))...))
	wantErr(t, "join all", err, 0)
	if q.Cred.NS != p.Cred.NS || q.Set.all()[1] != all[1] {
		t.Error("not all are joined")
	}
	q.Drop()

	weak := w.root.Copy()
	weak.Effective, weak.EUID = 0, 1000
	r := request()
	for _, n := range append(all[:], user.Any(p.Cred.NS)) {
		r.Targets, r.Cred = []user.Any{n}, weak
		_, err = PrepareJoin(r)
		wantErr(t, "without a capability: "+n.Kind().String(), err, abi.EPERM)
	}
	r.Cred = w.root
	for _, test := range []struct {
		name          string
		n             user.Any
		threads, fsys bool
		want          abi.Errno
	}{
		{"own user namespace", w.root.NS, false, false, abi.EINVAL},
		{"user namespace, threaded", p.Cred.NS, true, false, abi.EINVAL},
		{"user namespace, fs shared", p.Cred.NS, false, true, abi.EINVAL},
		{"mount namespace, fs shared", p.Set.Mount, false, true, abi.EINVAL},
		{"mount namespace, threaded", p.Set.Mount, true, false, 0},
		{"time namespace, threaded", p.Set.TimeForChildren, true, false, abi.EUSERS},
		{"uts namespace, threaded, fs shared", p.Set.UTS, true, true, 0},
	} {
		r.Targets, r.Threaded, r.SharedFS = []user.Any{test.n}, test.threads, test.fsys
		q, err := PrepareJoin(r)
		wantErr(t, test.name, err, test.want)
		if err == nil {
			q.Drop()
		}
	}
	r = request(w.pid)
	r.PID = p.Set.PIDForChildren
	_, err = PrepareJoin(r)
	wantErr(t, "an ancestor pid namespace", err, abi.EINVAL)
	// A capability in the caller's own user namespace is wanted as well as in the target's.
	r = request(p.Set.UTS)
	owner := w.root.Copy()
	owner.Effective = 0 // but still the owner of the new user namespace
	r.Cred = owner
	_, err = PrepareJoin(r)
	wantErr(t, "the owner outside", err, abi.EPERM)
	r.Targets = append(r.Targets, p.Cred.NS)
	q, err = PrepareJoin(r)
	wantErr(t, "the owner, with the user namespace", err, 0)
	q.Drop()
	p.Drop()
	if after := w.counts(); after != before {
		t.Errorf("left behind:\n%s\n%s", before, after)
	}
}

// TestNetLinks checks that a dummy goes with its namespace, and does not come back to the initial one.
func TestNetLinks(t *testing.T) {
	w := newWorld(t)
	first := w.set.Net
	n, err := first.NewChild(w.root)
	wantErr(t, "net", err, 0)
	if list := n.Links.Links(); len(list) != 1 || list[0].Name != "lo" {
		t.Errorf("a new namespace has %+v", list)
	}
	wantErr(t, "move", first.Links.Set(0, "dummy0", &netdev.Change{To: &n.Links}), 0)
	if n.Links.MayChange(w.other(1000)) || !n.Links.MayChange(w.root) {
		t.Error("who may change it")
	}
	n.Put()
	if list := first.Links.Links(); len(list) != 1 || len(n.Links.Links()) != 0 {
		t.Errorf("left are %+v", list)
	}
}
