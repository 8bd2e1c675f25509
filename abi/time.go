package abi

// Clocks of clock_gettime(2).
const (
	CLOCK_REALTIME           = 0
	CLOCK_MONOTONIC          = 1
	CLOCK_PROCESS_CPUTIME_ID = 2
	CLOCK_THREAD_CPUTIME_ID  = 3
	CLOCK_MONOTONIC_RAW      = 4
	CLOCK_REALTIME_COARSE    = 5
	CLOCK_MONOTONIC_COARSE   = 6
	CLOCK_BOOTTIME           = 7
	CLOCK_REALTIME_ALARM     = 8
	CLOCK_BOOTTIME_ALARM     = 9
	CLOCK_TAI                = 11
)

// Flag of clock_nanosleep(2) and timer_settime(2); timers of setitimer(2).
const (
	TIMER_ABSTIME  = 1
	ITIMER_REAL    = 0
	ITIMER_VIRTUAL = 1
	ITIMER_PROF    = 2
)

// How a timer of timer_create(2) tells of its expiry.
const (
	SIGEV_SIGNAL    = 0
	SIGEV_NONE      = 1
	SIGEV_THREAD    = 2
	SIGEV_THREAD_ID = 4
)

// Modes and states of adjtimex(2).
const (
	ADJ_OFFSET            = 1
	ADJ_FREQUENCY         = 2
	ADJ_MAXERROR          = 4
	ADJ_ESTERROR          = 8
	ADJ_STATUS            = 0x10
	ADJ_TIMECONST         = 0x20
	ADJ_TAI               = 0x80
	ADJ_SETOFFSET         = 0x100
	ADJ_MICRO             = 0x1000
	ADJ_NANO              = 0x2000
	ADJ_TICK              = 0x4000
	ADJ_ADJTIME           = 0x8000
	ADJ_OFFSET_SINGLESHOT = 0x8001
	ADJ_OFFSET_SS_READ    = 0xa001
	STA_PLL               = 1
	STA_UNSYNC            = 0x40
	STA_NANO              = 0x2000
	STA_RONLY             = 0xff00
	TIME_OK               = 0
	TIME_ERROR            = 5
)
