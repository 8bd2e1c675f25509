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
// Operations on open files return abi.EAGAIN where Linux would sleep interruptibly; the caller waits on File's queue
// and tries again. Waiting for a disk may block the goroutine.
//
// # What keeps what
//
// Names, inodes and mounts are freed by the garbage collector, but what users can see is counted. Inode.users counts
// names in the cache, pins and mounts of it: with the last one the inode leaves memory, and its pages are freed.
// Mount.users counts pins: a mount with pins is busy. A Path that outlives a lock is pinned (Path.Get, Path.Put); an
// open file, a root and a working directory are pins. Superblock.active counts mounts.
//
// # Locks, outermost first
//
//	File.posMu                 read, write and seek at the common position
//	  VFS.renameMu             a rename between two directories
//	    Inode.mu               entries of a directory, content of a file; a directory before what is in it, else by number
//	      address space        a Buffer may fault; truncation unmaps
//	        Mapping.mu         pages of one file
//	      locks of a file system (tmpfs node)
//	        Mapping.mu
//	      VFS.tree             names, dentries, mounts, roots and working directories; the walk holds it for reading
//	        MountNamespace.Events
//	        whatever InodeOps.Valid and Permission take: they must not use paths or mounts
//	File.asyncMu               registration for SIGIO
//	  wait.Queue
//	    File.mu
//	watchList.mu               inotify watches of one inode
//	  Inotify.mu
//	lockTable.mu               flock(2) and fcntl(2) locks of one inode
//	  lockWaits.mu
//	FDTable.mu, VFS.typesMu, VFS.charMu    leaves
//
// A function whose name ends in Locked wants VFS.tree held for writing, unless it says otherwise. The tree lock is not
// held while a file system is asked for a name, and no lock that a page fault needs is held while a Buffer is copied:
// the reference to the frame keeps the page.
package fs
