package unix

import (
	"sync"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/socket"
	"cleave/ns/user"
)

// flight is the files that have been sent and not yet received. A socket that is only referred to by messages in flight,
// which wait in sockets that are themselves only referred to so, can never be received: collect finds these, as a
// count of references cannot.
type flight struct {
	mu      sync.Mutex
	sockets map[*Socket]int // how often each unix socket is in flight; guarded by mu
	total   int             // sum of the counts
	checked int             // total after the last search
	closed  int             // sockets that have been closed since
}

// searchShare says how often a close looks for lost sockets when there are many in flight: once for so many of them.
const searchShare = 16

// searchAt is how many sockets in flight are many: from then on a sender looks for lost ones, and not every close does.
const searchAt = 256

// sendRights sends a message with files.
func (s *Socket) sendRights(c *fs.Caller, to *Socket, m *socket.Message, seg segment) (int, error) {
	n := int64(len(m.Rights))
	seg.charged = c.Cred.Account
	limit := int64(1<<63 - 1)
	if c.Limits != nil && !c.Cred.HasHere(user.CapSysResource) && !c.Cred.HasHere(user.CapSysAdmin) {
		limit = int64(c.Limits.NoFile())
	}
	if !seg.charged.Charge(user.FlyingFiles, n, limit) {
		return 0, abi.ETOOMANYREFS
	}
	seg.files = m.Rights
	s.d.flight.launch(seg.files)
	done, err := s.deliver(to, m.Buf, seg)
	if err != nil && done == 0 {
		s.d.flight.mu.Lock()
		s.d.flight.landLocked(&seg)
		s.d.flight.mu.Unlock()
		return 0, err
	}
	m.Rights = nil
	if s.d.flight.crowded() {
		s.d.collect()
	}
	return done, err
}

// launch counts files as in flight.
func (l *flight) launch(files []*fs.File) {
	l.mu.Lock()
	for _, f := range files {
		if s, ok := f.Ops.(*Socket); ok {
			l.sockets[s]++
			l.total++
		}
	}
	l.mu.Unlock()
}

// landLocked counts the files of a segment as in flight no more.
func (l *flight) landLocked(seg *segment) {
	for _, f := range seg.files {
		s, ok := f.Ops.(*Socket)
		if !ok {
			continue
		}
		l.total--
		if l.sockets[s]--; l.sockets[s] == 0 {
			delete(l.sockets, s)
		}
	}
	if len(seg.files) > 0 && seg.charged != nil {
		seg.charged.Add(user.FlyingFiles, -int64(len(seg.files)))
	}
}

// crowded reports whether so many sockets have been sent since the last search that it is worth another.
func (l *flight) crowded() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.total >= searchAt && l.total >= 2*l.checked
}

// socketClosed looks for lost sockets if enough have been closed since the last search that it is worth one.
func (d *Domain) socketClosed() {
	l := &d.flight
	l.mu.Lock()
	l.closed++
	search := l.total > 0 && (l.total < searchAt || l.closed > l.total/searchShare)
	l.mu.Unlock()
	if search {
		d.collect()
	}
}

// collect finds sockets in flight that nobody can ever receive, and lets go of what waits in them.
func (d *Domain) collect() {
	l := &d.flight
	l.mu.Lock()
	lost := l.findLostLocked(d)
	var files []*fs.File
	for s := range lost {
		files = s.takeFiles(files)
	}
	l.checked, l.closed = l.total, 0
	l.mu.Unlock()
	d.drop(files)
}

// drop puts files. One of them may be a socket whose inbox has others, and so on: those are put by the loop of whoever
// came first, so that no chain of sockets, however long, needs more stack.
func (d *Domain) drop(files []*fs.File) {
	if len(files) == 0 {
		return
	}
	d.dropMu.Lock()
	d.dropping = append(d.dropping, files...)
	if d.busy {
		d.dropMu.Unlock()
		return
	}
	d.busy = true
	for len(d.dropping) > 0 {
		f := d.dropping[len(d.dropping)-1]
		d.dropping = d.dropping[:len(d.dropping)-1]
		d.dropMu.Unlock()
		f.Put()
		d.dropMu.Lock()
	}
	d.busy = false
	d.dropMu.Unlock()
}

// findLostLocked returns the sockets in flight that cannot be reached. A socket has a descriptor somewhere if it has more
// references than there are of it in flight; so does what waits in it, and so on. While flight.mu is held no file in
// flight can land, so that one which has no descriptor gets none.
func (l *flight) findLostLocked(d *Domain) map[*Socket]bool {
	lost := map[*Socket]bool{}
	for s, n := range l.sockets {
		if s.file.Refs() == n {
			lost[s] = true
		}
	}
	if len(lost) == 0 {
		return nil
	}
	inside := map[*Socket]int{} // how often each is in an inbox of one that may be lost
	for s := range lost {
		s.each(d, func(t *Socket) { inside[t]++ })
	}
	var reached []*Socket
	for s := range lost {
		if l.sockets[s] > inside[s] {
			reached = append(reached, s)
		}
	}
	for _, s := range reached {
		delete(lost, s)
	}
	for len(reached) > 0 {
		s := reached[len(reached)-1]
		reached = reached[:len(reached)-1]
		s.each(d, func(t *Socket) {
			if lost[t] {
				delete(lost, t)
				reached = append(reached, t)
			}
		})
	}
	return lost
}

// each calls f for every socket that waits in the inbox of s, or of a connection that s has not accepted yet.
func (s *Socket) each(d *Domain, f func(*Socket)) {
	s.mu.Lock()
	for i := s.in.first; i < len(s.in.segs); i++ {
		for _, file := range s.in.segs[i].files {
			if t, ok := file.Ops.(*Socket); ok {
				f(t)
			}
		}
	}
	s.mu.Unlock()
	d.mu.Lock()
	backlog := s.backlog
	d.mu.Unlock()
	for _, e := range backlog {
		e.each(d, f)
	}
}

// takeFiles appends the files that wait in s, which are in flight no more. The lock of files in flight is held.
func (s *Socket) takeFiles(files []*fs.File) []*fs.File {
	s.mu.Lock()
	for i := s.in.first; i < len(s.in.segs); i++ {
		seg := &s.in.segs[i]
		s.d.flight.landLocked(seg)
		files = append(files, seg.files...)
		seg.files = nil
	}
	s.mu.Unlock()
	s.d.mu.Lock()
	backlog := s.backlog
	s.d.mu.Unlock()
	for _, e := range backlog {
		files = e.takeFiles(files)
	}
	return files
}
