package linux386

import (
	"math"

	"cleave/abi"
	"cleave/fs"
	"cleave/mm"
	"cleave/proc"
	"cleave/wait"
)

// two returns the files of a call that moves data from one to another.
func two(t *proc.Task, in, out FD) (fi, fo *fs.File, err error) {
	if fi, err = t.Files().GetIO(int(in)); err != nil {
		return nil, nil, err
	}
	if fo, err = t.Files().GetIO(int(out)); err != nil {
		fi.Put()
		return nil, nil, err
	}
	if !fi.Readable() || !fo.Writable() {
		fi.Put()
		fo.Put()
		return nil, nil, abi.EBADF
	}
	return fi, fo, nil
}

// sendfile copies from in, at *pos or at its position, to out, and waits where it must.
func sendfile(t *proc.Task, out, in FD, pos *int64, n uint32) (Size, error) {
	fi, fo, err := two(t, in, out)
	if err != nil {
		return 0, err
	}
	done := 0
	op := func() (err error) {
		done, err = t.Caller.Sendfile(fo, fi, pos, int(min(n, mm.MaxTransfer)))
		return err
	}
	if err = op(); err == abi.EAGAIN && done == 0 {
		err = t.Await(fo, wait.Writable, op)
	}
	fi.Put()
	fo.Put()
	if err == abi.EPIPE {
		t.BrokenPipe()
	}
	if done > 0 {
		err = nil
	}
	return Size(done), err
}

func sysSendfile(t *proc.Task, out, in FD, p InOut[int32], n Size) (Size, error) {
	if p == 0 {
		return sendfile(t, out, in, nil, uint32(n))
	}
	v, err := p.Load(t)
	if err != nil {
		return 0, err
	}
	pos := int64(v)
	done, err := sendfile(t, out, in, &pos, uint32(n))
	if err != nil {
		return 0, err
	}
	if pos > math.MaxInt32 {
		return 0, abi.EOVERFLOW
	}
	v = int32(pos)
	return done, p.Store(t, &v)
}

func sysSendfile64(t *proc.Task, out, in FD, p InOut[int64pair], n Size) (Size, error) {
	pos, err := loadOffset(t, p)
	if err != nil {
		return 0, err
	}
	done, err := sendfile(t, out, in, pos, uint32(n))
	if err != nil {
		return 0, err
	}
	return done, storeOffset(t, p, pos)
}

// loadOffset reads a 64-bit offset; nil for a null pointer.
func loadOffset(t *proc.Task, p InOut[int64pair]) (*int64, error) {
	if p == 0 {
		return nil, nil
	}
	v, err := p.Load(t)
	pos := int64(v.V.join())
	return &pos, err
}

func storeOffset(t *proc.Task, p InOut[int64pair], pos *int64) error {
	if pos == nil {
		return nil
	}
	v := int64pair{split(uint64(*pos))}
	return p.Store(t, &v)
}

// transfer has move carry bytes between two files, each at the offset that is given or, for a null pointer, at its position,
// and stores how far the offsets came.
func transfer(t *proc.Task, in FD, inPos InOut[int64pair], out FD, outPos InOut[int64pair], move func(in *fs.File, inPos *int64, out *fs.File, outPos *int64) (Size, error)) (Size, error) {
	pi, err := loadOffset(t, inPos)
	if err != nil {
		return 0, err
	}
	po, err := loadOffset(t, outPos)
	if err != nil {
		return 0, err
	}
	fi, fo, err := two(t, in, out)
	if err != nil {
		return 0, err
	}
	done, err := move(fi, pi, fo, po)
	fi.Put()
	fo.Put()
	if err != nil {
		return 0, err
	}
	if err := storeOffset(t, inPos, pi); err != nil {
		return 0, err
	}
	return done, storeOffset(t, outPos, po)
}

func sysCopyFileRange(t *proc.Task, in FD, inPos InOut[int64pair], out FD, outPos InOut[int64pair], n Size, flags Hex) (Size, error) {
	if flags != 0 {
		return 0, abi.EINVAL
	}
	return transfer(t, in, inPos, out, outPos, func(fi *fs.File, pi *int64, fo *fs.File, po *int64) (Size, error) {
		done, err := t.Caller.CopyFileRange(fi, pi, fo, po, int(min(n, mm.MaxTransfer)))
		if done > 0 {
			err = nil
		}
		return Size(done), err
	})
}
