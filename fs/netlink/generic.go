package netlink

import (
	"encoding/binary"

	"cleave/abi"
	"cleave/ns/user"
)

// genericFamily is a family of generic netlink: a protocol that is found by its name.
type genericFamily struct {
	name       string
	id         uint16
	version    byte
	attributes uint32 // the highest type of attribute
	commands   []genericCommand
}

// genericCommand is a request that a family takes.
type genericCommand struct {
	id     byte
	flags  uint32 // GENL_*
	handle func(d *dialogue, r *request, attrs attributes) error
}

const genericSize = 4 // struct genlmsghdr: command, version, pad (2)

// genericFamilies are made at the start, for they refer to what refers to them.
var genericFamilies [2]genericFamily

func init() {
	genericFamilies = [...]genericFamily{
		{"nlctrl", abi.GENL_ID_CTRL, 2, 10, []genericCommand{
			{abi.CTRL_CMD_GETFAMILY, abi.GENL_CMD_CAP_DO | abi.GENL_CMD_CAP_DUMP, (*dialogue).getFamily},
		}},
		{"TASKSTATS", abi.GENL_ID_CTRL + 3, 1, 4, []genericCommand{
			{abi.TASKSTATS_CMD_GET, abi.GENL_ADMIN_PERM | abi.GENL_CMD_CAP_DO, (*dialogue).taskStats},
		}},
	}
}

// generic answers a request of generic netlink. ENOENT: there is no such family; EINVAL; EOPNOTSUPP: it has no such
// command; EPERM: that takes CAP_NET_ADMIN in the initial user namespace.
func (d *dialogue) generic(r *request) error {
	for i := range genericFamilies {
		f := &genericFamilies[i]
		if f.id != r.typ {
			continue
		}
		if len(r.body) < genericSize {
			return abi.EINVAL
		}
		for _, c := range f.commands {
			if c.id != r.body[0] {
				continue
			}
			capable := uint32(abi.GENL_CMD_CAP_DO)
			if r.dumps() {
				capable = abi.GENL_CMD_CAP_DUMP
			}
			switch {
			case c.flags&capable == 0:
				return abi.EOPNOTSUPP
			case c.flags&abi.GENL_ADMIN_PERM != 0 && !d.c.Cred.Has(user.CapNetAdmin, d.c.Cred.NS.Initial()):
				return abi.EPERM
			}
			return c.handle(d, r, parseAttributes(r.body[genericSize:]))
		}
		return abi.EOPNOTSUPP
	}
	return abi.ENOENT
}

// getFamily tells of a family, or of all.
func (d *dialogue) getFamily(r *request, attrs attributes) error {
	if r.dumps() {
		if err := d.mayDump(); err != nil {
			return err
		}
		for i := range genericFamilies {
			d.add(r, abi.GENL_ID_CTRL, genericFamilies[i].message())
		}
		d.done(r)
		return nil
	}
	id, hasID := attrs[abi.CTRL_ATTR_FAMILY_ID]
	const longest = 15
	name, err := attrs.text(abi.CTRL_ATTR_FAMILY_NAME, longest)
	switch {
	case err != nil:
		return err
	case hasID && len(id) < 2:
		return abi.ERANGE
	case !hasID && name == "":
		return abi.EINVAL
	}
	for i := range genericFamilies {
		f := &genericFamilies[i]
		if name == f.name || name == "" && binary.LittleEndian.Uint16(id) == f.id {
			d.send(r, abi.GENL_ID_CTRL, 0, f.message())
			return nil
		}
	}
	return abi.ENOENT
}

// message describes the family.
func (f *genericFamily) message() []byte {
	const version = 2
	b := []byte{abi.CTRL_CMD_NEWFAMILY, version, 0, 0}
	b = attribute(b, abi.CTRL_ATTR_FAMILY_NAME, text(f.name)...)
	b = attribute(b, abi.CTRL_ATTR_FAMILY_ID, binary.LittleEndian.AppendUint16(nil, f.id)...)
	b = attribute(b, abi.CTRL_ATTR_VERSION, word(uint32(f.version))...)
	b = attribute(b, abi.CTRL_ATTR_HDRSIZE, word(0)...)
	b = attribute(b, abi.CTRL_ATTR_MAXATTR, word(f.attributes)...)
	var list []byte
	for i, c := range f.commands {
		op := attribute(nil, abi.CTRL_ATTR_OP_ID, word(uint32(c.id))...)
		list = attribute(list, uint16(i+1), attribute(op, abi.CTRL_ATTR_OP_FLAGS, word(c.flags)...)...)
	}
	return attribute(b, abi.CTRL_ATTR_OPS, list...)
}

// TaskStats is what TASKSTATS tells of a thread, or of a process (struct taskstats of Linux).
type TaskStats struct {
	ExitCode               uint32
	Nice                   int8
	Comm                   string
	Policy                 uint8
	UID                    user.UID
	GID                    user.GID
	PID, TGID, PPID        int32
	Began                  int64 // seconds since 1970
	Elapsed                int64 // ns, as are UTime and STime
	UTime, STime           int64
	MinorFaults            int64
	MajorFaults            int64
	MaxRSS, MaxVM          int64 // KiB
	Voluntary, Involuntary int64 // changes of task
}

// taskStats tells how a task does. EINVAL: no task is named; ESRCH.
//
// DIVERGES: nobody is told of every end of a task (TASKSTATS_CMD_ATTR_REGISTER_CPUMASK).
func (d *dialogue) taskStats(r *request, attrs attributes) error {
	const version = 1
	pid, err := attrs.word(abi.TASKSTATS_CMD_ATTR_PID)
	if err != nil {
		return err
	}
	typ, all, group := uint16(abi.TASKSTATS_TYPE_PID), uint16(abi.TASKSTATS_TYPE_AGGR_PID), false
	if pid == nil {
		if pid, err = attrs.word(abi.TASKSTATS_CMD_ATTR_TGID); err != nil {
			return err
		}
		typ, all, group = abi.TASKSTATS_TYPE_TGID, abi.TASKSTATS_TYPE_AGGR_TGID, true
	}
	t, ok := d.c.Task.(Task)
	if pid == nil || !ok {
		return abi.EINVAL
	}
	st, err := t.TaskStats(int32(*pid), group)
	if err != nil {
		return err
	}
	b := attribute(attribute(nil, typ, word(*pid)...), abi.TASKSTATS_TYPE_STATS, st.encode()...)
	d.send(r, r.typ, 0, attribute([]byte{abi.TASKSTATS_CMD_NEW, version, 0, 0}, all, b...))
	return nil
}

// encode makes a struct taskstats of version 13. What this kernel does not count is 0: delays, bytes read and written.
func (s *TaskStats) encode() []byte {
	const version, size, microsecond = 13, 416, 1000
	le := binary.LittleEndian
	b := make([]byte, size)
	le.PutUint16(b, version)
	le.PutUint32(b[4:], s.ExitCode)
	b[9] = byte(s.Nice)
	copy(b[80:111], s.Comm)
	b[112] = s.Policy
	for i, v := range [...]uint32{uint32(s.UID), uint32(s.GID), uint32(s.PID), uint32(s.PPID), uint32(s.Began)} {
		le.PutUint32(b[120+4*i:], v)
	}
	for i, v := range [...]int64{s.Elapsed / microsecond, s.UTime / microsecond, s.STime / microsecond, s.MinorFaults, s.MajorFaults} {
		le.PutUint64(b[144+8*i:], uint64(v))
	}
	le.PutUint64(b[200:], uint64(s.MaxRSS))
	le.PutUint64(b[208:], uint64(s.MaxVM))
	le.PutUint64(b[272:], uint64(s.Voluntary))
	le.PutUint64(b[280:], uint64(s.Involuntary))
	le.PutUint64(b[344:], uint64(s.Began))
	le.PutUint32(b[368:], uint32(s.TGID))
	le.PutUint64(b[376:], uint64(s.Elapsed/microsecond))
	return b
}
