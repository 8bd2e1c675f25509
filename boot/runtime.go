//go:build cleave

package main

import _ "unsafe" // for go:linkname

//go:linkname reportExit runtime.bareReportExit
func reportExit(status uint8)
