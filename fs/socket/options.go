package socket

import (
	"sync"
	"sync/atomic"
	"time"

	"cleave/abi"
	"cleave/fs"
	"cleave/ns/user"
)

// Sizes of buffers in bytes: what a socket starts with and the most that a program can ask for (net.core.wmem_max), which
// is doubled, as what it asks for is (socket(7)).
const (
	defaultBuffer = 212992
	maxBuffer     = 212992
	minSend       = 4608
	minReceive    = 2304
)

// Options are the options of level SOL_SOCKET (socket(7)).
type Options struct {
	family, typ, protocol int

	send, receive atomic.Int32 // sizes of buffers
	passCred      atomic.Bool
	failure       atomic.Uint32 // abi.Errno of SO_ERROR
	listening     atomic.Bool
	recvTimeout   atomic.Int64 // ns, 0: none
	sendTimeout   atomic.Int64

	mu     sync.Mutex
	linger Linger      // guarded by mu
	rest   map[int]int // options that are only remembered; guarded by mu
}

// Linger is the value of SO_LINGER.
type Linger struct {
	On      bool
	Seconds int32
}

// Init sets the options of a new socket.
func (o *Options) Init(family, typ, protocol int) {
	o.family, o.typ, o.protocol = family, typ, protocol
	o.send.Store(defaultBuffer)
	o.receive.Store(defaultBuffer)
}

// Type returns SOCK_STREAM or another type.
func (o *Options) Type() int { return o.typ }

// SendBuffer and ReceiveBuffer return the sizes of the buffers in bytes.
func (o *Options) SendBuffer() int { return int(o.send.Load()) }

// ReceiveBuffer returns the size of the receive buffer in bytes.
func (o *Options) ReceiveBuffer() int { return int(o.receive.Load()) }

// PassCred reports whether messages are to come with their senders' credentials (SO_PASSCRED).
func (o *Options) PassCred() bool { return o.passCred.Load() }

// SetListening makes SO_ACCEPTCONN true.
func (o *Options) SetListening() { o.listening.Store(true) }

// Fail sets the error that the next operation gives; Failure takes it, 0: none.
func (o *Options) Fail(e abi.Errno) { o.failure.Store(uint32(e)) }

// Failure takes the error that Fail has set, nil if there is none.
func (o *Options) Failure() error {
	if o.failure.Load() == 0 {
		return nil
	}
	if e := o.failure.Swap(0); e != 0 {
		return abi.Errno(e)
	}
	return nil
}

// Failed reports whether there is an error to take.
func (o *Options) Failed() bool { return o.failure.Load() != 0 }

// RecvTimeout and SendTimeout return how long an operation waits (SO_RCVTIMEO, SO_SNDTIMEO); 0: for ever.
func (o *Options) RecvTimeout() time.Duration { return time.Duration(o.recvTimeout.Load()) }

// SendTimeout returns how long a Send or Connect waits; 0: for ever.
func (o *Options) SendTimeout() time.Duration { return time.Duration(o.sendTimeout.Load()) }

// SetTimeout sets SO_RCVTIMEO or SO_SNDTIMEO.
func (o *Options) SetTimeout(receive bool, d time.Duration) {
	if receive {
		o.recvTimeout.Store(int64(d))
	} else {
		o.sendTimeout.Store(int64(d))
	}
}

// Linger returns SO_LINGER, SetLinger sets it.
func (o *Options) Linger() Linger {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.linger
}

// SetLinger sets SO_LINGER.
func (o *Options) SetLinger(l Linger) {
	o.mu.Lock()
	o.linger = l
	o.mu.Unlock()
}

// Int returns an option whose value is an int. ENOPROTOOPT: there is none with this name.
func (o *Options) Int(name int) (int, error) {
	switch name {
	case abi.SO_TYPE:
		return o.typ, nil
	case abi.SO_DOMAIN:
		return o.family, nil
	case abi.SO_PROTOCOL:
		return o.protocol, nil
	case abi.SO_SNDBUF:
		return o.SendBuffer(), nil
	case abi.SO_RCVBUF:
		return o.ReceiveBuffer(), nil
	case abi.SO_PASSCRED:
		return number(o.PassCred()), nil
	case abi.SO_ACCEPTCONN:
		return number(o.listening.Load()), nil
	case abi.SO_ERROR:
		return int(o.failure.Swap(0)), nil
	case abi.SO_SNDLOWAT:
		return 1, nil
	}
	initial, _, ok := remembered(name)
	if !ok {
		return 0, abi.ENOPROTOOPT
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if v, set := o.rest[name]; set {
		return v, nil
	}
	return initial, nil
}

// SetInt sets an option whose value is an int. ENOPROTOOPT; EPERM.
func (o *Options) SetInt(c *fs.Caller, name, v int) error {
	switch name {
	case abi.SO_SNDBUF:
		o.send.Store(int32(max(2*min(max(v, 0), maxBuffer), minSend)))
		return nil
	case abi.SO_RCVBUF:
		o.receive.Store(int32(max(2*min(max(v, 0), maxBuffer), minReceive)))
		return nil
	case abi.SO_SNDBUFFORCE, abi.SO_RCVBUFFORCE:
		return o.force(c, name, v)
	case abi.SO_PASSCRED:
		o.passCred.Store(v != 0)
		return nil
	}
	_, truth, ok := remembered(name)
	if !ok {
		return abi.ENOPROTOOPT
	}
	if truth {
		v = number(v != 0)
	}
	o.mu.Lock()
	if o.rest == nil {
		o.rest = map[int]int{}
	}
	o.rest[name] = v
	o.mu.Unlock()
	return nil
}

// force sets the size of a buffer beyond what everyone may ask for.
func (o *Options) force(c *fs.Caller, name, v int) error {
	if c != nil && !c.Cred.Has(user.CapNetAdmin, c.Cred.NS.Initial()) {
		return abi.EPERM
	}
	v = 2 * min(max(v, 0), 1<<29)
	if name == abi.SO_SNDBUFFORCE {
		o.send.Store(int32(max(v, minSend)))
	} else {
		o.receive.Store(int32(max(v, minReceive)))
	}
	return nil
}

// remembered reports whether name is an option that this kernel keeps and shows but does nothing about, its first value,
// and whether it is a truth value.
func remembered(name int) (initial int, truth, ok bool) {
	switch name {
	case abi.SO_REUSEADDR, abi.SO_REUSEPORT, abi.SO_KEEPALIVE, abi.SO_BROADCAST, abi.SO_OOBINLINE, abi.SO_DONTROUTE,
		abi.SO_DEBUG:
		return 0, true, true
	case abi.SO_RCVLOWAT:
		return 1, false, true
	case abi.SO_PRIORITY, abi.SO_MARK:
		return 0, false, true
	}
	return 0, false, false
}

func number(on bool) int {
	if on {
		return 1
	}
	return 0
}
