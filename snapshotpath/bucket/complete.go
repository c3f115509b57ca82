package bucket

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"esferry/snapshotpath/bucket/layout"
)

// Completeness is what Complete found.
type Completeness struct {
	// Snapshots were looked at; LeftOut did not end with success, and may lack
	// what they like.
	Snapshots []string `json:"snapshots"`
	LeftOut   []string `json:"left_out"`
	// Named is what their metadata name, There what of it has its full length.
	Named Total `json:"named"`
	There Total `json:"there"`
	// Differences are sorted by key; none means that all of it is there.
	Differences []Difference `json:"differences"`
}

// Complete reads the metadata of a bucket's snapshots and looks whether each
// blob that they name is there with its full length. Metadata that are damaged
// or missing are an error. It reads no segment and changes nothing.
func (b *Bucket) Complete(ctx context.Context) (Completeness, error) {
	found := Completeness{Snapshots: []string{}, LeftOut: []string{}, Differences: []Difference{}}
	roots, err := b.roots(ctx)
	if err != nil {
		return found, err
	}
	if newest(roots).Key == "" {
		return found, &Error{Op: opRead, Bucket: b.String(), Err: errEmpty}
	}
	root, err := b.parseRoot(ctx, newest(roots))
	if err != nil {
		return found, err
	}
	r := newMetadataReader(b, root, false)
	var whole []layout.Snapshot
	for _, s := range root.Snapshots {
		if s.State != layout.Success && s.State != layout.Unknown {
			found.LeftOut = append(found.LeftOut, s.Name)
			continue
		}
		whole = append(whole, s)
		found.Snapshots = append(found.Snapshots, s.Name)
	}
	if err := r.details(ctx, whole); err != nil {
		return found, err
	}
	if err := r.indices(ctx, whole); err != nil {
		return found, err
	}
	for p, err := range Merge(r.list(), r.there(ctx, b)) {
		if err != nil {
			return found, err
		}
		if p.Source.Key != "" {
			found.judge(p)
		}
	}
	slices.SortFunc(found.Differences, func(a, b Difference) int { return strings.Compare(a.Key, b.Key) })
	return found, nil
}

func (f *Completeness) judge(p Pair) {
	f.Named.add(p.Source)
	switch {
	case p.Target.Key == "":
		f.Differences = append(f.Differences, Difference{p.Source.Key, "it is not there"})
	case p.Source.Size != p.Target.Size:
		f.Differences = append(f.Differences, Difference{p.Source.Key, fmt.Sprintf("%d bytes, not %d", p.Target.Size, p.Source.Size)})
	default:
		f.There.add(p.Target)
	}
}
