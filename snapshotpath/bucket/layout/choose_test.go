package layout_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"esferry/snapshotpath/bucket/layout"
)

const root79 = `{"min_version":"7.12.0","uuid":"R","cluster_id":"C","snapshots":[` +
	`{"name":"one","uuid":"u1","state":1,"index_metadata_lookup":{"i1":"m1","i2":"m2"},"version":"7.17.28","slm_policy":"p"},` +
	`{"name":"two","uuid":"u2","state":1,"index_metadata_lookup":{"i1":"m3"},"version":8536000}],` +
	`"new":{"z":1,"a":[2]},"indices":{"logs":{"id":"i1","snapshots":["u1","u2"],"shard_generations":["g1",null,"_new"],"x":true},` +
	`"users":{"id":"i2","snapshots":["u1"],"shard_generations":["g3"]}},"index_metadata_identifiers":{"m1":"b1","m2":"b2","m3":"b3"}}`

func TestChoose(t *testing.T) {
	f := func(root string, chosen, want string) {
		t.Helper()
		r, err := layout.ParseRoot("index-2", []byte(root))
		if err != nil {
			t.Fatal(err)
		}
		var snapshots []layout.Snapshot
		for name := range strings.FieldsSeq(chosen) {
			s, err := r.Named(name)
			if err != nil {
				t.Fatal(err)
			}
			snapshots = append(snapshots, s)
		}
		smaller, err := r.Choose(snapshots...)
		if err != nil {
			t.Fatal(err)
		}
		if got := encoded(t, smaller); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", chosen, got, want)
		}
	}
	f(root79, "one two", root79)
	f(root79, "two one", root79)
	// logs loses a snapshot and its generations, users loses nothing.
	f(root79, "one", `{"min_version":"7.12.0","uuid":"R","cluster_id":"C","snapshots":[`+
		`{"name":"one","uuid":"u1","state":1,"index_metadata_lookup":{"i1":"m1","i2":"m2"},"version":"7.17.28","slm_policy":"p"}],`+
		`"new":{"z":1,"a":[2]},"indices":{"logs":{"id":"i1","snapshots":["u1"],"x":true},`+
		`"users":{"id":"i2","snapshots":["u1"],"shard_generations":["g3"]}},"index_metadata_identifiers":{"m1":"b1","m2":"b2"}}`)
	f(root79, "two", `{"min_version":"7.12.0","uuid":"R","cluster_id":"C","snapshots":[`+
		`{"name":"two","uuid":"u2","state":1,"index_metadata_lookup":{"i1":"m3"},"version":8536000}],`+
		`"new":{"z":1,"a":[2]},"indices":{"logs":{"id":"i1","snapshots":["u2"],"x":true}},"index_metadata_identifiers":{"m3":"b3"}}`)
	f(root79, "", `{"min_version":"7.12.0","uuid":"R","cluster_id":"C","snapshots":[],"new":{"z":1,"a":[2]},"indices":{},"index_metadata_identifiers":{}}`)
	f(`{"snapshots":["b","a"]}`, "a", `{"snapshots":["a"]}`)
	f(`{"snapshots":["a",{"name":"b","uuid":"u"}],"indices":{"x":{"id":"x","snapshots":["a",{"name":"b","uuid":"u"}]}}}`, "a",
		`{"snapshots":["a"],"indices":{"x":{"id":"x","snapshots":["a"]}}}`)

	r, err := layout.ParseRoot("index-2", []byte(root79))
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.Choose(layout.Snapshot{Name: "three", UUID: "u3"})
	if missing, ok := errors.AsType[*layout.MissingError](err); !ok || missing.Snapshot != "three" {
		t.Errorf("got %v, want a MissingError", err)
	}
}

func encoded(tb testing.TB, r *layout.Root) string {
	tb.Helper()
	data, err := r.Encode()
	if err != nil {
		tb.Fatal(err)
	}
	return string(data)
}

// TestChoosingIsStepwise chooses from real roots, once and by way of a larger
// choice: both give the same root but for generations, which only a whole
// choice keeps; and what was chosen is there with its indices.
func TestChoosingIsStepwise(t *testing.T) {
	for _, name := range []string{"elasticsearch-5.6.16-plain", "elasticsearch-7.10.2-plain", "elasticsearch-8.19.0-plain", "opensearch-3.8.0-infix"} {
		root := open(t, name).root(t)
		rapid.Check(t, func(t *rapid.T) {
			pick := func(r *layout.Root, label string) []layout.Snapshot {
				return rapid.SliceOfNDistinct(rapid.SampledFrom(r.Snapshots), 1, len(r.Snapshots), rapid.ID[layout.Snapshot]).Draw(t, label)
			}
			choose := func(r *layout.Root, chosen []layout.Snapshot) *layout.Root {
				out, err := r.Choose(chosen...)
				if err != nil {
					t.Fatal(err)
				}
				return out
			}
			larger := choose(root, pick(root, "larger"))
			chosen := pick(larger, "chosen")
			direct, stepwise := choose(root, chosen), choose(larger, chosen)
			for _, s := range chosen {
				if got, want := names(direct.Of(s)), names(root.Of(s)); !slices.Equal(got, want) {
					t.Fatalf("%s holds %v, want %v", s.Name, got, want)
				}
				for _, ix := range direct.Of(s) {
					got, err := direct.Description(ix, s)
					want, wanted := root.Description(ix, s)
					if got != want || err != nil || wanted != nil {
						t.Fatalf("%s is described by %s (%v), want %s (%v)", ix.Name, got, err, want, wanted)
					}
				}
			}
			data, err := direct.Encode()
			if err != nil {
				t.Fatal(err)
			}
			again, err := layout.ParseRoot("index-2", data)
			if err != nil || len(again.Snapshots) != len(chosen) || !slices.Equal(names(again.Indices), names(direct.Indices)) ||
				!slices.Equal(names(stepwise.Indices), names(direct.Indices)) {
				t.Fatalf("%s is read as %v (%v)", data, again, err)
			}
		})
	}
}

// FuzzParseRoot wants no panic, and a root that was read to be written so that
// it is read as the same.
func FuzzParseRoot(f *testing.F) {
	f.Add([]byte(root79))
	f.Add([]byte(`{"snapshots":["a",{"name":"b","uuid":"u"}],"indices":{"x":{"id":"x","snapshots":["a",{"name":"b","uuid":"u"}]}}}`))
	f.Add([]byte(`{"snapshots":["three","two","one"]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := layout.ParseRoot("index-2", data)
		if err != nil {
			return
		}
		all, err := r.Choose(r.Snapshots...)
		if err != nil {
			t.Fatalf("all were chosen: %v", err)
		}
		again, err := layout.ParseRoot("index-2", []byte(encoded(t, all)))
		if err != nil {
			t.Fatalf("%s: %v", encoded(t, all), err)
		}
		if !slices.Equal(again.Snapshots, r.Snapshots) || !slices.Equal(names(again.Indices), names(r.Indices)) || !json.Valid([]byte(encoded(t, again))) {
			t.Fatalf("got %+v, want %+v", again, r)
		}
	})
}
