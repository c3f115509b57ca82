package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"esferry/internal/cluster"
	"esferry/internal/digest"
	"esferry/internal/lab/faultcase"
	"esferry/internal/reconcile"
)

func open(t *testing.T) *reconcile.Spool {
	t.Helper()
	s, err := reconcile.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// summary gives the differences in a form to compare, sorted.
func summary(ctx context.Context, s *reconcile.Spool) ([]string, error) {
	var out []string
	err := s.Compare(ctx, func(d reconcile.Difference) error {
		e := d.Source
		if d.Kind == reconcile.Extra {
			e = d.Target
		}
		out = append(out, fmt.Sprint(d.Kind, " ", e.Key, " ", d.Source.Version, " ", d.Target.Version, " ", d.Target.SeqNo, " ", d.Target.Term))
		return nil
	})
	slices.Sort(out)
	return out, err
}

func entry(id, routing string, version int64, content string) reconcile.Entry {
	e := reconcile.Entry{Key: cluster.Key{ID: id, Routing: routing}, Version: version, SeqNo: -1}
	if content != "" {
		e.Digest = digest.Hash{Lo: uint64(len(content))}
	}
	return e
}

func TestCompare(t *testing.T) {
	f := func(source, target []reconcile.Entry, want ...string) {
		t.Helper()
		s := open(t)
		for side, entries := range [][]reconcile.Entry{source, target} {
			for _, e := range entries {
				if err := s.Add(reconcile.Side(side), e); err != nil {
					t.Fatal(err)
				}
			}
		}
		// It may be asked twice: to count, and to act.
		for range 2 {
			got, err := summary(t.Context(), s)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("got %q, %v, want %q", got, err, want)
			}
		}
	}
	type es = []reconcile.Entry
	a := entry(`"a"`, "", 1, `{}`)
	f(nil, nil)
	f(es{a}, es{a})
	f(es{a}, nil, `missing {"a"  } 1 0 0 0`)
	f(nil, es{a}, `extra {"a"  } 0 1 -1 0`)
	f(es{a}, es{entry(`"a"`, "", 2, `{}`)}, `version {"a"  } 1 2 -1 0`)
	f(es{a}, es{entry(`"a"`, "", 1, `{"other":1}`)}, `content {"a"  } 1 1 -1 0`)
	// Without the content of both nothing is said of it.
	f(es{a}, es{entry(`"a"`, "", 1, "")})
	// One id under two routings, or two types, is two documents.
	f(es{a, entry(`"a"`, `"r"`, 1, "")}, es{entry(`"a"`, `"r"`, 1, "")}, `missing {"a"  } 1 0 0 0`)
	f(es{{Key: cluster.Key{ID: `"a"`, Type: `"x"`}}}, es{{Key: cluster.Key{ID: `"a"`, Type: `"y"`}, Version: 3, SeqNo: 4, Term: 5}},
		`extra {"a"  "y"} 0 3 4 5`, `missing {"a"  "x"} 0 0 0 0`)
	// What was told last holds.
	f(es{entry(`"a"`, "", 1, ""), entry(`"a"`, "", 7, "")}, es{entry(`"a"`, "", 7, "")})
	f(es{a}, es{entry(`"a"`, "", 9, `{}`), a})
}

// TestSpoolAgainstMaps tells any entries, some twice, from several goroutines,
// and holds the answer against two maps.
func TestSpoolAgainstMaps(t *testing.T) {
	faultcase.Shows(t, 35, "any documents on either side, against a model")
	rapid.Check(t, func(rt *rapid.T) {
		s, err := reconcile.Open(t.TempDir())
		if err != nil {
			rt.Fatal(err)
		}
		defer func() {
			if err := s.Close(); err != nil {
				rt.Error(err)
			}
		}()
		n := rapid.IntRange(0, 300).Draw(rt, "entries")
		var maps [2]map[string]int64
		for side := range maps {
			maps[side] = map[string]int64{}
			for range n {
				id := fmt.Sprintf("%q", rapid.StringN(0, 3, 200).Draw(rt, "id"))
				version := int64(rapid.IntRange(0, 3).Draw(rt, "version"))
				maps[side][id] = version
				if err := s.Add(reconcile.Side(side), entry(id, "", version, "")); err != nil {
					rt.Fatal(err)
				}
			}
		}
		want := map[string]reconcile.Kind{}
		for id, v := range maps[0] {
			if w, ok := maps[1][id]; !ok {
				want[id] = reconcile.Missing
			} else if v != w {
				want[id] = reconcile.Version
			}
		}
		for id := range maps[1] {
			if _, ok := maps[0][id]; !ok {
				want[id] = reconcile.Extra
			}
		}
		got := map[string]reconcile.Kind{}
		if err := s.Compare(t.Context(), func(d reconcile.Difference) error {
			id := d.Source.Key.ID + d.Target.Key.ID
			if d.Kind == reconcile.Version {
				id = d.Source.Key.ID
			}
			got[id] = d.Kind
			return nil
		}); err != nil {
			rt.Fatal(err)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			rt.Fatalf("got %v, want %v", got, want)
		}
	})
}

func TestSpoolLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	s, err := reconcile.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Add(reconcile.Source, entry(`"a"`, "", 1, "")); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" {
		if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
			t.Errorf("got %v, %v while it is open, want no names: a crash would leave them", left, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("got %v, %v", left, err)
	}
	if _, err := reconcile.Open(dir + "/gone"); err == nil {
		t.Error("a folder that is not there: got no error")
	}
}

func TestCompareEndsWithTheContext(t *testing.T) {
	s := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := summary(ctx, s); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	wanted := errors.New("enough")
	if err := s.Add(reconcile.Source, entry(`"a"`, "", 1, "")); err != nil {
		t.Fatal(err)
	}
	if err := s.Compare(t.Context(), func(reconcile.Difference) error { return wanted }); !errors.Is(err, wanted) {
		t.Errorf("got %v, want what visit returned", err)
	}
}
