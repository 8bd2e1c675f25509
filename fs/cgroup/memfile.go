package cgroup

import (
	"fmt"
	"strconv"
	"strings"

	"cleave/abi"
	"cleave/mm/frame"
)

// parseBytes reads a number of bytes with a suffix K, M, G or T, or "max", and gives frames, rounded down. EINVAL.
func parseBytes(text string) (int, error) {
	if text == "max" {
		return noMax, nil
	}
	shift := 0
	if n := len(text); n > 0 {
		if i := strings.IndexByte("KMGT", text[n-1]&^0x20); i >= 0 {
			text, shift = text[:n-1], 10*(i+1)
		}
	}
	v, err := strconv.ParseUint(text, 0, 64)
	if err != nil {
		return 0, abi.EINVAL
	}
	if v > 1<<62>>shift {
		return noMax, nil
	}
	return int(min(v<<shift/frame.Size, noMax)), nil
}

// showLimit shows a limit in frames as bytes.
func showLimit(field func(g *Group) *int) func(r *request) (string, error) {
	return func(r *request) (string, error) {
		r.g.h.mu.Lock()
		defer r.g.h.mu.Unlock()
		return maxText(*field(r.g), frame.Size), nil
	}
}

// writeMemoryMax sets the limit, and makes the group keep it at once.
func writeMemoryMax(r *request, text string) error {
	frames, err := parseBytes(text)
	if err != nil {
		return err
	}
	r.g.setMax(frames)
	r.g.h.tasks.Regroup(r.g)
	r.g.h.tasks.Enforce(r.c.Task, r.g)
	return nil
}

func writeMemoryHigh(r *request, text string) error {
	frames, err := parseBytes(text)
	if err != nil {
		return err
	}
	r.g.h.mu.Lock()
	if r.g.memory.account != nil {
		r.g.memory.high = frames
		r.g.memory.account.SetHigh(frames)
	}
	r.g.h.mu.Unlock()
	r.g.h.tasks.Regroup(r.g)
	return nil
}

func showMemoryEvents(g *Group) string {
	var b strings.Builder
	for e, n := range g.memory.counts {
		fmt.Fprintf(&b, "%s %d\n", memoryEventNames[e], n)
	}
	return b.String()
}

func writeOOMGroup(r *request, text string) error {
	if text != "0" && text != "1" {
		return abi.EINVAL
	}
	r.g.h.mu.Lock()
	if r.g.memory.account != nil {
		r.g.memory.group = text == "1"
	}
	r.g.h.mu.Unlock()
	return nil
}
