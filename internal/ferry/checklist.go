package ferry

import (
	"fmt"
	"strings"
	"time"
)

// Checklist gives what should be true before a cutover, in the order in which an
// operator reads it. It is advice: the cutover itself refuses what it must.
func (l *Lookout) Checklist() []Check {
	s, behind := l.ferry.Status(), l.ferry.behind()
	var carried []IndexRecord
	for _, r := range s.Indices {
		if r.Phase == Current {
			carried = append(carried, r)
		}
	}
	list := []Check{
		check("every index is carried", behind == "" && len(carried) > 0, fmt.Sprintf("%d indices are kept up", len(carried)), notCarried(behind)),
		l.listed(),
		l.ferry.lagging(carried),
		counted(carried),
		rejections(carried),
		reading(s.Pace),
	}
	for _, side := range l.Sides() {
		list = append(list, side.check())
	}
	return list
}

// check gives a line with what was seen, or with why it is not so.
func check(name string, ok bool, seen, fault string) Check {
	if ok {
		return Check{Name: name, OK: true, Reason: seen}
	}
	return Check{Name: name, Reason: fault}
}

func notCarried(behind string) string {
	if behind == "" {
		return "nothing is kept up at present"
	}
	return "index " + behind + " is still on its way"
}

// listed says whether the source has indices that the ferry leaves behind.
func (l *Lookout) listed() Check {
	l.mu.Lock()
	defer l.mu.Unlock()
	const name = "no index is new on the source"
	if l.unlisted != nil {
		return Check{Name: name, Reason: "the source's indices cannot be listed: " + l.unlisted.Error()}
	}
	const most = 3
	fault := "not carried: " + strings.Join(l.fresh[:min(most, len(l.fresh))], ", ")
	if n := len(l.fresh) - most; n > 0 {
		fault += fmt.Sprintf(" and %d more", n)
	}
	return check(name, len(l.fresh) == 0, "all that match indices.include are carried", fault)
}

func (f *Ferry) lagging(carried []IndexRecord) Check {
	var worst IndexRecord
	for _, r := range carried {
		if r.Lag > worst.Lag {
			worst = r
		}
	}
	bound := f.options.Cutover.MaxLag
	return check("the lag is small", worst.Lag <= bound,
		fmt.Sprintf("at most %d operations outstanding after the last round; cutover.max_lag is %d", worst.Lag, bound),
		fmt.Sprintf("index %s: %d operations outstanding, over cutover.max_lag (%d)", worst.Index, worst.Lag, bound))
}

// counted says how the last counts compare. While the source takes writes they
// may differ by what came meanwhile.
func counted(carried []IndexRecord) Check {
	const name = "the counts agree"
	moving, at := 0, time.Time{}
	for _, r := range carried {
		switch {
		case r.Counts == nil:
			return Check{Name: name, Reason: "index " + r.Index + " was not counted yet"}
		case !r.Counts.Equal && !r.Counts.Moving:
			return Check{Name: name, Reason: fmt.Sprintf("index %s: %d documents on the source, %d on the target", r.Index, r.Counts.Source, r.Counts.Target)}
		case !r.Counts.Equal:
			moving++
		}
		if at.IsZero() || r.Counts.At.Before(at) {
			at = r.Counts.At
		}
	}
	seen := fmt.Sprintf("equal when last counted, %s ago", time.Since(at).Round(time.Second))
	if moving > 0 {
		seen = fmt.Sprintf("%d indices took writes while they were counted; they are counted again under the freeze", moving)
	}
	return check(name, len(carried) > 0, seen, "nothing was counted yet")
}

func rejections(carried []IndexRecord) Check {
	n := int64(0)
	for _, r := range carried {
		n += r.Written.Rejected
	}
	return check("no document was rejected", n == 0, "the target took all", fmt.Sprintf("%d documents: esferry deadletter list tells why", n))
}

func reading(p *Pace) Check {
	fault := "paused: the freeze would wait for resume"
	if !p.Paused {
		fault = "the source is busy: " + p.Braked
	}
	return check("reading is not held back", !p.Paused && p.Braked == "", "neither paused nor braked", fault)
}

// check says whether the cluster is fit for a cutover.
func (s Side) check() Check {
	fault := s.Fault
	switch {
	case fault != "":
	case s.Answered.IsZero():
		fault = "not asked yet"
	case s.Color == "red":
		fault = "its health is red: a shard has no primary"
	}
	seen := "it answers"
	if s.Color != "" {
		seen = "its health is " + s.Color
	}
	return check("the "+s.Name+" is well", fault == "", seen, fault)
}
