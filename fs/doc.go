// Package fs is the virtual file system: inodes, the cache of names, the path walk, open files and descriptor tables,
// mounts, mount namespaces and the page cache. File systems, pipes, terminals and the like are packages below it.
//
// # Who calls
//
// A task acts through its Caller: credentials, Context (root, cwd, umask), FDTable, mount namespace and limits. Path
// operations are methods of Caller. They know no ABI: paths are byte slices without the final NUL, errors hold an
// abi.Errno, ids are those of the initial user namespace (user.KUID).
//
// # No operation sleeps for a user
//
// Operations on open files return abi.EAGAIN where Linux would sleep interruptibly; the caller waits on File.Queue
// and tries again. Waiting for a disk may block the goroutine.
//
// # Locks, outermost first
//
//	VFS.renameMu          one rename of a directory to another directory at a time
//	  Inode.mu            content of a directory or a file; parent before child, then by inode number
//	    VFS.tree          names, dentries, mount topology; the walk holds it for reading
//	      Mount.mu? none: a mount's fields belong to VFS.tree, its counters are atomic
//	    Mapping.mu        the pages of one file
//	  File.posMu          is taken before Inode.mu
//	FDTable.mu, Context.mu, lockTable.mu   leaves: nothing is taken under them
//
// No lock is held while a Buffer is copied to or from: the copy may fault on a page of the same file. The pin on the
// frame keeps the page in place instead.
package fs
