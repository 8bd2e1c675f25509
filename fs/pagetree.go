package fs

import "cleave/mm/frame"

// pageTree maps page numbers to frames: a radix tree with 64 slots a node, as high as the largest number needs.
type pageTree struct {
	root   *pageNode
	height uint // levels above the leaves
	count  int  // pages
}

const (
	treeBits = 6
	treeMask = 1<<treeBits - 1
)

// pageNode is a leaf, with frames, or an inner node, with kids.
type pageNode struct {
	frames *[1 << treeBits]frame.PFN
	kids   *[1 << treeBits]*pageNode
}

// leaf returns the leaf that idx belongs to, or nil.
func (t *pageTree) leaf(idx uint64) *pageNode {
	n := t.root
	if n == nil || idx>>(treeBits*(t.height+1)) != 0 {
		return nil
	}
	for h := t.height; h > 0 && n != nil; h-- {
		n = n.kids[idx>>(treeBits*h)&treeMask]
	}
	return n
}

// get returns the frame at idx, or 0.
func (t *pageTree) get(idx uint64) frame.PFN {
	n := t.leaf(idx)
	if n == nil {
		return 0
	}
	return n.frames[idx&treeMask]
}

// run fills out with the frames from idx on, up to the first page that is not there or the end of a node, and returns how
// many there are.
func (t *pageTree) run(idx uint64, out []frame.PFN) int {
	n := t.leaf(idx)
	if n == nil {
		return 0
	}
	for i, f := range n.frames[idx&treeMask:] {
		if i == len(out) || f == 0 {
			return i
		}
		out[i] = f
	}
	return treeMask + 1 - int(idx&treeMask)
}

func newPageNode(leaf bool) *pageNode {
	if leaf {
		return &pageNode{frames: new([1 << treeBits]frame.PFN)}
	}
	return &pageNode{kids: new([1 << treeBits]*pageNode)}
}

// set puts f, not 0, at idx, which is empty.
func (t *pageTree) set(idx uint64, f frame.PFN) {
	if t.root == nil {
		for t.height = 0; idx>>(treeBits*(t.height+1)) != 0; t.height++ {
		}
		t.root = newPageNode(t.height == 0)
	}
	for idx>>(treeBits*(t.height+1)) != 0 {
		up := newPageNode(false)
		up.kids[0] = t.root
		t.root = up
		t.height++
	}
	n := t.root
	for h := t.height; h > 0; h-- {
		kid := &n.kids[idx>>(treeBits*h)&treeMask]
		if *kid == nil {
			*kid = newPageNode(h == 1)
		}
		n = *kid
	}
	n.frames[idx&treeMask] = f
	t.count++
}

// take removes up to len(out) frames from first up to but not end and returns how many.
func (t *pageTree) take(first, end uint64, out []frame.PFN) int {
	if t.root == nil {
		return 0
	}
	n := takePages(t.root, t.height, 0, first, end, out)
	if t.count -= n; t.count == 0 {
		t.root, t.height = nil, 0
	}
	return n
}

// takePages is take below node, whose first page is base.
func takePages(node *pageNode, height uint, base, first, end uint64, out []frame.PFN) int {
	n := 0
	span := uint64(1) << (treeBits * height)
	for s := uint64(0); s <= treeMask && n < len(out); s++ {
		lo := base + s*span
		if lo >= end || lo+span <= first {
			continue
		}
		if height == 0 {
			if f := node.frames[s]; f != 0 {
				node.frames[s] = 0
				out[n] = f
				n++
			}
		} else if kid := node.kids[s]; kid != nil {
			n += takePages(kid, height-1, lo, first, end, out[n:])
			if lo >= first && lo+span <= end && n < len(out) {
				node.kids[s] = nil
			}
		}
	}
	return n
}

// next returns the first page from idx on that is there, for SEEK_DATA.
func (t *pageTree) next(idx uint64) (uint64, bool) {
	if t.root == nil || idx>>(treeBits*(t.height+1)) != 0 {
		return 0, false
	}
	return nextPage(t.root, t.height, 0, idx)
}

func nextPage(node *pageNode, height uint, base, idx uint64) (uint64, bool) {
	span := uint64(1) << (treeBits * height)
	for s := uint64(0); s <= treeMask; s++ {
		lo := base + s*span
		if lo+span <= idx {
			continue
		}
		if height == 0 {
			if node.frames[s] != 0 {
				return lo, true
			}
		} else if kid := node.kids[s]; kid != nil {
			if at, ok := nextPage(kid, height-1, lo, idx); ok {
				return at, true
			}
		}
	}
	return 0, false
}
