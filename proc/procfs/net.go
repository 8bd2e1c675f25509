package procfs

import (
	"bytes"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/unix"
	"cleave/ns"
)

// netTable is /proc/PID/net: the network namespace that the process was in when a file was opened.
func netTable() []entry {
	return []entry{
		{name: "dev", mode: file0444, ops: openNet(func(n *ns.NetNamespace, w *text) { w.Write(n.Links.AppendText(nil)) })},
		{name: "netlink", mode: file0444, ops: openNet(showNetlink)},
		{name: "unix", mode: file0444, ops: openNet(showUnix)},
	}
}

// netFile is an open file about a network namespace, on which it has a reference.
type netFile struct {
	textFile
	net    *ns.NetNamespace
	format func(n *ns.NetNamespace, w *text)
}

func openNet(format func(*ns.NetNamespace, *text)) func(*node, *fs.File, *access) (fs.FileOps, error) {
	return func(n *node, _ *fs.File, x *access) (fs.FileOps, error) {
		s := x.t.Namespaces()
		if s == nil {
			return nil, abi.ENOENT
		}
		defer s.Put()
		s.Net.Get()
		return &netFile{textFile: textFile{n: n}, net: s.Net, format: format}, nil
	}
}

// Release implements fs.FileOps.
func (o *netFile) Release(*fs.File) { o.net.Put() }

// Read implements fs.FileOps.
func (o *netFile) Read(_ *fs.File, _ *fs.Caller, b fs.Buffer, off int64) (int, error) {
	o.mu.Lock()
	if !o.made || off == 0 {
		var w text
		o.format(o.net, &w)
		o.text, o.made = w.Bytes(), true
	}
	data := o.text
	o.mu.Unlock()
	return copyText(b, data, off)
}

func showNetlink(n *ns.NetNamespace, w *text) {
	w.WriteString("sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n")
	for _, s := range n.Netlink.Sockets() {
		w.printf("%016x %-3d %-10d %08x %-8d %-8d %-5d %-8d %-8d %-8d\n", 0, s.Protocol, s.Port, s.Groups, s.Queued, 0, 0, 2, s.Dropped, s.Inode)
	}
}

func showUnix(n *ns.NetNamespace, w *text) {
	w.WriteString("Num       RefCount Protocol Flags    Type St Inode Path\n")
	for _, s := range n.Abstract.Members().All() {
		st := s.(*unix.Socket).Status()
		refs, flags, state := 2, 0, 1 // unconnected
		if st.Connected {
			refs++
		}
		switch {
		case st.State == abi.TCP_LISTEN:
			flags = 1 << 16 // __SO_ACCEPTCON
		case st.Ino == 0:
			state = 2 // connecting
		case st.State == abi.TCP_ESTABLISHED:
			state = 3
		}
		w.printf("%016x: %08X %08X %08X %04X %02X %5d", 0, refs, 0, flags, st.Type, state, st.Ino)
		if len(st.Name) > 0 {
			name := bytes.ReplaceAll(st.Name, []byte{0}, []byte("@"))
			if st.Bound {
				name = name[:len(name)-1]
			}
			w.printf(" %s", name)
		}
		w.WriteString("\n")
	}
}
