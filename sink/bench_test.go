package sink_test

import (
	"context"
	"testing"
	"time"

	"esferry/internal/batch"
	"esferry/internal/cluster"
	"esferry/internal/corpus"
	"esferry/internal/shard"
	"esferry/sink"
)

// taking is a target that applies whatever it is sent.
type taking struct{ verdicts []cluster.Item }

func (t *taking) Bulk(_ context.Context, _, _ string, _ []byte, items int) ([]cluster.Item, error) {
	return t.verdicts[:items], nil
}

func (*taking) Versions(context.Context, string, []cluster.Key) ([]cluster.Found, error) {
	return nil, nil
}

// BenchmarkWrite splices log lines of 700 bytes into bulk bodies and judges
// the verdicts: all that a writer does but for the wire.
func BenchmarkWrite(b *testing.B) {
	const n = 5000
	var docs []batch.Doc
	for d, err := range corpus.Logs(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), n, 7) {
		if err != nil {
			b.Fatal(err)
		}
		docs = append(docs, batch.Doc{ID: []byte(`"` + d.ID + `"`), Source: d.Source, Version: 1, SeqNo: int64(len(docs)), Term: 1})
	}
	target := &taking{verdicts: make([]cluster.Item, n)}
	for i := range target.verdicts {
		target.verdicts[i].Status = 201
	}
	w := sink.NewWriter(target, target, sink.Options{Index: "i", SourceIndex: "i"})
	all := batch.New(shard.Window{Shard: shard.ID{Index: "i"}, To: n}, docs, nil)
	b.SetBytes(all.Bytes())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.Write(b.Context(), all); err != nil {
			b.Fatal(err)
		}
	}
}
