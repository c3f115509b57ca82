package bucket

import (
	"context"
	"slices"
	"sync"
)

const (
	// bundleObjects and bundleBytes bound a bundle: enough that asking for it is
	// nothing beside it, and little enough to be copied again where it is lost. One
	// larger object is a bundle of its own.
	bundleObjects = 200
	bundleBytes   = 64 << 20
	// portion: a bundle is no more than one of so many parts of what is left. So
	// bundles get smaller, and the last ones end at about the same time.
	portion = 8
)

// shelf is the objects of one round. This process takes them from the front as it
// has places, bundles are taken from the end. Safe for concurrent use, but only one
// goroutine takes.
type shelf struct {
	mu sync.Mutex
	// own are to be copied by this process, any by whoever has room.
	own, any []Object
	// bytes of any.
	bytes int64
	// out counts bundles that are neither copied nor back.
	out int
	// news wakes the one that takes: a bundle came back, or was copied.
	news chan struct{}
}

// newShelf keeps objects; lendable says which of them others may copy.
func newShelf(objects []Object, lendable func(key string) bool) *shelf {
	s := &shelf{news: make(chan struct{}, 1)}
	for _, o := range objects {
		if lendable(o.Key) {
			s.any = append(s.any, o)
			s.bytes += o.Size
		} else {
			s.own = append(s.own, o)
		}
	}
	return s
}

// take gives the next object. It waits where bundles may still come back; more is
// false when nothing is left, or ctx has ended.
func (s *shelf) take(ctx context.Context) (o Object, more bool) {
	for {
		o, more, out := s.next()
		if more || out == 0 {
			return o, more
		}
		select {
		case <-s.news:
		case <-ctx.Done():
			return o, false
		}
	}
}

func (s *shelf) next() (o Object, more bool, out int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case len(s.own) > 0:
		o, s.own = s.own[0], s.own[1:]
	case len(s.any) > 0:
		o, s.any = s.any[0], s.any[1:]
		s.bytes -= o.Size
	default:
		return o, false, s.out
	}
	return o, true, s.out
}

// plenty reports whether there is more than this process has under way at once: less
// than that is done sooner than it is asked of anybody.
func (s *shelf) plenty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.any) > workers || s.bytes > memory
}

// bundle takes objects of at most so many bytes, or one, for others to copy; none
// where there is not plenty.
func (s *shelf) bundle(most int64) []Object {
	if !s.plenty() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// This process may have taken the last ones meanwhile.
	if len(s.any) == 0 {
		return nil
	}
	most = min(most, bundleBytes, s.bytes/portion)
	count := min(bundleObjects, max(1, len(s.any)/portion))
	from := len(s.any) - 1
	bytes := s.any[from].Size
	for from > 0 && len(s.any)-from < count && bytes+s.any[from-1].Size <= most {
		from--
		bytes += s.any[from].Size
	}
	bundle := slices.Clone(s.any[from:])
	s.any, s.bytes, s.out = s.any[:from], s.bytes-bytes, s.out+1
	return bundle
}

// back ends a bundle: what of it was not copied is for this process, so that
// nothing goes to and fro.
func (s *shelf) back(objects []Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.own = append(s.own, objects...)
	s.out--
	select {
	case s.news <- struct{}{}:
	default:
	}
}
