package linux386

// timespec32 is struct timespec, whose seconds end in 2038.
type timespec32 struct {
	Sec int32 `c:"tv_sec"`
	Ns  int32 `c:"tv_nsec"`
}

// timespec64 is struct __kernel_timespec, of the *_time64 calls. The kernel takes a 32-bit caller's nanoseconds from
// the low word alone, since the high one may be padding that was never written.
type timespec64 struct {
	Sec int64 `c:"tv_sec"`
	Ns  int64 `c:"tv_nsec"`
}

// timeval32 is struct timeval.
type timeval32 struct {
	Sec int32 `c:"tv_sec"`
	Us  int32 `c:"tv_usec"`
}

// timezone is struct timezone (gettimeofday(2)).
type timezone struct {
	MinutesWest int32 `c:"tz_minuteswest"`
	DSTTime     int32 `c:"tz_dsttime"`
}

// itimerspec32 is struct itimerspec.
type itimerspec32 struct {
	Interval timespec32 `c:"it_interval"`
	Value    timespec32 `c:"it_value"`
}

// itimerspec64 is struct __kernel_itimerspec.
type itimerspec64 struct {
	Interval timespec64 `c:"it_interval"`
	Value    timespec64 `c:"it_value"`
}

// itimerval is struct itimerval (setitimer(2)).
type itimerval struct {
	Interval timeval32 `c:"it_interval"`
	Value    timeval32 `c:"it_value"`
}

// timex32 is struct timex (adjtimex(2)).
type timex32 struct {
	Modes     uint32    `c:"modes"`
	Offset    int32     `c:"offset"`
	Freq      int32     `c:"freq"`
	Maxerror  int32     `c:"maxerror"`
	Esterror  int32     `c:"esterror"`
	Status    int32     `c:"status"`
	Constant  int32     `c:"constant"`
	Precision int32     `c:"precision"`
	Tolerance int32     `c:"tolerance"`
	Time      timeval32 `c:"time"`
	Tick      int32     `c:"tick"`
	Ppsfreq   int32     `c:"ppsfreq"`
	Jitter    int32     `c:"jitter"`
	Shift     int32     `c:"shift"`
	Stabil    int32     `c:"stabil"`
	Jitcnt    int32     `c:"jitcnt"`
	Calcnt    int32     `c:"calcnt"`
	Errcnt    int32     `c:"errcnt"`
	Stbcnt    int32     `c:"stbcnt"`
	Tai       int32     `c:"tai"`
	_         [11]int32
}

// timex64 is struct __kernel_timex (clock_adjtime64).
type timex64 struct {
	Modes     uint32 `c:"modes"`
	_         uint32
	Offset    int64 `c:"offset"`
	Freq      int64 `c:"freq"`
	Maxerror  int64 `c:"maxerror"`
	Esterror  int64 `c:"esterror"`
	Status    int32 `c:"status"`
	_         uint32
	Constant  int64 `c:"constant"`
	Precision int64 `c:"precision"`
	Tolerance int64 `c:"tolerance"`
	Sec       int64 `c:"time.tv_sec"`
	Us        int64 `c:"time.tv_usec"`
	Tick      int64 `c:"tick"`
	Ppsfreq   int64 `c:"ppsfreq"`
	Jitter    int64 `c:"jitter"`
	Shift     int32 `c:"shift"`
	_         uint32
	Stabil    int64 `c:"stabil"`
	Jitcnt    int64 `c:"jitcnt"`
	Calcnt    int64 `c:"calcnt"`
	Errcnt    int64 `c:"errcnt"`
	Stbcnt    int64 `c:"stbcnt"`
	Tai       int32 `c:"tai"`
	_         [11]int32
}

// tms is struct tms (times(2)), in ticks of 10 ms.
type tms struct {
	Utime  uint32 `c:"tms_utime"`
	Stime  uint32 `c:"tms_stime"`
	Cutime uint32 `c:"tms_cutime"`
	Cstime uint32 `c:"tms_cstime"`
}
