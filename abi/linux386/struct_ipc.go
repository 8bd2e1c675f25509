package linux386

// ipcPerm is struct ipc_perm, with 16-bit ids: what ipc(2) without IPC_64 uses.
type ipcPerm struct {
	Key  int32  `c:"key"`
	UID  uint16 `c:"uid"`
	GID  uint16 `c:"gid"`
	CUID uint16 `c:"cuid"`
	CGID uint16 `c:"cgid"`
	Mode uint16 `c:"mode"`
	Seq  uint16 `c:"seq"`
}

// ipc64Perm is struct ipc64_perm.
type ipc64Perm struct {
	Key  int32  `c:"key"`
	UID  uint32 `c:"uid"`
	GID  uint32 `c:"gid"`
	CUID uint32 `c:"cuid"`
	CGID uint32 `c:"cgid"`
	Mode uint16 `c:"mode"`
	_    uint16
	Seq  uint16 `c:"seq"`
	_    uint16
	_    [2]uint32
}

// shmidDS is struct shmid_ds.
type shmidDS struct {
	Perm   ipcPerm `c:"shm_perm"`
	Segsz  uint32  `c:"shm_segsz"`
	Atime  uint32  `c:"shm_atime"`
	Dtime  uint32  `c:"shm_dtime"`
	Ctime  uint32  `c:"shm_ctime"`
	CPID   uint16  `c:"shm_cpid"`
	LPID   uint16  `c:"shm_lpid"`
	Nattch uint16  `c:"shm_nattch"`
	_      [5]uint16
}

// shmid64DS is struct shmid64_ds.
type shmid64DS struct {
	Perm      ipc64Perm `c:"shm_perm"`
	Segsz     uint32    `c:"shm_segsz"`
	Atime     uint32    `c:"shm_atime"`
	AtimeHigh uint32    `c:"shm_atime_high"`
	Dtime     uint32    `c:"shm_dtime"`
	DtimeHigh uint32    `c:"shm_dtime_high"`
	Ctime     uint32    `c:"shm_ctime"`
	CtimeHigh uint32    `c:"shm_ctime_high"`
	CPID      int32     `c:"shm_cpid"`
	LPID      int32     `c:"shm_lpid"`
	Nattch    uint32    `c:"shm_nattch"`
	_         [2]uint32
}

// shminfo64 is struct shminfo64 (IPC_INFO).
type shminfo64 struct {
	Max uint32 `c:"shmmax"`
	Min uint32 `c:"shmmin"`
	Mni uint32 `c:"shmmni"`
	Seg uint32 `c:"shmseg"`
	All uint32 `c:"shmall"`
	_   [4]uint32
}

// shmInfo is struct shm_info (SHM_INFO).
type shmInfo struct {
	UsedIDs   int32  `c:"used_ids"`
	Total     uint32 `c:"shm_tot"`
	RSS       uint32 `c:"shm_rss"`
	Swapped   uint32 `c:"shm_swp"`
	Attempts  uint32 `c:"swap_attempts"`
	Successes uint32 `c:"swap_successes"`
}

// semidDS is struct semid_ds.
type semidDS struct {
	Perm  ipcPerm `c:"sem_perm"`
	Otime uint32  `c:"sem_otime"`
	Ctime uint32  `c:"sem_ctime"`
	_     [4]uint32
	Nsems uint16 `c:"sem_nsems"`
	_     uint16
}

// semid64DS is struct semid64_ds.
type semid64DS struct {
	Perm      ipc64Perm `c:"sem_perm"`
	Otime     uint32    `c:"sem_otime"`
	OtimeHigh uint32    `c:"sem_otime_high"`
	Ctime     uint32    `c:"sem_ctime"`
	CtimeHigh uint32    `c:"sem_ctime_high"`
	Nsems     uint32    `c:"sem_nsems"`
	_         [2]uint32
}

// seminfo is struct seminfo (IPC_INFO, SEM_INFO).
type seminfo struct {
	Map int32 `c:"semmap"`
	Mni int32 `c:"semmni"`
	Mns int32 `c:"semmns"`
	Mnu int32 `c:"semmnu"`
	Msl int32 `c:"semmsl"`
	Opm int32 `c:"semopm"`
	Ume int32 `c:"semume"`
	Usz int32 `c:"semusz"`
	Vmx int32 `c:"semvmx"`
	Aem int32 `c:"semaem"`
}

// sembuf is struct sembuf (semop(2)).
type sembuf struct {
	Num uint16 `c:"sem_num"`
	Op  int16  `c:"sem_op"`
	Flg int16  `c:"sem_flg"`
}

// msqidDS is struct msqid_ds.
type msqidDS struct {
	Perm   ipcPerm   `c:"msg_perm"`
	_      [2]uint32 // msg_first, msg_last
	Stime  uint32    `c:"msg_stime"`
	Rtime  uint32    `c:"msg_rtime"`
	Ctime  uint32    `c:"msg_ctime"`
	_      [2]uint32 // msg_lcbytes, msg_lqbytes
	Cbytes uint16    `c:"msg_cbytes"`
	Qnum   uint16    `c:"msg_qnum"`
	Qbytes uint16    `c:"msg_qbytes"`
	LSPID  uint16    `c:"msg_lspid"`
	LRPID  uint16    `c:"msg_lrpid"`
	_      uint16
}

// msqid64DS is struct msqid64_ds.
type msqid64DS struct {
	Perm      ipc64Perm `c:"msg_perm"`
	Stime     uint32    `c:"msg_stime"`
	StimeHigh uint32    `c:"msg_stime_high"`
	Rtime     uint32    `c:"msg_rtime"`
	RtimeHigh uint32    `c:"msg_rtime_high"`
	Ctime     uint32    `c:"msg_ctime"`
	CtimeHigh uint32    `c:"msg_ctime_high"`
	Cbytes    uint32    `c:"msg_cbytes"`
	Qnum      uint32    `c:"msg_qnum"`
	Qbytes    uint32    `c:"msg_qbytes"`
	LSPID     int32     `c:"msg_lspid"`
	LRPID     int32     `c:"msg_lrpid"`
	_         [2]uint32
}

// msginfo is struct msginfo (IPC_INFO, MSG_INFO).
type msginfo struct {
	Pool int32  `c:"msgpool"`
	Map  int32  `c:"msgmap"`
	Max  int32  `c:"msgmax"`
	Mnb  int32  `c:"msgmnb"`
	Mni  int32  `c:"msgmni"`
	Ssz  int32  `c:"msgssz"`
	Tql  int32  `c:"msgtql"`
	Seg  uint16 `c:"msgseg"`
	_    uint16
}

// mqAttr is struct mq_attr (mq_getattr(3)).
type mqAttr struct {
	Flags   int32 `c:"mq_flags"`
	Maxmsg  int32 `c:"mq_maxmsg"`
	Msgsize int32 `c:"mq_msgsize"`
	Curmsgs int32 `c:"mq_curmsgs"`
	_       [4]int32
}
