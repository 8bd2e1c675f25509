//go:build cleave

package main

import (
	"errors"
	"fmt"
	"time"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/cpio"
	"cleave/fs/mqueue"
	"cleave/fs/pipe"
	"cleave/fs/sysfs"
	"cleave/fs/tmpfs"
	"cleave/mm/frame"
	"cleave/ns"
	"cleave/ns/user"
	"cleave/proc/procfs"
)

// buildFiles makes the root file system out of the archive that the boot loader brought.
func (k *kernel) buildFiles() error {
	v := fs.New(k.memory.Pool(), k.clock.Realtime)
	k.vfs = v
	pipe.Register(v)
	tmpfs.Register(v, k.users)
	v.Register(mqueue.Type())
	root := tmpfs.New(v, "rootfs", k.users)
	mounts := v.NewMountNamespace(root.Superblock(), k.users)
	k.set = ns.NewInitial(ns.Config{Owner: k.users, Mount: mounts, HostName: "cleave", IPC: k.sharedMemory(), Random: k.random.Read})
	v.Register(sysfs.Type(&k.set.Net.Links, cpuid))
	top := mounts.Root()
	k.root = &fs.Caller{VFS: v, Cred: user.NewRoot(k.users), Files: fs.NewFDTable(), Mounts: mounts, FS: v.NewContext(top, 0o022)}
	top.Put()
	if err := k.makeConsole(); err != nil {
		return err
	}
	if k.args.Root != "initrd" {
		return fmt.Errorf("root=%s: there is no such root file system (initrd is the only one)", k.args.Root)
	}
	return k.unpack(root)
}

// sharedMemory is where the segments of System V shared memory come from.
func (k *kernel) sharedMemory() ns.IPCConfig {
	return ns.IPCConfig{
		Now:     func() int64 { return k.clock.Realtime() / int64(time.Second) },
		NewFile: k.vfs.NewMemoryFile,
	}
}

// unpack fills the root from the archive.
func (k *kernel) unpack(root *tmpfs.FS) error {
	r := startInfo.Initrd
	if r.End == 0 {
		return fmt.Errorf("no root file system: the boot loader brought no archive (QEMU: -initrd)")
	}
	image := cpio.Image{Data: physical(r.Start, int(r.End-r.Start))}
	if r.Start%frame.Size == 0 {
		image.First = frame.PFN(r.Start >> frame.Shift)
	}
	inPlace, err := cpio.Unpack(root, image)
	if err != nil {
		return fmt.Errorf("root file system: %w", err)
	}
	if !inPlace {
		addMemory(r.Start, r.End)
	}
	return nil
}

// mountAll mounts what a program may expect, as an init would: /proc and /dev.
//
// DIVERGES: Linux leaves that to the first process. An init that mounts them itself mounts them over these.
func (k *kernel) mountAll() error {
	k.vfs.Register(procfs.Type(procfs.Config{
		Kernel: k.proc, NSFS: ns.NewNSFS(k.vfs), Release: abi.Release, Version: abi.Version,
		Banner:      abi.Sysname + " version " + abi.Release + " " + abi.Version,
		CommandLine: commandLine(), CPUInfo: k.cpuInfo, Interrupts: k.irq.text, Settings: k.settings(), SysRq: k.sysRq,
	}))
	for _, m := range []struct{ path, fstype, options string }{
		{"/proc", "proc", ""}, {"/dev", "devtmpfs", ""}, {"/dev/pts", "devpts", "mode=620,ptmxmode=666"},
		{"/dev/shm", "tmpfs", "mode=1777"},
	} {
		err := k.root.Mkdirat(abi.AT_FDCWD, []byte(m.path), 0o755)
		if err != nil && !errors.Is(err, abi.EEXIST) {
			return err
		}
		if err := k.root.Mount([]byte(m.fstype), []byte(m.path), m.fstype, 0, m.options); err != nil {
			return fmt.Errorf("mounting %s: %w", m.path, err)
		}
	}
	return nil
}
