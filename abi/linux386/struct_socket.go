package linux386

// msghdr is struct msghdr (sendmsg(2)).
type msghdr struct {
	Name       uint32 `c:"msg_name"`
	Namelen    uint32 `c:"msg_namelen"`
	Iov        uint32 `c:"msg_iov"`
	Iovlen     uint32 `c:"msg_iovlen"`
	Control    uint32 `c:"msg_control"`
	Controllen uint32 `c:"msg_controllen"`
	Flags      uint32 `c:"msg_flags"`
}

// mmsghdr is struct mmsghdr (sendmmsg(2)).
type mmsghdr struct {
	Hdr msghdr `c:"msg_hdr"`
	Len uint32 `c:"msg_len"`
}

// cmsghdr is struct cmsghdr: the head of a control message, whose data follows.
type cmsghdr struct {
	Len   uint32 `c:"cmsg_len"`
	Level int32  `c:"cmsg_level"`
	Type  int32  `c:"cmsg_type"`
}

// ucred is struct ucred (unix(7)).
type ucred struct {
	PID int32  `c:"pid"`
	UID uint32 `c:"uid"`
	GID uint32 `c:"gid"`
}

// linger is struct linger (socket(7)).
type linger struct {
	Onoff  int32 `c:"l_onoff"`
	Linger int32 `c:"l_linger"`
}
