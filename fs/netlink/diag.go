package netlink

import (
	"encoding/binary"

	"cleave/abi"
	"cleave/fs/unix"
)

const (
	unixRequestSize = 24 // struct unix_diag_req: family, protocol, pad (2), states, ino, show, cookie (8)
	noCookie        = ^uint64(0)
)

// unixRequest is a struct unix_diag_req.
type unixRequest struct {
	states uint32 // a bit for each that is wanted
	ino    uint32
	show   uint32
	cookie uint64
}

// diag answers a request of sock_diag(7). EINVAL; ENOENT: nothing is known of that family, or there is no such socket;
// ESTALE: it has another cookie.
func (d *dialogue) diag(r *request) error {
	le := binary.LittleEndian
	switch {
	case r.typ != abi.SOCK_DIAG_BY_FAMILY || len(r.body) < 2:
		return abi.EINVAL
	case r.body[0] != abi.AF_UNIX:
		return abi.ENOENT
	case len(r.body) < unixRequestSize:
		return abi.EINVAL
	}
	q := unixRequest{states: le.Uint32(r.body[4:]), ino: le.Uint32(r.body[8:]), show: le.Uint32(r.body[12:]), cookie: le.Uint64(r.body[16:])}
	if r.dumps() {
		return d.dumpUnix(r, &q)
	}
	if q.ino == 0 {
		return abi.EINVAL
	}
	for _, s := range d.s.unix.All() {
		st := s.(*unix.Socket).Status()
		if uint32(st.Ino) != q.ino {
			continue
		}
		if q.cookie != noCookie && q.cookie != st.Ino {
			return abi.ESTALE
		}
		d.send(r, abi.SOCK_DIAG_BY_FAMILY, 0, d.unixMessage(&st, q.show))
		return nil
	}
	return abi.ENOENT
}

func (d *dialogue) dumpUnix(r *request, q *unixRequest) error {
	if err := d.mayDump(); err != nil {
		return err
	}
	for _, s := range d.s.unix.All() {
		st := s.(*unix.Socket).Status()
		if st.Ino != 0 && q.states>>st.State&1 != 0 && (q.ino == 0 || q.ino == uint32(st.Ino)) {
			d.add(r, abi.SOCK_DIAG_BY_FAMILY, d.unixMessage(&st, q.show))
		}
	}
	d.done(r)
	return nil
}

// unixMessage describes a unix socket: struct unix_diag_msg, and what show has a bit for. Its cookie is its number.
func (d *dialogue) unixMessage(st *unix.Status, show uint32) []byte {
	le := binary.LittleEndian
	b := []byte{abi.AF_UNIX, byte(st.Type), st.State, 0}
	b = le.AppendUint64(le.AppendUint32(b, uint32(st.Ino)), st.Ino)
	wants := func(bit uint32) bool { return show&bit != 0 }
	if wants(abi.UDIAG_SHOW_NAME) && len(st.Name) > 0 {
		b = attribute(b, abi.UNIX_DIAG_NAME, st.Name...)
	}
	if wants(abi.UDIAG_SHOW_VFS) && st.Bound {
		b = attribute(b, abi.UNIX_DIAG_VFS, append(word(uint32(st.Place)), word(uint32(st.Device))...)...)
	}
	if wants(abi.UDIAG_SHOW_PEER) && st.Connected {
		b = attribute(b, abi.UNIX_DIAG_PEER, word(uint32(st.Peer))...)
	}
	if wants(abi.UDIAG_SHOW_ICONS) && st.State == abi.TCP_LISTEN {
		var list []byte
		for _, ino := range st.Waiting {
			list = le.AppendUint32(list, uint32(ino))
		}
		b = attribute(b, abi.UNIX_DIAG_ICONS, list...)
	}
	if wants(abi.UDIAG_SHOW_RQLEN) {
		b = attribute(b, abi.UNIX_DIAG_RQLEN, append(word(uint32(st.Receive)), word(uint32(st.Send))...)...)
	}
	if wants(abi.UDIAG_SHOW_MEMINFO) {
		b = attribute(b, abi.UNIX_DIAG_MEMINFO, memoryInfo(st)...)
	}
	b = attribute(b, abi.UNIX_DIAG_SHUTDOWN, st.Shut)
	if wants(abi.UDIAG_SHOW_UID) {
		b = attribute(b, abi.UNIX_DIAG_UID, word(uint32(d.c.Cred.NS.ShowKUID(st.UID)))...)
	}
	return b
}

// memoryInfo is SK_MEMINFO_*: what is used of the buffers, and how large they are.
func memoryInfo(st *unix.Status) []byte {
	var b []byte
	sent := st.Send
	if st.State == abi.TCP_LISTEN {
		sent = 0
	}
	for _, v := range [...]int{0, st.ReceiveSize, sent, st.SendSize, 0, 0, 0, 0, 0} {
		b = binary.LittleEndian.AppendUint32(b, uint32(v))
	}
	return b
}
