//go:build cleave

package main

import (
	"runtime"
	"time"

	"cleave/boot/klog"
	"cleave/mm/frame"
	"cleave/ns/user"
)

// census counts what must be as before the first task when the last one has gone. Frames of files are not among it, for files
// may stay.
type census struct {
	tasks, spaces, pids, goroutines int
	anonymous, tables               int // frames
	namespaces                      [user.NumKinds]int64
}

func (k *kernel) census() census {
	used := k.memory.Pool().Stats().Used
	c := census{
		tasks: k.proc.Tasks(), spaces: k.memory.Spaces(), pids: k.proc.PIDNamespace().Count(), goroutines: runtime.NumGoroutine(),
		anonymous: used[frame.Anonymous], tables: used[frame.PageTable],
	}
	for i := range c.namespaces {
		c.namespaces[i] = k.users.Live(user.Kind(i))
	}
	return c
}

// checkLeaks waits until the last task is past its last word, and says in the log what is more than before the first. A
// namespace that is bound to a file is not left over: with more mounts than before, namespaces are not looked at.
func (k *kernel) checkLeaks(before census, mounts int) {
	after := k.census()
	for end := monotonic() + int64(time.Second); after != before && monotonic() < end; after = k.census() {
		if k.set.Mount.Count() != mounts {
			after.namespaces = before.namespaces
		}
		if after == before {
			return
		}
		runtime.Gosched()
	}
	if after != before {
		kernelLog.Printf(klog.Warning, "leak: %+v, before the first task %+v", after, before)
	}
}
