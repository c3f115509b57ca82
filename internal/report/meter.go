package report

import "time"

const (
	// spacing of samples, and how far the oldest one lies back: a rate that can be
	// read, and that follows what happens.
	spacing = time.Second
	memory  = 15 * time.Second
)

// meter tells how much has gone by, and how fast it does now.
type meter struct {
	docs, bytes int64
	samples     []sample
}

type sample struct {
	at          time.Time
	docs, bytes int64
}

// add counts what has gone by since the last call.
func (m *meter) add(at time.Time, docs, bytes int64) { m.to(at, m.docs+docs, m.bytes+bytes) }

// to counts what has gone by in all.
func (m *meter) to(at time.Time, docs, bytes int64) {
	if n := len(m.samples); n == 0 || at.Sub(m.samples[n-1].at) >= spacing {
		m.samples = append(m.samples, sample{at, m.docs, m.bytes})
	}
	for len(m.samples) > 2 && at.Sub(m.samples[1].at) >= memory {
		m.samples = m.samples[1:]
	}
	m.docs, m.bytes = docs, bytes
}

// rate gives documents and bytes a second; zeros where it is too early to tell.
// Where nothing goes by any more it falls.
func (m *meter) rate(now time.Time) (docs, bytes float64) {
	if len(m.samples) == 0 {
		return 0, 0
	}
	first := m.samples[0]
	seconds := now.Sub(first.at).Seconds()
	if seconds < spacing.Seconds() {
		return 0, 0
	}
	return float64(m.docs-first.docs) / seconds, float64(m.bytes-first.bytes) / seconds
}
