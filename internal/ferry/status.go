package ferry

import (
	"maps"
	"slices"

	"esferry/checkpoint"
	"esferry/internal/history"
	"esferry/internal/workers"
	"esferry/sink"
)

// Status is what the store holds of a ferry, readable.
type Status struct {
	Name string `json:"name"`
	// Running: a process answered for it.
	Running bool `json:"running"`
	// Holder has the ferry on another machine; only a store that machines share tells.
	Holder *checkpoint.Holder `json:"holder,omitempty"`
	// Workers carry beside whoever has the ferry, in such a store.
	Workers  []workers.Worker `json:"workers,omitempty"`
	Snapshot string           `json:"snapshot,omitempty"`
	Blocked  []string         `json:"blocked,omitempty"`
	Freeze   *Freeze          `json:"freeze,omitempty"`
	// Downtime predicts the freeze; nil where none is to come.
	Downtime *history.Downtime `json:"downtime,omitempty"`
	Pieces
	// Pace is the running process's; the store knows of none.
	Pace *Pace `json:"pace,omitempty"`
	// Cutover is the last one of the running process.
	Cutover *Attempt `json:"cutover,omitempty"`
	// Writers are those of the running process.
	Writers *sink.Pace    `json:"writers,omitempty"`
	Indices []IndexRecord `json:"indices"`
}

// StatusOf puts a ferry's records together.
func StatusOf(r Record, indices []IndexRecord) Status {
	if indices == nil {
		indices = []IndexRecord{}
	}
	return Status{Name: r.Name, Snapshot: r.Snapshot, Blocked: r.Blocked, Freeze: r.Freeze, Indices: indices}
}

// Status gives the ferry's present state. Safe for concurrent use.
func (f *Ferry) Status() Status {
	pace := f.Pace()
	f.mu.Lock()
	defer f.mu.Unlock()
	var records []IndexRecord
	for _, name := range slices.Sorted(maps.Keys(f.indices)) {
		records = append(records, f.indices[name].snapshotRecord())
	}
	told, writers := StatusOf(f.state, records), f.controller.Pace()
	told.Pace, told.Writers, told.Downtime, told.Cutover = &pace, &writers, Downtime(f.History(), records), f.attempt.copied()
	if f.pool != nil {
		told.Workers, _ = f.pool.Workers()
	}
	return told
}

// Freeze is the freeze of the last cutover; nil where there was none.
func (f *Ferry) Freeze() *Freeze { return f.record().Freeze }
