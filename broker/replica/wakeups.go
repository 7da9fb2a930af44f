package replica

import "github.com/kgo-project/kgo/broker/storage"

// wakeups is what a partition found due while it was locked: who is to be told what. The zero value is nothing to do.
//
// They are carried out with no lock held, since answering a client runs other people's code, and completing a fetch reads other partitions.
type wakeups struct {
	produce   []acknowledgement
	fetch     []*fetchWaiter
	deletes   []deletion
	proposals []pendingProposal
}

func (w *wakeups) add(o wakeups) {
	if o.empty() {
		return
	}
	if w.empty() {
		*w = o
		return
	}
	w.produce = append(w.produce, o.produce...)
	w.fetch = append(w.fetch, o.fetch...)
	w.deletes = append(w.deletes, o.deletes...)
	w.proposals = append(w.proposals, o.proposals...)
}

func (w *wakeups) empty() bool {
	return len(w.produce)+len(w.fetch)+len(w.deletes)+len(w.proposals) == 0
}

// run carries the wakeups out. REQUIRES: no lock of this package is held.
func (w *wakeups) run(m *Manager) {
	for _, a := range w.produce {
		a.op.acknowledge(a.index, a.err)
	}
	for _, d := range w.deletes {
		d.op.deleted(d.index, d.lowWatermark, d.err)
	}
	for _, f := range w.fetch {
		f.op.woken(f)
	}
	for _, p := range w.proposals {
		m.isr.propose(p)
	}
}

// ReleaseAll gives the files of results back.
func ReleaseAll(results []FetchResult) {
	for i := range results {
		release(&results[i].Records)
	}
}

func release(r **storage.Records) {
	if *r != nil {
		(*r).Release()
		*r = nil
	}
}
