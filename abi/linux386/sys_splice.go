package linux386

import (
	"cleave/abi"
	"cleave/fs"
	"cleave/fs/pipe"
	"cleave/mm"
	"cleave/proc"
	"cleave/wait"
)

const spliceFlags = abi.SPLICE_F_MOVE | abi.SPLICE_F_NONBLOCK | abi.SPLICE_F_MORE | abi.SPLICE_F_GIFT

// splicing calls op, and again after what it waits for has happened, unless the call must not wait.
func splicing(t *proc.Task, flags Hex, op func() (int, pipe.Blocked, error)) (Size, error) {
	n, b, err := op()
	for err == abi.EAGAIN && b.File != nil && flags&abi.SPLICE_F_NONBLOCK == 0 && !b.File.Nonblock() {
		err = t.Retry(b.File.Ops.Queue(b.File), b.Events, 0, func() error {
			if b.File.Ops.Poll(b.File)&(b.Events|wait.Always) == 0 {
				return abi.EAGAIN
			}
			return nil
		})
		if err == nil {
			n, b, err = op()
		}
	}
	if err == abi.EPIPE {
		t.BrokenPipe()
	}
	return Size(n), err
}

func sysSplice(t *proc.Task, in FD, inPos InOut[int64pair], out FD, outPos InOut[int64pair], n Size, flags Hex) (Size, error) {
	if flags&^spliceFlags != 0 {
		return 0, abi.EINVAL
	}
	return transfer(t, in, inPos, out, outPos, func(fi *fs.File, pi *int64, fo *fs.File, po *int64) (Size, error) {
		return splicing(t, flags, func() (int, pipe.Blocked, error) {
			return pipe.Splice(&t.Caller, fi, pi, fo, po, int(min(n, mm.MaxTransfer)))
		})
	})
}

func sysTee(t *proc.Task, in, out FD, n Size, flags Hex) (Size, error) {
	if flags&^spliceFlags != 0 {
		return 0, abi.EINVAL
	}
	fi, fo, err := two(t, in, out)
	if err != nil {
		return 0, err
	}
	done, err := splicing(t, flags, func() (int, pipe.Blocked, error) {
		return pipe.Tee(&t.Caller, fi, fo, int(min(n, mm.MaxTransfer)))
	})
	fi.Put()
	fo.Put()
	return done, err
}

// sysVmsplice moves memory into a pipe, or out of one. DIVERGES: it is copied always, whatever SPLICE_F_GIFT says.
func sysVmsplice(t *proc.Task, fd FD, iov Addr, n Uint, flags Hex) (Size, error) {
	if flags&^spliceFlags != 0 {
		return 0, abi.EINVAL
	}
	f, b, err := vectorOf(t, fd, iov, Int(n))
	if err != nil {
		return 0, err
	}
	done := 0
	if pipe.Of(f) == nil {
		err = abi.EBADF
	} else {
		done, err = vmsplice(t, f, b, flags)
	}
	f.Put()
	return Size(done), err
}

func vmsplice(t *proc.Task, f *fs.File, b *mm.UserBuffer, flags Hex) (int, error) {
	nowait := flags&abi.SPLICE_F_NONBLOCK != 0
	switch {
	case f.Writable() && nowait:
		n, err := t.Caller.Write(f, b)
		if n > 0 {
			err = nil
		}
		return n, err
	case f.Writable():
		return t.Write(f, b)
	case nowait:
		n, err := t.Caller.Read(f, b)
		if n > 0 {
			err = nil
		}
		return n, err
	}
	return t.Read(f, b)
}
