package sink

const (
	// shortestHold and longestHold bound the windows between two trials: a
	// failed one costs a window of less throughput, and each failure in a row
	// makes the next one rarer.
	shortestHold, longestHold = 4, 32
	// worth is the share of the ideal gain that a step must bring to be kept: a
	// target that scales brings nearly all of it, a saturated one nothing.
	worth = 0.25
)

// climb decides how many requests a target gets at once: by trials up and down
// that are kept if the throughput says so, and at most half as many where it
// had no room. Not by latency: a bulk's follows its size and the target's
// merges, and says nothing of what the target could do (docs of the Controller).
// Pure; the Controller guards it and measures.
type climb struct {
	most int
	// fixed climbs back to most whatever it gains, and never tries less.
	fixed bool
	// limit is settled; trial is what is measured now, another one or the same.
	limit, trial int
	// rate at limit, when it was measured last.
	rate float64
	// hold is for how many windows there is no trial; after the next failure
	// there is none for pause.
	hold, pause int
	// steep trials double, until one fails.
	steep, down bool
}

// measured tells the throughput of a window in which the requests of the trial
// were always under way.
func (c *climb) measured(rate float64) {
	switch {
	case c.trial == c.limit:
		c.rate = rate
		if c.hold > 0 {
			c.hold--
			return
		}
		c.trial = c.next()
	case c.keeps(rate):
		c.limit, c.rate, c.pause = c.trial, rate, shortestHold
		c.trial = c.next()
	default:
		c.fail()
	}
}

// keeps reports whether the trial is better than what is settled: more
// requests that gain, or fewer that lose next to nothing.
func (c *climb) keeps(rate float64) bool {
	growth := float64(c.trial-c.limit) / float64(c.limit)
	return c.fixed || rate >= c.rate*(1+worth*growth)
}

// next is the trial after this one.
func (c *climb) next() int {
	step := max(1, c.limit/4)
	switch {
	case c.steep:
		step = c.limit
	case c.down:
		step = -step
	}
	return min(max(1, c.limit+step), c.most)
}

// fail goes back to what is settled, and tries the other direction later.
func (c *climb) fail() {
	c.trial = c.limit
	if c.steep {
		c.steep, c.hold = false, 0
		return
	}
	c.hold, c.pause = c.pause, min(2*c.pause, longestHold)
	c.down = !c.down && !c.fixed && c.limit > 1
}

// slack tells that there was not enough to send, so that nothing was measured.
func (c *climb) slack() {
	if c.trial != c.limit {
		c.fail()
	}
}

// busy tells that the target had no room for what the trial sent.
func (c *climb) busy() {
	if c.trial > c.limit {
		// The step was too much; what is settled was not.
		c.fail()
		return
	}
	c.limit = max(1, c.trial/2)
	c.trial, c.steep, c.down, c.hold = c.limit, false, false, 1
}
