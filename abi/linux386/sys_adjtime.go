package linux386

import (
	"sync"

	"cleave/abi"
	"cleave/mm"
	"cleave/ns/user"
	"cleave/proc"
)

// What adjtimex(2) shows of a clock that runs at the speed that it was measured to have.
const (
	adjTick      = 10000 // us of a tick
	adjTolerance = 32768000
	adjMaxError  = 16000000 // us
	maxConstant  = 10
	maxPhase     = 500e6 // ns that ADJ_OFFSET may ask for
)

// clockState is what adjtimex(2) keeps for those who discipline the clock. The kernel itself uses none of it.
type clockState struct {
	mu                 sync.Mutex
	status             int32
	maxError, estError int64 // us
	constant           int64
}

func newClockState() clockState {
	return clockState{status: abi.STA_UNSYNC, maxError: adjMaxError, estError: adjMaxError, constant: 2}
}

// adjustment is what the two forms of struct timex have in common and somebody uses.
type adjustment struct {
	modes                        uint32
	status                       int32
	offset, freq, tick           int64
	maxError, estError, constant int64
	sec, fraction                int64
}

// adjust carries out what a.modes asks for, and fills a with the state after it. It returns the state of the clock.
// EPERM: a change without CAP_SYS_TIME. DIVERGES: a change by and by (ADJ_OFFSET, adjtime(3)) is made at once; the speed
// can't be changed, and asking for another (ADJ_FREQUENCY, ADJ_TICK) is EINVAL, as is a CLOCK_TAI
// that differs from CLOCK_REALTIME (ADJ_TAI).
func (c *clockState) adjust(t *proc.Task, a *adjustment) (Int, error) {
	readOnly := a.modes == 0 || a.modes == abi.ADJ_OFFSET_SS_READ
	switch {
	case !readOnly && !t.Cred().Has(user.CapSysTime, t.Cred().NS.Initial()):
		return 0, abi.EPERM
	case a.modes&abi.ADJ_ADJTIME != 0 && a.modes&abi.ADJ_OFFSET == 0,
		a.modes&abi.ADJ_ADJTIME == 0 && a.modes&abi.ADJ_TICK != 0 && a.tick != adjTick,
		a.modes&abi.ADJ_ADJTIME == 0 && a.modes&abi.ADJ_FREQUENCY != 0 && a.freq != 0,
		a.modes&abi.ADJ_ADJTIME == 0 && a.modes&abi.ADJ_TAI != 0 && a.constant != 0:
		return 0, abi.EINVAL
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	step, err := c.step(a)
	if err != nil {
		return 0, err
	}
	now, err := t.Now(abi.CLOCK_REALTIME)
	if err != nil {
		return 0, err
	}
	if step != 0 {
		now += step
		if err := setClock(t, abi.CLOCK_REALTIME, now); err != nil {
			return 0, err
		}
	}
	c.show(a, now)
	if c.status&abi.STA_UNSYNC != 0 {
		return abi.TIME_ERROR, nil
	}
	return abi.TIME_OK, nil
}

// step changes what is kept, and returns by how many ns the clock is to be moved.
func (c *clockState) step(a *adjustment) (int64, error) {
	switch {
	case a.modes == abi.ADJ_OFFSET_SS_READ:
		return 0, nil
	case a.modes&abi.ADJ_ADJTIME != 0:
		return a.offset * 1000, nil
	}
	var ns int64
	if a.modes&abi.ADJ_SETOFFSET != 0 {
		unit, limit := int64(1000), int64(1e6)
		if a.modes&abi.ADJ_NANO != 0 {
			unit, limit = 1, 1e9
		}
		if a.fraction < 0 || a.fraction >= limit {
			return 0, abi.EINVAL
		}
		ns = a.sec*1e9 + a.fraction*unit
	}
	c.keep(a)
	if a.modes&abi.ADJ_OFFSET != 0 && c.status&abi.STA_PLL != 0 {
		offset := a.offset
		if c.status&abi.STA_NANO == 0 {
			offset *= 1000
		}
		ns += max(-maxPhase, min(offset, maxPhase))
	}
	return ns, nil
}

// keep notes the fields that a.modes names.
func (c *clockState) keep(a *adjustment) {
	if a.modes&abi.ADJ_STATUS != 0 {
		c.status = c.status&abi.STA_RONLY | a.status&^abi.STA_RONLY
	}
	if a.modes&abi.ADJ_NANO != 0 {
		c.status |= abi.STA_NANO
	}
	if a.modes&abi.ADJ_MICRO != 0 {
		c.status &^= abi.STA_NANO
	}
	if a.modes&abi.ADJ_MAXERROR != 0 {
		c.maxError = max(0, min(a.maxError, adjMaxError))
	}
	if a.modes&abi.ADJ_ESTERROR != 0 {
		c.estError = max(0, min(a.estError, adjMaxError))
	}
	if a.modes&abi.ADJ_TIMECONST != 0 {
		c.constant = max(0, min(a.constant, maxConstant))
		if c.status&abi.STA_NANO == 0 {
			c.constant = min(c.constant+4, maxConstant)
		}
	}
}

// show fills a with the state and the time, in us, or ns with STA_NANO.
func (c *clockState) show(a *adjustment, now int64) {
	*a = adjustment{modes: a.modes, status: c.status, tick: adjTick, maxError: c.maxError, estError: c.estError,
		constant: c.constant}
	a.sec, a.fraction = floor(now, 1e9)
	if c.status&abi.STA_NANO == 0 {
		a.fraction /= 1000
	}
}

func sysAdjtimex(t *proc.Task, p InOut[timex32]) (Int, error) {
	v, err := p.Load(t)
	if err != nil {
		return 0, err
	}
	a := adjustment{modes: v.Modes, status: v.Status, offset: int64(v.Offset), freq: int64(v.Freq), tick: int64(v.Tick),
		maxError: int64(v.Maxerror), estError: int64(v.Esterror), constant: int64(v.Constant),
		sec: int64(v.Time.Sec), fraction: int64(v.Time.Us)}
	state, err := abiOf(t).adjtime.adjust(t, &a)
	if err != nil {
		return 0, err
	}
	v = timex32{Modes: v.Modes, Maxerror: int32(a.maxError), Esterror: int32(a.estError), Status: a.status,
		Constant: int32(a.constant), Precision: 1, Tolerance: adjTolerance, Tick: adjTick}
	v.Time.Sec, v.Time.Us = int32(a.sec), int32(a.fraction)
	return state, p.Store(t, &v)
}

func sysClockAdjtime(t *proc.Task, clock Clock, p InOut[timex32]) (Int, error) {
	if clock != abi.CLOCK_REALTIME {
		return 0, abi.EOPNOTSUPP
	}
	return sysAdjtimex(t, p)
}

func sysClockAdjtime64(t *proc.Task, clock Clock, p InOut[timex64]) (Int, error) {
	if clock != abi.CLOCK_REALTIME {
		return 0, abi.EOPNOTSUPP
	}
	v, err := p.Load(t)
	if err != nil {
		return 0, err
	}
	a := adjustment{modes: v.Modes, status: v.Status, offset: v.Offset, freq: v.Freq, tick: v.Tick, maxError: v.Maxerror,
		estError: v.Esterror, constant: v.Constant, sec: v.Sec, fraction: v.Us}
	state, err := abiOf(t).adjtime.adjust(t, &a)
	if err != nil {
		return 0, err
	}
	v = timex64{Modes: v.Modes, Maxerror: a.maxError, Esterror: a.estError, Status: a.status, Constant: a.constant, Precision: 1,
		Tolerance: adjTolerance, Sec: a.sec, Us: a.fraction, Tick: adjTick}
	return state, mm.Store(t.MM(), uint32(p), &v)
}
