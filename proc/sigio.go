package proc

import (
	"cleave/abi"
	"cleave/fs"
	"cleave/wait"
)

// SignalIO implements fs.IOOwner. A queue's lock is held, which may be taken under Kernel.mu elsewhere, so another
// goroutine sends the signal.
func (o *FileOwner) SignalIO(_ *fs.File, ev wait.Events) {
	code := int32(abi.POLL_IN)
	switch {
	case ev&wait.Hup != 0:
		code = abi.POLL_HUP
	case ev&wait.Err != 0:
		code = abi.POLL_ERR
	case ev&wait.Pri != 0:
		code = abi.POLL_PRI
	case ev&wait.Readable == 0:
		code = abi.POLL_OUT
	}
	go o.Notify(abi.SIGIO, 0, code, int32(ev))
}

// SignalDirectory implements fs.IOOwner.
func (o *FileOwner) SignalDirectory(fd int) {
	o.Notify(abi.SIGIO, int32(fd), abi.POLL_MSG, int32(wait.Readable|wait.Msg))
}
