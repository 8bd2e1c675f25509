package fs_test

import (
	"testing"

	"cleave/abi"
	"cleave/fs"
)

// message reads the oldest message of a context's log.
func (k *kit) message(ctx *fs.File, room int) (string, error) {
	b := make([]byte, room)
	n, err := k.Read(ctx, &fs.Bytes{B: b})
	return string(b[:n]), err
}

func TestFsconfigLog(t *testing.T) {
	k := newKit(t)
	ctx, err := k.Fsopen("tmpfs", 0)
	k.ok(err)
	defer ctx.Put()
	for _, test := range []struct {
		cmd              int
		key, value, text string
	}{
		{abi.FSCONFIG_SET_BINARY, "size", "", "e tmpfs: Bad value for 'size'\n"},
		{abi.FSCONFIG_SET_FLAG, "mode", "", "e tmpfs: Bad value for 'mode'\n"},
		{abi.FSCONFIG_SET_STRING, "size", "much", "e tmpfs: Bad value for 'size'\n"},
		{abi.FSCONFIG_SET_STRING, "size", "1,mode=7", "e tmpfs: Bad value for 'size'\n"},
		{abi.FSCONFIG_SET_FD, "inode64", "", "e tmpfs: Unexpected value for 'inode64'\n"},
		{abi.FSCONFIG_SET_PATH, "nothing", "", "e tmpfs: Unknown parameter 'nothing'\n"},
		{abi.FSCONFIG_SET_FLAG, "source", "", "e Non-string source\n"},
		{abi.FSCONFIG_SET_STRING, "source", "a,b", ""},
		{abi.FSCONFIG_SET_STRING, "source", "c", "e Multiple sources\n"},
		{abi.FSCONFIG_SET_BINARY, "ro", "", ""},
		{abi.FSCONFIG_SET_FLAG, "inode64", "", ""},
	} {
		err := k.Fsconfig(ctx, test.cmd, test.key, test.value)
		text, _ := k.message(ctx, 100)
		if (err == abi.EINVAL) != (test.text != "") || err != nil && err != abi.EINVAL || text != test.text {
			t.Errorf("%+v: %v, %q", test, err, text)
		}
	}
	for _, key := range []string{"0", "1", "2", "3", "4", "5", "6", "7", "8"} {
		k.want(abi.EINVAL, k.Fsconfig(ctx, abi.FSCONFIG_SET_FLAG, key, ""))
	}
	_, err = k.message(ctx, 8)
	k.want(abi.EMSGSIZE, err)
	for n := 1; n <= 8; n++ { // the oldest has gone
		if text, err := k.message(ctx, 100); err != nil || text != "e tmpfs: Unknown parameter '"+string(rune('0'+n))+"'\n" {
			t.Errorf("%q, %v", text, err)
		}
	}
	_, err = k.message(ctx, 100)
	k.want(abi.ENODATA, err)
}

func TestFsconfigPhases(t *testing.T) {
	k := newKit(t)
	k.mkdir("/m")
	k.mount("", "/m", "tmpfs", 0)
	ctx, err := k.Fsopen("tmpfs", 0)
	k.ok(err)
	do := func(cmd int) error { return k.Fsconfig(ctx, cmd, "", "") }
	set := func(key, value string) error { return k.Fsconfig(ctx, abi.FSCONFIG_SET_STRING, key, value) }
	k.want(abi.EBUSY, do(abi.FSCONFIG_CMD_RECONFIGURE))
	k.ok(do(abi.FSCONFIG_CMD_CREATE_EXCL))
	k.want(abi.EBUSY, do(abi.FSCONFIG_CMD_CREATE))
	k.want(abi.EBUSY, set("size", "4k"))
	k.want(abi.EBUSY, do(abi.FSCONFIG_CMD_RECONFIGURE))
	fd := k.fd(k.Fsmount(ctx, 0, 0))
	_, err = k.Fsmount(ctx, 0, 0)
	k.want(abi.EBUSY, err)
	k.ok(set("ro", ""))
	k.ok(do(abi.FSCONFIG_CMD_RECONFIGURE)) // of what it has made
	k.want(abi.EROFS, k.Mkdirat(fd, []byte("x"), 0o700))
	k.ok(set("rw", ""))
	k.ok(do(abi.FSCONFIG_CMD_RECONFIGURE))
	k.ok(k.Mkdirat(fd, []byte("x"), 0o700))
	k.ok(set("nr_inodes", "1"))
	k.want(abi.EINVAL, do(abi.FSCONFIG_CMD_RECONFIGURE))
	k.want(abi.EBUSY, do(abi.FSCONFIG_CMD_RECONFIGURE))
	ctx.Put()
	k.ok(k.Files.Close(fd))

	ctx, err = k.Fspick(cwd, []byte("/m"), 0)
	k.ok(err)
	k.want(abi.EBUSY, do(abi.FSCONFIG_CMD_CREATE))
	k.ok(do(abi.FSCONFIG_CMD_RECONFIGURE))
	k.ok(k.umount("/m", 0)) // it keeps the file system, not the mount
	ctx.Put()
}

func TestFsconfigExclusive(t *testing.T) {
	k := newKit(t)
	sb := k.root.Superblock()
	k.v.Register(&fs.Type{Name: "one", Mount: func(*fs.MountRequest) (*fs.Superblock, error) { sb.Get(); return sb, nil }})
	ctx, err := k.Fsopen("one", 0)
	k.ok(err)
	defer ctx.Put()
	k.want(abi.EBUSY, k.Fsconfig(ctx, abi.FSCONFIG_CMD_CREATE_EXCL, "", ""))
	if text, _ := k.message(ctx, 100); text != "w one: reusing existing filesystem not allowed\n" {
		t.Errorf("%q", text)
	}
	k.want(abi.EBUSY, k.Fsconfig(ctx, abi.FSCONFIG_CMD_CREATE, "", "")) // it has failed
	_, err = k.Fsmount(ctx, 0, 0)
	k.want(abi.EINVAL, err)
}

// counted is a file system whose ends are counted.
type counted struct {
	fs.NoSuper
	ends *int
}

func (c counted) Shutdown(*fs.Superblock) { *c.ends++ }

// TestFspickKeepsFileSystem: what is picked outlives its last mount, until the context goes.
func TestFspickKeepsFileSystem(t *testing.T) {
	k := newKit(t)
	k.mkdir("/m")
	ends := 0
	k.v.Register(&fs.Type{Name: "counted", Mount: func(r *fs.MountRequest) (*fs.Superblock, error) {
		sb := k.v.NewSuper(fs.SuperConfig{Request: r, Type: r.Type, Ops: counted{ends: &ends}})
		root := &fs.Inode{}
		sb.InitInode(root, fs.NoInode{}, 1, abi.S_IFDIR|0o555)
		sb.SetRoot(root)
		return sb, nil
	}})
	k.mount("", "/m", "counted", 0)
	ctx, err := k.Fspick(cwd, []byte("/m"), 0)
	k.ok(err)
	k.ok(k.umount("/m", 0))
	if ends != 0 {
		t.Error("the file system has ended while it is picked")
	}
	ctx.Put()
	if ends != 1 {
		t.Errorf("the file system has ended %d times", ends)
	}
}
