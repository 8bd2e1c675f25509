package user

import (
	"testing"

	"cleave/abi"
)

// owned makes an initial namespace whose children follow the owned model, and its root.
func owned() *Cred {
	root := NewRoot(NewInitial())
	root.NS.SetNewModel(Owned)
	return root
}

func TestCreateMapped(t *testing.T) {
	root := NewRoot(NewInitial())
	ordinary := as(t, root, 1000).Copy()
	ordinary.Securebits, ordinary.Bounding = SecNoRoot, 0
	c := child(t, ordinary)
	if c.Effective != AllCaps || c.Permitted != AllCaps || c.Bounding != AllCaps || c.Inheritable|c.Ambient != 0 || c.Securebits != 0 {
		t.Errorf("capabilities in a new namespace: %+v", c)
	}
	if c.UID != 1000 || c.NS.ShowKUID(c.UID) != DefaultOverflow || c.NS.MakerUID() != 1000 || c.NS.Model() != Mapped {
		t.Error("ids of a new namespace")
	}
	_, err := ordinary.Create(true)
	wantErr(t, "chrooted", err, abi.EPERM)
	_, err = c.Create(false)
	wantErr(t, "unmapped maker", err, abi.EPERM)
	wantErr(t, "map", c.NS.WriteMap(UIDMap, ordinary, ordinary, 0, []byte("0 1000 1")), 0)
	_, err = c.Create(false)
	wantErr(t, "maker with an unmapped group", err, abi.EPERM)
	if _, err := c.SetUID(5); err == nil {
		t.Error("setuid to an unmapped id")
	}
	if _, err := c.SetGID(0); err == nil {
		t.Error("setgid without a map")
	}
	if n := root.NS.Live(KindUser); n != 2 {
		t.Errorf("%d namespaces live, want 2", n)
	}
}

func TestDepth(t *testing.T) {
	for _, root := range []*Cred{NewRoot(NewInitial()), owned()} {
		c := root
		for i := range MaxLevel {
			n, err := c.Create(false)
			if err != nil {
				t.Fatalf("level %d: %v", i+1, err)
			}
			if c.NS.Model() == Mapped && c.NS != root.NS {
				c.NS.Put()
			}
			if n.NS.Model() == Mapped {
				n.mapAll(t, c)
			}
			c = n
		}
		_, err := c.Create(false)
		wantErr(t, "one level too many", err, abi.ENOSPC)
	}
}

// TestNobodyLeft makes a chain whose only reference is the innermost namespace's, and drops that.
func TestNobodyLeft(t *testing.T) {
	root := NewRoot(NewInitial())
	for range 1000 {
		c := child(t, root).mapAll(t, root)
		d := child(t, c)
		var b [3]Base
		for i := range b {
			wantErr(t, "begin", b[i].Begin(KindUTS, d.NS, d.EUID, nil), 0)
		}
		c.Leave()
		d.Leave()
		if n := root.NS.Live(KindUser); n != 3 {
			t.Fatalf("%d user namespaces, want 3: those that own something stay", n)
		}
		for i := range b {
			b[i].Put()
		}
	}
	if root.NS.Live(KindUser) != 1 || root.NS.Live(KindUTS) != 0 || len(root.NS.sys.used) != 0 || root.NS.Accounts() != 1 {
		t.Error("namespaces, inode numbers or accounts are left")
	}
	if a := root.Account; a.Count(Processes) != 1 || a.Namespaces(KindUser) != 0 || a.Namespaces(KindUTS) != 0 {
		t.Error("counts of the user are left")
	}
}

func TestLimits(t *testing.T) {
	root := NewRoot(NewInitial())
	ordinary := as(t, root, 1000)
	wantErr(t, "set by an ordinary user", root.NS.SetLimit(ordinary, int(KindUTS), 1), abi.EPERM)
	wantErr(t, "negative", root.NS.SetLimit(root, int(KindUTS), -1), abi.EINVAL)
	wantErr(t, "set", root.NS.SetLimit(root, int(KindUTS), 2), 0)
	begin := func(c *Cred) error { return new(Base).Begin(KindUTS, c.NS, c.EUID, nil) }

	// The limit is each user's.
	for range 2 {
		wantErr(t, "root", begin(root), 0)
		wantErr(t, "another user", begin(ordinary), 0)
	}
	wantErr(t, "root's third", begin(root), abi.ENOSPC)
	wantErr(t, "the other user's third", begin(ordinary), abi.ENOSPC)

	// What is made in a child namespace counts for its maker.
	other := as(t, root, 2000)
	c := child(t, other)
	wantErr(t, "inside", begin(c), 0)
	inner := c.Copy()
	inner.EUID = 77
	wantErr(t, "inside, another user", begin(inner), 0)
	wantErr(t, "inside, too many for the maker", begin(inner), abi.ENOSPC)
	wantErr(t, "outside, too many for the maker", begin(other), abi.ENOSPC)
	// A limit in the child binds inside only.
	wantErr(t, "set inside", c.NS.SetLimit(c, int(KindIPC), 0), 0)
	wantErr(t, "limited inside", new(Base).Begin(KindIPC, c.NS, c.EUID, nil), abi.ENOSPC)
	wantErr(t, "not outside", new(Base).Begin(KindIPC, root.NS, other.EUID, nil), 0)

	wantErr(t, "no user namespaces", root.NS.SetLimit(root, int(KindUser), 0), 0)
	_, err := root.Create(false)
	wantErr(t, "user namespace", err, abi.ENOSPC)
	if LimitName(int(KindMount)) != "max_mnt_namespaces" || LimitName(numLimits) != "" || LimitName(LimitInotifyWatches) == "" {
		t.Error("names of limits")
	}
}

func TestHas(t *testing.T) {
	root := NewRoot(NewInitial())
	ordinary := as(t, root, 1000)
	stranger := as(t, root, 2000)
	c := child(t, ordinary).mapAll(t, root)
	other := c.Copy() // of the child, but not its owner
	other.EUID, other.Effective, other.Permitted = 3000, 0, Set(CapKill)
	inner := child(t, c)
	plain := inner.Copy()
	plain.Effective = 0
	for _, test := range []struct {
		name   string
		c      *Cred
		target *Namespace
		want   bool
	}{
		{"root, own", root, root.NS, true},
		{"root, child", root, c.NS, true},
		{"root, grandchild", root, inner.NS, true},
		{"ordinary, own", ordinary, root.NS, false},
		{"owner over its child", ordinary, c.NS, true},
		{"owner over its grandchild", ordinary, inner.NS, true},
		{"stranger over another's child", stranger, c.NS, false},
		{"in the child, itself", c, c.NS, true},
		{"in the child, parent", c, root.NS, false},
		{"in the child, grandchild", c, inner.NS, true},
		{"in the child, not the owner", other, inner.NS, false},
		{"in the grandchild, parent", inner, c.NS, false},
		{"in the grandchild, no capabilities", plain, inner.NS, false},
	} {
		if got := test.c.Has(CapSysAdmin, test.target); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
	if !c.HasOverInode(CapChown, 5, 5) || child(t, ordinary).HasOverInode(CapChown, 1000, 1000) {
		t.Error("capabilities over files go by what is mapped")
	}
	if !other.OwnerOrCapable(other.FSUID) || other.OwnerOrCapable(1) || !c.OwnerOrCapable(1) {
		t.Error("OwnerOrCapable")
	}
}

func TestAcrossTasks(t *testing.T) {
	root := NewRoot(NewInitial())
	a, b := as(t, root, 1000), as(t, root, 2000)
	suid := b.Copy() // runs a set-user-ID program of user 1000
	suid.EUID, suid.SUID, suid.FSUID = 1000, 1000, 1000
	inside := child(t, a)
	for _, test := range []struct {
		name           string
		c, target      *Cred
		signal, access bool
		renice         bool
	}{
		{"root over anyone", root, a, true, true, true},
		{"anyone over root", a, root, false, false, false},
		{"oneself", a, a.Copy(), true, true, true},
		{"another", a, b, false, false, false},
		{"into a set-user-ID program", a, suid, true, false, true},
		{"out of it", suid, b, true, false, false},
		{"owner into his namespace", a, inside, true, true, true},
		{"out of the namespace, same user", inside, a, true, false, true},
		{"out of the namespace, another", inside, b, false, false, false},
	} {
		if got := test.c.MaySignal(test.target); got != test.signal {
			t.Errorf("signal, %s: %v", test.name, got)
		}
		if got := test.c.MayAccess(test.target, true); got != test.access {
			t.Errorf("access, %s: %v", test.name, got)
		}
		if got := test.c.MayRenice(test.target); got != test.renice {
			t.Errorf("priority, %s: %v", test.name, got)
		}
	}
}

func TestJoin(t *testing.T) {
	root := NewRoot(NewInitial())
	a := as(t, root, 1000)
	c := child(t, a).mapAll(t, root)
	inner := child(t, c)
	_, err := a.Join(a.NS)
	wantErr(t, "own", err, abi.EINVAL)
	_, err = inner.Join(c.NS)
	wantErr(t, "an ancestor", err, abi.EPERM)
	_, err = as(t, root, 2000).Join(c.NS)
	wantErr(t, "another's", err, abi.EPERM)
	n, err := a.Join(inner.NS)
	wantErr(t, "a descendant", err, 0)
	if n.NS != inner.NS || n.Effective != AllCaps {
		t.Error("joined without capabilities")
	}
	root.Enter()
	Commit(root, a)
	refs := inner.NS.Refs()
	for range 100 {
		in := n.Copy()
		Commit(a, in)
		a = a.Copy()
		Commit(in, a)
	}
	if a.Account.Count(Processes) != 1 || inner.NS.Refs() != refs {
		t.Error("moving there and back leaves something")
	}
}

func TestOwnedModel(t *testing.T) {
	root := owned()
	_, err := as(t, root, 1000).Create(false)
	wantErr(t, "without CAP_SYS_ADMIN", err, abi.EPERM)
	strong := as(t, root, 1000).Copy()
	strong.Effective, strong.Permitted, strong.Securebits = Set(CapSysAdmin, CapKill), Set(CapSysAdmin, CapKill), SecNoRoot
	c, err := strong.Create(true)
	wantErr(t, "chrooted", err, 0)
	wantErr(t, "enter", c.EnterWithin(1), 0)
	c.NS.Put()
	if c.NS.Model() != Owned || c.Effective != strong.Effective || c.Securebits != SecNoRoot || c.NS.ShowKUID(c.UID) != 1000 {
		t.Errorf("ids and capabilities have not stayed: %+v", c)
	}
	if !c.Has(CapSysAdmin, root.NS) || c.Has(CapChown, root.NS) || c.HasOverTask(CapKill, root.NS) || !root.HasOverTask(CapKill, c.NS) {
		t.Error("capabilities of an owned namespace count for everything but for the tasks outside")
	}
	if root.NS.SetNewModel(Mapped); child(t, c).NS.Model() != Owned {
		t.Error("the model is not inherited")
	}

	// The same uid is another user.
	same := as(t, root, 1000)
	plain := c.Copy()
	plain.Effective, plain.Permitted = 0, 0
	if SameUser(same.NS, same.UID, c.NS, c.UID) || plain.MaySignal(same) || same.MaySignal(plain) || same.MayAccess(plain, true) || same.MayRenice(plain) {
		t.Error("the same uid in two owned namespaces is taken for one user")
	}
	if c.MaySignal(same) || c.MaySignal(strong) {
		t.Error("CAP_KILL reaches out of an owned namespace")
	}
	if _, err := c.Join(root.NS); err != abi.EPERM {
		t.Error("a task may go back to the namespace above")
	}
	if c.Account == strong.Account || c.Account.Count(Processes) != 1 {
		t.Error("no account of its own")
	}
	wantErr(t, "a second process", plain.EnterWithin(1), abi.EAGAIN)
	zero := c.Copy()
	zero.UID, zero.Effective = 0, 0
	Commit(c, zero)
	wantErr(t, "user 0 of the namespace", zero.EnterWithin(0), 0)
	if zero.Account.Count(Processes) != 2 {
		t.Error("processes are not counted")
	}
	wantErr(t, "map", zero.NS.WriteMap(UIDMap, root, root, 0, []byte("0 0 1")), abi.EPERM)
	wantErr(t, "deny", zero.NS.WriteSetGroups(0, []byte("deny")), abi.EPERM)
	zero.Leave()
	zero.Leave()
}

func TestMountRules(t *testing.T) {
	root := NewRoot(NewInitial())
	mapped := child(t, root)
	root.NS.SetNewModel(Owned)
	o1, o2 := child(t, root), child(t, root)
	for _, test := range []struct {
		name      string
		task, of  *Namespace
		shared    bool
		use, copy bool
	}{
		{"own", o1.NS, o1.NS, false, true, true},
		{"another's", o1.NS, o2.NS, false, false, false},
		{"another's, share-ns", o1.NS, o2.NS, true, true, true},
		{"the initial one's", o1.NS, root.NS, false, false, false},
		{"initial task, owned mount", root.NS, o1.NS, false, true, false},
		{"initial task, mapped mount", root.NS, mapped.NS, false, true, true},
		{"mapped task, initial mount", mapped.NS, root.NS, false, true, true},
		{"mapped task, owned mount", mapped.NS, o1.NS, false, true, false},
		{"the kernel's", o1.NS, nil, false, true, true},
	} {
		if got := test.task.MayUseMount(test.of, test.shared); got != test.use {
			t.Errorf("use, %s: %v", test.name, got)
		}
		if got := test.task.MayCopyMount(test.of, test.shared); got != test.copy {
			t.Errorf("copy, %s: %v", test.name, got)
		}
	}
}

func TestAccounts(t *testing.T) {
	root := NewRoot(NewInitial())
	root.NS.SetLimit(root, int(KindUser), 10)
	c := as(t, root, 1000)
	root.Enter() // a child of root, which becomes user 1000
	Commit(root, c)
	if root.Account.Count(Processes) != 1 || c.Account.Count(Processes) != 1 || c.Account.UID() != 1000 {
		t.Error("a change of user moves a process")
	}
	wantErr(t, "within", c.EnterWithin(2), 0)
	wantErr(t, "above", c.EnterWithin(2), abi.EAGAIN)
	if !c.Account.Charge(PendingSignals, 3, 3) || c.Account.Charge(PendingSignals, 1, 3) {
		t.Error("Charge does not hold to the limit")
	}
	c.Account.Add(PendingSignals, -3)
	c.Leave()
	c.Leave()
	if root.NS.Accounts() != 1 || root.NS.Refs() != 2 {
		t.Errorf("%d accounts and %d references are left", root.NS.Accounts(), root.NS.Refs())
	}
}

func TestNamespacedFileCaps(t *testing.T) {
	root := NewRoot(NewInitial())
	c := child(t, root)
	wantErr(t, "map", c.NS.WriteMap(UIDMap, root, root, 0, []byte("0 100000 65536")), 0)
	wantErr(t, "map", c.NS.WriteMap(GIDMap, root, root, 0, []byte("0 100000 65536")), 0)
	c = c.Copy()
	c.UID, c.EUID, c.SUID, c.FSUID, c.Effective, c.Permitted = 101000, 101000, 101000, 101000, 0, 0
	caps := func(r KUID) *FileCaps { return &FileCaps{Permitted: Set(CapKill), Effective: true, Root: r} }
	for _, test := range []struct {
		name string
		p    Program
		euid KUID
		caps Caps
	}{
		{"plain", Program{}, 101000, 0},
		{"caps of the initial root", Program{Caps: caps(0)}, 101000, Set(CapKill)},
		{"caps of this root", Program{Caps: caps(100000)}, 101000, Set(CapKill)},
		{"caps of another root", Program{Caps: caps(200000)}, 101000, 0},
		{"set-id root of the namespace", Program{UID: 100000, GID: 100000, SetUID: true}, 100000, AllCaps},
		{"set-id, unmapped", Program{SetUID: true}, 101000, 0},
		{"set-id, unmapped group", Program{UID: 100000, SetUID: true}, 101000, 0},
	} {
		test.p.MaySetID = true
		n, _, err := c.Exec(test.p, Unsafe{})
		wantErr(t, test.name, err, 0)
		if n.EUID != test.euid || n.Effective != test.caps {
			t.Errorf("%s: user %d, capabilities %x", test.name, n.EUID, n.Effective)
		}
		test.p.MaySetID = false
		if n, _, _ := c.Exec(test.p, Unsafe{}); n.EUID != 101000 || n.Effective != 0 {
			t.Errorf("%s: gained on a nosuid mount", test.name)
		}
	}
	suid := Program{UID: 100000, GID: 100000, SetUID: true, MaySetID: true}
	for _, u := range []Unsafe{{NoNewPrivs: true}, {SharedFS: true}, {Traced: true}} {
		if n, _, _ := c.Exec(suid, u); n.EUID != 101000 || n.Effective != 0 {
			t.Errorf("gained with %+v", u)
		}
	}
	starved := c.Copy()
	starved.Bounding = 0
	_, _, err := starved.Exec(Program{Caps: caps(0), MaySetID: true}, Unsafe{})
	wantErr(t, "capabilities that the bounding set denies", err, abi.EPERM)
}

func TestGainsOrMoves(t *testing.T) {
	root := NewRoot(NewInitial())
	a := as(t, root, 1000)
	if !GainsOrMoves(root, a) || GainsOrMoves(a, a.Copy()) || GainsOrMoves(root, drop(root, AllCaps)) {
		t.Error("GainsOrMoves on ids")
	}
	if GainsOrMoves(a, child(t, a)) {
		t.Error("a new namespace of one's own is no gain")
	}
}

func BenchmarkHas(b *testing.B) {
	c := NewRoot(NewInitial())
	b.ReportAllocs()
	for b.Loop() {
		c.Has(CapSysAdmin, c.NS)
	}
}
