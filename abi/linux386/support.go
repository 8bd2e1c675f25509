package linux386

import (
	"reflect"
	"strings"
)

// Support says how much of one system call is there, and what it takes.
type Support struct {
	Nr     uint32
	Name   string
	Absent bool
	Lacks  string // what is missing of it, "" if nothing is
	Args   []Arg  // one for each register that it uses
}

// Arg is one argument of a system call.
type Arg struct {
	Type   string   // the name of its type: "FD", "Path", "OpenFlags", ...; "Ptr", "Ret", "InOut" of a structure's address
	Values []uint32 // bits or numbers that have names, if it is a set of flags or a command
	Fields []Field  // of what it points to, if that has a type
}

// Field is one number of a structure in the program's memory.
type Field struct {
	Name         string // as C programs know it
	Offset, Size uint32 // in bytes
}

// Calls lists all system calls by number.
func Calls() []Support {
	var list []Support
	for nr := range uint32(numCalls) {
		if r := findRow(nr); r != nil {
			list = append(list, Support{nr, r.name, r.absent, r.lacks, r.arguments()})
		}
	}
	return list
}

// pointer is a type of argument that points to a value of a known type.
type pointer interface{ target() reflect.Type }

func (Ptr[T]) target() reflect.Type   { return reflect.TypeFor[T]() }
func (Ret[T]) target() reflect.Type   { return reflect.TypeFor[T]() }
func (InOut[T]) target() reflect.Type { return reflect.TypeFor[T]() }

func (r *row) arguments() []Arg {
	var list []Arg
	for i, s := range r.args {
		name, _, _ := strings.Cut(reflect.TypeOf(s).Name(), "[")
		a := Arg{Type: name}
		if p, ok := s.(pointer); ok {
			a.Fields = fields(nil, p.target(), name, 0)
		} else {
			p := printer{values: &a.Values} // all registers are 0, and thus no memory is looked at
			s.show(&p, i)
		}
		list = append(list, a)
	}
	return list
}

// fields appends the numbers that t has, which is at an offset of a structure and has a name there.
func fields(list []Field, t reflect.Type, name string, at uintptr) []Field {
	switch t.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			n := f.Tag.Get("c")
			if n == "" {
				n = f.Name
			}
			list = fields(list, f.Type, n, at+f.Offset)
		}
	case reflect.Array:
		for i := range t.Len() {
			list = fields(list, t.Elem(), name, at+uintptr(i)*t.Elem().Size())
		}
	default:
		list = append(list, Field{name, uint32(at), uint32(t.Size())})
	}
	return list
}
