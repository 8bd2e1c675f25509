//go:build guest

package tests

// noTCP is the reason of tests that connect to themselves over 127.0.0.1.
const noTCP = "no network yet: TCP"

const noNetwork = "no network yet: no sockets of the Internet families"

// differences says why a verdict in Cleave is not that on Linux: part of the table -> "group name" -> reason. A
// difference that is not here fails the test, and so does an entry that does not differ any more.
var differences = map[string]map[string]string{
	"guest": {},
	"go": {
		"compress/gzip Example_compressingReader": noTCP,
		"context ExampleAfterFunc_connection":     noTCP,
		"encoding/json TestHTTPDecoding":          noTCP,

		"os TestLargeCopyViaNetwork": noTCP,
		"os TestNonPollable":         "no network devices: /dev/net/tun",
		"os TestSendFile":            noTCP,
		"os TestSpliceFile":          noTCP,
		"os/exec TestExtraFiles":     noTCP,
		"os/exec TestExtraFilesRace": noTCP,
	},
	"stress": {
		"stress-ng dccp":       noNetwork, // nor DCCP and SCTP in this Linux, which stress-ng notices
		"stress-ng sctp":       noNetwork,
		"stress-ng ping-sock":  noNetwork, // Linux lets no group use them
		"stress-ng icmp-flood": noNetwork,
		"stress-ng netdev":     noNetwork,
		"stress-ng rawsock":    noNetwork,
		"stress-ng rawudp":     noNetwork,
		"stress-ng sock":       noNetwork,
		"stress-ng sockabuse":  noNetwork,
		"stress-ng sockmany":   noNetwork,
		"stress-ng udp":        noNetwork,
		"stress-ng udp-flood":  noNetwork,

		"stress-ng memhotplug": "no memory blocks in sysfs",
		"stress-ng pci":        "no PCI devices in sysfs",

		"stress-ng aiol":        "no io_setup: the first asynchronous input and output",
		"stress-ng fanotify":    "no fanotify",
		"stress-ng io-uring":    "no io_uring",
		"stress-ng ioport":      "no input and output ports for programs (ioperm, iopl)",
		"stress-ng key":         "no keyrings",
		"stress-ng landlock":    "no Landlock",
		"stress-ng swap":        "no swap space; Linux has it, but not on a tmpfs",
		"stress-ng userfaultfd": "no userfaultfd",
	},
}
