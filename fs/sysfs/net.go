package sysfs

import (
	"fmt"
	"strconv"
	"strings"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/netdev"
	"cleave/fs/synth"
)

// device is the data of what is about one interface.
type device struct {
	links *netdev.Table
	index int32
	name  string
}

// state is how the interface is now. ENODEV: it is gone.
func (d device) state() (netdev.State, error) { return d.links.Find(d.index, "") }

// netFiles are the files of an interface, by name (sysfs-class-net of Linux's documentation).
var netFiles = [...]struct {
	name string
	show func(s *netdev.State) string              // "": EINVAL, the interface is down
	set  func(text string, c *netdev.Change) error // nil: it can't be changed
}{
	{"addr_len", func(*netdev.State) string { return strconv.Itoa(netdev.AddrLen) }, nil},
	{"address", func(s *netdev.State) string { return hardwareAddr(s.Address) }, nil},
	{"broadcast", func(s *netdev.State) string { return hardwareAddr(s.Broadcast) }, nil},
	{"carrier", whenUp("1"), nil},
	{"dev_id", func(*netdev.State) string { return "0x0" }, nil},
	{"dormant", whenUp("0"), nil},
	{"flags", func(s *netdev.State) string { return fmt.Sprintf("0x%x", s.Flags&^(abi.IFF_RUNNING|abi.IFF_LOWER_UP)) },
		func(text string, c *netdev.Change) error {
			v, err := parse(text)
			c.Flags, c.Mask = v, ^uint32(0)
			return err
		}},
	{"ifalias", func(s *netdev.State) string { return s.Alias }, func(text string, c *netdev.Change) error {
		text = strings.TrimSuffix(text, "\n")
		c.Alias = &text
		return nil
	}},
	{"ifindex", func(s *netdev.State) string { return strconv.Itoa(int(s.Index)) }, nil},
	{"iflink", func(s *netdev.State) string { return strconv.Itoa(int(s.Index)) }, nil},
	{"link_mode", func(*netdev.State) string { return "0" }, nil},
	{"mtu", func(s *netdev.State) string { return strconv.FormatUint(uint64(s.MTU), 10) },
		number(func(c *netdev.Change) **uint32 { return &c.MTU })},
	{"netdev_group", func(s *netdev.State) string { return strconv.FormatUint(uint64(s.Group), 10) },
		number(func(c *netdev.Change) **uint32 { return &c.Group })},
	{"operstate", func(s *netdev.State) string {
		if s.Operational() == abi.IF_OPER_DOWN {
			return "down"
		}
		return "unknown"
	}, nil},
	{"tx_queue_len", func(s *netdev.State) string { return strconv.FormatUint(uint64(s.TxQueueLen), 10) },
		number(func(c *netdev.Change) **uint32 { return &c.TxQueueLen })},
	{"type", func(s *netdev.State) string { return strconv.Itoa(int(s.Kind.Hardware)) }, nil},
	{"uevent", func(s *netdev.State) string { return fmt.Sprintf("INTERFACE=%s\nIFINDEX=%d", s.Name, s.Index) }, nil},
}

func hardwareAddr(a [netdev.AddrLen]byte) string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", a[0], a[1], a[2], a[3], a[4], a[5])
}

func whenUp(text string) func(*netdev.State) string {
	return func(s *netdev.State) string {
		if s.Flags&abi.IFF_UP == 0 {
			return ""
		}
		return text
	}
}

// parse reads a number as Linux's files take it. EINVAL.
func parse(text string) (uint32, error) {
	v, err := strconv.ParseUint(strings.TrimSuffix(text, "\n"), 0, 32)
	if err != nil {
		return 0, abi.EINVAL
	}
	return uint32(v), nil
}

// number sets a property that is a number.
func number(field func(*netdev.Change) **uint32) func(string, *netdev.Change) error {
	return func(text string, c *netdev.Change) error {
		v, err := parse(text)
		*field(c) = &v
		return err
	}
}

// addNet adds class/net, a folder of links, and devices/virtual/net, where they lead to.
func addNet(root *synth.Node) {
	link := &synth.Node{Mode: abi.S_IFLNK | 0o777, Valid: isThere, Readlink: func(o *synth.Object, _ *fs.Caller) ([]byte, error) {
		return []byte("../../devices/virtual/net/" + o.Data.(device).name), nil
	}}
	dir := deviceDir()
	for i, folder := range [...]struct {
		parents []string
		entry   *synth.Node
	}{{[]string{"class"}, link}, {[]string{"devices", "virtual"}, dir}} {
		at := root
		for _, name := range folder.parents {
			at = child(at, name, &synth.Node{Mode: dirMode})
		}
		child(at, "net", netFolder(folder.entry, uint64(i)))
	}
}

// isThere reports whether the interface still has the name by which it was found.
func isThere(o *synth.Object) bool {
	d := o.Data.(device)
	s, err := d.state()
	return err == nil && s.Name == d.name
}

// netFolder is a folder with an entry for each interface; it is one of two, which tells their numbers apart.
func netFolder(entry *synth.Node, which uint64) *synth.Node {
	ino := func(s *netdev.State) uint64 { return 1<<31 | uint64(s.Index)<<1&(1<<31-1) | which }
	return &synth.Node{
		Mode: dirMode,
		Lookup: func(o *synth.Object, name []byte) (synth.Entry, error) {
			links := o.Data.(*netdev.Table)
			s, err := links.Find(0, string(name))
			if err != nil {
				return synth.Entry{}, abi.ENOENT
			}
			e := synth.Entry{Node: entry, Data: device{links, s.Index, s.Name}, Ino: ino(&s)}
			if owner := links.Namespace().Owner(); owner.RootUID().Valid() && owner.RootGID().Valid() {
				e.UID, e.GID = owner.RootUID(), owner.RootGID()
			}
			return e, nil
		},
		List: func(o *synth.Object, _ *fs.Caller, pos int64, sink fs.DirSink) (int64, error) {
			for _, s := range o.Data.(*netdev.Table).Links() {
				if int64(s.Index) < pos {
					continue
				}
				if !sink.Entry([]byte(s.Name), ino(&s), uint8(entry.Mode>>12), int64(s.Index)+1) {
					return int64(s.Index), nil
				}
				pos = int64(s.Index) + 1
			}
			return pos, nil
		},
	}
}

// deviceDir is the folder of an interface.
func deviceDir() *synth.Node {
	dir := &synth.Node{Mode: dirMode, Valid: isThere}
	for _, f := range netFiles {
		n := &synth.Node{Mode: fileMode, Read: func(o *synth.Object, _ *fs.Caller, buf []byte) ([]byte, error) {
			s, err := o.Data.(device).state()
			if err != nil {
				return nil, err
			}
			text := f.show(&s)
			if text == "" {
				if f.set == nil {
					return nil, abi.EINVAL
				}
				return buf, nil
			}
			return append(append(buf, text...), '\n'), nil
		}}
		if f.set != nil {
			n.Mode |= 0o200
			n.Write = func(o *synth.Object, _ *fs.File, c *fs.Caller, data []byte, _ int64) error {
				return o.Data.(device).write(c, string(data), f.set)
			}
		}
		child(dir, f.name, n)
	}
	child(dir, "subsystem", &synth.Node{Mode: abi.S_IFLNK | 0o777, Readlink: func(*synth.Object, *fs.Caller) ([]byte, error) {
		return []byte("../../../../class/net"), nil
	}})
	counters := child(dir, "statistics", &synth.Node{Mode: dirMode})
	for _, name := range netdev.Counters {
		child(counters, name, &synth.Node{Mode: fileMode, Read: func(_ *synth.Object, _ *fs.Caller, buf []byte) ([]byte, error) {
			return append(buf, "0\n"...), nil
		}})
	}
	return dir
}

// write changes the interface. EPERM: no CAP_NET_ADMIN; EINVAL.
func (d device) write(c *fs.Caller, text string, set func(string, *netdev.Change) error) error {
	if c != nil && !d.links.MayChange(c.Cred) {
		return abi.EPERM
	}
	var ch netdev.Change
	if err := set(text, &ch); err != nil {
		return err
	}
	return d.links.Set(d.index, "", &ch)
}
