package reconcile

import (
	"context"
	"fmt"

	"esferry/internal/cluster"
	"esferry/internal/digest"
)

// Kind is how the sides differ in a document.
type Kind string

// The kinds of difference.
const (
	// Missing: the source has it, the target does not.
	Missing Kind = "missing"
	// Extra: the target has it, the source does not.
	Extra Kind = "extra"
	// Version: both have it, under different versions.
	Version Kind = "version"
	// Content: both have it under one version, with different contents.
	Content Kind = "content"
)

// Difference is one document in which the sides differ. The side that does not
// have it is zero.
type Difference struct {
	Kind           Kind
	Source, Target Entry
}

// Compare calls visit for each document in which the sides differ, partition
// by partition, and ends with its first error. Contents are compared where both
// sides were told with a digest.
func (s *Spool) Compare(ctx context.Context, visit func(Difference) error) error {
	for n := range partitions {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("compare the sides: %w", err)
		}
		if err := s.comparePartition(n, visit); err != nil {
			return err
		}
	}
	return nil
}

func (s *Spool) comparePartition(number int, visit func(Difference) error) error {
	here, err := s.entries(Source, number)
	if err != nil {
		return err
	}
	there, err := s.entries(Target, number)
	if err != nil {
		return err
	}
	for key, source := range here {
		target, ok := there[key]
		d := Difference{Kind: Missing, Source: source}
		if ok {
			d.Target = target
			d.Kind = differs(source, target)
		}
		if d.Kind == "" {
			continue
		}
		if err := visit(d); err != nil {
			return err
		}
	}
	for key, target := range there {
		if _, ok := here[key]; ok {
			continue
		}
		if err := visit(Difference{Kind: Extra, Target: target}); err != nil {
			return err
		}
	}
	return nil
}

func differs(source, target Entry) Kind {
	switch {
	case source.Version != target.Version:
		return Version
	case source.Digest != target.Digest && source.Digest != (digest.Hash{}) && target.Digest != (digest.Hash{}):
		return Content
	default:
		return ""
	}
}

// entries gives a partition by key; what was told last of a document holds.
func (s *Spool) entries(side Side, number int) (map[cluster.Key]Entry, error) {
	buf, err := s.load(side, number)
	if err != nil {
		return nil, err
	}
	out := map[cluster.Key]Entry{}
	for len(buf) > 0 {
		var e Entry
		if buf, err = e.read(buf); err != nil {
			return nil, s.side[side].file.Torn(err)
		}
		out[e.Key] = e
	}
	return out, nil
}
