package linux386

import "fmt"

// ArgTypes gives the names of the types of a call's arguments, for tests that look for pointers among them.
func ArgTypes(nr uint32) []string {
	r := findRow(nr)
	if r == nil || r.absent {
		return nil
	}
	var names []string
	for _, a := range r.args {
		names = append(names, fmt.Sprintf("%T", a)[len("linux386."):])
	}
	return names
}
