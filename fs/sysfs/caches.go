package sysfs

import "fmt"

// CPUID executes the instruction of that name: leaf and subleaf -> EAX, EBX, ECX, EDX.
type CPUID func(leaf, subleaf uint32) (a, b, c, d uint32)

// cache is one of the processor's caches. Its numbers are those of cpu0/cache/indexN (Linux's
// Documentation/ABI/testing/sysfs-devices-system-cpu).
type cache struct {
	level      uint32
	kind       string // Data, Instruction or Unified
	line       uint32 // bytes
	partitions uint32 // lines that share a tag
	ways       uint32
	sets       uint32
}

// Leaves of CPUID (SDM vol. 2, CPUID; AMD's manual vol. 3, appendix E).
const (
	leafVendor      = 0
	leafCaches      = 4          // Intel's, a subleaf for each cache
	leafExtended    = 0x80000000 // the last extended one
	leafFeaturesAMD = 0x80000001
	leafL1AMD       = 0x80000005
	leafL2AMD       = 0x80000006
	leafCachesAMD   = 0x8000001d // as leaf 4, if there are topology extensions
	topologyAMD     = 1 << 22    // of leafFeaturesAMD's ECX
	mostCaches      = 8
)

// caches lists the caches of the processor, as far as it tells.
func caches(id CPUID) []cache {
	last, vendor, _, _ := id(leafVendor, 0)
	extended, _, _, _ := id(leafExtended, 0)
	const amd, hygon = 0x68747541, 0x6f677948 // "Auth", "Hygo"
	switch {
	case vendor != amd && vendor != hygon:
		if last < leafCaches {
			return nil
		}
		return listCaches(id, leafCaches)
	case extended < leafL2AMD || extended > leafExtended+0xffff:
		return nil
	}
	if _, _, features, _ := id(leafFeaturesAMD, 0); features&topologyAMD != 0 && extended >= leafCachesAMD {
		return listCaches(id, leafCachesAMD)
	}
	return olderCaches(id)
}

// kinds are the types of caches in leaf 4; 0 ends the list.
var kinds = [...]string{1: "Data", 2: "Instruction", 3: "Unified"}

// listCaches reads a leaf that has a subleaf for each cache.
func listCaches(id CPUID, leaf uint32) []cache {
	var list []cache
	for i := range uint32(mostCaches) {
		a, b, c, _ := id(leaf, i)
		kind := a & 31
		if kind == 0 || int(kind) >= len(kinds) {
			break
		}
		list = append(list, cache{level: a >> 5 & 7, kind: kinds[kind], line: b&0xfff + 1, partitions: b>>12&0x3ff + 1, ways: b>>22 + 1, sets: c + 1})
	}
	return list
}

// fullyAssociative marks a cache with one set.
const fullyAssociative = ^uint32(0)

// waysAMD are the ways of the caches of levels 2 and 3 by AMD's numbers; 0: none, or told elsewhere.
var waysAMD = [16]uint32{1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 8: 16, 10: 32, 11: 48, 12: 64, 13: 96, 14: 128, 15: fullyAssociative}

// olderCaches reads AMD's older leaves, a register for each cache: the size in its high bits, then the ways, then the
// lines of a tag, then the bytes of a line.
func olderCaches(id CPUID) []cache {
	l1 := func(kind string, r uint32) cache {
		c := cache{level: 1, kind: kind, line: r & 0xff, partitions: r >> 8 & 0xff, ways: r >> 16 & 0xff, sets: r >> 24 << 10}
		if c.ways == 0xff {
			c.ways = fullyAssociative
		}
		return c
	}
	outer := func(level, r, size uint32) cache {
		return cache{level: level, kind: "Unified", line: r & 0xff, partitions: r >> 8 & 15, ways: waysAMD[r>>12&15], sets: size}
	}
	_, _, data, code := id(leafL1AMD, 0)
	_, _, second, third := id(leafL2AMD, 0)
	var list []cache
	for _, c := range []cache{l1("Data", data), l1("Instruction", code), outer(2, second, second>>16<<10), outer(3, third, third>>18<<19)} {
		size := c.sets // the whole cache's bytes, so far
		if size == 0 || c.line == 0 || c.partitions == 0 || c.ways == 0 {
			continue
		}
		tags := size / c.line / c.partitions
		c.ways = min(c.ways, tags)
		c.sets = tags / c.ways
		list = append(list, c)
	}
	return list
}

// files are those of the cache, which is the nth of its processor.
func (c cache) files(n int) []file {
	fact := func(name, format string, args ...any) file {
		return file{fmt.Sprintf("devices/system/cpu/cpu0/cache/index%d/%s", n, name), fmt.Sprintf(format+"\n", args...)}
	}
	return []file{
		fact("coherency_line_size", "%d", c.line),
		fact("id", "0"),
		fact("level", "%d", c.level),
		fact("number_of_sets", "%d", c.sets),
		fact("physical_line_partition", "%d", c.partitions),
		fact("shared_cpu_list", "0"),
		fact("shared_cpu_map", "1"),
		fact("size", "%dK", uint64(c.line)*uint64(c.partitions)*uint64(c.ways)*uint64(c.sets)>>10),
		fact("type", "%s", c.kind),
		fact("ways_of_associativity", "%d", c.ways),
	}
}
