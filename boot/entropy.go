//go:build cleave

package main

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"
)

// entropy is the kernel's source of random numbers: ChaCha8, which forgets how it came to what it gave out (its state
// cannot be run backwards), seeded by RDRAND and by the jitter of reading a device, and stirred again as it is used.
type entropy struct {
	mu     sync.Mutex
	rng    *rand.ChaCha8 // guarded by mu, as is left
	left   int           // bytes until the next stir
	seed   [32]byte
	rdrand bool
}

// stirAfter is after how many bytes new randomness is mixed in.
const stirAfter = 1 << 16

func newEntropy() *entropy {
	_, _, c, _ := cpuid(1, 0)
	e := &entropy{rdrand: c>>30&1 != 0}
	e.rng = rand.NewChaCha8(e.seed)
	e.stirLocked()
	return e
}

// stirLocked makes a new seed out of the generator's next output, RDRAND, and the counter's reading after each of some
// port accesses, whose duration varies.
func (e *entropy) stirLocked() {
	for round := 0; round < 4; round++ {
		e.read(e.seed[:])
		for i := 0; i < len(e.seed); i += 8 {
			w := binary.LittleEndian.Uint64(e.seed[i:])
			if e.rdrand {
				v, _ := randomWord() // 0 if it has nothing to give
				w ^= v
			}
			inb(rtcData)
			w ^= readTSC() * 0x9e3779b97f4a7c15
			binary.LittleEndian.PutUint64(e.seed[i:], w)
		}
		e.rng.Seed(e.seed)
	}
	clear(e.seed[:])
	e.left = stirAfter
}

func (e *entropy) read(p []byte) { _, _ = e.rng.Read(p) } // it never fails

// Read fills p with random bytes.
func (e *entropy) Read(p []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for len(p) > 0 {
		if e.left == 0 {
			e.stirLocked()
		}
		n := min(len(p), e.left)
		e.read(p[:n])
		e.left -= n
		p = p[n:]
	}
}

// Uint32 returns 32 random bits.
func (e *entropy) Uint32() uint32 {
	var b [4]byte
	e.Read(b[:])
	return binary.LittleEndian.Uint32(b[:])
}
