package cgroup

import (
	"strings"

	"cleave/abi"
)

// Controllers is a set of controllers.
type Controllers uint32

const (
	memoryController Controllers = 1 << iota
	pidsController
	allControllers = memoryController | pidsController
)

// controllers are the names, in the order of cgroup.controllers.
var controllers = []struct {
	bit  Controllers
	name string
}{{memoryController, "memory"}, {pidsController, "pids"}}

// String gives the names with a blank between them.
func (c Controllers) String() string {
	var names []string
	for _, k := range controllers {
		if c&k.bit != 0 {
			names = append(names, k.name)
		}
	}
	return strings.Join(names, " ")
}

// parseControllers reads what is written to cgroup.subtree_control: names with + or -. EINVAL.
func parseControllers(text string) (enable, disable Controllers, err error) {
	for _, word := range strings.Fields(text) {
		var bit Controllers
		for _, k := range controllers {
			if word[1:] == k.name {
				bit = k.bit
			}
		}
		switch {
		case bit == 0:
			return 0, 0, abi.EINVAL
		case word[0] == '+':
			enable, disable = enable|bit, disable&^bit
		case word[0] == '-':
			enable, disable = enable&^bit, disable|bit
		default:
			return 0, 0, abi.EINVAL
		}
	}
	return enable, disable, nil
}

// control gives controllers to the children of g, and takes them away. ENOENT: g does not have it itself; EBUSY: a child
// has given it to its own children, or g has processes; ENOMEM. Nothing is changed then.
func (g *Group) control(enable, disable Controllers) error {
	h := g.h
	h.mu.Lock()
	defer h.mu.Unlock()
	enable &^= g.enabled
	disable &= g.enabled
	switch {
	case g.gone.Load():
		return abi.ENODEV
	case enable&^Controllers(g.offers.Load()) != 0:
		return abi.ENOENT
	case enable != 0 && g.parent != nil && g.processes > 0:
		return abi.EBUSY
	}
	for _, c := range g.children {
		if c.enabled&disable != 0 {
			return abi.EBUSY
		}
	}
	if enable&memoryController != 0 {
		if err := g.openAccountsLocked(); err != nil {
			return err
		}
	}
	g.enabled = g.enabled&^disable | enable
	for _, c := range g.children {
		c.offers.Store(uint32(g.enabled))
		if disable&memoryController != 0 {
			c.closeAccountLocked()
		}
		if disable&pidsController != 0 {
			c.pids.max = noMax
		}
	}
	return nil
}

// openAccountsLocked gives each child of g an account.
func (g *Group) openAccountsLocked() error {
	for i, c := range g.children {
		if err := c.openAccountLocked(); err != nil {
			for _, made := range g.children[:i] {
				made.closeAccountLocked()
			}
			return err
		}
	}
	return nil
}
