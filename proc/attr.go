package proc

// This file has what prctl(2), personality(2) and the like read and change of a task.

// Personality is the execution domain and its flags (personality(2)).
func (t *Task) Personality() uint32 { return t.persona.Load() }

// SetPersonality changes it.
func (t *Task) SetPersonality(p uint32) { t.persona.Store(p) }

// TimerSlack is PR_GET_TIMERSLACK in ns.
func (t *Task) TimerSlack() int64 { return t.slack }

// SetTimerSlack is PR_SET_TIMERSLACK; 0 is the default.
func (t *Task) SetTimerSlack(ns int64) {
	if ns <= 0 {
		ns = defaultSlack
	}
	t.slack = ns
}

// Processes is the number of tasks that have an id (sysinfo(2)'s procs).
func (k *Kernel) Processes() int { return int(k.tasks.Load()) }
