package abi

// Address families of socket(2).
const (
	AF_UNSPEC  = 0
	AF_UNIX    = 1
	AF_INET    = 2
	AF_INET6   = 10
	AF_NETLINK = 16
	AF_PACKET  = 17
	AF_VSOCK   = 40
)

// Socket types and their flags (socket(2)).
const (
	SOCK_STREAM    = 1
	SOCK_DGRAM     = 2
	SOCK_RAW       = 3
	SOCK_SEQPACKET = 5
	SOCK_TYPE_MASK = 0xf
	SOCK_NONBLOCK  = 0x800
	SOCK_CLOEXEC   = 0x80000
)

// Levels and options of getsockopt(2) (socket(7)). The _OLD options take 32-bit times on i386, the _NEW ones 64-bit.
const (
	SOL_SOCKET       = 1
	SO_DEBUG         = 1
	SO_REUSEADDR     = 2
	SO_TYPE          = 3
	SO_ERROR         = 4
	SO_DONTROUTE     = 5
	SO_BROADCAST     = 6
	SO_SNDBUF        = 7
	SO_RCVBUF        = 8
	SO_KEEPALIVE     = 9
	SO_OOBINLINE     = 10
	SO_PRIORITY      = 12
	SO_LINGER        = 13
	SO_REUSEPORT     = 15
	SO_PASSCRED      = 16
	SO_PEERCRED      = 17
	SO_RCVLOWAT      = 18
	SO_SNDLOWAT      = 19
	SO_RCVTIMEO_OLD  = 20
	SO_SNDTIMEO_OLD  = 21
	SO_PEERNAME      = 28
	SO_TIMESTAMP_OLD = 29
	SO_ACCEPTCONN    = 30
	SO_PEERSEC       = 31
	SO_SNDBUFFORCE   = 32
	SO_RCVBUFFORCE   = 33
	SO_PASSSEC       = 34
	SO_MARK          = 36
	SO_PROTOCOL      = 38
	SO_DOMAIN        = 39
	SO_PEEK_OFF      = 42
	SO_PEERGROUPS    = 59
	SO_TIMESTAMP_NEW = 63
	SO_RCVTIMEO_NEW  = 66
	SO_SNDTIMEO_NEW  = 67
	SO_PASSPIDFD     = 76
	SO_PEERPIDFD     = 77
)

// Control messages (unix(7)) and directions of shutdown(2).
const (
	SCM_RIGHTS      = 1
	SCM_CREDENTIALS = 2
	SHUT_RD         = 0
	SHUT_WR         = 1
	SHUT_RDWR       = 2
	SOMAXCONN       = 4096
)

// Flags of send(2) and recv(2).
const (
	MSG_OOB          = 1
	MSG_PEEK         = 2
	MSG_DONTROUTE    = 4
	MSG_CTRUNC       = 8
	MSG_PROBE        = 0x10
	MSG_TRUNC        = 0x20
	MSG_DONTWAIT     = 0x40
	MSG_EOR          = 0x80
	MSG_WAITALL      = 0x100
	MSG_CONFIRM      = 0x800
	MSG_ERRQUEUE     = 0x2000
	MSG_NOSIGNAL     = 0x4000
	MSG_MORE         = 0x8000
	MSG_WAITFORONE   = 0x10000
	MSG_CMSG_CLOEXEC = 0x40000000
)
