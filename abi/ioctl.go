package abi

// Requests of ioctl(2) on terminals (ioctl_tty(2)).
const (
	TCGETS         = 0x5401
	TCSETS         = 0x5402
	TCSETSW        = 0x5403
	TCSETSF        = 0x5404
	TCGETA         = 0x5405
	TCSETA         = 0x5406
	TCSETAW        = 0x5407
	TCSETAF        = 0x5408
	TCSBRK         = 0x5409
	TCXONC         = 0x540a
	TCFLSH         = 0x540b
	TIOCEXCL       = 0x540c
	TIOCNXCL       = 0x540d
	TIOCSCTTY      = 0x540e
	TIOCGPGRP      = 0x540f
	TIOCSPGRP      = 0x5410
	TIOCOUTQ       = 0x5411
	TIOCSTI        = 0x5412
	TIOCGWINSZ     = 0x5413
	TIOCSWINSZ     = 0x5414
	TIOCMGET       = 0x5415
	TIOCMBIS       = 0x5416
	TIOCMBIC       = 0x5417
	TIOCMSET       = 0x5418
	TIOCGSOFTCAR   = 0x5419
	TIOCSSOFTCAR   = 0x541a
	FIONREAD       = 0x541b
	TIOCLINUX      = 0x541c
	TIOCCONS       = 0x541d
	TIOCGSERIAL    = 0x541e
	TIOCSSERIAL    = 0x541f
	TIOCPKT        = 0x5420
	FIONBIO        = 0x5421
	TIOCNOTTY      = 0x5422
	TIOCSETD       = 0x5423
	TIOCGETD       = 0x5424
	TCSBRKP        = 0x5425
	TIOCSBRK       = 0x5427
	TIOCCBRK       = 0x5428
	TIOCGSID       = 0x5429
	TCGETS2        = 0x802c542a
	TCSETS2        = 0x402c542b
	TCSETSW2       = 0x402c542c
	TCSETSF2       = 0x402c542d
	TIOCGPTN       = 0x80045430
	TIOCSPTLCK     = 0x40045431
	TIOCGDEV       = 0x80045432
	TIOCVHANGUP    = 0x5437
	TIOCGPKT       = 0x80045438
	TIOCGPTLCK     = 0x80045439
	TIOCGEXCL      = 0x80045440
	TIOCGPTPEER    = 0x5441
	FIONCLEX       = 0x5450
	FIOCLEX        = 0x5451
	FIOASYNC       = 0x5452
	TIOCGLCKTRMIOS = 0x5456
	TIOCSLCKTRMIOS = 0x5457
	FIOQSIZE       = 0x5460
)

// Requests of ioctl(2) on files, block devices and sockets.
const (
	FIBMAP            = 1
	FIGETBSZ          = 2
	FICLONE           = 0x40049409
	FICLONERANGE      = 0x4020940d
	FIFREEZE          = 0xc0045877
	FITHAW            = 0xc0045878
	FITRIM            = 0xc0185879
	FS_IOC_GETFLAGS   = 0x80046601
	FS_IOC_SETFLAGS   = 0x40046602
	FS_IOC_GETVERSION = 0x80047601
	FS_IOC_FSGETXATTR = 0x801c581f
	FS_IOC_FSSETXATTR = 0x401c5820
	BLKROSET          = 0x125d
	BLKROGET          = 0x125e
	BLKRRPART         = 0x125f
	BLKGETSIZE        = 0x1260
	BLKFLSBUF         = 0x1261
	BLKSSZGET         = 0x1268
	BLKBSZGET         = 0x80041270
	BLKGETSIZE64      = 0x80041272
	BLKPBSZGET        = 0x127b
	FIOSETOWN         = 0x8901
	FIOGETOWN         = 0x8903
	SIOCSPGRP         = 0x8902
	SIOCGPGRP         = 0x8904
	SIOCATMARK        = 0x8905
	SIOCGSTAMP_OLD    = 0x8906
)

// Requests of ioctl(2) on a virtual console (ioctl_console(2)).
const (
	KDGKBTYPE     = 0x4b33
	KDGETMODE     = 0x4b3b
	KDSETMODE     = 0x4b3a
	KDGKBMODE     = 0x4b44
	KDSKBMODE     = 0x4b45
	VT_OPENQRY    = 0x5600
	VT_GETMODE    = 0x5601
	VT_GETSTATE   = 0x5603
	VT_ACTIVATE   = 0x5606
	VT_WAITACTIVE = 0x5607
)
