package etcdstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"esferry/checkpoint"
	"esferry/checkpoint/etcdstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func equal(a, b checkpoint.Record) bool {
	return a.Key == b.Key && bytes.Equal(a.Value, b.Value) && (a.Value == nil) == (b.Value == nil)
}

// records draws many small ones or a few large ones, deletes among them.
func records(t *rapid.T) (out []checkpoint.Record) {
	sizes, most := []int{-1, 0, 1, 200, 3000}, 250
	if rapid.IntRange(0, 4).Draw(t, "large") == 0 {
		sizes, most = []int{-1, 60_000, 700_000}, 4
	}
	for i := range rapid.IntRange(0, most).Draw(t, "records") {
		r := checkpoint.Record{Key: fmt.Sprintf("key/%d", i)}
		if n := rapid.SampledFrom(sizes).Draw(t, "bytes"); n >= 0 {
			r.Value = bytes.Repeat([]byte{'x'}, n)
		}
		out = append(out, r)
	}
	return out
}

// Whatever is committed is cut into what etcd takes, in its order, and every part
// of a journal gives back what was put into it.
func TestPartsFit(t *testing.T) {
	t.Parallel()
	// What etcd takes by default, in one request.
	const mostRequest = 1536 << 10
	rapid.Check(t, func(t *rapid.T) {
		changes := records(t)
		parts := etcdstore.Split(changes)
		if !slices.EqualFunc(slices.Concat(parts...), changes, equal) {
			t.Fatalf("the parts are not the %d records that were split", len(changes))
		}
		for _, part := range parts {
			text, err := etcdstore.EncodePart(part)
			if err != nil || len(part) == 0 || len(part) > etcdstore.MostOps || len(text) > mostRequest-10_000 {
				t.Fatalf("a part of %d records takes %d bytes: %v", len(part), len(text), err)
			}
			back, err := etcdstore.DecodePart([]byte(text))
			if err != nil || !slices.EqualFunc(back, part, equal) {
				t.Fatalf("a part of %d records came back as %d: %v", len(part), len(back), err)
			}
		}
	})
}

func TestLargestRecordFits(t *testing.T) {
	t.Parallel()
	r := checkpoint.Record{Key: "k", Value: make([]byte, etcdstore.MostRecord-1)}
	if _, err := etcdstore.Distinct([]checkpoint.Record{r}); err != nil {
		t.Errorf("the largest record: %v", err)
	}
	text, err := etcdstore.EncodePart([]checkpoint.Record{r})
	if err != nil || len(text) > 1536<<10-10_000 {
		t.Errorf("it takes %d bytes in a journal, more than etcd takes: %v", len(text), err)
	}
	r.Value = append(r.Value, 0)
	if _, err := etcdstore.Distinct([]checkpoint.Record{r}); err == nil {
		t.Error("a record that is too large by a byte: got no error")
	} else if _, ok := errors.AsType[*etcdstore.LimitError](err); !ok {
		t.Errorf("got %v, want a *LimitError", err)
	}
}

// A part that is not what was written is an error, or gives records; it is never
// a panic.
func FuzzDecodePart(f *testing.F) {
	f.Add([]byte(`[{"key":"a","value":"MQ=="},{"key":"b","value":null,"deleted":true}]`))
	f.Add([]byte(`[{}]`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := etcdstore.DecodePart(text)
		if err != nil {
			return
		}
		again, err := etcdstore.EncodePart(got)
		if err != nil {
			t.Fatal(err)
		}
		back, err := etcdstore.DecodePart([]byte(again))
		if err != nil || !slices.EqualFunc(got, back, equal) {
			t.Errorf("got %d records, and other ones when written again: %v", len(got), err)
		}
	})
}
