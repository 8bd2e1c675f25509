package proc

import (
	"sync"

	"cleave/mm"
)

// Kernel is one running kernel: all tasks, and what they share.
type Kernel struct {
	Memory *mm.Memory
	Clock  Clock
	ABI    ABI
	cpu    CPU

	// mu is the task lock. It guards the tree of tasks (parents, groups, process groups, sessions, pids) and all
	// signal state. It is a leaf but for wait queues, timers and accounts.
	mu sync.Mutex
}
