package ferry

import (
	"bytes"
	"context"

	"esferry/internal/batch"
	"esferry/internal/cluster"
	"esferry/internal/digest"
	"esferry/internal/reconcile"
	"esferry/internal/verify"
	"esferry/stream"
)

// What a document is that two scans found to differ, beside the kinds of
// difference; "" is none.
const (
	// onItsWay: the source has changed it since it was carried.
	onItsWay reconcile.Kind = "on_its_way"
	// otherBytes: it says the same in other bytes.
	otherBytes reconcile.Kind = "other_bytes"
)

// differences calls visit for each document that differs: as two scans say, and
// again as both sides say now. What is no difference is counted.
func (e *examination) differences(ctx context.Context, spool *reconcile.Spool, visit func(reconcile.Difference) error) error {
	e.found.OnTheirWay, e.found.OtherBytes, e.found.DeletesIgnored = 0, 0, 0
	var suspects []reconcile.Difference
	ask := func() error {
		part := suspects
		suspects = nil
		return e.confirm(ctx, part, visit)
	}
	if err := spool.Compare(ctx, func(d reconcile.Difference) error {
		if suspects = append(suspects, d); len(suspects) < fetchAtOnce {
			return nil
		}
		return ask()
	}); err != nil {
		return err
	}
	return ask()
}

// confirm asks both sides about suspects, in real time.
func (e *examination) confirm(ctx context.Context, suspects []reconcile.Difference, visit func(reconcile.Difference) error) error {
	if len(suspects) == 0 {
		return nil
	}
	answers, err := e.ask(ctx, suspects)
	if err != nil {
		return err
	}
	// After the answers: what the source does not hold by then is gone on the
	// target, too, unless it was deleted since the last round.
	if err := e.sides.watch(ctx); err != nil {
		return err
	}
	for i, a := range answers {
		d := a.now(suspects[i])
		if d.Kind != "" && d.Kind != otherBytes && e.mayBeNewer(suspects[i], a.here) {
			d.Kind = onItsWay
		}
		if d.Kind == reconcile.Extra && e.sides.index.ferry.options.IgnoreDeletes {
			e.found.DeletesIgnored++
			continue
		}
		switch d.Kind {
		case "":
		case onItsWay:
			e.found.OnTheirWay++
		case otherBytes:
			e.found.OtherBytes++
		default:
			if err := visit(d); err != nil {
				return err
			}
		}
	}
	return nil
}

// answer is what both sides say about a document.
type answer struct {
	here, there cluster.Found
	// content tells of a document that both have under one version, where contents
	// are compared: "" for the same bytes.
	content reconcile.Kind
}

// now gives a difference as it is by the answers.
func (a answer) now(d reconcile.Difference) reconcile.Difference {
	key := keyOf(d)
	d.Source.Key, d.Target.Key = key, key
	d.Source.Version, d.Source.SeqNo, d.Source.Term = a.here.Version, a.here.SeqNo, a.here.Term
	d.Target.Version, d.Target.SeqNo, d.Target.Term = a.there.Version, a.there.SeqNo, a.there.Term
	switch {
	case !a.here.Found && !a.there.Found:
		d.Kind = ""
	case !a.there.Found:
		d.Kind = reconcile.Missing
	case !a.here.Found:
		d.Kind = reconcile.Extra
	case a.here.Version != a.there.Version:
		d.Kind = reconcile.Version
	default:
		d.Kind = a.content
	}
	return d
}

// ask asks both sides what they hold of the suspects now.
func (e *examination) ask(ctx context.Context, suspects []reconcile.Difference) ([]answer, error) {
	s := e.sides
	keys := make([]cluster.Key, len(suspects))
	for i := range suspects {
		keys[i] = keyOf(suspects[i])
	}
	here, err := s.index.source().Versions(ctx, s.rec.Index, keys)
	if err != nil {
		return nil, err
	}
	there, err := s.index.ferry.target.Versions(ctx, s.rec.Target, keys)
	if err != nil {
		return nil, err
	}
	answers := make([]answer, len(keys))
	same := map[cluster.Key]*answer{}
	var absent []cluster.Key
	for i := range answers {
		a := &answers[i]
		a.here, a.there = here[i], there[i]
		switch {
		case here[i].Found && there[i].Found && here[i].Version == there[i].Version:
			same[keys[i]] = a
		case !here[i].Found && there[i].Found:
			absent = append(absent, keys[i])
		}
	}
	if err := e.unlist(ctx, absent, keys, answers); err != nil || !e.content || len(same) == 0 {
		return answers, err
	}
	return answers, e.contents(ctx, same)
}

// unlist takes those for equal that the source holds in another shard than their
// routing says, as the deletes do: no question by id finds them.
func (e *examination) unlist(ctx context.Context, absent, keys []cluster.Key, answers []answer) error {
	listed, err := e.sides.listed(ctx, absent)
	if err != nil {
		return err
	}
	for i := range answers {
		// A search by id also lists documents of that id that were not absent.
		if a := &answers[i]; !a.here.Found && listed[keys[i]] {
			a.here = a.there
		}
	}
	return nil
}

// mayBeNewer reports whether what the source says of a document may be newer
// than what was carried: the target does not differ then, it is behind. The
// watermark tells for each operation. A delete leaves no number, and neither
// do old engines: while the source moves it may be newer.
func (e *examination) mayBeNewer(d reconcile.Difference, here cluster.Found) bool {
	s := e.sides
	if d.Kind == reconcile.Extra || !here.Found || here.SeqNo < 0 || d.Source.SeqNo < 0 || !s.rec.numbered() {
		return s.moving
	}
	if d.Source.Shard >= len(s.rec.Marks) {
		// A source that was made anew with more shards: nothing came from this one.
		return true
	}
	mark, at := s.rec.Marks[d.Source.Shard], s.source[d.Source.Shard]
	carried := mark.W
	if at.Term > mark.Term {
		// After a failover the next round begins there (protocol 1.3).
		carried = mark.S
	}
	return here.SeqNo != d.Source.SeqNo || here.SeqNo > carried
}

// contents compares documents that both sides have under one version, a page at
// a time, as they are now.
func (e *examination) contents(ctx context.Context, same map[cluster.Key]*answer) error {
	s := e.sides
	f := s.index.ferry
	keys := make([]cluster.Key, 0, len(same))
	for key, a := range same {
		keys = append(keys, key)
		// Unless both give it below, it has changed since the question for its version.
		a.content = onItsWay
	}
	from := stream.NewFetcher(s.index.source(), s.rec.Index, f.budget, s.index.paced(stream.Options{}))
	to := stream.NewFetcher(f.target, s.rec.Target, f.budget, s.index.pages(stream.Options{}))
	for b, err := range from.Fetch(ctx, keys) {
		if err != nil {
			return err
		}
		// A copy of this one page, so that its share of the budget does not wait for
		// another share.
		page := map[cluster.Key]batch.Doc{}
		var found []cluster.Key
		for _, d := range b.Docs {
			key := cluster.KeyOf(&d)
			d.Source = bytes.Clone(d.Source)
			page[key], found = d, append(found, key)
		}
		b.Release()
		if err := compareContents(to.Fetch(ctx, found), page, same); err != nil {
			return err
		}
	}
	return nil
}

// compareContents judges each document of the target by the source's.
func compareContents(there func(yield func(*batch.Batch, error) bool), here map[cluster.Key]batch.Doc, same map[cluster.Key]*answer) error {
	for b, err := range there {
		if err != nil {
			return err
		}
		var h digest.Hasher
		for i := range b.Docs {
			key := cluster.KeyOf(&b.Docs[i])
			source, a := here[key], same[key]
			if source.Version != a.here.Version || source.SeqNo != a.here.SeqNo {
				continue
			}
			if a.content, err = sameness(&source, &b.Docs[i], &h); err != nil {
				break
			}
		}
		b.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

func sameness(a, b *batch.Doc, h *digest.Hasher) (reconcile.Kind, error) {
	x, err := h.Content(a)
	if err != nil {
		return "", err
	}
	y, err := h.Content(b)
	switch {
	case err != nil:
		return "", err
	case a.Version != b.Version:
		return reconcile.Version, nil
	case x == y:
		return "", nil
	case verify.SameContent(a.Source, b.Source):
		return otherBytes, nil
	default:
		return reconcile.Content, nil
	}
}
