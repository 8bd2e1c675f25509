//go:build guest

package tests

// differences says why a verdict in Cleave is not that on Linux: part of the table -> "group name" -> reason. A
// difference that is not here fails the test, and so does an entry that does not differ any more.
var differences = map[string]map[string]string{
	"guest":  {},
	"go":     {},
	"stress": {},
}
