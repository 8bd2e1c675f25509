package sysfs

import (
	"testing"

	"cleave/abi"
	"cleave/fs/fstest"
)

func TestFiles(t *testing.T) {
	k := fstest.New(t)
	k.V.Register(Type(initialLinks(k), qemu))
	for _, at := range []string{"/sys", "/again"} {
		if err := k.Mkdirat(abi.AT_FDCWD, []byte(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := k.Mount([]byte("sysfs"), []byte(at), "sysfs", 0, ""); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range files {
		f := k.Open("/sys/"+want.path, abi.O_RDONLY)
		if want.text != "" {
			if got, err := k.Get(f, 100); got != want.text || err != nil {
				t.Errorf("%s: %q, %v", want.path, got, err)
			}
		} else if !f.Inode().IsDir() {
			t.Errorf("%s is no folder", want.path)
		}
		f.Put()
	}
	if f, err := k.Try("/sys/kernel/fscaps", abi.O_WRONLY|abi.O_CREAT); err == nil {
		if _, err := k.Put(f, "0"); err == nil {
			t.Error("a fact was written to")
		}
		f.Put()
	}
	if _, err := k.Try("/sys/new", abi.O_WRONLY|abi.O_CREAT); err == nil {
		t.Error("a file was made")
	}
	if err := k.Mount([]byte("none"), []byte("/again/fs/cgroup"), "tmpfs", 0, ""); err != nil {
		t.Errorf("mounting on a folder of it: %v", err)
	}
}
