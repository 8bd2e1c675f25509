// Package sysfs is the part of Linux's /sys that programs look at to learn about a machine without devices that they
// could handle: its processors, the interfaces of a network namespace, and the folders that other things are mounted on.
package sysfs

import (
	"slices"
	"strings"
	"sync"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/netdev"
	"cleave/fs/socket"
	"cleave/fs/synth"
	"cleave/ns/user"
)

const (
	dirMode  = abi.S_IFDIR | 0o755
	fileMode = abi.S_IFREG | 0o444
)

// file is a path with what is read there.
type file struct{ path, text string }

// files are those of every machine; a path that ends in a slash is an empty folder (sysfs(5), and
// Documentation/ABI of Linux).
//
// DIVERGES: Linux shows the tree of devices, modules and other classes than net.
var files = [...]file{
	{"block/", ""},
	{"bus/", ""},
	{"dev/block/", ""},
	{"dev/char/", ""},
	{"firmware/", ""},
	{"fs/cgroup/", ""},
	{"kernel/mm/", ""},
	{"module/", ""},
	{"power/", ""},
	{"kernel/debug/", ""},

	{"kernel/address_bits", "64\n"},
	{"kernel/cpu_byteorder", "little\n"},
	{"kernel/fscaps", "1\n"},
	{"kernel/mm/transparent_hugepage/defrag", "always defer defer+madvise madvise [never]\n"},
	{"kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n"},

	{"devices/system/cpu/kernel_max", "0\n"},
	{"devices/system/cpu/offline", "\n"},
	{"devices/system/cpu/online", "0\n"},
	{"devices/system/cpu/possible", "0\n"},
	{"devices/system/cpu/present", "0\n"},

	{"devices/system/cpu/cpu0/topology/core_cpus", "1\n"},
	{"devices/system/cpu/cpu0/topology/core_cpus_list", "0\n"},
	{"devices/system/cpu/cpu0/topology/core_id", "0\n"},
	{"devices/system/cpu/cpu0/topology/core_siblings", "1\n"},
	{"devices/system/cpu/cpu0/topology/core_siblings_list", "0\n"},
	{"devices/system/cpu/cpu0/topology/die_id", "0\n"},
	{"devices/system/cpu/cpu0/topology/package_cpus", "1\n"},
	{"devices/system/cpu/cpu0/topology/package_cpus_list", "0\n"},
	{"devices/system/cpu/cpu0/topology/physical_package_id", "0\n"},
	{"devices/system/cpu/cpu0/topology/thread_siblings", "1\n"},
	{"devices/system/cpu/cpu0/topology/thread_siblings_list", "0\n"},
}

// Type returns the type of file system. A mount shows the interfaces of the mounter's network namespace; first has those
// of the initial one, which the kernel's own mounts show. id tells of the processor.
func Type(first *netdev.Table, id CPUID) *fs.Type {
	root := sync.OnceValue(func() *synth.Node {
		all := files[:]
		for n, c := range caches(id) {
			all = append(all, c.files(n)...)
		}
		return tree(all)
	})
	return &fs.Type{Name: "sysfs", Flags: fs.TypeNoDev | fs.TypeUserNS | fs.TypeVisible,
		Mount: func(r *fs.MountRequest) (*fs.Superblock, error) { return mount(r, root(), first) }}
}

// mount makes a file system. EPERM: no CAP_SYS_ADMIN over the network namespace.
func mount(r *fs.MountRequest, root *synth.Node, links *netdev.Table) (*fs.Superblock, error) {
	if r.Caller != nil {
		if t, ok := r.Caller.Task.(socket.Task); ok {
			links = t.Links()
		}
		if !r.Caller.Cred.Has(user.CapSysAdmin, links.Namespace().Owner()) {
			return nil, abi.EPERM
		}
	}
	own := *r
	own.Owner = links.Namespace().Owner()
	return synth.New(r.VFS, synth.Config{Type: r.Type, Request: &own, Magic: abi.SYSFS_MAGIC,
		Flags: fs.SuperNoExec | fs.SuperNoDev | fs.SuperVolatile, Root: synth.Entry{Node: root, Data: links}}).Superblock(), nil
}

// tree makes the nodes of files.
func tree(files []file) *synth.Node {
	root := &synth.Node{Mode: dirMode}
	for _, f := range files {
		dir := root
		parts := strings.Split(f.path, "/")
		for _, name := range parts[:len(parts)-1] {
			dir = child(dir, name, &synth.Node{Mode: dirMode})
		}
		if name := parts[len(parts)-1]; name != "" {
			child(dir, name, &synth.Node{Mode: fileMode, Read: func(_ *synth.Object, _ *fs.Caller, buf []byte) ([]byte, error) {
				return append(buf, f.text...), nil
			}})
		}
	}
	addNet(root)
	return root
}

// child returns the entry of that name in dir, which is n if there was none. Entries are in order.
func child(dir *synth.Node, name string, n *synth.Node) *synth.Node {
	i, found := slices.BinarySearchFunc(dir.Children, name, func(c synth.Child, name string) int { return strings.Compare(c.Name, name) })
	if !found {
		dir.Children = slices.Insert(dir.Children, i, synth.Child{Name: name, Node: n})
	}
	return dir.Children[i].Node
}
