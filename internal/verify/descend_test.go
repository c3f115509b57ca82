package verify_test

import (
	"context"
	"encoding/json"
	"testing"

	"pgregory.net/rapid"

	"esferry/internal/shard"
	"esferry/internal/verify"
)

// side is a shard made of the sequence numbers of its live documents.
type side struct {
	numbers map[int64]bool
	asked   int
}

func (s *side) Histogram(_ context.Context, _ shard.Position, w shard.Window, query json.RawMessage, interval int64) ([]shard.Bucket, error) {
	s.asked++
	var q struct {
		Bool struct {
			Should []struct {
				Range struct {
					SeqNo struct{ GT, LTE int64 } `json:"_seq_no"`
				}
			}
		}
	}
	if len(query) > 0 {
		if err := json.Unmarshal(query, &q); err != nil {
			return nil, err
		}
	}
	inside := func(n int64) bool {
		for _, r := range q.Bool.Should {
			if n > r.Range.SeqNo.GT && n <= r.Range.SeqNo.LTE {
				return true
			}
		}
		return len(q.Bool.Should) == 0
	}
	counts := map[int64]int64{}
	for n := range s.numbers {
		if n > w.From && n <= w.To && inside(n) {
			counts[n/interval*interval]++
		}
	}
	var out []shard.Bucket
	for from := int64(0); from <= w.To; from += interval {
		if counts[from] > 0 {
			out = append(out, shard.Bucket{From: from, Docs: counts[from]})
		}
	}
	return out, nil
}

func descend(t interface{ Fatalf(string, ...any) }, source, target *side, to int64) []verify.Difference {
	found, err := verify.Descend(context.Background(), verify.Primary{Side: source}, verify.Primary{Side: target}, shard.Window{From: -1, To: to}, 16)
	if err != nil {
		t.Fatalf("descend: %v", err)
	}
	return found
}

// TestDescendFindsEveryDelete deletes some of a target's documents on the
// source: the ranges found must hold them all.
func TestDescendFindsEveryDelete(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		to := rapid.Int64Range(0, 30000).Draw(t, "to")
		source, target := &side{numbers: map[int64]bool{}}, &side{numbers: map[int64]bool{}}
		for range rapid.IntRange(0, 400).Draw(t, "documents") {
			n := rapid.Int64Range(0, to).Draw(t, "n")
			target.numbers[n], source.numbers[n] = true, true
		}
		gone := []int64{}
		for n := range target.numbers {
			if n%7 == 3 {
				gone = append(gone, n)
				delete(source.numbers, n)
			}
		}
		found := descend(t, source, target, to)
		for _, n := range gone {
			covered := false
			for _, d := range found {
				covered = covered || n > d.Window.From && n <= d.Window.To
			}
			if !covered {
				t.Fatalf("%d was deleted, and no range of %v holds it", n, found)
			}
		}
		if len(gone) == 0 && len(found) > 0 {
			t.Fatalf("the sides are equal, and %v was found", found)
		}
	})
}

func TestDescendCostsWhatTheChangeIsWorth(t *testing.T) {
	const docs, deletes = 200000, 100
	source, target := &side{numbers: map[int64]bool{}}, &side{numbers: map[int64]bool{}}
	for n := range int64(docs) {
		target.numbers[n] = true
		source.numbers[n] = n%(docs/deletes) != 17
	}
	for n, there := range source.numbers {
		if !there {
			delete(source.numbers, n)
		}
	}
	var read, differ int64
	for _, d := range descend(t, source, target, docs-1) {
		read += d.Target
		differ += d.Target - d.Source
	}
	if differ != deletes || read > 16*deletes || source.asked > 4 || target.asked > 4 {
		t.Errorf("got %d differences by reading %d documents and asking %d and %d times, want %d, at most %d, at most 4", differ, read, source.asked, target.asked, deletes, 16*deletes)
	}
}
