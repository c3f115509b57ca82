package main

import (
	"fmt"
	"slices"
	"strings"
)

// Mutant is a bug to plant: a piece of a file, and what stands there instead.
type Mutant struct {
	Bug string
	// File is the path below the root; Was stands in it once.
	File, Was, Is string
	// Package and Test that has to find it.
	Package, Test string
}

// Apply plants the bug into the file's text. One that finds no place any more,
// or several, is an error: the code has moved on, and the bug must follow.
func (m Mutant) Apply(text string) (string, error) {
	if n := strings.Count(text, m.Was); n != 1 {
		return "", fmt.Errorf("planted bug %q: %s holds %d times what it changes, want once: %q", m.Bug, m.File, n, m.Was)
	}
	return strings.Replace(text, m.Was, m.Is, 1), nil
}

// Mutants gives all bugs.
func Mutants() []Mutant {
	return slices.Concat(ofMarks(), ofPages(), ofDocuments(), ofWrites(), ofRounds())
}

// ofRounds are bugs of a round's order.
func ofRounds() []Mutant {
	return []Mutant{
		{
			Bug:     "the source is refreshed before G is read",
			File:    "internal/ferry/round.go",
			Was:     "		if r, positions, broken = ix.begin(ctx); broken != nil {\n			return nil //nolint:nilerr // it is told once the checks have come to their end\n		}\n		return ix.ferry.source.Refresh(ctx, ix.id())\n",
			Is:      "		if err := ix.ferry.source.Refresh(ctx, ix.id()); err != nil {\n			return err\n		}\n		r, positions, broken = ix.begin(ctx)\n		return nil\n",
			Package: "e2e/journey", Test: "TestChaos/a_write_between_the_refresh_and_the_scan",
		},
		{
			Bug:     "a window counts before it is acknowledged",
			File:    "internal/ferry/pipe.go",
			Was:     "		f.open.Add(1)\n		select {\n",
			Is:      "		select {\n",
			Package: "internal/ferry", Test: "TestPipeEndsWithTheFirstErrorAndAcknowledgesNothingUnwritten",
		},
	}
}

// ofMarks are bugs of how far a ferry says that it is.
func ofMarks() []Mutant {
	return []Mutant{
		{
			Bug:     "no settle rule: a new term does not go back to S",
			File:    "checkpoint/watermark.go",
			Was:     "w.W, w.M, w.Term = w.S, -1, p.Term",
			Is:      "w.M, w.Term = -1, p.Term",
			Package: "checkpoint", Test: "TestWatermarkAgainstModelManyTimes",
		},
		{
			Bug:     "no settle rule: S follows W at once",
			File:    "checkpoint/watermark.go",
			Was:     "	} else if p.Global >= w.M {\n",
			Is:      "	} else {\n",
			Package: "checkpoint", Test: "TestWatermarkAgainstModelManyTimes",
		},
		{
			Bug:     "external where external_gte is due",
			File:    "checkpoint/watermark.go",
			Was:     "	return r.Repeat || w.Overlaps(r.Mark.W0, r.Mark.SMax)\n",
			Is:      "	return r.Repeat && w.Overlaps(r.Mark.W0, r.Mark.SMax) && false\n",
			Package: "checkpoint", Test: "TestRewrites",
		},
	}
}

// ofPages are bugs of how scrolls are read.
func ofPages() []Mutant {
	return []Mutant{
		{
			Bug:  "a page of a scroll is asked for twice",
			File: "stream/reader.go",
			Was:  "	return s.reader.source.NextPage(ctx, s.window, id, s.reader.pages.options.KeepAlive)\n",
			Is: `	page, err := s.reader.source.NextPage(ctx, s.window, id, s.reader.pages.options.KeepAlive)
	if err != nil {
		page, err = s.reader.source.NextPage(ctx, s.window, id, s.reader.pages.options.KeepAlive)
	}
	return page, err
`,
			Package: "stream", Test: "TestTroubleEndsTheWindow",
		},
		{
			Bug:  "_shards of a page is not looked at",
			File: "stream/page.go",
			Was: `	case p.shards.failed > 0:
		return fmt.Errorf("%d shards failed: %.200s", p.shards.failed, p.failures)
	case p.shards.total != 1 || p.shards.successful != 1:
		return fmt.Errorf("%d of %d shards answered where one was asked", p.shards.successful, p.shards.total)
`,
			Package: "stream", Test: "TestTroubleEndsTheWindow",
		},
	}
}

// ofDocuments are bugs of how documents are told apart.
func ofDocuments() []Mutant {
	return []Mutant{
		{
			Bug:     "documents are asked for by id without their routing",
			File:    "internal/cluster/bulk.go",
			Was:     "		if k.Routing != \"\" {\n",
			Is:      "		if k.Routing != \"\" && k.Type != \"\" {\n",
			Package: "internal/cluster", Test: "TestVersionsAreNeitherPresentNorAbsentOnAnError",
		},
		{
			Bug:     "digests are joined by XOR, so that a document twice is none",
			File:    "internal/digest/digest.go",
			Was:     "	hi, _ := bits.Add64(s.hi, o.hi, carry)\n",
			Is:      "	lo, hi := s.lo^o.lo, s.hi^o.hi+0*carry\n",
			Package: "internal/digest", Test: "TestPairsDoNotCancel",
		},
	}
}

// ofWrites are bugs of how the target and the bucket are written.
func ofWrites() []Mutant {
	return []Mutant{
		{
			Bug:     "each 409 is skipped",
			File:    "sink/writer.go",
			Was:     "			o.conflicts = append(o.conflicts, docs[i])\n",
			Is:      "			o.result.Replayed++\n",
			Package: "sink", Test: "TestAnyHistoryAnyOrder",
		},
		{
			Bug:  "index-N is copied first",
			File: "snapshotpath/bucket/copier.go",
			Was:  "	if err := t.stages(ctx, p, sum); err != nil {\n",
			Is: `	for _, o := range append(p.Copy[Generations], p.Copy[Latest]...) {
		if err := t.all(ctx, []Object{o}); err != nil {
			return false, err
		}
	}
	if err := t.stages(ctx, p, sum); err != nil {
`,
			Package: "e2e/repository", Test: "TestCopyMeetsTroubles",
		},
	}
}
