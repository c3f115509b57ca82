package ferry

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"esferry/internal/cluster"
	"esferry/internal/digest"
	"esferry/internal/history"
	"esferry/internal/reconcile"
	"esferry/internal/shard"
	"esferry/internal/verify"
)

// CertificateSchema is the version of a certificate's form, which
// docs/certificate.schema.json describes; fields are only ever added to it.
const CertificateSchema = 1

// Certificate says that every index of a ferry held the same documents on both
// sides, at which positions, and by which digests: docs/certificate.md tells in
// words how a third party makes them without esferry.
type Certificate struct {
	Type   string    `json:"type"`
	Schema int       `json:"schema"`
	Ferry  string    `json:"ferry"`
	Made   time.Time `json:"made"`
	// Version of the esferry that made it, and the command that makes it again.
	Version string `json:"version"`
	Command string `json:"command"`
	Level   Level  `json:"level"`
	// Digest names how digests are made.
	Digest  string         `json:"digest"`
	Source  history.Engine `json:"source"`
	Target  history.Engine `json:"target"`
	Indices []Certified    `json:"indices"`
}

// Certified is one index of a certificate. Its sides held the same while they
// were read, and neither took a write meanwhile.
type Certified struct {
	Index string `json:"index"`
	// Type is the one type of the source's index that this is of, where types are
	// split.
	Type  string    `json:"source_type,omitempty"`
	Began time.Time `json:"began"`
	Ended time.Time `json:"ended"`
	// Both sides hold these documents, all of them, and no others.
	Digest
	Source CertifiedSide `json:"source"`
	Target CertifiedSide `json:"target"`
	// Windows divide the documents by the hash of their keys.
	Windows []CertifiedWindow `json:"windows"`
	// refused tells why there is none, in place of all else.
	refused *NotCertifiedError
}

// CertifiedSide is one side of an index.
type CertifiedSide struct {
	Index string `json:"index"`
	UUID  string `json:"uuid"`
	// Count is that of _count: live root documents, no nested ones.
	Count int64 `json:"count"`
	// Numbered: the engine numbers operations, so that positions tell of writes.
	Numbered bool `json:"numbered"`
	// Activity is what the source had written, where operations are not numbered.
	Activity *cluster.Activity `json:"activity,omitempty"`
	Shards   []CertifiedShard  `json:"shards"`
}

// CertifiedShard is where one primary stood while it was read, and what it held.
type CertifiedShard struct {
	shard.Position
	Digest
}

// CertifiedWindow is the documents whose keys' hashes lie in the partitions.
type CertifiedWindow struct {
	From int `json:"from_partition"`
	To   int `json:"to_partition"`
	Digest
}

// NotCertifiedError says why there is no certificate where nothing was found to
// differ for certain.
type NotCertifiedError struct{ Index, Why string }

// Error names index and reason.
func (e *NotCertifiedError) Error() string {
	return fmt.Sprintf("index %s: no certificate is written: %s", e.Index, e.Why)
}

// NextStep is printed on a line of its own.
func (e *NotCertifiedError) NextStep() string {
	return "stop the writers, run esferry sync, and verify again; or certify after the cutover, before clients write to the target"
}

// Certificate gives the certificate of what this process has verified with
// Certify: of all indices, or a *NotCertifiedError.
func (f *Ferry) Certificate(level Level) (Certificate, error) {
	run := f.commits.log.History().Runs
	c := Certificate{
		Type: "certificate", Schema: CertificateSchema, Ferry: f.options.Name, Made: time.Now().UTC(), Level: level, Digest: digest.Definition,
		Source: met(f.source.Identity()), Target: met(f.target.Identity()), Indices: []Certified{},
	}
	if n := len(run); n > 0 {
		c.Version, c.Command = run[n-1].Version, run[n-1].Command
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(f.indices)) {
		ix := f.indices[name]
		ix.mu.Lock()
		v := ix.verified
		ix.mu.Unlock()
		if v == nil || v.certified == nil {
			continue
		}
		if refused := v.certified.refused; refused != nil {
			return c, refused
		}
		c.Indices = append(c.Indices, *v.certified)
	}
	return c, nil
}

// certify keeps what a certificate tells of an index, or why there is none.
func (e *examination) certify(ctx context.Context, tally *verify.Tally) error {
	s, v := e.sides, &e.found
	refuse := func(why string) error {
		v.certified = &Certified{refused: &NotCertifiedError{Index: s.rec.Index, Why: why}}
		return nil
	}
	now, err := s.index.ferry.target.Primaries(ctx, s.rec.Target)
	if err != nil {
		return err
	}
	switch numbered := s.index.ferry.target.Identity().SequenceNumbers(); {
	case v.differs():
		// That is the error.
		return nil
	case v.Moving:
		return refuse("the source takes writes that are not on the target yet")
	case v.Source != v.Target:
		return refuse("documents say the same in other bytes, or were left on the target on purpose")
	case !numbered:
		return refuse("the target numbers no operations, so that nothing tells whether it was written to meanwhile")
	case !slices.EqualFunc(now, s.target, stoodStill):
		return refuse("the target was written to while it was read")
	}
	c := &Certified{
		Index: s.rec.Index, Type: s.rec.SourceType, Began: e.began, Ended: time.Now().UTC(), Digest: v.Source,
		Source: CertifiedSide{Index: s.rec.Index, UUID: s.rec.SourceUUID, Count: s.here, Numbered: s.rec.numbered(), Activity: s.rec.Activity, Shards: e.shards(reconcile.Source, s.source)},
		Target: CertifiedSide{Index: s.rec.Target, UUID: s.rec.TargetUUID, Count: s.there, Numbered: true, Shards: e.shards(reconcile.Target, s.target)},
	}
	for i, sum := range tally.Ranges() {
		const each = verify.Partitions / verify.KeyRanges
		c.Windows = append(c.Windows, CertifiedWindow{From: i * each, To: (i+1)*each - 1, Digest: digestOf(sum)})
	}
	v.certified = c
	return nil
}

// stoodStill reports whether nothing happened to a primary in between.
func stoodStill(a, b shard.Position) bool {
	return a.Shard == b.Shard && a.Term == b.Term && a.Max == b.Max && a.History == b.History
}

// shards joins positions and digests of one side.
func (e *examination) shards(side reconcile.Side, positions []shard.Position) []CertifiedShard {
	out := make([]CertifiedShard, len(positions))
	for i, p := range positions {
		out[i] = CertifiedShard{Position: p, Digest: digestOf(e.perShard[side][i])}
	}
	return out
}
