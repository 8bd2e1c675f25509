package wait

import "testing"

type recorder struct{ got []Events }

func (r *recorder) Notify(_ *Entry, ev Events) { r.got = append(r.got, ev) }

func TestNotifyReachesOnlyWhoWantsIt(t *testing.T) {
	var q Queue
	var in, out recorder
	ei, eo := &Entry{L: &in, Mask: In}, &Entry{L: &out, Mask: Out}
	q.Register(ei)
	q.Register(eo)
	q.Notify(In)
	q.Notify(Hup)
	if len(in.got) != 2 || in.got[0] != In || in.got[1] != Hup {
		t.Errorf("reader was told %v, want [In Hup]", in.got)
	}
	if len(out.got) != 1 || out.got[0] != Hup {
		t.Errorf("writer was told %v, want [Hup]", out.got)
	}
	q.Unregister(ei)
	q.Unregister(ei)
	q.Notify(In)
	if len(in.got) != 2 {
		t.Error("an unregistered entry was told")
	}
	q.Unregister(eo)
	if !q.Empty() {
		t.Error("queue is not empty at the end")
	}
}

func BenchmarkNotify(b *testing.B) {
	var q Queue
	var r recorder
	q.Register(&Entry{L: &r, Mask: Out})
	b.ReportAllocs()
	for b.Loop() {
		q.Notify(In)
	}
}
