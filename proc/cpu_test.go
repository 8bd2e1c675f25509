package proc

import (
	"reflect"
	"testing"
)

// The trap entry in boot/x86 depends on these: the CPU aligns the stack to 16 bytes before it pushes.
func TestContextLayout(t *testing.T) {
	typ := reflect.TypeOf(Context{})
	xmm, _ := typ.FieldByName("XMM")
	if xmm.Offset != 112 || xmm.Offset%16 != 0 {
		t.Errorf("Regs end at %d, want 112", xmm.Offset)
	}
	for i := range 100 {
		c := new(Context)
		if p := reflect.ValueOf(c).Pointer(); p%16 != 0 {
			t.Fatalf("context %d at %#x is not aligned to 16 bytes", i, p)
		}
		if i%10 == 0 {
			kept = append(kept, c)
		}
	}
}

var kept []*Context
