package netlink

import (
	"bytes"
	"encoding/binary"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/netdev"
)

// dialogue answers the requests of one datagram (netlink(7)).
type dialogue struct {
	s     *Socket
	c     *fs.Caller    // the sender
	links *netdev.Table // of the socket's namespace
	admin bool          // the sender may change them
	port  uint32        // of the socket
	dump  []datagram    // the one that is being made
}

// request is one message: its header's fields and what follows the header.
type request struct {
	whole []byte
	typ   uint16
	flags uint16
	seq   uint32
	body  []byte
}

// refusal is an error with a text for who has asked (NLMSGERR_ATTR_MSG).
type refusal struct {
	errno abi.Errno
	text  string
}

// Error implements error.
func (e *refusal) Error() string { return e.text }

func align(n int) int { return (n + 3) &^ 3 }

// requests answers all messages in b. What is too short to be one ends it, as on Linux.
func (d *dialogue) requests(b []byte) {
	const firstType = 16 // NLMSG_MIN_TYPE: those below are not for any protocol
	le := binary.LittleEndian
	for len(b) >= headSize {
		n := int(le.Uint32(b))
		if n < headSize || n > len(b) {
			return
		}
		r := request{whole: b[:n], typ: le.Uint16(b[4:]), flags: le.Uint16(b[6:]), seq: le.Uint32(b[8:]), body: b[headSize:n]}
		b = b[min(align(n), len(b)):]
		if r.flags&abi.NLM_F_REQUEST == 0 || r.typ < firstType && r.flags&abi.NLM_F_ACK == 0 {
			continue
		}
		var err error
		if r.typ >= firstType {
			err = d.s.family.handle(d, &r)
		}
		if err != nil || r.flags&abi.NLM_F_ACK != 0 && !r.dumps() {
			d.acknowledge(&r, err)
		}
	}
}

// dumps reports whether a request is for all there is.
func (r *request) dumps() bool { return r.flags&abi.NLM_F_DUMP == abi.NLM_F_DUMP }

// acknowledge answers with struct nlmsgerr: the error, 0 for success, and the request or its header.
func (d *dialogue) acknowledge(r *request, err error) {
	text := ""
	e, _ := err.(abi.Errno)
	if ref, ok := err.(*refusal); ok {
		e, text = ref.errno, ref.text
	}
	d.s.mu.Lock()
	extAck, capAck := d.s.extAck, d.s.capAck
	d.s.mu.Unlock()
	flags := uint16(0)
	body := binary.LittleEndian.AppendUint32(nil, -uint32(e))
	if e == 0 || capAck {
		body = append(body, r.whole[:headSize]...)
		flags |= abi.NLM_F_CAPPED
	} else {
		body = append(append(body, r.whole...), make([]byte, align(len(r.whole))-len(r.whole))...)
	}
	if extAck && text != "" {
		flags |= abi.NLM_F_ACK_TLVS
		body = attribute(body, abi.NLMSGERR_ATTR_MSG, append([]byte(text), 0)...)
	}
	d.send(r, abi.NLMSG_ERROR, flags, body)
}

// message makes a message.
func message(typ, flags uint16, seq, port uint32, body []byte) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(make([]byte, 0, headSize+len(body)), uint32(headSize+len(body)))
	b = le.AppendUint16(le.AppendUint16(b, typ), flags)
	return append(le.AppendUint32(le.AppendUint32(b, seq), port), body...)
}

// send answers with a message, a datagram of its own.
func (d *dialogue) send(r *request, typ, flags uint16, body []byte) {
	d.s.deliver(datagram{data: message(typ, flags, r.seq, d.port, body)})
}

// mayDump checks that no other dump waits to be read, so that what waits is bounded. EBUSY.
func (d *dialogue) mayDump() error {
	d.s.mu.Lock()
	defer d.s.mu.Unlock()
	if d.s.dumping {
		return abi.EBUSY
	}
	return nil
}

// add adds a message to the dump that r asks for.
func (d *dialogue) add(r *request, typ uint16, body []byte) {
	d.dump = append(d.dump, datagram{data: message(typ, abi.NLM_F_MULTI, r.seq, d.port, body), dump: true})
}

// done ends a dump and answers with it.
func (d *dialogue) done(r *request) {
	d.add(r, abi.NLMSG_DONE, []byte{0, 0, 0, 0})
	d.dump[len(d.dump)-1].last = true
	d.s.deliver(d.dump...)
	d.dump = nil
}

// attribute appends an attribute (struct rtattr), padded.
func attribute(b []byte, typ uint16, data ...byte) []byte {
	le := binary.LittleEndian
	b = append(le.AppendUint16(le.AppendUint16(b, uint16(4+len(data))), typ), data...)
	return append(b, make([]byte, align(len(data))-len(data))...)
}

func word(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }

// text is a string as attributes have it.
func text(s string) []byte { return append([]byte(s), 0) }

// attributes are those of a message: a type, then what it says; of a type that comes twice, the last one.
type attributes map[uint16][]byte

// parseAttributes reads attributes. What is too short to be one ends it, as on Linux.
func parseAttributes(b []byte) attributes {
	le := binary.LittleEndian
	a := attributes{}
	for len(b) >= 4 {
		n := int(le.Uint16(b))
		if n < 4 || n > len(b) {
			break
		}
		a[le.Uint16(b[2:])&abi.NLA_TYPE_MASK] = b[4:n]
		b = b[min(align(n), len(b)):]
	}
	return a
}

// word gives the value of an attribute, nil if it is not there. ERANGE: it is too short.
func (a attributes) word(typ uint16) (*uint32, error) {
	v, ok := a[typ]
	switch {
	case !ok:
		return nil, nil
	case len(v) < 4:
		return nil, abi.ERANGE
	}
	w := binary.LittleEndian.Uint32(v)
	return &w, nil
}

// text gives the string of an attribute. ERANGE: it has more than limit bytes.
func (a attributes) text(typ uint16, limit int) (string, error) {
	v, _, _ := bytes.Cut(a[typ], []byte{0})
	if len(v) > limit {
		return "", abi.ERANGE
	}
	return string(v), nil
}
