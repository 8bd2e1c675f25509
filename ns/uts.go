package ns

import (
	"sync"

	"cleave/abi"
	"cleave/ns/user"
)

// MaxHostName is the longest host or domain name in bytes (uname(2): 65 with the NUL).
const MaxHostName = 64

// UTSNamespace has the names of uname(2) that can be set (uts_namespaces(7)).
type UTSNamespace struct {
	user.Base
	mu     sync.Mutex
	host   string // guarded by mu
	domain string // guarded by mu
}

// NewInitialUTS makes the initial UTS namespace.
func NewInitialUTS(owner *user.Namespace, host string) *UTSNamespace {
	n := &UTSNamespace{host: host, domain: "(none)"}
	n.BeginFirst(user.KindUTS, owner, nil)
	return n
}

// Copy makes a UTS namespace with the same names for a task with credentials c. ENOSPC: too many.
func (n *UTSNamespace) Copy(c *user.Cred) (*UTSNamespace, error) {
	m := &UTSNamespace{}
	m.host, m.domain = n.Names()
	if err := m.Begin(user.KindUTS, c.NS, c.EUID, nil); err != nil {
		return nil, err
	}
	return m, nil
}

// Names gives the host and the domain name.
func (n *UTSNamespace) Names() (host, domain string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.host, n.domain
}

// SetHostName is sethostname(2). EPERM without CAP_SYS_ADMIN over n; EINVAL if it is too long.
func (n *UTSNamespace) SetHostName(c *user.Cred, name string) error { return n.set(c, &n.host, name) }

// SetDomainName is setdomainname(2), with the errors of SetHostName.
func (n *UTSNamespace) SetDomainName(c *user.Cred, name string) error {
	return n.set(c, &n.domain, name)
}

func (n *UTSNamespace) set(c *user.Cred, field *string, name string) error {
	if !c.Has(user.CapSysAdmin, n.Owner()) {
		return abi.EPERM
	}
	if len(name) > MaxHostName {
		return abi.EINVAL
	}
	n.mu.Lock()
	*field = name
	n.mu.Unlock()
	return nil
}
