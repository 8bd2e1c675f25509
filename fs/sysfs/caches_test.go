package sysfs

import (
	"slices"
	"testing"

	"cleave/abi"
	"cleave/fs/fstest"
)

type subleaf struct{ leaf, n uint32 }

// processor answers from a table, and like a real one with something else for a leaf that it does not have.
func processor(known map[subleaf][4]uint32) CPUID {
	return func(leaf, n uint32) (a, b, c, d uint32) {
		r, ok := known[subleaf{leaf, n}]
		if !ok && leaf != leafCaches && leaf != leafCachesAMD {
			return 0x21f, 0x340, 0xa88, 0
		}
		return r[0], r[1], r[2], r[3]
	}
}

// qemu is the processor that QEMU calls max.
var qemu = processor(map[subleaf][4]uint32{
	{0, 0}: {13, 0x68747541, 0x444d4163, 0x69746e65}, {0x80000000, 0}: {0x8000000a}, {0x80000001, 0}: {},
	{0x80000005, 0}: {0x01ff01ff, 0x01ff01ff, 0x40020140, 0x40020140}, {0x80000006, 0}: {0, 0x42004200, 0x02008140, 0x00808140},
})

func TestCaches(t *testing.T) {
	for _, c := range []struct {
		name string
		id   CPUID
		want []cache
	}{
		{"AMD's older leaves", qemu, []cache{{1, "Data", 64, 1, 2, 512}, {1, "Instruction", 64, 1, 2, 512}, {2, "Unified", 64, 1, 16, 512}, {3, "Unified", 64, 1, 16, 16384}}},
		{"Intel", processor(map[subleaf][4]uint32{{0, 0}: {0x20, 0x756e6547, 0x6c65746e, 0x49656e69},
			{4, 0}: {0x04000121, 0x02c0003f, 63, 0}, {4, 1}: {0x04000122, 0x01c0003f, 63, 0}, {4, 2}: {0x04000143, 0x03c0003f, 2047, 0}}),
			[]cache{{1, "Data", 64, 1, 12, 64}, {1, "Instruction", 64, 1, 8, 64}, {2, "Unified", 64, 1, 16, 2048}}},
		{"AMD's topology extensions", processor(map[subleaf][4]uint32{{0, 0}: {16, 0x68747541, 0x444d4163, 0x69746e65},
			{0x80000000, 0}: {0x8000001f}, {0x80000001, 0}: {0, 0, topologyAMD, 0}, {0x8000001d, 0}: {0x121, 0x01c0003f, 63, 0}}),
			[]cache{{1, "Data", 64, 1, 8, 64}}},
		{"no leaf 4", processor(map[subleaf][4]uint32{{0, 0}: {2, 0x756e6547, 0x6c65746e, 0x49656e69}}), nil},
		{"AMD without extended leaves", processor(map[subleaf][4]uint32{{0, 0}: {13, 0x68747541}, {0x80000000, 0}: {0x21f}}), nil},
		{"fully associative, and one that is told elsewhere", processor(map[subleaf][4]uint32{{0, 0}: {13, 0x68747541}, {0x80000000, 0}: {0x80000006},
			{0x80000001, 0}: {}, {0x80000005, 0}: {0, 0, 0x40ff0140, 0}, {0x80000006, 0}: {0, 0, 0x02009140, 0}}),
			[]cache{{1, "Data", 64, 1, 1024, 1}}},
	} {
		if got := caches(c.id); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestCacheFiles(t *testing.T) {
	k := fstest.New(t)
	k.V.Register(Type(initialLinks(k), qemu))
	if err := k.Mkdirat(abi.AT_FDCWD, []byte("/sys"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := k.Mount([]byte("sysfs"), []byte("/sys"), "sysfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"index0/type": "Data\n", "index0/size": "64K\n", "index2/level": "2\n", "index3/size": "16384K\n", "index3/ways_of_associativity": "16\n"} {
		f := k.Open("/sys/devices/system/cpu/cpu0/cache/"+path, abi.O_RDONLY)
		if got, err := k.Get(f, 100); got != want || err != nil {
			t.Errorf("%s: %q, %v", path, got, err)
		}
		f.Put()
	}
}
