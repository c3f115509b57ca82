package live

// samples is how many points a history keeps: more than a plot has pixels to
// show on a phone, and few enough to send at once.
const samples = 600

// Sample is one point of the plots.
type Sample struct {
	// At is in seconds since 1970.
	At float64 `json:"at"`
	// Documents and Bytes moved so far by this process.
	Documents int64 `json:"docs"`
	Bytes     int64 `json:"bytes"`
	// Lag is the operations outstanding, over all indices.
	Lag int64 `json:"lag"`
}

// History keeps samples of a whole run in bounded room: when it is full, every
// other one goes, and from then on they are taken half as often. Totals are
// sampled, not rates, so that a rate between two of them is right whatever was
// dropped. The zero value is ready.
type History struct {
	points []Sample
	// Each keep-th sample is taken; skipped counts those since the last one.
	keep, skipped int
}

// Add takes a sample, or leaves it out.
func (h *History) Add(s Sample) {
	h.skipped++
	if h.skipped < h.keep {
		return
	}
	h.skipped = 0
	h.points = append(h.points, s)
	if len(h.points) < samples {
		return
	}
	kept := h.points[:0]
	for i, p := range h.points {
		if i%2 == 0 {
			kept = append(kept, p)
		}
	}
	h.points, h.keep = kept, max(1, h.keep)*2
}

// Points gives the samples, oldest first. They are the History's own.
func (h *History) Points() []Sample { return h.points }
