package fs_test

import (
	"sync/atomic"
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/mm/frame"
)

// TestPagesAreCharged shows who pays for the page cache, and that a write and fallocate(2) stop soon after the limit.
func TestPagesAreCharged(t *testing.T) {
	k := newKit(t)
	a, err := k.v.Pool.NewAccount(nil)
	k.ok(err)
	want := func(what string, n int) {
		t.Helper()
		if got := a.Usage().Used[frame.PageCache]; got != n {
			t.Errorf("%s: %d frames, want %d", what, got, n)
		}
	}
	k.write("/before", "x")
	k.Account = new(atomic.Pointer[frame.Account])
	k.write("/nobody", "x")
	k.Account.Store(a)
	k.write("/before", "yy")
	want("a page that is there", 1) // it was truncated
	k.write("/own", string(make([]byte, 3*abi.PageSize+1)))
	want("four new pages", 5)
	f := k.open("/own", abi.O_RDWR)
	if n, err := k.Pwrite(f, &fs.Bytes{B: []byte("z")}, 100); n != 1 || err != nil {
		t.Error("pwrite:", n, err)
	}
	want("overwriting", 5)
	k.Account.Store(nil)
	if n, err := k.Pwrite(f, &fs.Bytes{B: []byte("z")}, 10*abi.PageSize); n != 1 || err != nil {
		t.Error("pwrite:", n, err)
	}
	want("somebody else's page", 5)
	k.Account.Store(a)
	k.want(nil, k.Fallocate(f, 0, 0, 12*abi.PageSize))
	want("filling the holes", 12)
	a.SetLimit(14)
	if n, err := k.Pwrite(f, &fs.Bytes{B: make([]byte, 20*abi.PageSize)}, 12*abi.PageSize); n != 3*abi.PageSize || err != nil {
		t.Error("a write beyond the limit:", n, err)
	}
	want("one page above the limit", 15)
	k.want(abi.ENOMEM, k.Fallocate(f, 0, 20*abi.PageSize, 10*abi.PageSize))
	want("fallocate gives back", 15)
	f.Put()
	for _, name := range []string{"/before", "/own", "/nobody"} {
		k.ok(k.Unlinkat(cwd, []byte(name), 0))
	}
	want("at the end", 0)
}
