package linux386

import (
	"cleave/abi"
	"cleave/mm"
	"cleave/proc"
)

// pieces reads a vector of pieces of memory for process_vm_readv(2). EINVAL, EFAULT.
func pieces(t *proc.Task, at Addr, n Uint) ([]mm.Iovec, error) {
	if n > abi.IovMax {
		return nil, abi.EINVAL
	}
	iov := make([]mm.Iovec, n)
	if err := mm.LoadSlice(t.MM(), iov, uint32(at)); err != nil {
		return nil, err
	}
	total := uint64(0)
	for _, v := range iov {
		if total += uint64(v.Len); total > mm.MaxTransfer {
			return nil, abi.EINVAL
		}
	}
	return iov, nil
}

// vmCopy moves memory between a process and another one: as much as both vectors have room for. A bad address ends it;
// it is an error only if nothing was moved.
func vmCopy(t *proc.Task, pid PID, local Addr, nl Uint, remote Addr, nr Uint, flags Hex, write bool) (Size, error) {
	if flags != 0 {
		return 0, abi.EINVAL
	}
	mine, err := pieces(t, local, nl)
	if err != nil {
		return 0, err
	}
	theirs, err := pieces(t, remote, nr)
	if err != nil {
		return 0, err
	}
	o := t.FindTask(int32(pid))
	if o == nil {
		return 0, abi.ESRCH
	}
	if !t.MayAccess(o, false) {
		return 0, abi.EPERM
	}
	view := o.View()
	defer view.Put()
	if view.MM == nil {
		return 0, abi.ESRCH
	}
	from, to, src, dst := view.MM, t.MM(), theirs, mine
	if write {
		from, to, src, dst = t.MM(), view.MM, mine, theirs
	}
	return copyPieces(to, dst, from, src, t.PathBuffer(0))
}

func copyPieces(to *mm.AddressSpace, dst []mm.Iovec, from *mm.AddressSpace, src []mm.Iovec, buf []byte) (Size, error) {
	done := Size(0)
	for {
		for len(src) > 0 && src[0].Len == 0 {
			src = src[1:]
		}
		for len(dst) > 0 && dst[0].Len == 0 {
			dst = dst[1:]
		}
		if len(src) == 0 || len(dst) == 0 {
			return done, nil
		}
		s, d := &src[0], &dst[0]
		n := min(s.Len, d.Len, uint32(len(buf)), pageSize-s.Addr%pageSize, pageSize-d.Addr%pageSize)
		err := from.CopyIn(buf[:n], s.Addr)
		if err == nil {
			err = to.CopyOut(d.Addr, buf[:n])
		}
		if err != nil {
			if done > 0 {
				err = nil
			}
			return done, err
		}
		done += Size(n)
		s.Addr, s.Len, d.Addr, d.Len = s.Addr+n, s.Len-n, d.Addr+n, d.Len-n
	}
}

func sysProcessVMReadv(t *proc.Task, pid PID, local Addr, nl Uint, remote Addr, nr Uint, flags Hex) (Size, error) {
	return vmCopy(t, pid, local, nl, remote, nr, flags, false)
}

func sysProcessVMWritev(t *proc.Task, pid PID, local Addr, nl Uint, remote Addr, nr Uint, flags Hex) (Size, error) {
	return vmCopy(t, pid, local, nl, remote, nr, flags, true)
}
