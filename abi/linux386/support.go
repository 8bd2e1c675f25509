package linux386

// Support says how much of one system call is there.
type Support struct {
	Nr     uint32
	Name   string
	Absent bool
	Lacks  string // what is missing of it, "" if nothing is
}

// Calls lists all system calls by number.
func Calls() []Support {
	var list []Support
	for nr := range uint32(numCalls) {
		if r := findRow(nr); r != nil {
			list = append(list, Support{nr, r.name, r.absent, r.lacks})
		}
	}
	return list
}
