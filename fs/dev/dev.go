// Package dev has the devices that need no hardware, and the file system on /dev, devtmpfs, which shows all devices.
package dev

import (
	"cleave/abi"
	"cleave/fs"
	"cleave/fs/devpts"
	"cleave/fs/scratch"
	"cleave/fs/tty"
	"cleave/ns/user"
	"cleave/wait"
)

// Major device numbers (devices.txt).
const (
	memMajor    = 1
	ttyMajor    = 4
	ttyAuxMajor = 5
)

// Config is what devices are made of.
type Config struct {
	Random  func(p []byte) // fills p with random bytes
	Log     Log            // nil: there is no /dev/kmsg
	Console *tty.TTY       // of /dev/console; nil: there is none
	Lines   []*tty.TTY     // terminals on ports, the console included
}

// device is a device file.
type device struct {
	name         string
	major, minor uint32
	mode         uint32 // permissions
	open         fs.DeviceOpener
}

// with opens a device whose files all do the same.
func with(ops fs.FileOps) fs.DeviceOpener {
	return func(f *fs.File, _ *fs.Caller, _ fs.Dev) error {
		f.Ops = ops
		return nil
	}
}

// still is with for files that have no use for a position.
func still(ops fs.FileOps) fs.DeviceOpener {
	return func(f *fs.File, _ *fs.Caller, _ fs.Dev) error {
		f.Ops = ops
		f.SetStill()
		return nil
	}
}

// devices returns the devices of c.
func (c *Config) devices() []device {
	r := random{fill: c.Random, buf: &scratch.Slot[[randomChunk]byte]{}}
	waitable := r
	waitable.queue = &wait.Queue{}
	list := []device{
		{"null", memMajor, 3, 0o666, still(&null{})},
		{"zero", memMajor, 5, 0o666, still(&zero{})},
		{"full", memMajor, 7, 0o666, with(&full{})},
		{"random", memMajor, 8, 0o666, with(&waitable)},
		{"urandom", memMajor, 9, 0o666, with(&r)},
		{"tty", ttyAuxMajor, 0, 0o666, openTTY},
	}
	if log := c.Log; log != nil {
		list = append(list, device{"kmsg", memMajor, 11, 0o644, func(f *fs.File, _ *fs.Caller, _ fs.Dev) error {
			k := &kmsg{log: log}
			if r, ok := log.Record(0); ok {
				k.next = r.Seq
			}
			f.Ops = k
			return nil
		}})
	}
	if t := c.Console; t != nil {
		list = append(list, device{"console", ttyAuxMajor, 1, 0o600, func(f *fs.File, c *fs.Caller, _ fs.Dev) error {
			return t.OpenConsole(f, c)
		}})
	}
	for _, t := range c.Lines {
		list = append(list, device{t.Name(), t.Dev().Major(), t.Dev().Minor(), 0o600, func(f *fs.File, c *fs.Caller, _ fs.Dev) error {
			return t.Open(f, c)
		}})
	}
	return list
}

func openTTY(f *fs.File, c *fs.Caller, _ fs.Dev) error { return tty.OpenControlling(f, c) }

// Register makes v open the devices of c, and pseudo-terminals, and returns devtmpfs, which shows them. It belongs to
// ns, the initial user namespace.
func Register(v *fs.VFS, ns *user.Namespace, c Config) (*FS, error) {
	devpts.Register(v)
	d := newFS(v, ns)
	for _, e := range c.devices() {
		v.RegisterChar(e.major, e.minor, e.open)
		if err := d.Add(e.name, abi.S_IFCHR|e.mode, fs.MakeDev(e.major, e.minor)); err != nil {
			return nil, err
		}
	}
	v.Register(d.Type())
	return d, d.addRest()
}

// addRest adds ptmx and what is no device but expected: where devpts and a tmpfs for shared memory are mounted, and
// links to the descriptors of who looks.
func (d *FS) addRest() error {
	if err := d.Add("ptmx", abi.S_IFCHR|0o666, devpts.PTMX); err != nil {
		return err
	}
	for _, name := range [...]string{"pts", "shm"} {
		if err := d.add(name, &fs.Node{Mode: abi.S_IFDIR | 0o755}); err != nil {
			return err
		}
	}
	for _, l := range [...][2]string{{"fd", "/proc/self/fd"}, {"stdin", "fd/0"}, {"stdout", "fd/1"}, {"stderr", "fd/2"}} {
		if err := d.add(l[0], &fs.Node{Mode: abi.S_IFLNK | 0o777, Target: []byte(l[1])}); err != nil {
			return err
		}
	}
	return nil
}
