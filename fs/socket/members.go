package socket

import "sync"

// Members are the sockets of a family in a network namespace, in the order in which they were made. The zero value has
// none.
type Members struct {
	mu          sync.Mutex
	first, last *Member // guarded by mu, as are the members' links
}

// Member is a socket's place among Members. The zero value is in none.
type Member struct {
	socket     Socket
	of         *Members
	prev, next *Member
}

// Join puts a socket behind the others.
func (l *Members) Join(m *Member, s Socket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m.socket, m.of, m.prev = s, l, l.last
	if l.last == nil {
		l.first = m
	} else {
		l.last.next = m
	}
	l.last = m
}

// Leave takes a socket out, if it is in.
func (m *Member) Leave() {
	l := m.of
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if m.prev == nil {
		l.first = m.next
	} else {
		m.prev.next = m.next
	}
	if m.next == nil {
		l.last = m.prev
	} else {
		m.next.prev = m.prev
	}
	*m = Member{}
}

// All lists the sockets.
func (l *Members) All() (list []Socket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for m := l.first; m != nil; m = m.next {
		list = append(list, m.socket)
	}
	return list
}
