package ferry_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"esferry/checkpoint"
	"esferry/internal/cluster"
	"esferry/internal/ferry"
	"esferry/internal/shard"
	"esferry/sink"
)

// records is a store that is only read.
type records map[string]any

var _ checkpoint.Store = records{}

func (r records) Acquire(context.Context, checkpoint.Holder) (checkpoint.Lease, error) {
	return checkpoint.Lease{}, checkpoint.ErrLeaseLost
}

func (r records) Load(_ context.Context, key string) ([]byte, error) {
	v, there := r[key]
	if !there {
		return nil, checkpoint.ErrNotFound
	}
	return json.Marshal(v)
}

func (r records) List(_ context.Context, prefix string) ([]checkpoint.Record, error) {
	var out []checkpoint.Record
	for key, v := range r {
		if !strings.HasPrefix(key, prefix) {
			continue
		}
		value, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		out = append(out, checkpoint.Record{Key: key, Value: value})
	}
	slices.SortFunc(out, func(a, b checkpoint.Record) int { return strings.Compare(a.Key, b.Key) })
	return out, nil
}

func (r records) Commit(context.Context, checkpoint.Lease, ...checkpoint.Record) error {
	return checkpoint.ErrLeaseLost
}

func (r records) Close() error { return nil }

// renaming selects a, b and c, of which a has another name on the target.
type renaming struct{}

func (renaming) Match(index string) bool                          { return slices.Contains([]string{"a", "b", "c", "d"}, index) }
func (renaming) PathFor(string) string                            { return "snapshot" }
func (renaming) TimeField(string) (field string, o time.Duration) { return "at", time.Hour }
func (renaming) SplitTypes() bool                                 { return true }
func (renaming) TargetName(index string) string {
	if index == "a" {
		return "a-new"
	}
	return index
}

// way is an index in the store, in the direction of its names.
func way(index, target string, path ferry.Path, phase ferry.Phase) ferry.IndexRecord {
	return ferry.IndexRecord{Index: index, Target: target, Path: path, Phase: phase}
}

func forthOptions() ferry.Options {
	return ferry.Options{
		Name: "f", Select: renaming{}, Snapshot: &ferry.SnapshotOptions{},
		Reject: func(context.Context, sink.Rejection) error { return nil },
		Cutover: ferry.CutoverOptions{
			Freeze: ferry.FreezeExternal, Aliases: map[string]string{"found": "b"}, Hooks: map[string]string{"frozen": "x"},
			Hook: func(context.Context, string) error { return nil },
		},
	}
}

func TestWayBack(t *testing.T) {
	o, err := ferry.WayBack(t.Context(), records{
		"f/index/a":             way("a", "a-new", ferry.Snapshot, ferry.Switched),
		"f/index/b":             way("b", "b", ferry.Stream, ferry.Switched),
		"f/index/d":             way("d", "d", ferry.Stream, ferry.Current),
		"f/reverse/ferry":       ferry.Record{Name: "f/reverse", Others: []string{"c"}},
		"f/reverse/index/a-new": way("a-new", "a", ferry.AtSwitch, ferry.Recorded),
		"f/reverse/index/b":     way("b", "b", ferry.AtSwitch, ferry.Current),
		"f/reverse/index/d":     way("d", "d", ferry.AtSwitch, ferry.Recorded),
	}, forthOptions())
	if err != nil {
		t.Fatal(err)
	}
	if o.Name != "f/reverse" || o.Snapshot != nil || o.Reject != nil || o.Cutover.Freeze != ferry.FreezeBlock ||
		o.Cutover.Hook != nil || o.Cutover.Hooks != nil || o.Cutover.Aliases != nil || o.Cutover.Unwanted["found"] != "b" {
		t.Errorf("got %+v", o)
	}
	for index, want := range map[string]string{
		"a-new": "a", "b": "b",
		// An index that has the name of a renamed one, one that was there before, one
		// that is on its way to the new cluster, and one that nobody asked for.
		"a": "", "c": "", "d": "", "e": "",
	} {
		got := ""
		if o.Select.Match(index) {
			got = o.Select.TargetName(index)
		}
		if got != want {
			t.Errorf("%s: goes to %q, want %q", index, got, want)
		}
	}
	field, _ := o.Select.TimeField("b")
	if o.Select.PathFor("b") != "stream" || field != "" || o.Select.SplitTypes() {
		t.Error("it goes by another path than the stream")
	}
}

// An index that came up on the new cluster goes with the others.
func TestWayBackOfNewIndices(t *testing.T) {
	o, err := ferry.WayBack(t.Context(), records{
		"f/index/b":         way("b", "b", ferry.Stream, ferry.Switched),
		"f/reverse/ferry":   ferry.Record{Name: "f/reverse"},
		"f/reverse/index/b": way("b", "b", ferry.AtSwitch, ferry.Recorded),
		"f/reverse/index/d": way("d", "d", ferry.Stream, ferry.Recorded),
	}, forthOptions())
	if err != nil || !o.Select.Match("c") || o.Select.TargetName("c") != "c" || !o.Select.Match("d") {
		t.Errorf("got %v, want c and d to go, too", err)
	}
}

// Where nobody could tell what else there was, nothing else goes.
func TestWayBackOfUnseenIndices(t *testing.T) {
	o, err := ferry.WayBack(t.Context(), records{
		"f/index/b":         way("b", "b", ferry.Stream, ferry.Switched),
		"f/reverse/ferry":   ferry.Record{Name: "f/reverse", Others: []string{"*"}},
		"f/reverse/index/b": way("b", "b", ferry.AtSwitch, ferry.Recorded),
	}, forthOptions())
	if err != nil || o.Select.Match("c") || !o.Select.Match("b") {
		t.Errorf("got %v, want b alone to go", err)
	}
}

func TestNoWayBack(t *testing.T) {
	f := func(says string, store records) {
		t.Helper()
		_, err := ferry.WayBack(t.Context(), store, forthOptions())
		none, ok := errors.AsType[*ferry.NoWayBackError](err)
		if !ok || !strings.Contains(err.Error(), says) || none.NextStep() == "" {
			t.Errorf("got %v, want it to say %q, with a next step", err, says)
		}
	}
	f("has switched nothing", records{})
	f("has switched nothing", records{"f/index/b": way("b", "b", ferry.Stream, ferry.Current)})
	// A switch that was not finished.
	f("has switched nothing", records{
		"f/index/b":         way("b", "b", ferry.Stream, ferry.Current),
		"f/reverse/index/b": way("b", "b", ferry.AtSwitch, ferry.Recorded),
	})
	// It went back, and is on its way to the new cluster again.
	f("has switched nothing", records{
		"f/index/b":         way("b", "b", ferry.AtSwitch, ferry.Current),
		"f/reverse/index/b": way("b", "b", ferry.AtSwitch, ferry.Switched),
	})
	f("index b was switched by a version of esferry that kept no positions", records{"f/index/b": way("b", "b", ferry.Stream, ferry.Switched)})
	split := way("b", "b-user", ferry.Stream, ferry.Switched)
	split.SourceType = "user"
	f("split by its types", records{"f/index/b/user": split})
}

// What is on its way back goes on, and what is back stays so.
func TestWayBackGoesOn(t *testing.T) {
	for _, c := range []struct{ forth, back ferry.Phase }{
		{ferry.Switched, ferry.Bound}, {ferry.Switched, ferry.Current}, {ferry.Recorded, ferry.Switched},
	} {
		o, err := ferry.WayBack(t.Context(), records{
			"f/index/b":         way("b", "b", ferry.Stream, c.forth),
			"f/reverse/index/b": way("b", "b", ferry.AtSwitch, c.back),
		}, forthOptions())
		if err != nil || !o.Select.Match("b") {
			t.Errorf("%+v: got %v", c, err)
		}
	}
}

// refused wants an obstacle that says why, with what is left to do.
func refused(t *testing.T, err error, says string) {
	t.Helper()
	o, ok := errors.AsType[*ferry.ObstacleError](err)
	if says == "" && err == nil {
		return
	}
	if says == "" || !ok || !strings.Contains(err.Error(), says) || o.NextStep() == "" {
		t.Errorf("got %v, want %q, with a next step", err, says)
	}
}

func TestNotEqualAtSwitch(t *testing.T) {
	refused(t, ferry.EqualAtSwitch(ferry.IndexRecord{}), "not equal at the switch")
	refused(t, ferry.EqualAtSwitch(ferry.IndexRecord{Counts: &ferry.Counts{Source: 3, Target: 4}}), "not equal at the switch")
	refused(t, ferry.EqualAtSwitch(ferry.IndexRecord{Counts: &ferry.Counts{Source: 3, Target: 3, Equal: true}}), "")
}

func TestTouchedSinceTheSwitch(t *testing.T) {
	at := func(highest ...int64) []shard.Position {
		out := make([]shard.Position, len(highest))
		for i, n := range highest {
			out[i] = shard.Position{Shard: shard.ID{Index: "old", Number: i}, Global: n, Max: n}
		}
		return out
	}
	r := way("new", "old", ferry.AtSwitch, ferry.Recorded)
	r.TargetMax = []int64{7, -1}
	begun := r
	begun.PutBack = map[string]any{}
	refused(t, ferry.AsAtSwitch(r, at(7, -1), true, false), "")
	refused(t, ferry.AsAtSwitch(r, at(7, 0), true, true), "index old took 1 writes since the switch, which this cluster does not have (old[1])")
	refused(t, ferry.AsAtSwitch(begun, at(9, -1), true, true), "took 2 writes")
	// Of an engine without numbers the block tells, and whether we have lifted it.
	refused(t, ferry.AsAtSwitch(r, at(-1, -1), false, true), "")
	refused(t, ferry.AsAtSwitch(r, at(-1, -1), false, false), "lost its write block")
	refused(t, ferry.AsAtSwitch(begun, at(-1, -1), false, false), "")
}

func TestTypingOfTheWayBack(t *testing.T) {
	engine := func(major int) cluster.Identity {
		return cluster.Identity{Product: cluster.Elasticsearch, Version: cluster.Version{Major: major}}
	}
	f := func(from, to int, mappings string, want ferry.Typing, says string) {
		t.Helper()
		got, err := ferry.TypingOf(cluster.Definition{Index: "old", Mappings: json.RawMessage(mappings)}, engine(from), engine(to))
		refused(t, err, says)
		if err == nil && got != want {
			t.Errorf("%d to %d, %s: got %+v, want %+v", from, to, mappings, got, want)
		}
	}
	f(8, 7, `{"properties":{}}`, ferry.Typing{}, "")
	f(7, 6, `{"user":{}}`, ferry.Typing{Type: "user"}, "")
	f(7, 6, `{}`, ferry.Typing{Type: "_doc"}, "")
	f(7, 5, `{"_default_":{}}`, ferry.Typing{Type: "doc"}, "")
	f(6, 5, `{"a":{},"b":{}}`, ferry.Typing{Types: true}, "")
	f(7, 5, `{"a":{},"b":{}}`, ferry.Typing{}, "index old has 2 types")
}

// Both directions are never open at once.
func TestOnlyOneWayAtATime(t *testing.T) {
	back := way("b-new", "b", ferry.AtSwitch, ferry.Recorded)
	for _, phase := range []ferry.Phase{ferry.Recorded, ferry.Bound, ferry.Current} {
		refused(t, ferry.MustBeSwitched(t.Context(), records{"f/index/b": way("b", "b-new", ferry.Snapshot, phase)}, "f/reverse", back), "not switched in the other direction")
	}
	refused(t, ferry.MustBeSwitched(t.Context(), records{"f/index/b": way("b", "b-new", ferry.Snapshot, ferry.Switched)}, "f/reverse", back), "")
	forth := way("b", "b-new", ferry.AtSwitch, ferry.Recorded)
	refused(t, ferry.MustBeSwitched(t.Context(), records{"f/reverse/index/b-new": way("b-new", "b", ferry.AtSwitch, ferry.Current)}, "f", forth), "not switched in the other direction")
}

// What would be deleted and carried anew is, on the way back, what one returns to.
func TestFinalOnTheWayBack(t *testing.T) {
	broken := &checkpoint.BindingError{Shard: shard.ID{Index: "b"}, What: "target index's uuid", Was: "x", Is: "gone", Final: true}
	refused(t, ferry.Final("f/reverse", broken, "leave it"), "is gone now")
	if got := ferry.Final("f", broken, "leave it"); !errors.Is(got, broken) {
		t.Errorf("got %v, want it as it is", got)
	}
	mends := *broken
	mends.Final = false
	if got := ferry.Final("f/reverse", &mends, "leave it"); !errors.Is(got, &mends) {
		t.Errorf("got %v, want what a comparison mends", got)
	}
}
