package runtime

import (
	"internal/bare"
	"unsafe"
)

// bareInfo is what the boot loader told.
//
//go:linkname bareInfo
var bareInfo bare.StartInfo

// bareStartTSC is the time stamp counter at the entry of cleave_start.
//
//go:linkname bareStartTSC
var bareStartTSC uint64

// bareDescriptor is the operand of LGDT and LIDT: 16 bits of limit and 64 of base, in the upper ten bytes of the first
// two words.
type bareDescriptor struct {
	limit uint64 // << 48
	base  uint64
}

// bareVector is what the kernel of an operating system leaves on the stack of a new process: argc, argv, 0, envp, 0, and
// the auxiliary vector, each value of which follows its key.
type bareVector [16]uintptr

var (
	bareArgs bareVector
	bareSeed [16]byte
	bareGDT  = [3]uint64{0, 0x00af9b000000ffff, 0x00cf93000000ffff} // null, code of 64 bits, data
	bareIDT  [256][2]uint64
	bareGDTR bareDescriptor
	bareIDTR bareDescriptor
)

func bareSetTables(root uint64, gdt, idt unsafe.Pointer)
func bareEarlyEntriesPC() uintptr
func bareCPUID(leaf, sub uint32) (a, b, c, d uint32)

// bareStart makes a machine out of what the loader left: the console, the pool of frames, page tables, the clock, random
// numbers. It returns the argument vector of the runtime.
//
//go:nosplit
func bareStart(info uint64) *bareVector {
	bareConsoleInit()
	if msg := bareInfo.Parse(barePhys(0), info); msg != "" {
		bareFatal(msg)
	}
	bareMemoryInit()
	bareTablesInit()
	bareThreadsInit()
	bareClockInit()
	bareSeedInit()
	return bareVectorInit()
}

// bareFatal ends the machine with a line that says why it can't start.
//
//go:linkname bareFatal
//go:nosplit
func bareFatal(msg string) {
	bareMessage("cleave: ")
	bareMessage(msg)
	barePut('\n')
	bareDie(barePanicStatus)
}

const (
	bareMinimum = 4 << 20  // the least memory, in bytes, that the runtime can start with
	bareStubEnd = 0x105000 // of the start-up stub (boot/link), whose page tables are in use at first
)

// bareMemoryInit fills the pool: all RAM but the first MiB, which firmware uses and in which other CPUs start, the stub,
// the kernel's image, and what the loader left in memory.
//
//go:nosplit
func bareMemoryInit() {
	barePool.Init(barePhys(0))
	for i := 0; i < bareInfo.Regions; i++ {
		barePool.Add(bareInfo.RAM[i])
	}
	barePool.Exclude(bare.Region{Start: 0, End: bareStubEnd})
	barePool.Exclude(bare.Region{Start: uint64(firstmoduledata.text - bareImageBase), End: uint64(firstmoduledata.end - bareImageBase)})
	for i := range bareInfo.Self {
		barePool.Exclude(bareInfo.Self[i])
	}
	if bareInfo.Initrd.End != 0 {
		barePool.Exclude(bareInfo.Initrd)
	}
	if barePool.Total()*bare.PageSize < bareMinimum {
		bareFatal("too little memory")
	}
	total := barePool.Total() * bare.PageSize
	bareHeld = max(barePool.Total()/16, bareHeldMin)
	bareHeapEnd = bareHeapBase - bare.PageSize // not aligned, so that the runtime doesn't take two arenas at once
	bareHeapLimit = bareHeapBase + min(max(uintptr(total)*16, 1<<30)&^(heapArenaBytes-1), bareHeapSlots<<39)
	bareMetaEnd = bareMetaBase
}

// bareTablesInit makes the kernel's page tables and uses them. The entries of the top table for addresses of the kernel
// are all made here, and never change: a user's top table copies them.
//
//go:nosplit
func bareTablesInit() {
	largest := uint64(bare.Page2M)
	_, _, _, d := bareCPUID(0x80000001, 0)
	if d>>26&1 != 0 {
		largest = bare.Page1G
	}
	if d>>20&1 != 0 {
		bareNX = bare.NoExecute
	}
	data := bare.Writable | bare.Global | bareNX
	t := &bareTables
	ok := t.Init(&barePool)
	ok = ok && bareMapImage(t)
	top := uint64(bare.Page1G << 2) // the first 4 GiB have the devices' registers
	for i := 0; i < bareInfo.Regions; i++ {
		start := bareInfo.RAM[i].Start &^ (bare.Page2M - 1)
		end := (bareInfo.RAM[i].End + bare.Page2M - 1) &^ (bare.Page2M - 1)
		ok = ok && t.MapRange(bareDirectMap+uintptr(start), start, end-start, data, largest)
		top = max(top, end)
	}
	for va := uintptr(bareDirectMap); va < bareDirectMap+uintptr(top); va += 1 << 39 {
		ok = ok && t.Entry(va, 3) != nil
	}
	for i := uintptr(0); i < bareHeapSlots; i++ {
		ok = ok && t.Entry(bareHeapBase+i<<39, 3) != nil
	}
	ok = ok && t.Entry(bareMetaBase, 3) != nil
	ok = ok && bareMapDevice(bareLAPICBase, bare.PageSize) != nil
	bareZeroFrame = barePool.Alloc()
	if !ok || bareZeroFrame == 0 {
		bareFatal("too little memory for page tables")
	}
	bareZero(barePhys(bareZeroFrame))
	bareEarlyIDT()
	setDescriptor(&bareGDTR, unsafe.Pointer(&bareGDT), unsafe.Sizeof(bareGDT))
	setDescriptor(&bareIDTR, unsafe.Pointer(&bareIDT), unsafe.Sizeof(bareIDT))
	bareSetTables(t.Root, add(unsafe.Pointer(&bareGDTR), 6), add(unsafe.Pointer(&bareIDTR), 6))
}

//go:nosplit
func setDescriptor(d *bareDescriptor, table unsafe.Pointer, size uintptr) {
	d.limit, d.base = uint64(size-1)<<48, uint64(uintptr(table))
}

// bareMapImage maps the kernel's image: code that can be executed, constants that can be read, data that can be written.
// The direct map shows the image through the same page tables, so that there is no other way to write to it, but
// without execution.
//
//go:nosplit
func bareMapImage(t *bare.Tables) bool {
	text := firstmoduledata.text &^ (bare.PageSize - 1)
	rodata := (firstmoduledata.etext + bare.PageSize - 1) &^ (bare.PageSize - 1)
	data := uintptr(unsafe.Pointer(&firstmoduledata)) &^ (bare.PageSize - 1) // the first thing that is written to
	end := (firstmoduledata.end + bare.Page2M - 1) &^ (bare.Page2M - 1)
	ok := t.MapRange(text, uint64(text-bareImageBase), uint64(rodata-text), bare.Global, bare.Page4K) &&
		t.MapRange(rodata, uint64(rodata-bareImageBase), uint64(data-rodata), bare.Global|bareNX, bare.Page4K) &&
		t.MapRange(data, uint64(data-bareImageBase), uint64(end-data), bare.Global|bareNX|bare.Writable, bare.Page4K)
	if !ok {
		return false
	}
	for va := text; va < end; va += bare.Page2M {
		e := t.Entry(va-bareImageBase+bareDirectMap, 2)
		if e == nil {
			return false
		}
		*e = *t.Entry(va, 2) | bareNX
	}
	return true
}

// bareMapDevice maps registers of a device in the direct map, uncached, and returns their address, or nil if they are
// out of its reach.
//
//go:linkname bareMapDevice
//go:nosplit
func bareMapDevice(pa, n uint64) unsafe.Pointer {
	start, end := pa&^(bare.PageSize-1), (pa+n+bare.PageSize-1)&^(bare.PageSize-1)
	flags := bare.Writable | bare.Global | bareNX | bare.NoCache | bare.WriteThrough
	// The slot of the top table must be there already.
	top := barePhys(bareTables.Root + (bareDirectMap+end-1)>>39&511*8)
	if end <= start || end > bareHeapBase-bareDirectMap || bareTables.Root == 0 || *(*uint64)(top)&bare.Present == 0 {
		return nil
	}
	if !bareTables.MapRange(uintptr(bareDirectMap+start), start, end-start, flags, bare.Page4K) {
		return nil
	}
	return barePhys(pa)
}

// bareEarlyIDT has all vectors enter at bareEarlyEntries, through interrupt gates (SDM vol. 3, 6.14.1).
//
//go:nosplit
func bareEarlyIDT() {
	a := uint64(bareEarlyEntriesPC())
	for i := range bareIDT {
		bareIDT[i][0] = a&0xffff | 8<<16 | 0x8e<<40 | a>>16&0xffff<<48
		bareIDT[i][1] = a >> 32
		a += 16
	}
}

// bareEarlyException reports an exception before boot/x86 has taken over, and ends the machine.
//
//go:nosplit
func bareEarlyException(vector, w0, w1, cr2 uint64) {
	bareMessage("cleave: exception ")
	bareMessageHex(vector)
	bareMessage(" at start: stack ")
	bareMessageHex(w0)
	barePut(' ')
	bareMessageHex(w1)
	bareMessage(" cr2 ")
	bareMessageHex(cr2)
	barePut('\n')
	bareDie(barePanicStatus)
}

var (
	bareArg0  = []byte("cleave\x00")
	bareGC100 = []byte("GOGC=100\x00")
	bareGC200 = []byte("GOGC=200\x00")
	bareGC800 = []byte("GOGC=800\x00")
	// The kernel's own Go code leaves the AVX registers to user programs. The profiler of memory would cost 1.4 MiB. New
	// stacks stay as large as the kernel has said: the average of idle tasks, which a collection would take, is less than a
	// system call needs.
	bareDebugEnv = []byte("GODEBUG=memprofilerate=0,gcshrinkstackoff=1,adaptivestackstart=0,cpu.avx=off,cpu.avx2=off,cpu.avx512f=off,cpu.fma=off\x00")
)

// bareVectorInit makes the argument vector. Where memory is plenty, the collector runs less often; where it gets short,
// the memory limit (bareSetLimit) has it run as often as it must.
//
//go:nosplit
func bareVectorInit() *bareVector {
	gc := &bareGC100[0]
	if mib := barePool.Total() >> 8; mib >= 192 {
		gc = &bareGC800[0]
	} else if mib >= 96 {
		gc = &bareGC200[0]
	}
	v := &bareArgs
	v[0], v[1] = 1, uintptr(unsafe.Pointer(&bareArg0[0]))
	v[3], v[4] = uintptr(unsafe.Pointer(&bareDebugEnv[0])), uintptr(unsafe.Pointer(gc))
	v[6], v[7] = _AT_PAGESZ, bare.PageSize
	v[8], v[9] = _AT_RANDOM, uintptr(unsafe.Pointer(&bareSeed))
	return v
}
