// Package procfs is the file system on /proc (proc(5)): what the kernel and each process show of themselves, and the
// settings below /proc/sys.
//
// A directory is a table of entries; the text of a file is made when it is read from its beginning. A mount shows the
// pid namespace of who mounted it: ids in file names and in texts are those of that namespace. What a reader may see
// goes by the rules of ptrace(2), "Ptrace access mode checking".
package procfs
