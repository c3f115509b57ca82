package ferry

import (
	"errors"
	"fmt"

	"esferry/internal/preflight"
)

// Checklist gives what should be true before a cutover, in the order in which an
// operator reads it: what the cutover itself checks, as of the last look, and what
// else should give pause. The cutover refuses what it must.
func (l *Lookout) Checklist() []Check {
	s, behind := l.ferry.Status(), l.ferry.behind()
	var carried []IndexRecord
	for _, r := range s.Indices {
		if r.Phase == Current {
			carried = append(carried, r)
		}
	}
	list := []Check{check("every index is carried", behind == "" && len(carried) > 0, fmt.Sprintf("%d indices are kept up", len(carried)), notCarried(behind))}
	l.mu.Lock()
	found, unchecked := l.found, l.unchecked
	l.mu.Unlock()
	return append(append(list, checks(found, unchecked)...), rejections(carried), reading(s.Pace))
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

// checks gives a line for each check that was made.
func checks(found []preflight.Finding, unchecked error) []Check {
	if nothing := (*NothingCarriedError)(nil); errors.As(unchecked, &nothing) {
		return nil
	}
	if unchecked != nil {
		return []Check{{Name: "the checks before a cutover", Reason: unchecked.Error()}}
	}
	list := make([]Check, len(found))
	for i, f := range found {
		list[i] = Check{Name: f.Check, OK: f.State != preflight.Refused, Reason: f.Detail}
		if f.Remedy != "" {
			list[i].Reason += "; " + f.Remedy
		}
	}
	return list
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
