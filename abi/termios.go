package abi

// CC is the number of control characters of a terminal (asm-generic/termbits.h: NCCS).
const CC = 19

// Termios is struct termios of TCGETS (termbits.h, i386 and amd64 alike: 36 bytes).
type Termios struct {
	Iflag, Oflag, Cflag, Lflag uint32
	Line                       uint8 // line discipline, 0 is N_TTY
	Cc                         [CC]uint8
}

// Termios2 is struct termios2 of TCGETS2: a Termios with the line speeds in bits per second (44 bytes).
type Termios2 struct {
	Termios
	Ispeed, Ospeed uint32
}

// Termio is struct termio of TCGETA (asm-generic/termios.h: 17 bytes and one of padding).
type Termio struct {
	Iflag, Oflag, Cflag, Lflag uint16
	Line                       uint8
	Cc                         [8]uint8
	_                          uint8
}

// Winsize is struct winsize of TIOCGWINSZ, in characters and pixels.
type Winsize struct {
	Row, Col, Xpixel, Ypixel uint16
}

// Indices of Termios.Cc.
const (
	VINTR    = 0
	VQUIT    = 1
	VERASE   = 2
	VKILL    = 3
	VEOF     = 4
	VTIME    = 5
	VMIN     = 6
	VSWTC    = 7
	VSTART   = 8
	VSTOP    = 9
	VSUSP    = 10
	VEOL     = 11
	VREPRINT = 12
	VDISCARD = 13
	VWERASE  = 14
	VLNEXT   = 15
	VEOL2    = 16
)

// Bits of Termios.Iflag (termios(3)).
const (
	IGNBRK  = 0x0001
	BRKINT  = 0x0002
	IGNPAR  = 0x0004
	PARMRK  = 0x0008
	INPCK   = 0x0010
	ISTRIP  = 0x0020
	INLCR   = 0x0040
	IGNCR   = 0x0080
	ICRNL   = 0x0100
	IUCLC   = 0x0200
	IXON    = 0x0400
	IXANY   = 0x0800
	IXOFF   = 0x1000
	IMAXBEL = 0x2000
	IUTF8   = 0x4000
)

// Bits of Termios.Oflag (termios(3)).
const (
	OPOST  = 0x0001
	OLCUC  = 0x0002
	ONLCR  = 0x0004
	OCRNL  = 0x0008
	ONOCR  = 0x0010
	ONLRET = 0x0020
	TABDLY = 0x1800
	XTABS  = 0x1800
)

// Bits of Termios.Cflag (termios(3)). The low bits of CBAUD with CBAUDEX are a speed code; BOTHER means that
// Termios2 has the speed as a number.
const (
	CBAUD   = 0x100f
	B0      = 0x0000
	B9600   = 0x000d
	B38400  = 0x000f
	BOTHER  = 0x1000
	B115200 = 0x1002
	CSIZE   = 0x0030
	CS5     = 0x0000
	CS6     = 0x0010
	CS7     = 0x0020
	CS8     = 0x0030
	CSTOPB  = 0x0040
	CREAD   = 0x0080
	PARENB  = 0x0100
	PARODD  = 0x0200
	HUPCL   = 0x0400
	CLOCAL  = 0x0800
	CIBAUD  = 0x100f0000
	CRTSCTS = 0x80000000
)

// Bits of Termios.Lflag (termios(3)).
const (
	ISIG    = 0x0001
	ICANON  = 0x0002
	XCASE   = 0x0004
	ECHO    = 0x0008
	ECHOE   = 0x0010
	ECHOK   = 0x0020
	ECHONL  = 0x0040
	NOFLSH  = 0x0080
	TOSTOP  = 0x0100
	ECHOCTL = 0x0200
	ECHOPRT = 0x0400
	ECHOKE  = 0x0800
	FLUSHO  = 0x1000
	PENDIN  = 0x4000
	IEXTEN  = 0x8000
	EXTPROC = 0x10000
)

// Arguments of TCFLSH and TCXONC (tcflush(3), tcflow(3)).
const (
	TCIFLUSH  = 0
	TCOFLUSH  = 1
	TCIOFLUSH = 2

	TCOOFF = 0
	TCOON  = 1
	TCIOFF = 2
	TCION  = 3
)

// Bits of the byte that begins each read of a pseudo-terminal's master in packet mode (TIOCPKT, ioctl_tty(2)).
const (
	TIOCPKT_DATA       = 0x00
	TIOCPKT_FLUSHREAD  = 0x01
	TIOCPKT_FLUSHWRITE = 0x02
	TIOCPKT_STOP       = 0x04
	TIOCPKT_START      = 0x08
	TIOCPKT_NOSTOP     = 0x10
	TIOCPKT_DOSTOP     = 0x20
	TIOCPKT_IOCTL      = 0x40
)

// DefaultTermios is what a terminal has when it is first opened: cooked, 8 bits, 38400 bits per second.
var DefaultTermios = Termios{
	Iflag: ICRNL | IXON,
	Oflag: OPOST | ONLCR,
	Cflag: B38400 | CS8 | CREAD | HUPCL,
	Lflag: ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
	Cc: [CC]uint8{
		VINTR: 3, VQUIT: 28, VERASE: 127, VKILL: 21, VEOF: 4, VMIN: 1, VSTART: 17, VSTOP: 19, VSUSP: 26,
		VREPRINT: 18, VDISCARD: 15, VWERASE: 23, VLNEXT: 22,
	},
}
