//go:build cleave

package main

import (
	"errors"
	"fmt"
	"time"

	"cleave/abi"
	"cleave/boot/klog"
	"cleave/drivers/uart"
	"cleave/fs"
	"cleave/fs/cpio"
	"cleave/fs/dev"
	"cleave/fs/mqueue"
	"cleave/fs/pipe"
	"cleave/fs/tmpfs"
	"cleave/fs/tty"
	"cleave/mm/frame"
	"cleave/ns"
	"cleave/ns/user"
	"cleave/proc/procfs"
)

// devTTYS0 is the device number of the first serial port (Linux's Documentation/admin-guide/devices.txt).
var devTTYS0 = fs.MakeDev(4, 64)

// buildFiles makes the root file system out of the archive that the boot loader brought.
func (k *kernel) buildFiles() error {
	v := fs.New(k.memory.Pool(), k.clock.Realtime)
	k.vfs = v
	pipe.Register(v)
	v.Register(tmpfs.Type())
	v.Register(mqueue.Type())
	root := tmpfs.New(v, "rootfs", k.users)
	mounts := v.NewMountNamespace(root.Superblock(), k.users)
	k.set = ns.NewInitial(ns.Config{Owner: k.users, Mount: mounts, HostName: "cleave", IPC: k.sharedMemory()})
	top := mounts.Root()
	k.root = &fs.Caller{VFS: v, Cred: user.NewRoot(k.users), Files: fs.NewFDTable(), Mounts: mounts, FS: v.NewContext(top, 0)}
	top.Put()
	if err := k.makeConsole(); err != nil {
		return err
	}
	return k.unpack(root)
}

// sharedMemory is a file system without names, for the segments of System V shared memory.
func (k *kernel) sharedMemory() ns.IPCConfig {
	files := tmpfs.New(k.vfs, "tmpfs", k.users)
	mount := k.vfs.InternalMount(files.Superblock())
	return ns.IPCConfig{
		Now: func() int64 { return k.clock.Realtime() / int64(time.Second) },
		NewFile: func(name string, size int64, c *user.Cred) (*fs.File, error) {
			return files.NewFile(mount, name, size, c)
		},
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
		giveRange(r.Start, r.End)
	}
	return nil
}

// mountAll mounts what a program may expect, as an init would: /proc and /dev. A root that has an init of its own does it again,
// or not at all; then there is one mount below the other, or one that was not asked for.
func (k *kernel) mountAll() error {
	k.vfs.Register(procfs.Type(procfs.Config{
		Kernel: k.proc, NSFS: ns.NewNSFS(k.vfs), Release: abi.Release, Version: abi.Version,
		Banner:      abi.Sysname + " version " + abi.Release + " " + abi.Version,
		CommandLine: string(physical(startInfo.Cmdline, int(startInfo.CmdSize))),
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

// giveRange gives the whole frames of a range of memory, which nobody uses any more, to the pool.
func giveRange(start, end uint64) {
	for f := (start + frame.Size - 1) >> frame.Shift; f < end>>frame.Shift; f++ {
		giveFrames([]uint32{uint32(f)})
	}
}

// makeConsole makes the terminal on the serial port, and the devices.
func (k *kernel) makeConsole() error {
	port, err := uart.New(com1, serialBaud)
	if err != nil {
		return fmt.Errorf("console: no serial port: %w", err)
	}
	k.console = tty.NewTTY("ttyS0", devTTYS0, port)
	port.Attach(k.console)
	if err := k.irq.HandleISA(com1Interrupt, port.Interrupt); err != nil {
		return err
	}
	_, err = dev.Register(k.vfs, k.users, dev.Config{
		Random: k.random.Read, Log: messages{kernelLog}, Console: k.console, Lines: []*tty.TTY{k.console},
	})
	return err
}

// messages is the kernel's log as /dev/kmsg shows it. It implements dev.Log.
type messages struct{ *klog.Log }

// Record implements dev.Log.
func (m messages) Record(seq uint64) (dev.Record, bool) {
	r, ok := m.Read(seq)
	return dev.Record(r), ok
}

// openConsole makes the console the descriptors 0, 1 and 2 of the first process.
func (k *kernel) openConsole(files *fs.FDTable) error {
	f, err := k.root.Open(abi.AT_FDCWD, []byte("/dev/console"), fs.OpenHow{Flags: abi.O_RDWR})
	if err != nil {
		kernelLog.Printf(klog.Warning, "console: %v", err)
		return nil
	}
	defer f.Put()
	for range 3 {
		if _, err := files.Install(f.Get(), 3, false); err != nil {
			return err
		}
	}
	return nil
}
