package fs_test

import (
	"fmt"
	"testing"

	"cleave/abi"
	"cleave/fs"
)

// benchKit has a file three components deep.
func benchKit(t testing.TB) *kit {
	k := newKit(t)
	k.mkdir("/usr", "/usr/lib", "/tmp")
	k.write("/usr/lib/file", "hello, world")
	return k
}

// hotPaths are the operations that must not allocate, and what they do.
func hotPaths(k *kit) map[string]func() {
	path, missing := []byte("/usr/lib/file"), []byte("/usr/lib/none")
	var a fs.Attr
	f := k.open("/usr/lib/file", abi.O_RDWR)
	page := make([]byte, 4096)
	b := &fs.Bytes{}
	w := k.open("/tmp/out", abi.O_RDWR|abi.O_CREAT)
	fd, _ := k.Files.Install(f, 100, false)
	k.Files.Install(w, 100, false)
	return map[string]func(){
		"Stat3": func() {
			if err := k.Stat(cwd, path, 0, &a); err != nil {
				panic(err)
			}
		},
		"Fstat": func() { f.Stat(&a) },
		"Read1": func() {
			b.B = page[:1]
			if n, err := k.Pread(f, b, 3); n != 1 || err != nil {
				panic(err)
			}
		},
		"Write4K": func() {
			b.B = page
			if n, err := k.Pwrite(w, b, 0); n != 4096 || err != nil {
				panic(err)
			}
		},
		"FD": func() {
			f, err := k.Files.Get(fd)
			if err != nil {
				panic(err)
			}
			f.Put()
		},
		"Access": func() {
			if err := k.Faccessat(cwd, path, abi.R_OK, abi.AT_EACCESS); err != nil {
				panic(err)
			}
		},
		"StatMissing": func() {
			if err := k.Stat(cwd, missing, 0, &a); err != abi.ENOENT {
				panic(err)
			}
		},
	}
}

func TestHotPathsDoNotAllocate(t *testing.T) {
	k := benchKit(t)
	for name, op := range hotPaths(k) {
		if n := testing.AllocsPerRun(100, op); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func BenchmarkFS(b *testing.B) {
	for _, name := range []string{"Stat3", "Fstat", "Read1", "Write4K", "FD", "Access", "StatMissing"} {
		b.Run(name, func(b *testing.B) {
			op := hotPaths(benchKit(b))[name]
			b.ReportAllocs()
			for b.Loop() {
				op()
			}
		})
	}
}

func BenchmarkOpenClose(b *testing.B) {
	k := benchKit(b)
	b.ReportAllocs()
	for b.Loop() {
		fd, err := k.Files.Install(k.open("/usr/lib/file", abi.O_RDONLY), 100, false)
		k.ok(err)
		k.ok(k.Files.Close(fd))
	}
}

func BenchmarkCreateUnlink(b *testing.B) {
	k := benchKit(b)
	b.ReportAllocs()
	for b.Loop() {
		k.open("/tmp/new", abi.O_CREAT|abi.O_WRONLY).Put()
		k.ok(k.Unlinkat(cwd, []byte("/tmp/new"), 0))
	}
}

func BenchmarkWrite1MB(b *testing.B) {
	k := benchKit(b)
	data := make([]byte, 1<<20)
	buf := &fs.Bytes{}
	b.ReportAllocs()
	for b.Loop() {
		f := k.open("/tmp/big", abi.O_CREAT|abi.O_WRONLY|abi.O_TRUNC)
		buf.B = data
		if n, err := k.Write(f, buf); n != 1<<20 || err != nil {
			b.Fatal(n, err)
		}
		f.Put()
	}
}

func BenchmarkBindUmount(b *testing.B) {
	k := benchKit(b)
	b.ReportAllocs()
	for b.Loop() {
		k.mount("/usr", "/tmp", "", abi.MS_BIND)
		k.ok(k.umount("/tmp", 0))
	}
}

// manyMounts mounts n file systems, most of them out of the way of what is measured.
func manyMounts(k *kit, n int) {
	k.mkdir("/mounts")
	for i := range n {
		p := fmt.Sprintf("/mounts/%d", i)
		k.mkdir(p)
		k.mount("/usr", p, "", abi.MS_BIND)
	}
}

func BenchmarkStatWithMounts(b *testing.B) {
	for _, n := range []int{10, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			k := benchKit(b)
			manyMounts(k, n)
			var a fs.Attr
			path := []byte("/mounts/5/lib/file")
			for b.Loop() {
				k.ok(k.Stat(cwd, path, 0, &a))
			}
		})
	}
}

func BenchmarkCopyNamespace(b *testing.B) {
	for _, n := range []int{1, 101, 1001} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			k := benchKit(b)
			manyMounts(k, n)
			b.ReportAllocs()
			for b.Loop() {
				k.unshare(k.Cred).leave()
			}
		})
	}
}
