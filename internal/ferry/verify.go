package ferry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"esferry/internal/cluster"
	"esferry/internal/digest"
	"esferry/internal/reconcile"
	"esferry/internal/shard"
)

// Level is what a verification compares (protocol 5).
type Level string

// The levels, each of which includes those before it.
const (
	// LevelCounts compares live root documents by _count.
	LevelCounts Level = "counts"
	// LevelIDs compares the ids, routings, types and versions of all documents.
	LevelIDs Level = "ids"
	// LevelContent compares their contents, too.
	LevelContent Level = "content"
)

// listed bounds the documents that a verification names; all are counted.
const listed = 1000

// VerifyRequest says what is compared.
type VerifyRequest struct {
	Level Level
	// Sample is the share of all documents that is compared, chosen by their keys;
	// 1 for all.
	Sample float64
	// Repair carries the documents that differ.
	Repair bool
	// Certify keeps what a certificate tells, and makes it an error where there can
	// be none.
	Certify bool
}

// Verification is one comparison of an index by ids or contents.
type Verification struct {
	Level Level `json:"level"`
	// Sample is the share of documents that was compared.
	Sample float64 `json:"sample"`
	// Source and Target are the digests of what was compared.
	Source Digest `json:"source"`
	Target Digest `json:"target"`
	// Positions of the source before it was read: what it holds at.
	Positions []shard.Position `json:"positions"`
	// Equal: the sides hold the same.
	Equal bool `json:"equal"`
	// Moving: the source has taken writes that were not carried yet.
	Moving bool `json:"moving"`
	// Differences is how many documents differ; Differing names some of them.
	Differences int64       `json:"differences"`
	Differing   []Differing `json:"differing,omitempty"`
	// OnTheirWay is how many the source changed since they were carried.
	OnTheirWay int64 `json:"on_their_way"`
	// OtherBytes is how many say the same in other bytes, which is no difference.
	OtherBytes int64 `json:"other_bytes"`
	// DeletesIgnored is how many the target has too many on purpose.
	DeletesIgnored int64 `json:"deletes_ignored"`
	// Repaired is how many differed and were carried, before this was found.
	Repaired int64   `json:"repaired"`
	Seconds  float64 `json:"seconds"`
	// certified is there where a certificate was asked for.
	certified *Certified
}

// Digest is a digest.Sum in words.
type Digest struct {
	Docs   int64  `json:"docs"`
	Digest string `json:"digest"`
}

func digestOf(s digest.Sum) Digest { return Digest{Docs: s.Docs, Digest: s.String()} }

// Differing is one document that differs.
type Differing struct {
	Kind reconcile.Kind `json:"kind"`
	// ID, Routing and Type are JSON strings as the engines have them.
	ID      json.RawMessage `json:"id"`
	Routing json.RawMessage `json:"routing,omitempty"`
	Type    json.RawMessage `json:"doc_type,omitempty"`
	// SourceVersion and TargetVersion are there where the side has it.
	SourceVersion *int64 `json:"source_version,omitempty"`
	TargetVersion *int64 `json:"target_version,omitempty"`
}

func differing(d reconcile.Difference) Differing {
	out := Differing{Kind: d.Kind}
	key := keyOf(d)
	out.ID, out.Routing, out.Type = json.RawMessage(key.ID), json.RawMessage(key.Routing), json.RawMessage(key.Type)
	if d.Kind != reconcile.Extra {
		out.SourceVersion = &d.Source.Version
	}
	if d.Kind != reconcile.Missing {
		out.TargetVersion = &d.Target.Version
	}
	return out
}

// keyOf gives the key of a document in which the sides differ.
func keyOf(d reconcile.Difference) cluster.Key {
	if d.Kind == reconcile.Extra {
		return d.Target.Key
	}
	return d.Source.Key
}

// DifferenceError says in which documents an index differs.
type DifferenceError struct {
	Index string
	Verification
}

// Error names the first of them.
func (e *DifferenceError) Error() string {
	what := fmt.Sprintf("index %s: %s: ", e.Index, ErrDifference)
	if e.Differences == 0 {
		return what + fmt.Sprintf("%d and %d documents, of which some lie twice on one side", e.Verification.Source.Docs, e.Target.Docs)
	}
	const most = 3
	var first []string
	for _, d := range e.Differing[:min(most, len(e.Differing))] {
		first = append(first, fmt.Sprintf("%s %s", d.Kind, d.ID))
	}
	if e.Differences > most {
		first = append(first, "...")
	}
	return what + fmt.Sprintf("%d documents: %s", e.Differences, strings.Join(first, ", "))
}

// Unwrap makes it an ErrDifference.
func (e *DifferenceError) Unwrap() error { return ErrDifference }

// NextStep is printed on a line of its own.
func (e *DifferenceError) NextStep() string {
	return "--json names up to 1,000 of them; --repair carries just these from the source, while the index is not switched"
}

// differs reports whether the sides differ for certain. Digests that differ
// where no document does are not explained away.
func (v *Verification) differs() bool { return v.Differences > 0 || !v.Equal && !v.Moving }

// judged completes a summary with what this run verified.
func (ix *index) judged(s IndexSummary) IndexSummary {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if v := ix.verified; v != nil {
		s.Verification, s.Equal, s.Moving = v, v.Equal, v.Moving
	}
	return s
}

// Verify compares both sides of every index that is carried, switched ones
// included. Without Repair it changes nothing but the store's last counts. It
// returns ErrDifference where an index differs, after it has looked at all.
func (f *Ferry) Verify(ctx context.Context, q VerifyRequest) error {
	indices, err := f.verifiable(q)
	if err != nil {
		return err
	}
	return f.eachDifference(ctx, indices, func(ctx context.Context, ix *index) error {
		if q.Level == LevelCounts {
			return ix.mustAgree(ctx)
		}
		return f.phase(ctx, "verify", ix.id(), func(ctx context.Context) error { return ix.verify(ctx, q) })
	})
}

// verifiable gives the indices that there is something to compare of.
func (f *Ferry) verifiable(q VerifyRequest) ([]*index, error) {
	f.mu.Lock()
	names := slices.Sorted(maps.Keys(f.indices))
	f.mu.Unlock()
	var indices []*index
	for _, ix := range f.named(names) {
		phase := ix.snapshotRecord().Phase
		if phase == Switched && q.Repair {
			return nil, &SwitchedError{Index: ix.id()}
		}
		if phase != Planned && phase != Recorded {
			indices = append(indices, ix)
		}
	}
	if len(indices) == 0 {
		return nil, &NothingCarriedError{Ferry: f.options.Name}
	}
	return indices, nil
}

// SwitchedError refuses to repair an index that is switched.
type SwitchedError struct{ Index string }

// Error names the index.
func (e *SwitchedError) Error() string {
	return fmt.Sprintf("index %s is switched: the target has writes of its own, which a repair would undo", e.Index)
}

// NextStep is printed on a line of its own.
func (e *SwitchedError) NextStep() string {
	return "run esferry verify without --repair, and judge by the documents that it names"
}

// eachDifference does something with every index, and joins the differences
// that it finds; any other error ends it at once.
func (f *Ferry) eachDifference(ctx context.Context, indices []*index, do func(ctx context.Context, ix *index) error) error {
	differ := make(chan error, len(indices))
	err := f.each(ctx, indices, func(ctx context.Context, ix *index) error {
		err := do(ctx, ix)
		if errors.Is(err, ErrDifference) {
			// The others are looked at all the same.
			differ <- err
			return nil
		}
		return err
	})
	close(differ)
	if err != nil {
		return err
	}
	var all []error
	for d := range differ {
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(all...)
}

// verify compares all documents of an index, or a sample.
func (ix *index) verify(ctx context.Context, q VerifyRequest) error {
	v, err := ix.examine(ctx, q, nil)
	if err != nil {
		return fmt.Errorf("compare the documents of index %s: %w", ix.id(), err)
	}
	ix.mu.Lock()
	ix.verified = &v
	ix.mu.Unlock()
	ix.ferry.commits.log.Verified(ix.id(), v.kept())
	if v.differs() {
		return &DifferenceError{Index: ix.id(), Verification: v}
	}
	return nil
}

// examine compares the documents that match a query, and where it is asked for
// repairs what differs and looks again.
func (ix *index) examine(ctx context.Context, q VerifyRequest, query json.RawMessage) (Verification, error) {
	if q.Repair {
		if err := ix.checked(ctx, nil); err != nil {
			return Verification{}, err
		}
	}
	began := time.Now()
	v, err := ix.examineOnce(ctx, q, query)
	if err == nil && v.Repaired > 0 {
		repaired := v.Repaired
		q.Repair = false
		v, err = ix.examineOnce(ctx, q, query)
		v.Repaired = repaired
	}
	v.Seconds = time.Since(began).Seconds()
	return v, err
}
