package sink

import "slices"

// line lets a bounded number of requests in at once. Every other one that waits
// goes in by urgency, the others in the order in which they came: the urgent
// one has half of the turns at least, and nobody waits for ever. The Controller
// guards it.
type line struct {
	limit, inside int
	// waiting in the order in which they came.
	waiting []*place
	byAge   bool
	// epoch counts the bounds that there were.
	epoch int
}

// place is one request's in the line; ready is closed when it may go in, and
// epoch then tells under which bound it did.
type place struct {
	urgency int64
	epoch   int
	ready   chan struct{}
}

// bound changes how many are let in at once.
func (l *line) bound(limit int) {
	l.limit = limit
	l.epoch++
	l.admit()
}

// join gives a place that is ready at once where there is room.
func (l *line) join(urgency int64) *place {
	p := &place{urgency: urgency, ready: make(chan struct{})}
	l.waiting = append(l.waiting, p)
	l.admit()
	return p
}

// leave gives the place up, wherever it stands.
func (l *line) leave(p *place) {
	if at := slices.Index(l.waiting, p); at >= 0 {
		l.waiting = slices.Delete(l.waiting, at, at+1)
		return
	}
	l.inside--
	l.admit()
}

// admit lets in as many as there is room for.
func (l *line) admit() {
	for l.inside < l.limit && len(l.waiting) > 0 {
		at := l.next()
		p := l.waiting[at]
		l.waiting = slices.Delete(l.waiting, at, at+1)
		l.inside++
		l.byAge = !l.byAge
		p.epoch = l.epoch
		close(p.ready)
	}
}

// next is the position of the one that goes in next.
func (l *line) next() int {
	most := 0
	if l.byAge {
		return most
	}
	for i, p := range l.waiting {
		if p.urgency > l.waiting[most].urgency {
			most = i
		}
	}
	return most
}
