package mm

import (
	"testing"

	"cleave/abi"
)

func TestForkSharesUntilWrite(t *testing.T) {
	m := newMemory(t, 64)
	as := newSpace(t, m)
	mustMap(t, as, testAddr, 4, rw)
	for i := range uint32(4) {
		mustStore(t, as, testAddr+i*PageSize, i)
	}
	before := m.pool.Stats().InUse()
	c, err := as.Fork()
	if err != nil {
		t.Fatal(err)
	}
	if n := m.pool.Stats().InUse() - before; n != 4 {
		t.Errorf("fork took %d frames, want 4 page tables", n)
	}
	mustStore(t, c, testAddr, 9)
	if n := m.pool.Stats().InUse() - before; n != 5 {
		t.Errorf("a write of the child took %d frames", n-4)
	}
	mustStore(t, as, testAddr, 8) // the parent has the page for itself now
	if n := m.pool.Stats().InUse() - before; n != 5 {
		t.Errorf("the last owner of a page copied it")
	}
	if a, b := as.Stats(), c.Stats(); a.Resident != 4 || b.Resident != 4 || b.Size != a.Size || b.Data != a.Data {
		t.Errorf("parent %+v, child %+v", a, b)
	}
	c.Unref()
	mustStore(t, as, testAddr+PageSize, 7)
	if n := m.pool.Stats().InUse() - before; n != 0 {
		t.Errorf("%d frames more than before", n)
	}
}

func TestForkObeysAdvice(t *testing.T) {
	as := newSpace(t, newMemory(t, 64))
	mustMap(t, as, testAddr, 4, rw)
	for i := range uint32(4) {
		mustStore(t, as, testAddr+i*PageSize, i+1)
	}
	advise := func(page uint32, advice int32) {
		t.Helper()
		if err := as.Advise(testAddr+page*PageSize, PageSize, advice); err != nil {
			t.Fatal(err)
		}
	}
	advise(1, abi.MADV_DONTFORK)
	advise(2, abi.MADV_WIPEONFORK)
	if err := as.Lock(testAddr, PageSize, 0); err != nil {
		t.Fatal(err)
	}
	c, err := as.Fork()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Unref()
	wantLayout(t, c, "10000-10001:3 10002-10003:3 10003-10004:3 ")
	wantWord(t, c, testAddr, 1)
	wantWord(t, c, testAddr+2*PageSize, 0)
	wantWord(t, c, testAddr+3*PageSize, 4)
	if s := c.Stats(); s.Locked != 0 {
		t.Error("a memory lock was inherited")
	}
	advise(1, abi.MADV_DOFORK)
	advise(2, abi.MADV_KEEPONFORK)
	d, err := as.Fork()
	if err != nil {
		t.Fatal(err)
	}
	defer d.Unref()
	wantWord(t, d, testAddr+PageSize, 2)
	wantWord(t, d, testAddr+2*PageSize, 3)
}

func TestForkKeepsProtNonePages(t *testing.T) {
	as := newSpace(t, newMemory(t, 64))
	mustMap(t, as, testAddr, 1, rw)
	mustStore(t, as, testAddr, 5)
	if err := as.Protect(testAddr, PageSize, 0, 0); err != nil {
		t.Fatal(err)
	}
	c, err := as.Fork()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Unref()
	for _, x := range []*AddressSpace{as, c} {
		if err := x.Protect(testAddr, PageSize, rw, 0); err != nil {
			t.Fatal(err)
		}
		wantWord(t, x, testAddr, 5)
	}
	mustStore(t, c, testAddr, 6)
	wantWord(t, as, testAddr, 5)
}

func TestForkOfReleased(t *testing.T) {
	m := newMemory(t, 64)
	as, err := m.NewAddressSpace(DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	as.Unref()
	_, err = as.Fork()
	wantErr(t, "fork without users", err, abi.ESRCH)
}

// Every frame allocation of an operation fails once; each time the operation must leave things as they were.
func TestEveryAllocationFails(t *testing.T) {
	for name, op := range map[string]func(*AddressSpace) error{
		"anonymous fault": func(as *AddressSpace) error { return as.Fault(0x20002000, Write) },
		"file fault":      func(as *AddressSpace) error { return as.Fault(testAddr+2*PageSize, Read) },
		"copy on write":   func(as *AddressSpace) error { return as.Fault(testAddr, Write) },
		"copy":            func(as *AddressSpace) error { return as.CopyOut(0x20001ffe, []byte("1234")) },
		"remap": func(as *AddressSpace) error {
			_, err := as.Remap(0x20000000, 4*PageSize, 8*PageSize, moveFixed, 0x70000000)
			return err
		},
		"poke": func(as *AddressSpace) error {
			_, err := as.Poke(testAddr+4*PageSize, []byte{1})
			return err
		},
		"fork": func(as *AddressSpace) error {
			c, err := as.Fork()
			if err == nil {
				c.Unref()
			}
			return err
		},
		"new": func(as *AddressSpace) error {
			x, err := as.Memory().NewAddressSpace(DefaultLimits())
			if err == nil {
				x.Unref()
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) { failEach(t, op) })
	}
}

// failEach lets the n-th allocation of op fail, for every n.
func failEach(t *testing.T, op func(*AddressSpace) error) {
	m := newMemory(t, 256)
	f := newFile(t, m, 8)
	as := newSpace(t, m)
	mapFile(t, as, f, 0, 8, rw, abi.MAP_PRIVATE)
	mustMap(t, as, 0x20000000, 4, rw)
	mustStore(t, as, 0x20000000, 1)
	wantWord(t, as, testAddr, 0x01010101)
	for n := 1; ; n++ {
		anon, maps := as.Stats().Anonymous, layout(as)
		m.pool.FailAt(n)
		err := op(as)
		if m.pool.FailAt(0) != 0 {
			if err != nil || n == 1 {
				t.Errorf("after %d failures: %v", n-1, err)
			}
			return
		}
		if err != abi.ENOMEM {
			t.Errorf("failure %d: %v, want ENOMEM", n, err)
		}
		if now := as.Stats().Anonymous; now < anon || now > anon+1 || layout(as) != maps {
			t.Errorf("failure %d: %d pages, before %d", n, now, anon)
		}
		checkSpace(t, as)
	}
}
