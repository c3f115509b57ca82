package bucket

import (
	"errors"
	"iter"
	"slices"
	"strings"
	"time"
)

// Pair is one key: what each side holds, the zero Object where it has none.
type Pair struct{ Source, Target Object }

// ErrUnsorted says that a listing is not in the order of its keys, or holds one
// twice.
var ErrUnsorted = errors.New("the listing is not sorted")

// Merge walks two sorted listings in lock step, in memory that does not grow
// with them. It ends with ErrUnsorted where a listing is not sorted.
func Merge(source, target iter.Seq2[Object, error]) iter.Seq2[Pair, error] {
	return func(yield func(Pair, error) bool) {
		s, t := begin(source), begin(target)
		defer s.stop()
		defer t.stop()
		for s.more || t.more {
			if err := errors.Join(s.err, t.err); err != nil {
				yield(Pair{}, err)
				return
			}
			var p Pair
			order := strings.Compare(s.Key, t.Key)
			if s.more && (!t.more || order <= 0) {
				p.Source = s.take()
			}
			if t.more && (p.Source.Key == "" || order == 0) {
				p.Target = t.take()
			}
			if !yield(p, nil) {
				return
			}
		}
	}
}

// cursor is a place in a listing.
type cursor struct {
	Object
	err  error
	more bool
	next func() (Object, error, bool)
	stop func()
}

func begin(list iter.Seq2[Object, error]) *cursor {
	c := &cursor{}
	c.next, c.stop = iter.Pull2(sorted(list))
	c.take()
	return c
}

// take gives the object under the cursor, and moves on.
func (c *cursor) take() Object {
	here := c.Object
	c.Object, c.err, c.more = c.next()
	return here
}

// sorted passes a listing on as long as it is sorted.
func sorted(list iter.Seq2[Object, error]) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		last := ""
		for o, err := range list {
			if err == nil && o.Key <= last {
				err = ErrUnsorted
			}
			last = o.Key
			if !yield(o, err) || err != nil {
				return
			}
		}
	}
}

// Sort gives a listing in the order of its keys, each once, in memory that
// grows with it: for services that do not sort.
func Sort(list iter.Seq2[Object, error]) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		var all []Object
		for o, err := range list {
			if err != nil {
				yield(Object{}, err)
				return
			}
			all = append(all, o)
		}
		slices.SortStableFunc(all, byKey)
		for _, o := range slices.CompactFunc(all, func(a, b Object) bool { return a.Key == b.Key }) {
			if !yield(o, nil) {
				return
			}
		}
	}
}

// Total counts objects.
type Total struct {
	Objects int64 `json:"objects"`
	Bytes   int64 `json:"bytes"`
}

func (t *Total) add(o Object) { t.Objects, t.Bytes = t.Objects+1, t.Bytes+o.Size }

// Aside are objects that are not copied; the first of them by name.
type Aside struct {
	Total
	Keys []string `json:"keys,omitempty"`
}

// named bounds what is told of objects that nobody copies.
const named = 5

func (a *Aside) add(o Object) {
	a.Total.add(o)
	if len(a.Keys) < named {
		a.Keys = append(a.Keys, o.Key)
	}
}

// Plan is what a copy has to do.
type Plan struct {
	// Copy lists, per stage, what is missing or differs.
	Copy [Latest + 1][]Object
	// Missing is what Copy holds, Skipped what is there already.
	Missing, Skipped Total
	// Source is the whole repository, and Target what of its keys the other side
	// has; Unlike is the first key that is missing there or has another size.
	Source, Target Total
	Unlike         string
	// Foreign lies on either side and belongs to no repository, LeftOver on the
	// source is what engines leave lying about, Kept on the target what the
	// source has no more.
	Foreign, LeftOver, Kept Aside
	// Archived has to be copied and cannot be read, by its storage class.
	Archived Aside
	class    string

	// shallow is the first file of a snapshot without segments.
	shallow string
	// roots are the source's, theirs the target's highest generation.
	roots  []Object
	theirs Object
	// doubts are equal in size and unlike in ETag, which may be no MD5.
	doubts []doubt
}

type doubt struct {
	Pair
	// proven: equal by all but the ETag.
	proven bool
}

// Diff says what the target lacks or holds otherwise. What is no part of a
// repository is left out. Its error is that of pairs.
func Diff(pairs iter.Seq2[Pair, error]) (Plan, error) {
	var p Plan
	for pair, err := range pairs {
		if err != nil {
			return Plan{}, err
		}
		if pair.Source.Key == "" {
			p.only(pair.Target)
			continue
		}
		switch partOf(pair.Source.Key) {
		case leftover:
			p.LeftOver.add(pair.Source)
		case foreign:
			p.Foreign.add(pair.Source)
		case belongs:
			p.both(pair)
		}
	}
	// The highest generation last: a reader that lists takes the highest.
	slices.SortFunc(p.Copy[Generations], func(a, b Object) int {
		return int(generation(a.Key) - generation(b.Key))
	})
	return p, nil
}

// only notes what the target alone holds.
func (p *Plan) only(target Object) {
	switch partOf(target.Key) {
	case foreign:
		p.Foreign.add(target)
	case belongs:
		p.Kept.add(target)
		p.note(target)
	case leftover:
	}
}

// note keeps the target's highest generation.
func (p *Plan) note(target Object) {
	if n := generation(target.Key); n >= 0 && (p.theirs.Key == "" || n > generation(p.theirs.Key)) {
		p.theirs = target
	}
}

// both judges a key of the source.
func (p *Plan) both(pair Pair) {
	stage := stageOf(pair.Source.Key)
	p.Source.add(pair.Source)
	if p.shallow == "" && strings.Contains(pair.Source.Key, "/shallow-snap-") {
		p.shallow = pair.Source.Key
	}
	if stage >= Generations {
		p.roots = append(p.roots, pair.Source)
	}
	if pair.Target.Key != "" {
		p.Target.add(pair.Target)
		p.note(pair.Target)
	}
	if p.Unlike == "" && (pair.Target.Key == "" || pair.Source.Size != pair.Target.Size) {
		p.Unlike = pair.Source.Key
	}
	switch equal(pair, stage, p.proven(pair)) {
	case same:
		p.Skipped.add(pair.Source)
	case unlike:
		p.plan(pair.Source)
	case doubtful:
		p.doubts = append(p.doubts, doubt{pair, p.proven(pair)})
	}
}

func (p *Plan) plan(o Object) {
	stage := stageOf(o.Key)
	p.Copy[stage] = append(p.Copy[stage], o)
	p.Missing.add(o)
	if o.Archived != "" {
		p.class = o.Archived
		p.Archived.add(o)
	}
}

// settle decides about ETags that differ: they speak of the contents only where
// they are MD5s.
func (p *Plan) settle(md5s bool) {
	for _, d := range p.doubts {
		if d.proven && !md5s {
			p.Skipped.add(d.Source)
			continue
		}
		p.plan(d.Source)
	}
	p.doubts = nil
}

// verdict about a key that both sides have.
type verdict int

const (
	unlike verdict = iota
	same
	doubtful
)

// equal says whether the target's object can be trusted to be the source's.
// What the root overwrites under one name never is.
func equal(p Pair, stage Stage, proven bool) verdict {
	switch {
	case stage >= Generations || p.Target.Key == "" || p.Source.Size != p.Target.Size:
		return unlike
	case hashed(p):
		if sameHash(p) {
			return same
		}
		return doubtful
	case proven:
		return same
	default:
		return unlike
	}
}

// clocks is how far two services' clocks may be apart: each refuses requests
// that are 15 minutes off, and we speak to both.
const clocks = 30 * time.Minute

// proven reports whether objects of one size are one object even without a
// word about their contents: by a name that is used once, or because the copy
// was made well after the source's last change. Old engines use the names of
// numbered blobs again, for other bytes of perhaps the same length.
func (p *Plan) proven(pair Pair) bool {
	// In the order of keys the root's index-N come before all metadata.
	return once(pair.Source.Key, numbered(p.roots)) || pair.Target.Changed.After(pair.Source.Changed.Add(clocks))
}

// hashed reports whether both ETags may be MD5s of the contents.
func hashed(p Pair) bool { return md5(p.Source.ETag) && md5(p.Target.ETag) }

func md5(etag string) bool { return len(etag) == 32 && !strings.Contains(etag, "-") }

// sameHash compares ETags, which some services write in capitals.
func sameHash(p Pair) bool { return strings.EqualFold(p.Source.ETag, p.Target.ETag) }

// numbered reports whether a root is one of an engine that numbers it.
func numbered(roots []Object) bool {
	root := newest(roots).Key
	return generation(root) >= 0 && root != "index"
}

// newest gives the highest generation, the zero Object where there is none.
func newest(roots []Object) (highest Object) {
	for _, o := range roots {
		if n := generation(o.Key); n >= 0 && (highest.Key == "" || n > generation(highest.Key)) {
			highest = o
		}
	}
	return highest
}
