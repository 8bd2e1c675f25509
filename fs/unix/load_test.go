package unix

import (
	"bytes"
	"encoding/binary"
	"strings"
	"sync"
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/fstest"
	"cleave/fs/socket"
	"cleave/wait"
)

func TestIoctls(t *testing.T) {
	k := newKit(t)
	mem := fstest.Memory(make([]byte, 4))
	count := func(f *fs.File, cmd uint32) uint32 {
		if _, err := f.Ops.Ioctl(f, k.Caller, cmd, 0, mem); err != nil {
			t.Errorf("ioctl: %v", err)
		}
		return binary.LittleEndian.Uint32(mem)
	}
	for _, c := range []struct{ typ, inq, outq int }{{abi.SOCK_STREAM, 8, 8}, {abi.SOCK_DGRAM, 5, 8}} {
		a, b := k.pair(c.typ)
		k.send(a, "first")
		k.send(a, "two")
		if n := count(b, abi.FIONREAD); n != uint32(c.inq) {
			t.Errorf("SIOCINQ: %d, want %d", n, c.inq)
		}
		if n := count(a, abi.TIOCOUTQ); n != uint32(c.outq) {
			t.Errorf("SIOCOUTQ: %d, want %d", n, c.outq)
		}
		k.put(a, b)
	}
}

func TestPingPongAllocatesNothing(t *testing.T) {
	k := newKit(t)
	for _, typ := range []int{abi.SOCK_STREAM, abi.SOCK_DGRAM, abi.SOCK_SEQPACKET} {
		a, b := k.pair(typ)
		buf, p := &fs.Bytes{}, make([]byte, 64)
		if n := testing.AllocsPerRun(100, func() {
			for _, f := range [...]*fs.File{a, b} {
				buf.B = p
				if _, err := f.Ops.Write(f, k.Caller, buf, 0); err != nil {
					t.Fatal(err)
				}
			}
			for _, f := range [...]*fs.File{a, b} {
				buf.B = p
				if _, err := f.Ops.Read(f, k.Caller, buf, 0); err != nil {
					t.Fatal(err)
				}
			}
		}); n != 0 {
			t.Errorf("type %d: %v allocations", typ, n)
		}
		k.put(a, b)
	}
}

func TestManySenders(t *testing.T) {
	k := newKit(t)
	srv := k.socket(abi.SOCK_DGRAM)
	k.want(sock(srv).Bind(k.Caller, un("@srv")), nil)
	const senders, count = 4, 200
	var wg sync.WaitGroup
	for i := range senders {
		c := k.socket(abi.SOCK_DGRAM)
		wg.Go(func() {
			defer c.Put()
			k.want(sock(c).Connect(k.Caller, un("@srv")), nil)
			text := strings.Repeat(string(rune('a'+i)), 1+i*3000)
			for range count {
				if _, err := fstest.Retry(c, wait.Out, func() (int, error) { return k.send(c, text) }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	got := map[byte]int{}
	for range senders * count {
		b := make([]byte, 20000)
		n, err := fstest.Retry(srv, wait.In, func() (int, error) {
			return sock(srv).Receive(k.Caller, &socket.Message{Buf: &fs.Bytes{B: b}})
		})
		if err != nil || n != 1+int(b[0]-'a')*3000 || bytes.Count(b[:n], b[:1]) != n {
			t.Fatalf("message of %d bytes, %v", n, err)
		}
		got[b[0]]++
	}
	wg.Wait()
	for i := range senders {
		if got[byte('a'+i)] != count {
			t.Errorf("sender %d: %d messages", i, got[byte('a'+i)])
		}
	}
	k.put(srv)
}

func BenchmarkPingPong(b *testing.B) {
	k := newKit(b)
	x, y := k.pair(abi.SOCK_STREAM)
	defer k.put(x, y)
	buf, p := &fs.Bytes{}, make([]byte, 1)
	b.ReportAllocs()
	for b.Loop() {
		buf.B = p
		x.Ops.Write(x, k.Caller, buf, 0)
		buf.B = p
		y.Ops.Read(y, k.Caller, buf, 0)
	}
}
