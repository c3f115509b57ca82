package ferry_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"esferry/checkpoint"
	"esferry/internal/ferry"
	"esferry/internal/history"
)

// shelf is a store that holds one text under every key.
type shelf struct{ text []byte }

func (shelf) Acquire(context.Context, checkpoint.Holder) (checkpoint.Lease, error) {
	return checkpoint.Lease{}, nil
}
func (s shelf) Load(context.Context, string) ([]byte, error) { return s.text, nil }

func (s shelf) List(_ context.Context, prefix string) ([]checkpoint.Record, error) {
	return []checkpoint.Record{{Key: prefix + "a", Value: s.text}, {Key: prefix + "b", Value: s.text}}, nil
}

func (shelf) Commit(context.Context, checkpoint.Lease, ...checkpoint.Record) error {
	return errors.New("nothing is written here")
}
func (shelf) Close() error { return nil }

// FuzzRecords reads any text as each kind of record: it is refused with the
// record's key, or shown, and nothing crashes.
func FuzzRecords(f *testing.F) {
	f.Add([]byte(`{"name":"x","source_cluster":"a","target_cluster":"b","started":"2026-11-01T00:00:00Z","blocked":["i"],"freeze":{"at":"2026-11-01T00:00:00Z","seconds":2,"steps":[{"step":"block writes","seconds":1}]}}`))
	f.Add([]byte(`{"index":"i","target":"i","path":"snapshot","phase":"current","delta":"windows","target_history":["h"],"watermarks":[{"shard":{"index":"i","shard":0},"w":7,"s":-2}],"put_back":{"index.refresh_interval":null},"written":{"applied":3},"lag":5,"counts":{"source_docs":3,"target_docs":3,"equal":true}}`))
	f.Add([]byte(`{"run":3,"command":"esferry run","spans":{"entries":[{"phase":"copy","run":3,"seconds":1,"ended":true}]},"laps":{"entries":[{"seconds":-1,"documents":1e3}]},"notes":{"entries":null,"left_out":-5}}`))
	f.Add([]byte(`{"index":"i","spans":{"entries":[]},"rounds":{"entries":[{"run":1,"seconds":1e308,"lag":-9223372036854775808}]},"verified":{"at":"2026-11-01T00:00:00Z"}}`))
	f.Add([]byte(`null`))
	f.Add([]byte(`{"run":9223372036854775807`))
	f.Fuzz(func(t *testing.T, text []byte) {
		store := shelf{text}
		record, indices, err := ferry.Load(t.Context(), store, "x")
		mustBeNamed(t, err)
		status := ferry.StatusOf(record, indices)
		pieces, failed := ferry.LoadPieces(t.Context(), store, "x")
		mustBeNamed(t, failed)
		status.Pieces = pieces
		told, failed := history.Load(t.Context(), store, "x")
		mustBeNamed(t, failed)
		status.Downtime = ferry.Downtime(told, indices)
		if err != nil || failed != nil {
			return
		}
		for _, shown := range []any{status, told} {
			if _, err := json.Marshal(shown); err != nil {
				t.Errorf("what was read cannot be shown: %v", err)
			}
		}
	})
}

// mustBeNamed: an error says which record it is about.
func mustBeNamed(t *testing.T, err error) {
	t.Helper()
	if err != nil && !strings.Contains(err.Error(), "x") {
		t.Errorf("got %v, which names no record", err)
	}
}
