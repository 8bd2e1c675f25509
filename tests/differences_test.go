//go:build guest

package tests

// noTCP is the reason of tests that connect to themselves over 127.0.0.1.
const noTCP = "no network yet: TCP"

// differences says why a verdict in Cleave is not that on Linux: part of the table -> "group name" -> reason. A
// difference that is not here fails the test, and so does an entry that does not differ any more.
var differences = map[string]map[string]string{
	"guest": {},
	"go": {
		"context ExampleAfterFunc_connection": noTCP,

		"os TestLargeCopyViaNetwork": noTCP,
		"os TestNonPollable":         "no network devices: /dev/net/tun",
		"os TestSendFile":            noTCP,
		"os TestSpliceFile":          noTCP,
		"os/exec TestExtraFilesRace": noTCP,
		"syscall TestExecPtrace":     "no ptrace",
		"syscall TestUnshare":        "no network devices: /proc/net/dev",
	},
	"stress": {},
}
