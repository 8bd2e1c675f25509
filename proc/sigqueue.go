package proc

import (
	"sync/atomic"

	"cleave/abi"
	"cleave/ns/user"
)

// sigEntry is one queued signal. It is charged to the account of the task that it was sent to.
type sigEntry struct {
	info    SigInfo
	account *user.Account
	timer   *PosixTimer // whose signal it is, nil: nobody's, or the timer is deleted
	kernel  *Kernel     // that gets the entry back; nil: it is a part of a timer
	queued  bool
	next    *sigEntry
}

// pending are the signals that wait for delivery, to one task or to a thread group. Kernel.mu guards it; the set alone
// may be read without (signalfd's poll).
type pending struct {
	set         atomic.Uint64 // a signal may be here without an entry: its queue was full
	first, last *sigEntry
}

func (p *pending) signals() SigSet { return SigSet(p.set.Load()) }

func (p *pending) setSignals(s SigSet) { p.set.Store(uint64(s)) }

func (p *pending) addLocked(e *sigEntry) {
	e.next, e.queued = nil, true
	if p.last == nil {
		p.first = e
	} else {
		p.last.next = e
	}
	p.last = e
}

// takeLocked removes sig and gives its information; the signal stays pending if it is queued more than once.
func (p *pending) takeLocked(sig Signal, info *SigInfo) {
	var found *sigEntry
	more := false
	for prev, e := (*sigEntry)(nil), p.first; e != nil; e = e.next {
		if e.info.Signo == sig {
			if found != nil {
				more = true
				break
			}
			found = e
			p.unlinkLocked(prev, e)
			continue
		}
		prev = e
	}
	if !more {
		p.setSignals(p.signals() &^ sig.bit())
	}
	if found == nil {
		*info = SigInfo{Signo: sig, Code: abi.SI_USER}
		return
	}
	*info = found.info
	if found.timer != nil {
		found.timer.deliveredLocked(info)
	}
	found.releaseLocked()
}

func (p *pending) unlinkLocked(prev, e *sigEntry) {
	if prev == nil {
		p.first = e.next
	} else {
		prev.next = e.next
	}
	if p.last == e {
		p.last = prev
	}
	e.queued = false
}

// dropLocked forgets every signal of the set.
func (p *pending) dropLocked(set SigSet) {
	if p.signals()&set == 0 {
		return
	}
	p.setSignals(p.signals() &^ set)
	var prev *sigEntry
	for e := p.first; e != nil; {
		next := e.next
		if set.Has(e.info.Signo) {
			p.unlinkLocked(prev, e)
			e.releaseLocked()
		} else {
			prev = e
		}
		e = next
	}
}

// maxFreeSigs bounds the entries that are kept for use again.
const maxFreeSigs = 64

// newSigEntryLocked gives an entry for info, charged to account, which may be nil.
func (k *Kernel) newSigEntryLocked(info *SigInfo, account *user.Account) *sigEntry {
	e := k.freeSigs
	if e == nil {
		e = &sigEntry{kernel: k}
	} else {
		k.freeSigs = e.next
		k.numFreeSigs--
	}
	e.info, e.account = *info, account
	return e
}

// releaseLocked gives back an entry that is out of its queue, and what it was charged.
func (e *sigEntry) releaseLocked() {
	if e.account != nil {
		e.account.Add(user.PendingSignals, -1)
		e.account = nil
	}
	if k := e.kernel; k != nil && k.numFreeSigs < maxFreeSigs {
		e.next = k.freeSigs
		k.freeSigs = e
		k.numFreeSigs++
	}
}

// nextLocked chooses the next signal outside of the mask: first what the task's own instruction raised, then the
// lowest number.
func (p *pending) nextLocked(mask SigSet) Signal {
	set := p.signals() &^ mask
	if set == 0 {
		return 0
	}
	if s := set & synchronous; s != 0 {
		set = s
	}
	return set.first()
}
