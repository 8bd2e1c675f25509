// Fuzzcalls prints the table of system calls as a C header for tests/soak/fuzz.c: what each call takes, the values of its
// flags, and the fields of what its arguments point to.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"cleave/abi/linux386"
)

// kinds are the kinds of argument that the fuzzer knows, by the type in the table. Others are K_NUM, or K_FLAGS if the table
// names their values.
var kinds = map[string]string{
	"FD": "K_FD", "DirFD": "K_DIRFD", "PID": "K_PID", "UID": "K_ID", "GID": "K_ID", "ID16": "K_ID", "Mode": "K_MODE",
	"Signal": "K_SIGNAL", "Path": "K_PATH", "Str": "K_STR", "StrList": "K_STRLIST", "In": "K_MEM", "Out": "K_MEM",
	"Addr": "K_ADDR", "SigSet": "K_MEM", "Ptr": "K_STRUCT", "Ret": "K_STRUCT", "InOut": "K_STRUCT", "Size": "K_SIZE",
	"OffLo": "K_OFFSET", "OffHi": "K_HIGH", "Pages": "K_OFFSET", "Dev": "K_DEV",
}

// fieldKinds are the kinds of a structure's fields, by a part of their names; the first that fits.
var fieldKinds = []struct{ part, kind string }{
	{"fd", "K_FD"}, {"pid", "K_PID"}, {"tgid", "K_PID"}, {"uid", "K_ID"}, {"gid", "K_ID"}, {"nsec", "K_NSEC"}, {"usec", "K_NSEC"},
	{"sec", "K_SEC"}, {"iov", "K_ADDR"}, {"name", "K_PATH"}, {"control", "K_ADDR"}, {"addr", "K_ADDR"}, {"ptr", "K_ADDR"},
	{"stack", "K_ADDR"}, {"sp", "K_ADDR"}, {"tls", "K_ADDR"}, {"tid", "K_ADDR"}, {"handler", "K_ADDR"}, {"len", "K_SIZE"},
	{"size", "K_SIZE"}, {"signo", "K_SIGNAL"}, {"signal", "K_SIGNAL"}, {"mode", "K_MODE"},
}

func kindOf(a linux386.Arg) string {
	if k, ok := kinds[a.Type]; ok {
		return k
	}
	if len(a.Values) > 0 {
		return "K_FLAGS"
	}
	return "K_NUM"
}

func fieldKind(name string) string {
	name = strings.ToLower(name)
	for _, f := range fieldKinds {
		if strings.Contains(name, f.part) {
			return f.kind
		}
	}
	return "K_NUM"
}

// header collects the arrays that calls share.
type header struct {
	w     *bufio.Writer
	names map[string]string // of arrays, by what is in them
}

// array returns the name of an array with the elements, which is printed when it is first wanted.
func (h *header) array(typ string, elements []string) string {
	text := strings.Join(elements, ", ")
	if h.names[typ+text] == "" {
		name := fmt.Sprintf("list_%d", len(h.names))
		h.names[typ+text] = name
		fmt.Fprintf(h.w, "static const struct %s %s[] = {%s};\n", typ, name, text)
	}
	return h.names[typ+text]
}

func (h *header) arg(a linux386.Arg) string {
	values, list := "0", "0"
	if len(a.Values) > 0 {
		var e []string
		for _, v := range a.Values {
			e = append(e, fmt.Sprintf("{%#x}", v))
		}
		values = h.array("value", e)
	}
	if len(a.Fields) > 0 {
		var e []string
		for _, f := range a.Fields {
			e = append(e, fmt.Sprintf("{%d, %d, %s}", f.Offset, f.Size, fieldKind(f.Name)))
		}
		list = h.array("field", e)
	}
	return fmt.Sprintf("{%s, %d, %d, %s, %s}", kindOf(a), len(a.Values), len(a.Fields), values, list)
}

func main() {
	h := header{w: bufio.NewWriter(os.Stdout), names: map[string]string{}}
	var rows []string
	for _, c := range linux386.Calls() {
		var args []string
		for _, a := range c.Args {
			args = append(args, h.arg(a))
		}
		absent := 0
		if c.Absent {
			absent = 1
		}
		rows = append(rows, fmt.Sprintf("\t{%d, %q, %d, %d, {%s}},\n", c.Nr, c.Name, absent, len(args), strings.Join(args, ", ")))
	}
	fmt.Fprintf(h.w, "static const struct call calls[] = {\n%s};\n", strings.Join(rows, ""))
	if err := h.w.Flush(); err != nil {
		fmt.Fprintln(os.Stderr, "fuzzcalls:", err)
		os.Exit(1)
	}
}
