package ferry

import (
	"context"
	"time"

	"esferry/checkpoint"
	"esferry/internal/cluster"
	"esferry/internal/history"
	"esferry/internal/joint"
)

// ledger makes records durable that come at the same time, and the history along
// with them.
type ledger struct {
	*joint.Calls[checkpoint.Record, struct{}]
	log *history.Log
}

func (f *Ferry) commitAll(ctx context.Context, records []checkpoint.Record) ([]struct{}, error) {
	return make([]struct{}, len(records)), f.put(ctx, records...)
}

func (f *Ferry) commitOne(ctx context.Context, r checkpoint.Record) (struct{}, error) {
	return struct{}{}, f.put(ctx, r)
}

func (f *Ferry) put(ctx context.Context, records ...checkpoint.Record) error {
	return f.commits.log.Along(records, func(records []checkpoint.Record) error {
		return f.store.Commit(ctx, f.lease, records...)
	})
}

// recall reads the ferry's history, and opens this process's run in it.
func (f *Ferry) recall(ctx context.Context) error {
	before, err := history.Load(ctx, f.store, f.options.Name)
	if err != nil {
		return err
	}
	by := f.lease.Holder
	f.commits.log = history.NewLog(f.options.Name, before, history.Run{
		Host: by.Host, PID: by.PID, Began: by.Since, Source: met(f.source.Identity()), Target: met(f.target.Identity()),
	})
	return nil
}

// met is an engine as the history keeps it.
func met(i cluster.Identity) history.Engine {
	return history.Engine{Product: i.Product, Version: i.Version.String(), Name: i.Name, UUID: i.UUID}
}

// Sign says in the history which command this process carries out, and by which
// version. Nothing is written before something happens.
func (f *Ferry) Sign(command, version string) { f.commits.log.Sign(command, version) }

// Close writes the end of this run into the history, with the error that it
// ended with, also where the context has ended. A ferry in which nothing
// happened leaves no trace.
func (f *Ferry) Close(ctx context.Context, result error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), liftPatience)
	defer cancel()
	f.commits.log.End(result)
	return f.put(ctx)
}

// History gives what is kept of all runs. Safe for concurrent use.
func (f *Ferry) History() history.History { return f.commits.log.History() }

// wrote tells the history what a record has gained.
func (f *Ferry) wrote(before, after IndexRecord) {
	w := after.Written
	f.commits.log.Wrote(after.Index, history.Work{
		Documents: w.Documents() - before.Written.Documents(), Rejected: w.Rejected - before.Written.Rejected,
		Requests: w.Requests - before.Written.Requests, Deleted: after.Deleted - before.Deleted,
	})
}

// fixedSteps are the freeze's, less those that a lap has too.
func fixedSteps() []string {
	return []string{"block writes", "look for new indices", "wait for quiet", "keep the way back", "put settings back", "switch aliases"}
}

// Downtime predicts how long the freeze of a ferry takes; nil where none is to
// come. It is a pure function of what the store holds.
func Downtime(h history.History, indices []IndexRecord) *history.Downtime {
	var outstanding int64
	waiting := 0
	for _, r := range indices {
		switch r.Phase {
		case Planned, Recorded, Bound:
			return &history.Downtime{Why: "the baseline is not on the target yet"}
		case Current:
			outstanding += r.Lag
			waiting++
		case Switched:
		}
	}
	if waiting == 0 {
		return nil
	}
	d := history.Predict(h.Runs, outstanding, fixedSteps())
	return &d
}

// kept is what the history keeps of a verification.
func (v *Verification) kept() history.Verified {
	return history.Verified{
		At: time.Now().UTC(), Level: string(v.Level), Sample: v.Sample, Equal: v.Equal, Moving: v.Moving, Differences: v.Differences,
		Source: history.Sum(v.Source), Target: history.Sum(v.Target),
	}
}
