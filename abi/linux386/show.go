package linux386

import (
	"reflect"
	"strconv"

	"cleave/proc"
)

// inResult stands for the result of a call instead of an argument.
const inResult = 6

// printer makes a line of the trace. It runs for traced tasks only, so it may allocate and use reflection.
type printer struct {
	t    *proc.Task
	buf  []byte
	regs [inResult + 1]uint32 // the arguments as they were on entry, and the result
	done bool                 // the call has returned, without an error

	values *[]uint32 // gets the values that have names, which are then not printed
}

// collect appends the values that have names if that is what p is for.
func (p *printer) collect(names []flag) bool {
	if p.values == nil {
		return false
	}
	for _, f := range names {
		*p.values = append(*p.values, f.bits)
	}
	return true
}

func (p *printer) text(s string) { p.buf = append(p.buf, s...) }

func (p *printer) dec(v int64) { p.buf = strconv.AppendInt(p.buf, v, 10) }

func (p *printer) hex(v uint64) {
	p.text("0x")
	p.buf = strconv.AppendUint(p.buf, v, 16)
}

func (p *printer) signed(i int) { p.dec(int64(int32(p.regs[i]))) }

// addr prints an address.
func (p *printer) addr(i int) {
	if p.regs[i] == 0 && i != inResult {
		p.text("NULL")
		return
	}
	p.hex(uint64(p.regs[i]))
}

// maxShown is how many bytes of a string are printed, as by strace.
const maxShown = 32

// quote prints n bytes at an address.
func (p *printer) quote(addr, n uint32) {
	if addr == 0 {
		p.text("NULL")
		return
	}
	b := make([]byte, min(n, maxShown))
	if p.t.MM() == nil || p.t.MM().CopyIn(b, addr) != nil {
		p.hex(uint64(addr))
		return
	}
	p.buf = strconv.AppendQuoteToASCII(p.buf, string(b))
	if n > maxShown {
		p.text("...")
	}
}

// str prints a string that ends in NUL.
func (p *printer) str(addr uint32, limit int) {
	if addr == 0 {
		p.text("NULL")
		return
	}
	buf := make([]byte, 4096)
	s, err := p.t.MM().CopyInString(buf, addr)
	if err != nil {
		p.hex(uint64(addr))
		return
	}
	p.buf = strconv.AppendQuoteToASCII(p.buf, string(s[:min(len(s), limit)]))
	if len(s) > limit {
		p.text("...")
	}
}

// flag is the name of bits, or of a number.
type flag struct {
	bits uint32
	name string
}

// flags prints a set of bits, and what has no name as a number.
func (p *printer) flags(v uint32, names []flag) {
	if p.collect(names) {
		return
	}
	first := true
	part := func() {
		if !first {
			p.text("|")
		}
		first = false
	}
	for _, f := range names {
		if f.bits != 0 && v&f.bits == f.bits {
			part()
			p.text(f.name)
			v &^= f.bits
		}
	}
	if v != 0 || first {
		part()
		p.hexOrZero(v)
	}
}

// more prints the bits that a word has besides what was printed, if there are any.
func (p *printer) more(v uint32, names []flag) {
	if v != 0 {
		p.text("|")
	}
	if v != 0 || p.values != nil {
		p.flags(v, names)
	}
}

func (p *printer) hexOrZero(v uint32) {
	if v == 0 {
		p.text("0")
		return
	}
	p.hex(uint64(v))
}

// one prints the name of a number.
func (p *printer) one(v uint32, names []flag) {
	if p.collect(names) {
		return
	}
	for _, f := range names {
		if f.bits == v {
			p.text(f.name)
			return
		}
	}
	p.hexOrZero(v)
}

// structure prints a structure of the program's memory, field by field with their C names.
func structure[T any](p *printer, addr uint32) {
	if addr == 0 {
		p.text("NULL")
		return
	}
	v, err := Ptr[T](addr).Load(p.t)
	if err != nil {
		p.hex(uint64(addr))
		return
	}
	p.value(reflect.ValueOf(v))
}

func (p *printer) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[long64]() {
			p.dec(int64(v.Field(0).Uint() | v.Field(1).Uint()<<32))
			return
		}
		p.fields(v)
	case reflect.Array, reflect.Slice:
		p.array(v)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		p.dec(v.Int())
	default:
		p.buf = strconv.AppendUint(p.buf, v.Uint(), 10)
	}
}

func (p *printer) fields(v reflect.Value) {
	sep := "{"
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name := f.Tag.Get("c")
		if name == "" {
			name = f.Name
		}
		if name == "_" {
			continue
		}
		p.text(sep + name + "=")
		p.value(v.Field(i))
		sep = ", "
	}
	p.text("}")
}

func (p *printer) array(v reflect.Value) {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		n := 0
		for n < v.Len() && v.Index(n).Uint() != 0 {
			n++
		}
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(v.Index(i).Uint())
		}
		p.buf = strconv.AppendQuoteToASCII(p.buf, string(b))
		return
	}
	sep := "["
	for i := range v.Len() {
		p.text(sep)
		p.value(v.Index(i))
		sep = ", "
	}
	p.text("]")
}

// late is implemented by arguments that can be printed only after the call.
type late interface{ late() }
