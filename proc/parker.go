package proc

// Parker is where the goroutine of one task sleeps: a token, and who waits for it. boot has one that is nearer to the
// scheduler of the Go runtime than a channel.
type Parker interface {
	// Take takes the token if there is one.
	Take() bool
	// Park waits for the token and takes it. Only the task's goroutine calls it and Take.
	Park()
	// Unpark leaves the token, and lets Park go on. It never blocks; anyone may call it, with any lock held.
	Unpark()
}

// channelParker is a Parker for the host.
type channelParker chan struct{}

func newChannelParker() Parker { return make(channelParker, 1) }

// Take implements Parker.
func (c channelParker) Take() bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// Park implements Parker.
func (c channelParker) Park() { <-c }

// Unpark implements Parker.
func (c channelParker) Unpark() {
	select {
	case c <- struct{}{}:
	default:
	}
}
