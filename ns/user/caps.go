package user

import "math/bits"

// Cap is the number of a capability (capabilities(7)).
type Cap uint8

// The capabilities of Linux 5.9 and later.
const (
	CapChown Cap = iota
	CapDacOverride
	CapDacReadSearch
	CapFowner
	CapFsetid
	CapKill
	CapSetgid
	CapSetuid
	CapSetpcap
	CapLinuxImmutable
	CapNetBindService
	CapNetBroadcast
	CapNetAdmin
	CapNetRaw
	CapIpcLock
	CapIpcOwner
	CapSysModule
	CapSysRawio
	CapSysChroot
	CapSysPtrace
	CapSysPacct
	CapSysAdmin
	CapSysBoot
	CapSysNice
	CapSysResource
	CapSysTime
	CapSysTtyConfig
	CapMknod
	CapLease
	CapAuditWrite
	CapAuditControl
	CapSetfcap
	CapMacOverride
	CapMacAdmin
	CapSyslog
	CapWakeAlarm
	CapBlockSuspend
	CapAuditRead
	CapPerfmon
	CapBpf
	CapCheckpointRestore
	numCaps

	// CapLast is what /proc/sys/kernel/cap_last_cap shows.
	CapLast = numCaps - 1
)

// Caps is a set of capabilities: bit n is capability n.
type Caps uint64

// AllCaps has every capability.
const AllCaps Caps = 1<<numCaps - 1

// Set makes a set.
func Set(caps ...Cap) Caps {
	var s Caps
	for _, c := range caps {
		s |= 1 << c
	}
	return s
}

// Valid reports whether c is the number of a capability.
func (c Cap) Valid() bool { return c < numCaps }

// Has reports whether c is in s.
func (s Caps) Has(c Cap) bool { return s>>c&1 != 0 }

// In reports whether s is a subset of t.
func (s Caps) In(t Caps) bool { return s&^t == 0 }

// Len is the number of capabilities in s.
func (s Caps) Len() int { return bits.OnesCount64(uint64(s)) }

// fileCaps are what a change of the file system user id takes and gives (capabilities(7), "Effect of user ID changes").
var fileCaps = Set(CapChown, CapMknod, CapDacOverride, CapDacReadSearch, CapFowner, CapFsetid, CapLinuxImmutable, CapMacOverride)

// Securebits are the flags of PR_SET_SECUREBITS (capabilities(7)). Each has a lock bit, one to the left.
type Securebits uint32

// The flags.
const (
	SecNoRoot                  Securebits = 1 << 0
	SecNoRootLocked            Securebits = 1 << 1
	SecNoSetuidFixup           Securebits = 1 << 2
	SecNoSetuidFixupLocked     Securebits = 1 << 3
	SecKeepCaps                Securebits = 1 << 4
	SecKeepCapsLocked          Securebits = 1 << 5
	SecNoCapAmbientRaise       Securebits = 1 << 6
	SecNoCapAmbientRaiseLocked Securebits = 1 << 7
	SecExecRestrictFile        Securebits = 1 << 8
	SecExecRestrictFileLocked  Securebits = 1 << 9
	SecExecDenyInteractive     Securebits = 1 << 10
	SecExecDenyInteractiveLock Securebits = 1 << 11

	secAll          Securebits = 0xfff
	secLocks        Securebits = 0xaaa
	secUnprivileged            = SecExecRestrictFile | SecExecDenyInteractive // may change without CAP_SETPCAP, with their locks
)
