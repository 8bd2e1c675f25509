// Package signalfd has files from which signals are read (signalfd(2)).
package signalfd

import (
	"encoding/binary"
	"sync/atomic"

	"cleave/abi"
	"cleave/fs"
	"cleave/ns/user"
	"cleave/wait"
)

// Info is what is read of one signal. Which fields count depends on Signo and Code, as in siginfo_t (sigaction(2)).
type Info struct {
	Signo    uint32
	Errno    int32
	Code     int32
	PID      int32     // as the receiver's pid namespace numbers it
	UID      user.KUID // of the sender
	FD       int32
	Timer    uint32
	Band     uint32
	Overrun  uint32
	Status   int32
	Value    uint64 // sigval: int in the low half, pointer in all
	UTime    uint64 // in clock ticks
	STime    uint64
	Addr     uint64
	Syscall  int32
	CallAddr uint64
	Arch     uint32
}

// Receiver is a task that can receive signals; proc's Task is one.
type Receiver interface {
	// TakeSignal takes a pending signal of mask (bit n-1: signal n), of the task or of its process. false: there is none.
	TakeSignal(mask uint64) (Info, bool)
	// PendingSignals returns those that TakeSignal could take.
	PendingSignals() uint64
	// SignalQueue is notified with wait.In when a signal becomes pending.
	SignalQueue() *wait.Queue
}

// siginfo is struct signalfd_siginfo, 128 bytes (signalfd(2)).
type siginfo struct {
	Signo    uint32
	Errno    int32
	Code     int32
	PID      uint32
	UID      uint32
	FD       int32
	TID      uint32
	Band     uint32
	Overrun  uint32
	Trapno   uint32
	Status   int32
	Int      int32
	Ptr      uint64
	UTime    uint64
	STime    uint64
	Addr     uint64
	AddrLSB  uint16
	_        uint16
	Syscall  int32
	CallAddr uint64
	Arch     uint32
	_        [28]byte
}

const infoSize = 128

// Signalfd is a file that gives the signals of a mask.
type Signalfd struct {
	fs.NoFile
	maker Receiver
	mask  atomic.Uint64
}

// unblockable can't be received: SIGKILL and SIGSTOP.
const unblockable = 1<<(abi.SIGKILL-1) | 1<<(abi.SIGSTOP-1)

// NewFile makes a file for the signals of mask. flags: O_NONBLOCK.
// DIVERGES: each reader gets its own signals, but poll, select and epoll tell of the maker's, even after a fork.
func NewFile(v *fs.VFS, maker Receiver, mask uint64, flags uint32, cred *user.Cred) *fs.File {
	s := &Signalfd{maker: maker}
	s.SetMask(mask)
	return v.NewAnonFile(s, "anon_inode:[signalfd]", nil, flags|abi.O_RDWR, cred)
}

// Of returns what is behind a file, nil if it is no signalfd (EINVAL of signalfd(2)).
func Of(f *fs.File) *Signalfd {
	s, _ := f.Ops.(*Signalfd)
	return s
}

// SetMask changes the mask.
func (s *Signalfd) SetMask(mask uint64) {
	s.mask.Store(mask &^ unblockable)
	s.maker.SignalQueue().Notify(wait.In)
}

// Mask returns the mask, for /proc/PID/fdinfo.
func (s *Signalfd) Mask() uint64 { return s.mask.Load() }

// Read gives as many pending signals as there is room for, 128 bytes each. EAGAIN: there is none; EINVAL: room for none.
func (s *Signalfd) Read(_ *fs.File, c *fs.Caller, b fs.Buffer, _ int64) (int, error) {
	if b.Len() < infoSize {
		return 0, abi.EINVAL
	}
	r, ns := s.maker, (*user.Namespace)(nil)
	if c != nil {
		if t, ok := c.Task.(Receiver); ok {
			r = t
		}
		ns = c.Cred.NS
	}
	total := 0
	for b.Len() >= infoSize {
		info, ok := r.TakeSignal(s.mask.Load())
		if !ok {
			break
		}
		raw, err := encode(&info, ns)
		n := 0
		if err == nil {
			n, err = b.CopyOut(raw)
		}
		if err != nil {
			if total == 0 {
				return 0, err
			}
			break
		}
		total += n
	}
	if total == 0 {
		return 0, abi.EAGAIN
	}
	return total, nil
}

// encode makes the bytes that a task of user namespace ns reads.
func encode(i *Info, ns *user.Namespace) ([]byte, error) {
	uid := uint32(i.UID)
	if ns != nil {
		uid = uint32(ns.ShowKUID(i.UID))
	}
	raw := siginfo{Signo: i.Signo, Errno: i.Errno, Code: i.Code, PID: uint32(i.PID), UID: uid, FD: i.FD, TID: i.Timer,
		Band: i.Band, Overrun: i.Overrun, Status: i.Status, Int: int32(i.Value), Ptr: i.Value, UTime: i.UTime,
		STime: i.STime, Addr: i.Addr, Syscall: i.Syscall, CallAddr: i.CallAddr, Arch: i.Arch}
	return binary.Append(nil, binary.LittleEndian, &raw)
}

// Poll says readable while a signal of the mask is pending.
func (s *Signalfd) Poll(*fs.File) wait.Events {
	if s.maker.PendingSignals()&s.mask.Load() != 0 {
		return wait.Readable
	}
	return 0
}

// Queue is where new signals are notified.
func (s *Signalfd) Queue(*fs.File) *wait.Queue { return s.maker.SignalQueue() }
