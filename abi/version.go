package abi

// What uname(2) and /proc/version tell of the kernel. Programs take the release for a measure of what they may expect of
// Linux.
const (
	Sysname = "Linux"
	Release = "6.1.0-cleave"
	Version = "#1 Cleave"
)
