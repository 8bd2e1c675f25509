package x86

func halt()

// Halt waits for an interrupt, with interrupts on, and returns with them off. The vectors that came are pending. An
// interrupt that is due already is not missed: the caller tests for work with interrupts off.
func (c *CPU) Halt() { halt() }

// TakePending returns and clears the vectors that came in ring 0: bit v%64 of word v/64. Bit 2 is an NMI, which can
// come at any time.
func (c *CPU) TakePending() [4]uint64 {
	p := c.pending
	for i := range p {
		c.pending[i] &^= p[i]
	}
	return p
}
