package cgroup

import (
	"fmt"
	"strconv"
	"strings"

	"cleave/abi"
	"cleave/fs"
	"cleave/mm/frame"
)

// controlFiles makes the table of the control files.
func controlFiles() []file {
	return append(groupFiles(), append(pidsFiles(), memoryFiles()...)...)
}

// groupFiles are the files of the groups themselves.
func groupFiles() []file {
	return []file{
		{name: "cgroup.type", mode: 0o644, places: notAtRoot,
			show:  func(*request) (string, error) { return "domain\n", nil },
			write: writeType},
		{name: "cgroup.procs", mode: 0o644, delegate: true,
			show:  func(r *request) (string, error) { return r.list(false), nil },
			write: func(r *request, text string) error { return r.move(text, false) }},
		{name: "cgroup.threads", mode: 0o644, delegate: true,
			show:  func(r *request) (string, error) { return r.list(true), nil },
			write: func(r *request, text string) error { return r.move(text, true) }},
		{name: "cgroup.controllers", mode: 0o444,
			show: func(r *request) (string, error) { return Controllers(r.g.offers.Load()).String() + "\n", nil }},
		{name: "cgroup.subtree_control", mode: 0o644, delegate: true, show: showSubtree, write: writeSubtree},
		{name: "cgroup.events", mode: 0o444, places: notAtRoot, show: showEvents,
			events: func(g *Group) *notifier { return &g.events }},
		number("cgroup.max.descendants", abi.ERANGE, func(g *Group) *int { return &g.maxDescendants }),
		number("cgroup.max.depth", abi.ERANGE, func(g *Group) *int { return &g.maxDepth }),
		{name: "cgroup.stat", mode: 0o444, show: func(r *request) (string, error) {
			return fmt.Sprintf("nr_descendants %d\nnr_dying_descendants 0\n", r.g.Descendants()), nil
		}},
		flagFile("cgroup.freeze", func(g *Group) bool { return g.freeze }, writeFreeze),
		{name: "cgroup.kill", mode: 0o200, places: notAtRoot, write: writeKill},
	}
}

func pidsFiles() []file {
	max := number("pids.max", abi.EINVAL, func(g *Group) *int { return &g.pids.max })
	events := func(g *Group) *notifier { return &g.pids.events }
	list := []file{max,
		value("pids.current", func(g *Group) string { return fmt.Sprintln(g.pids.current) }),
		value("pids.peak", func(g *Group) string { return fmt.Sprintln(g.pids.peak) }),
		value("pids.events", func(g *Group) string { return fmt.Sprintf("max %d\n", g.pids.refused) })}
	list[3].events = events
	for i := range list {
		list[i].needs, list[i].places = pidsController, notAtRoot
	}
	return list
}

func memoryFiles() []file {
	usage := func(g *Group) frame.Usage { return g.memory.account.Usage() }
	bytes := func(frames int) string { return fmt.Sprintln(int64(frames) * frame.Size) }
	list := []file{
		value("memory.current", func(g *Group) string { return bytes(usage(g).Total) }),
		value("memory.peak", func(g *Group) string { return bytes(usage(g).Peak) }),
		{name: "memory.max", mode: 0o644, show: showLimit(func(g *Group) *int { return &g.memory.max }), write: writeMemoryMax},
		{name: "memory.high", mode: 0o644, show: showLimit(func(g *Group) *int { return &g.memory.high }), write: writeMemoryHigh},
		value("memory.events", showMemoryEvents),
		value("memory.stat", func(g *Group) string {
			u := usage(g)
			return "anon " + bytes(u.Used[frame.Anonymous]) + "file " + bytes(u.Used[frame.PageCache]) + "kernel 0\n"
		}),
		flagFile("memory.oom.group", func(g *Group) bool { return g.memory.group }, writeOOMGroup),
	}
	list[6].delegate = true
	list[4].events = func(g *Group) *notifier { return &g.memory.events }
	for i := range list {
		list[i].needs, list[i].places = memoryController, notAtRoot
	}
	return list
}

// flagFile is a file with 0 or 1.
func flagFile(name string, get func(g *Group) bool, write func(r *request, text string) error) file {
	f := value(name, func(g *Group) string { return fmt.Sprintln(digit(get(g))) })
	f.mode, f.places, f.write = 0o644, notAtRoot, write
	return f
}

// value is a file that shows something of the group.
func value(name string, show func(g *Group) string) file {
	return file{name: name, mode: 0o444, show: func(r *request) (string, error) {
		r.g.h.mu.Lock()
		defer r.g.h.mu.Unlock()
		if r.g.gone.Load() {
			return "", abi.ENODEV
		}
		return show(r.g), nil
	}}
}

// number is a file with a number of the group, or "max". bad is the error for a number that makes no sense.
func number(name string, bad abi.Errno, field func(g *Group) *int) file {
	f := value(name, func(g *Group) string { return maxText(*field(g), 1) })
	f.mode = 0o644
	f.write = func(r *request, text string) error {
		v := noMax
		if text != "max" {
			n, err := strconv.ParseInt(text, 0, 64)
			switch {
			case err != nil:
				return abi.EINVAL
			case n < 0 || n >= maxNumber:
				return bad
			}
			v = int(n)
		}
		r.g.h.mu.Lock()
		*field(r.g) = v
		r.g.h.mu.Unlock()
		return nil
	}
	return f
}

// maxNumber is the first number that is too large: that of the ids that tasks can have.
const maxNumber = 4194304

func maxText(v int, unit int64) string {
	if v == noMax {
		return "max\n"
	}
	return fmt.Sprintln(int64(v) * unit)
}

// writeType refuses everything but what is so already.
func writeType(_ *request, text string) error {
	switch text {
	case "threaded":
		return abi.EOPNOTSUPP
	}
	return abi.EINVAL
}

// list shows ids.
func (r *request) list(threads bool) string {
	var b strings.Builder
	for _, id := range r.g.h.tasks.List(r.c.Task, r.g, threads) {
		fmt.Fprintln(&b, id)
	}
	return b.String()
}

// move brings a process into the group. EINVAL: no number; errors of MayMove and Processes.Move.
func (r *request) move(text string, thread bool) error {
	id, err := strconv.ParseInt(text, 0, 32)
	if err != nil || id < 0 {
		return abi.EINVAL
	}
	opener := *r.c
	opener.Cred = r.f.Cred
	return r.g.h.tasks.Move(r.c.Task, int32(id), thread, r.g, func(from *Group) error {
		return r.g.mayMove(&opener, from, r.root)
	})
}

// mayMove checks whether c may move processes from a group to g, into which it may already write: delegation goes no
// further than c's right to write to cgroup.procs of the lowest group that both are in. EACCES; with the mount option
// nsdelegate ENOENT: one of them is outside of the cgroup namespace, whose root is given.
func (g *Group) mayMove(c *fs.Caller, from, root *Group) error {
	if top := g.common(from).node("cgroup.procs"); top == nil {
		return abi.ENODEV
	} else if err := top.inode.Access(c, abi.W_OK); err != nil {
		return err
	}
	if g.h.nsdelegate.Load() && root != nil && (!g.Within(root) || !from.Within(root)) {
		return abi.ENOENT
	}
	return nil
}

// MayBear checks whether c, a task in group from, may make a process in g (clone3(2), CLONE_INTO_CGROUP). EACCES;
// ENOENT: g is gone, or out of the namespace; EBUSY: it can't have processes.
func (g *Group) MayBear(c *fs.Caller, from *Group) error {
	n := g.node("cgroup.procs")
	if n == nil {
		return abi.ENOENT
	}
	if err := n.inode.Access(c, abi.W_OK); err != nil {
		return err
	}
	root, _ := g.h.tasks.Namespace(c.Task)
	if err := g.mayMove(c, from, root); err != nil {
		return err
	}
	return g.Check()
}

func showSubtree(r *request) (string, error) {
	r.g.h.mu.Lock()
	defer r.g.h.mu.Unlock()
	return r.g.enabled.String() + "\n", nil
}

func writeSubtree(r *request, text string) error {
	enable, disable, err := parseControllers(text)
	if err != nil {
		return err
	}
	if err := r.g.control(enable, disable); err != nil {
		return err
	}
	r.g.h.tasks.Regroup(r.g)
	return nil
}

func showEvents(r *request) (string, error) {
	r.g.h.mu.Lock()
	populated := r.g.populatedLocked()
	r.g.h.mu.Unlock()
	frozen := r.g.Freezing() && r.g.h.tasks.Frozen(r.g)
	return fmt.Sprintf("populated %d\nfrozen %d\n", digit(populated), digit(frozen)), nil
}

func digit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// writeFreeze makes the processes in the group and below stand still, or go on.
func writeFreeze(r *request, text string) error {
	v, err := strconv.ParseInt(text, 0, 32)
	switch {
	case err != nil:
		return abi.EINVAL
	case v != 0 && v != 1:
		return abi.ERANGE
	}
	r.g.h.mu.Lock()
	was := r.g.freezingLocked()
	r.g.freeze = v == 1
	changed := was != r.g.freezingLocked()
	r.g.h.mu.Unlock()
	if changed {
		r.g.h.tasks.Regroup(r.g)
		if v == 0 || r.g.h.tasks.Frozen(r.g) {
			r.g.Changed()
		}
	}
	return nil
}

func writeKill(r *request, text string) error {
	v, err := strconv.ParseInt(text, 0, 32)
	switch {
	case err != nil:
		return abi.EINVAL
	case v != 1:
		return abi.ERANGE
	}
	r.g.h.tasks.Kill(r.g)
	return nil
}
