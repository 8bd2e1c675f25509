package ns

import (
	"encoding/binary"
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/tmpfs"
	"cleave/mm/frame"
	"cleave/ns/user"
)

// memory is user memory for one answer of an ioctl.
type memory [16]byte

func (m *memory) CopyIn(dst []byte, _ uint32) error { copy(dst, m[:]); return nil }

func (m *memory) CopyOut(_ uint32, src []byte) error { copy(m[:], src); return nil }

// limits are those of a task with few descriptors.
type limits struct{}

func (limits) NoFile() int       { return 16 }
func (limits) FileSize() int64   { return 1 << 40 }
func (limits) FileSizeExceeded() {}

// seer is a task in a pid namespace.
type seer struct{ n *PIDNamespace }

func (s seer) PIDNamespace() *PIDNamespace { return s.n }

func (s seer) NumberIn(from, to *PIDNamespace, nr int32, _ bool) int32 {
	if p := from.Find(nr); p != nil {
		return p.In(to)
	}
	return 0
}

func TestNSFS(t *testing.T) {
	w := newWorld(t)
	before := w.counts()
	v := fs.New(frame.NewArena(64), func() int64 { return 0 })
	s := NewNSFS(v)
	caller := func(c *user.Cred, n *PIDNamespace) *fs.Caller {
		return &fs.Caller{VFS: v, Cred: c, Files: fs.NewFDTable(), Limits: limits{}, Task: seer{n}}
	}
	root := caller(w.root, w.pid)
	p, err := Prepare(w.request(CloneAny))
	wantErr(t, "prepare", err, 0)
	inside := caller(p.Cred, p.Set.PIDForChildren)
	one, err := p.Set.PIDForChildren.Alloc(nil)
	wantErr(t, "pid", err, 0)
	one.Task = t

	open := func(n user.Any) *fs.File { return s.Open(n, w.root) }
	var mem memory
	for _, test := range []struct {
		name string
		n    user.Any
		c    *fs.Caller
		cmd  uint32
		arg  uint32
		want abi.Errno
		fd   user.Any // what the new descriptor is a file of
	}{
		{"owner", p.Set.UTS, root, nsGetUserNS, 0, 0, p.Cred.NS},
		{"owner, of a user namespace", p.Cred.NS, root, nsGetUserNS, 0, 0, w.root.NS},
		{"owner, of the initial one", w.root.NS, root, nsGetUserNS, 0, abi.EPERM, nil},
		{"owner out of scope", w.set.UTS, inside, nsGetUserNS, 0, abi.EPERM, nil},
		{"parent", p.Cred.NS, root, nsGetParent, 0, 0, w.root.NS},
		{"parent, pid", p.Set.PIDForChildren, root, nsGetParent, 0, 0, w.pid},
		{"parent of a kind without", p.Set.UTS, root, nsGetParent, 0, abi.EINVAL, nil},
		{"parent out of scope", p.Cred.NS, inside, nsGetParent, 0, abi.EPERM, nil},
		{"parent out of scope, pid", p.Set.PIDForChildren, inside, nsGetParent, 0, abi.EPERM, nil},
		{"parent of the initial one", w.pid, root, nsGetParent, 0, abi.EPERM, nil},
		{"maker", p.Cred.NS, root, nsGetOwnerUID, 0, 0, nil},
		{"maker, no user namespace", p.Set.UTS, root, nsGetOwnerUID, 0, abi.EINVAL, nil},
		{"mount namespace", p.Set.UTS, root, nsGetMountID, 0, abi.EINVAL, nil},
		{"mounts of no mount namespace", p.Set.UTS, root, nsMountInfo, 8, abi.EINVAL, nil},
		{"mounts to nowhere", p.Set.Mount, root, nsMountInfo, 0, abi.EINVAL, nil},
		{"next, no mount namespace", p.Set.UTS, root, nsMountNext, 0, abi.EINVAL, nil},
		{"next, in a pid namespace", p.Set.Mount, inside, nsMountNext, 0, abi.EPERM, nil},
		{"a structure that is too short", p.Set.Mount, root, nsMountNext - 4<<ioctlSizeShift, 0, abi.ENOTTY, nil},
		{"pid from outside", w.pid, inside, nsGetPIDFromPIDNS, uint32(one.Global()), 0, nil},
		{"pid from inside", p.Set.PIDForChildren, root, nsGetPIDFromPIDNS, 1, 0, nil},
		{"pid, none", p.Set.PIDForChildren, root, nsGetTGIDFrom, 7, abi.ESRCH, nil},
		{"pid, no pid namespace", p.Set.UTS, root, nsGetPIDInPIDNS, 1, abi.EINVAL, nil},
		{"unknown", p.Set.UTS, root, 0xb7ff, 0, abi.ENOTTY, nil},
	} {
		f := open(test.n)
		got, err := f.Ops.Ioctl(f, test.c, test.cmd, test.arg, &mem)
		wantErr(t, test.name, err, test.want)
		if test.fd != nil && err == nil {
			g, err := test.c.Files.Get(int(got))
			wantErr(t, test.name, err, 0)
			if n, ok := FromFile(g); !ok || n != test.fd {
				t.Errorf("%s: leads to %v", test.name, n)
			}
			if on, _ := test.c.Files.Cloexec(int(got)); !on {
				t.Errorf("%s: the descriptor survives execve", test.name)
			}
			g.Put()
		}
		f.Put()
	}
	for k, n := range map[user.Kind]user.Any{user.KindUTS: p.Set.UTS, user.KindUser: p.Cred.NS, user.KindMount: p.Set.Mount} {
		f := open(n)
		got, err := f.Ops.Ioctl(f, root, nsGetType, 0, &mem)
		wantErr(t, "type", err, 0)
		if uint64(got) != k.CloneFlag() {
			t.Errorf("type of %v: %x", k, got)
		}
		f.Put()
	}
	f := open(p.Cred.NS)
	_, err = f.Ops.Ioctl(f, inside, nsGetOwnerUID, 0, &mem)
	wantErr(t, "maker", err, 0)
	if uid := binary.LittleEndian.Uint32(mem[:]); uid != user.DefaultOverflow {
		t.Errorf("the maker, seen from inside without a map: %d", uid)
	}
	if text := string(v.NamePath(nil, f.Path(), fs.Path{})); text != Text(p.Cred.NS) {
		t.Error(text)
	}
	f.Put()

	// Open files and pinned places keep namespaces, and nothing else does.
	path := s.Path(p.Set.UTS)
	file := s.Open(p.Set.IPC, w.root)
	one.Put()
	p.Drop()
	root.Files.Leave()
	inside.Files.Leave()
	if w.root.NS.Live(user.KindUTS) != 2 || w.root.NS.Live(user.KindIPC) != 2 || w.root.NS.Live(user.KindUser) != 2 || w.root.NS.Live(user.KindNet) != 1 {
		t.Error(w.counts())
	}
	path.Put()
	file.Put()
	if after := w.counts(); after != before {
		t.Errorf("left behind:\n%s\n%s", before, after)
	}
}

// TestMountNamespaceIoctls goes from one mount namespace to the next and back, and counts their mounts.
func TestMountNamespaceIoctls(t *testing.T) {
	w := newWorld(t)
	v := fs.New(frame.NewArena(64), func() int64 { return 0 })
	s := NewNSFS(v)
	first := v.NewMountNamespace(tmpfs.New(v, "rootfs", w.root.NS).Superblock(), w.root.NS)
	c := &fs.Caller{VFS: v, Cred: w.root, Files: fs.NewFDTable(), Limits: limits{}, Task: seer{w.pid}, Mounts: first}
	second, err := c.CopyMounts(w.root, nil, nil)
	wantErr(t, "copy", err, 0)

	var mem memory
	ioctl := func(n user.Any, cmd, arg uint32) (user.Any, error) {
		f := s.Open(n, w.root)
		defer f.Put()
		fd, err := f.Ops.Ioctl(f, c, cmd, arg, &mem)
		if err != nil || cmd&^ioctlSizeMask == nsMountInfo&^ioctlSizeMask {
			return nil, err
		}
		g, err := c.Files.Get(int(fd))
		wantErr(t, "descriptor", err, 0)
		defer g.Put()
		other, _ := FromFile(g)
		return other, nil
	}
	larger := uint32(nsMountNext + 8<<ioctlSizeShift) // of a later version
	if n, err := ioctl(first, larger, 8); err != nil || n != second {
		t.Errorf("next: %v, %v", n, err)
	}
	if size, mounts, id := binary.LittleEndian.Uint32(mem[:]), binary.LittleEndian.Uint32(mem[4:]), binary.LittleEndian.Uint64(mem[8:]); size != 16 || mounts != 1 || id != second.ID() {
		t.Errorf("size %d, %d mounts, id %d", size, mounts, id)
	}
	if n, err := ioctl(second, nsMountPrevious, 0); err != nil || n != first {
		t.Errorf("previous: %v, %v", n, err)
	}
	_, err = ioctl(second, nsMountNext, 0)
	wantErr(t, "next of the last", err, abi.ENOENT)
	_, err = ioctl(first, nsMountInfo, 8)
	wantErr(t, "info", err, 0)
	if id := binary.LittleEndian.Uint64(mem[8:]); id != first.ID() {
		t.Errorf("id %d", id)
	}
	c.Files.Leave()
	second.Put()
	first.Put()
}
