package x86

// Pending returns the vectors that came in ring 0 and were not handled: bit v%64 of word v/64. The entry sets bits, with
// interrupts off; any CPU may clear them, atomically. Bit 2 is an NMI, which comes at any time.
func (c *CPU) Pending() *[4]uint64 { return &c.pending }
