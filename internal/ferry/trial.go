package ferry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"esferry/internal/batch"
	"esferry/internal/cluster"
	"esferry/internal/metadata"
	"esferry/internal/preflight"
	"esferry/internal/shard"
	"esferry/sink"
	"esferry/stream"
)

// mostReasons bounds the reasons that a trial tells apart.
const mostReasons = 20

// Trial is what the target made of some documents of an index.
type Trial struct {
	Index  string `json:"index"`
	Target string `json:"target"`
	// Tried documents, and what became of them.
	Tried    int64 `json:"tried"`
	Accepted int64 `json:"accepted"`
	Rejected int64 `json:"rejected"`
	// Reasons of rejections, each with the first document that it befell.
	Reasons []RejectReason `json:"reasons,omitempty"`
	// Refused is why the target would not even make the index; empty where it did.
	Refused string `json:"refused,omitempty"`
	// Untried is why no document was written; empty where some were.
	Untried string `json:"untried,omitempty"`
	// Seconds that reading and writing took, and what the whole index takes at
	// that pace: that of one reader and one writer, so that the journey is faster.
	Seconds          float64  `json:"seconds"`
	PredictedSeconds *float64 `json:"predicted_seconds,omitempty"`
}

// RejectReason is one reason of the target's.
type RejectReason struct {
	Reason string `json:"reason"`
	Count  int64  `json:"count"`
	// ID of the first document.
	ID json.RawMessage `json:"id"`
}

// Try writes some documents of each shard of the plan's streamed indices into
// scratch indices on the target, made as the indices would be, and tells what
// became of them. The scratch indices are removed whatever happens; those that a
// run left which was killed are removed first.
func (f *Ferry) Try(ctx context.Context, p Plan, perShard int) (trials []Trial, err error) {
	if err := f.sweep(ctx); err != nil {
		return nil, err
	}
	defer func() {
		// Also after an interruption.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), liftPatience)
		defer cancel()
		err = errors.Join(err, f.sweep(ctx))
	}()
	for i, one := range p.Indices {
		t := Trial{Index: one.Index, Target: one.Target, Untried: untried(p, one)}
		if t.Untried == "" {
			err := f.phase(ctx, "try", one.Index, func(ctx context.Context) error {
				return f.try(ctx, one, fmt.Sprintf("%s%d", f.scratch(), i), perShard, &t)
			})
			if err != nil {
				return trials, fmt.Errorf("try documents of index %s: %w", one.Index, err)
			}
		}
		trials = append(trials, t)
	}
	return trials, nil
}

// untried tells why no document of an index is to be tried.
func untried(p Plan, one IndexPlan) string {
	for _, o := range p.Obstacles {
		if o.Index == one.Index {
			return "something stands in its way"
		}
	}
	switch {
	case one.Path == Snapshot:
		return "it goes by snapshot, as it is"
	case one.Phase != Planned:
		return "this ferry carries it already"
	default:
		return ""
	}
}

// scratch begins the names of this ferry's scratch indices; a number ends them.
func (f *Ferry) scratch() string { return "esferry-try-" + strings.ToLower(f.options.Name) + "-" }

// sweep removes this ferry's scratch indices.
func (f *Ferry) sweep(ctx context.Context) error {
	names, err := f.target.Names(ctx)
	if err != nil {
		return err
	}
	ours := regexp.MustCompile(`^` + regexp.QuoteMeta(f.scratch()) + `[0-9]+$`)
	for _, name := range names {
		if !ours.MatchString(name) {
			continue
		}
		if err := f.unshield(ctx, name); err != nil {
			return err
		}
		if err := f.target.DeleteIndex(ctx, name); err != nil && !cluster.NotFound(err) {
			return fmt.Errorf("remove the scratch index %s, which is not needed any more: %w", name, err)
		}
	}
	return nil
}

// try makes one scratch index and writes to it.
func (f *Ferry) try(ctx context.Context, one IndexPlan, scratch string, perShard int, t *Trial) error {
	definition, err := f.source.Definition(ctx, one.Index)
	if err != nil {
		return err
	}
	if definition, err = metadata.OnlyType(definition, one.Type); err != nil {
		return err
	}
	translated, _ := metadata.Translate(definition, f.source.Identity(), f.target.Identity())
	body, err := f.createBody(ctx, one.Index, translated, false)
	if err != nil {
		return err
	}
	_, err = f.make(ctx, scratch, body)
	template, shaped := errors.AsType[*TemplateError](err)
	switch {
	case shaped:
		t.Refused = template.Error()
		return nil
	case cluster.BadRequest(err):
		t.Refused = cluster.Reason(err)
		return nil
	case err != nil:
		return err
	}
	ix := &index{ferry: f, rec: IndexRecord{Index: one.Index, Target: scratch, Delta: one.Delta, Typing: Typing{SourceType: one.Type}}}
	ix.rec.writeAs(translated, f.target.Identity())
	began := time.Now()
	if err := ix.sample(ctx, perShard, t); err != nil {
		return err
	}
	t.Seconds = time.Since(began).Seconds()
	if t.Tried > 0 && one.Docs >= 0 {
		predicted := t.Seconds * float64(one.Docs) / float64(t.Tried)
		t.PredictedSeconds = &predicted
	}
	return nil
}

// sample carries the first documents of each shard.
func (ix *index) sample(ctx context.Context, perShard int, t *Trial) error {
	f, rec := ix.ferry, ix.snapshotRecord()
	positions, err := f.source.Primaries(ctx, rec.Index)
	if err != nil {
		return err
	}
	o := ix.writing()
	o.Reject = t.reject
	writer := sink.NewWriter(ix.source(), f.target, o)
	pages := ix.paced(stream.Options{})
	pages.PageDocs = min(perShard, fewestDocs)
	reader := stream.NewReader(ix.source(), f.budget, pages)
	for _, p := range positions {
		left := perShard
		for b, err := range reader.Read(ctx, p, shard.All(p.Shard)) {
			if err != nil {
				return err
			}
			b.Docs, b.Versioning = b.Docs[:min(left, len(b.Docs))], batch.External
			left -= len(b.Docs)
			r, err := writer.Write(ctx, b)
			b.Release()
			if err != nil {
				return err
			}
			t.Tried, t.Accepted, t.Rejected = t.Tried+r.Documents(), t.Accepted+r.Documents()-r.Rejected, t.Rejected+r.Rejected
			if left == 0 {
				break
			}
		}
	}
	return nil
}

// reject notes why a document was refused; a writer calls it from one goroutine.
func (t *Trial) reject(_ context.Context, r sink.Rejection) error {
	for i := range t.Reasons {
		if t.Reasons[i].Reason == r.Reason {
			t.Reasons[i].Count++
			return nil
		}
	}
	if len(t.Reasons) < mostReasons {
		t.Reasons = append(t.Reasons, RejectReason{Reason: r.Reason, Count: 1, ID: json.RawMessage(string(r.Doc.ID))})
	}
	return nil
}

// TrialRefusals gives what stands in the way after a trial; nil for nothing. A
// ferry that keeps rejected documents carries the others.
func (f *Ferry) TrialRefusals(trials []Trial) error {
	var obstacles []preflight.Obstacle
	for _, t := range trials {
		switch {
		case t.Refused != "":
			obstacles = append(obstacles, preflight.Obstacle{
				Index: t.Index, Problem: "the target does not make it: " + t.Refused, Remedy: "make the index on the target by hand with a mapping of its own, or put it under indices.exclude",
			})
		case t.Rejected > 0 && f.options.Reject == nil:
			obstacles = append(obstacles, preflight.Obstacle{
				Index: t.Index, Problem: fmt.Sprintf("the target rejects %d of %d documents: %s", t.Rejected, t.Tried, t.Reasons[0].Reason),
				Remedy: "correct the documents on the source, or set stream.on_reject: dead_letter, which keeps them and carries the others",
			})
		}
	}
	return Obstructed(obstacles)
}
