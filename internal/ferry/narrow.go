package ferry

import (
	"context"
	"fmt"

	"esferry/internal/digest"
	"esferry/internal/report"
	"esferry/internal/verify"
)

// narrow has workers read all documents with this process, and tells the spool of
// those in which the sides differ. It has not done so where there are no workers, or
// where more differs than their answers can tell: then all are to be read here.
func (r *reconciliation) narrow(ctx context.Context) (done bool, err error) {
	s := r.sides
	f := s.index.ferry
	// One that was changed counts twice.
	if f.parties() == 1 || 2*s.index.differed > verify.Sketched {
		return false, nil
	}
	e := s.examination(r.content)
	e.sketching = true
	source, target, err := e.count(ctx)
	if err != nil {
		return false, err
	}
	differ, few := verify.Keys(source.Sketch, target.Sketch)
	if !few {
		f.note(report.Event{Kind: report.Noted, Index: s.rec.Index, Message: fmt.Sprintf("more differs than workers can tell, which is about %d documents: all are read by this process", verify.Sketched/2)})
		return false, nil
	}
	s.there = e.found.Target.Docs
	if len(differ) == 0 {
		return true, nil
	}
	chosen := choice{
		holds: func(key digest.Hash) bool { _, holds := differ[key]; return holds },
		share: float64(len(differ)) / float64(max(1, e.found.Source.Docs)), numbered: true,
	}
	return true, e.tellSpool(ctx, chosen, r.spool)
}
