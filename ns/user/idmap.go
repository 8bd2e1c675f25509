package user

import "sort"

// Extent maps Count ids from Inside on (numbers of the namespace) to those from Kernel on.
type Extent struct {
	Inside, Kernel, Count uint32
}

// MapKind tells the three maps of a user namespace apart.
type MapKind uint8

// The maps, files uid_map, gid_map and projid_map of /proc/PID.
const (
	UIDMap MapKind = iota
	GIDMap
	ProjIDMap
	numMaps
)

const (
	invalidID = ^uint32(0)
	// MaxExtents is the number of lines that a map can have (user_namespaces(7)).
	MaxExtents = 340
	// fewExtents are searched from the first to the last, in the order in which they were written.
	fewExtents = 5
)

// idMap is immutable once it is stored in a Namespace.
type idMap struct {
	inside []Extent // sorted by Inside if they are many, else as written; displayed in this order
	kernel []Extent // sorted by Kernel if they are many
}

var identity = newIDMap([]Extent{{0, 0, invalidID}})

func newIDMap(ext []Extent) *idMap {
	m := &idMap{inside: ext, kernel: ext}
	if len(ext) > fewExtents {
		m.inside = append([]Extent(nil), ext...)
		sort.Slice(m.inside, func(i, j int) bool { return m.inside[i].Inside < m.inside[j].Inside })
		m.kernel = append([]Extent(nil), ext...)
		sort.Slice(m.kernel, func(i, j int) bool { return m.kernel[i].Kernel < m.kernel[j].Kernel })
	}
	return m
}

// toKernel gives the kernel ids of the range of count ids from id on, or invalidID if not all are in one extent.
// count is at least 1.
func (m *idMap) toKernel(id, count uint32) uint32 {
	if m == nil {
		return invalidID
	}
	s := m.inside
	if len(s) > fewExtents {
		i := searchExtents(s, id, func(e *Extent) uint32 { return e.Inside })
		s = s[i : i+1]
	}
	for i := range s {
		if e := &s[i]; id >= e.Inside && id-e.Inside <= e.Count-1 && count-1 <= e.Count-1-(id-e.Inside) {
			return e.Kernel + (id - e.Inside)
		}
	}
	return invalidID
}

// fromKernel is the inverse of toKernel.
func (m *idMap) fromKernel(id uint32) uint32 {
	if m == identity {
		return id
	}
	return m.search(id)
}

// search is fromKernel for any map.
func (m *idMap) search(id uint32) uint32 {
	if m == nil {
		return invalidID
	}
	s := m.kernel
	if len(s) > fewExtents {
		i := searchExtents(s, id, func(e *Extent) uint32 { return e.Kernel })
		s = s[i : i+1]
	}
	for i := range s {
		if e := &s[i]; id >= e.Kernel && id-e.Kernel <= e.Count-1 {
			return e.Inside + (id - e.Kernel)
		}
	}
	return invalidID
}

// searchExtents finds the last extent that starts at or before id; the first one if there is none.
func searchExtents(s []Extent, id uint32, start func(*Extent) uint32) int {
	lo, hi := 0, len(s)
	for hi-lo > 1 {
		mid := int(uint(lo+hi) / 2)
		if start(&s[mid]) <= id {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// ToKUID gives the kernel id of a user of n, InvalidKUID if u is not mapped.
func (n *Namespace) ToKUID(u UID) KUID { return KUID(n.maps[UIDMap].Load().toKernel(uint32(u), 1)) }

// ToKGID gives the kernel id of a group of n, InvalidKGID if g is not mapped.
func (n *Namespace) ToKGID(g GID) KGID { return KGID(n.maps[GIDMap].Load().toKernel(uint32(g), 1)) }

// FromKUID gives the user id in n, InvalidUID if k is not mapped.
func (n *Namespace) FromKUID(k KUID) UID { return UID(n.maps[UIDMap].Load().fromKernel(uint32(k))) }

// FromKGID gives the group id in n, InvalidGID if k is not mapped.
func (n *Namespace) FromKGID(k KGID) GID { return GID(n.maps[GIDMap].Load().fromKernel(uint32(k))) }

// ShowKUID is the user id that a task of n sees: the overflow id if k is not mapped.
func (n *Namespace) ShowKUID(k KUID) UID {
	if u := n.FromKUID(k); u.Valid() {
		return u
	}
	return UID(n.sys.overflow[0].Load())
}

// ShowKGID is the group id that a task of n sees: the overflow id if k is not mapped.
func (n *Namespace) ShowKGID(k KGID) GID {
	if g := n.FromKGID(k); g.Valid() {
		return g
	}
	return GID(n.sys.overflow[1].Load())
}

// HasKUID reports whether k is mapped in n.
func (n *Namespace) HasKUID(k KUID) bool { return n.FromKUID(k).Valid() }

// HasKGID reports whether k is mapped in n.
func (n *Namespace) HasKGID(k KGID) bool { return n.FromKGID(k).Valid() }
