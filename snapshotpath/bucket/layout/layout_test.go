package layout_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"esferry/internal/lab/faultcase"
	"esferry/snapshotpath/bucket/layout"
)

// TestRepositories reads what every engine wrote: three snapshots, of two
// indices twice and of users alone, and wants each blob that lies in a shard's
// folder to be named by a snapshot, with its very size, and no other.
func TestRepositories(t *testing.T) {
	f := func(name string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			r := open(t, name)
			root := r.root(t)
			kind := name[strings.LastIndexByte(name, '-')+1:]
			for snapshot, indices := range map[string][]string{
				"one": {"logs-" + kind, "users-" + kind}, "two": {"logs-" + kind, "users-" + kind}, "three": {"users-" + kind},
			} {
				s, err := root.Named(snapshot)
				if err != nil {
					t.Fatal(err)
				}
				d := r.details(t, s)
				if err := layout.Refuse(s, d, false); err != nil || s.State != layout.Success || d.State != layout.Success || d.Name != s.Name {
					t.Errorf("got %+v, %+v (%v), want a good snapshot", s, d, err)
				}
				if got := names(root.Of(s)); !slices.Equal(got, indices) || !slices.Equal(slices.Sorted(slices.Values(d.Indices)), indices) {
					t.Errorf("%s holds %v by the root and %v by its file, want %v", snapshot, got, d.Indices, indices)
				}
			}
			for _, ix := range root.Indices {
				everyBlobIsNamed(t, r, root, ix)
			}
		})
	}
	f("elasticsearch-2.4.6-plain")
	f("elasticsearch-2.4.6-parts")
	f("elasticsearch-5.6.16-plain")
	f("elasticsearch-6.8.23-plain")
	f("elasticsearch-7.10.2-plain")
	f("elasticsearch-7.17.28-plain")
	f("elasticsearch-8.19.0-plain")
	f("elasticsearch-8.19.0-parts")
	f("opensearch-2.19.1-plain")
	f("opensearch-2.19.1-hashed")
	f("opensearch-3.8.0-plain")
	f("opensearch-3.8.0-infix")
}

func names(indices []layout.Index) (out []string) {
	for _, ix := range indices {
		out = append(out, ix.Name)
	}
	slices.Sort(out)
	return out
}

func everyBlobIsNamed(t *testing.T, r repository, root *layout.Root, ix layout.Index) {
	t.Helper()
	want := map[string]int{"logs": 2, "users": 1}[strings.SplitN(ix.Name, "-", 2)[0]]
	if ix.Generations != nil && len(ix.Generations) != want {
		t.Errorf("index %s has generations %v, want %d", ix.Name, ix.Generations, want)
	}
	named := make([]map[string]int64, want)
	for _, s := range root.Snapshots {
		if !slices.Contains(ix.Snapshots, s.UUID) {
			continue
		}
		d := r.description(t, root, ix, s)
		if d.Shards != want || d.Mounted || d.SourceOnly {
			t.Fatalf("index %s: got %+v, want %d shards", ix.Name, d, want)
		}
		for i, folder := range r.shards(t, ix, want) {
			if g := ix.Generation(i); g != "" {
				r.read(t, folder+g)
			}
			files, err := layout.ParseShard(folder+s.Key(), r.read(t, folder+s.Key()))
			if err != nil {
				t.Fatal(err)
			}
			if named[i] == nil {
				named[i] = map[string]int64{}
			}
			for _, f := range files {
				for _, b := range f.Blobs() {
					named[i][b.Name] = b.Size
				}
			}
		}
	}
	for i, folder := range r.shards(t, ix, want) {
		if there := r.blobs(t, folder); !maps.Equal(there, named[i]) || len(there) == 0 {
			t.Errorf("shard %d of %s: there is %v, and its snapshots name %v", i, ix.Name, there, named[i])
		}
	}
}

// TestThinShard leaves snapshots out of a shard's index-*: what is left names
// the very files of the snapshots that stay, and thinning is stepwise.
func TestThinShard(t *testing.T) {
	for _, name := range []string{"elasticsearch-7.10.2-plain", "elasticsearch-8.19.0-parts", "opensearch-3.8.0-infix"} {
		r := open(t, name)
		root := r.root(t)
		for _, ix := range root.Indices {
			folder := r.shards(t, ix, len(ix.Generations))[0]
			key := folder + ix.Generation(0)
			thin := func(data []byte, snapshots ...string) (string, []byte) {
				generation, out, err := layout.ThinShard(key, data, snapshots)
				if err != nil {
					t.Fatal(err)
				}
				return generation, out
			}
			whole := r.read(t, key)
			one, alone := thin(whole, "one")
			_, both := thin(whole, "one", "two")
			again, stepwise := thin(both, "one")
			if one != again || !slices.Equal(alone, stepwise) || len(one) != 22 || len(alone) == 0 {
				t.Errorf("%s: thinned at once %s, stepwise %s", key, one, again)
			}
			s, err := root.Named("one")
			if err != nil {
				t.Fatal(err)
			}
			files, err := layout.ParseShard(key, r.read(t, folder+s.Key()))
			if err != nil {
				t.Fatal(err)
			}
			// Its files are a list as a snapshot's own is, in another codec.
			listed, err := layout.ParseShard(key, framed("snapshot", alone[len("snapshots")+9:len(alone)-16]))
			if err != nil || !slices.Equal(sorted(listed), sorted(files)) {
				t.Errorf("%s: got %v (%v), want %v", key, listed, err, files)
			}
		}
	}
	_, _, err := layout.ThinShard("x", framed("snapshots", layout.EncodeSmile(map[string]any{"files": int64(1)})), nil)
	if _, ok := errors.AsType[*layout.ShapeError](err); !ok {
		t.Errorf("got %v, want a ShapeError", err)
	}
}

func sorted(files []layout.File) []layout.File {
	return slices.SortedFunc(slices.Values(files), func(a, b layout.File) int { return strings.Compare(a.Name, b.Name) })
}

// TestRefused wants a reason for what would not be carried whole.
func TestRefused(t *testing.T) {
	faultcase.Shows(t, 32, "shallow copies, and whatever else a copy would not carry whole")
	f := func(name, snapshot, reason string) {
		t.Helper()
		r := open(t, name)
		root := r.root(t)
		s, err := root.Named(snapshot)
		if err != nil {
			t.Fatal(err)
		}
		err = layout.Refuse(s, r.details(t, s), false)
		for _, ix := range root.Of(s) {
			if err == nil {
				err = r.description(t, root, ix, s).Refuse(s.Name, ix.Name)
			}
		}
		refused, ok := errors.AsType[*layout.RefusedError](err)
		if !ok || !strings.Contains(err.Error(), reason) || !strings.Contains(err.Error(), snapshot) || refused.NextStep() == "" {
			t.Errorf("%s: got %v, want a refusal with %q", name, err, reason)
		}
	}
	f("elasticsearch-2.4.6-bad", "partial", "PARTIAL")
	f("elasticsearch-2.4.6-bad", "failed", "FAILED")
	f("elasticsearch-8.19.0-bad", "partial", "PARTIAL")
	f("elasticsearch-6.8.23-source", "one", "source-only")
	// With a remote store, by settings that operators have.
	f("opensearch-3.8.0-shallow", "one", "shallow copy")
	f("opensearch-3.8.0-mounted", "one", "index mounted-users in snapshot one is mounted")
}

// TestPartial accepts a snapshot that lacks a shard, and knows which.
func TestPartial(t *testing.T) {
	for _, name := range []string{"elasticsearch-2.4.6-bad", "elasticsearch-8.19.0-bad"} {
		r := open(t, name)
		s, err := r.root(t).Named("partial")
		if err != nil {
			t.Fatal(err)
		}
		d := r.details(t, s)
		if err := layout.Refuse(s, d, true); err != nil || !slices.Equal(d.Lost, []layout.Lost{{Index: "lost", Shard: 0}}) {
			t.Errorf("%s: got %+v (%v), want shard 0 of lost to be lacking", name, d, err)
		}
	}
}

// TestFlipped flips each byte of a file, one after the other: every one is
// noticed.
func TestFlipped(t *testing.T) {
	faultcase.Shows(t, 30, "one byte flipped in what describes a snapshot, or its end missing")
	for _, name := range []string{"elasticsearch-5.6.16-plain", "opensearch-3.8.0-infix"} {
		r := open(t, name)
		root := r.root(t)
		s := root.Snapshots[0]
		whole := r.read(t, s.Key())
		for i := range whole {
			broken := slices.Clone(whole)
			broken[i] ^= 0x10
			_, err := layout.ParseSnapshot(s.Key(), broken)
			if _, ok := errors.AsType[*layout.CorruptError](err); !ok {
				t.Fatalf("%s with byte %d flipped: got %v, want a CorruptError", name, i, err)
			}
			if _, err := layout.ParseSnapshot(s.Key(), whole[:i]); err == nil {
				t.Fatalf("%s cut after %d bytes was read", name, i)
			}
		}
	}
}

func TestBlobs(t *testing.T) {
	f := func(file layout.File, want ...layout.Blob) {
		t.Helper()
		if got := file.Blobs(); !slices.Equal(got, want) {
			t.Errorf("%+v: got %v, want %v", file, got, want)
		}
	}
	f(layout.File{Name: "__a", Length: 10}, layout.Blob{Name: "__a", Size: 10})
	f(layout.File{Name: "__a", Length: 10, PartSize: 10}, layout.Blob{Name: "__a", Size: 10})
	f(layout.File{Name: "__a", Length: 0, PartSize: 10}, layout.Blob{Name: "__a"})
	f(layout.File{Name: "__a", Length: 10, PartSize: 4}, layout.Blob{Name: "__a.part0", Size: 4}, layout.Blob{Name: "__a.part1", Size: 4}, layout.Blob{Name: "__a.part2", Size: 2})
	f(layout.File{Name: "__a", Length: 8, PartSize: 4}, layout.Blob{Name: "__a.part0", Size: 4}, layout.Blob{Name: "__a.part1", Size: 4})
	f(layout.File{Name: "v__a", Length: 8, PartSize: 4})
}

func TestOldRoots(t *testing.T) {
	f := func(root, want string) {
		t.Helper()
		r, err := layout.ParseRoot("index-2", []byte(root))
		if err != nil {
			t.Errorf("%s: %v", root, err)
			return
		}
		var got []string
		for _, ix := range r.Indices {
			got = append(got, ix.Name+"/"+ix.ID+" "+strings.Join(ix.Snapshots, ","))
		}
		if strings.Join(got, ";") != want {
			t.Errorf("%s: got %q, want %q", root, got, want)
		}
	}
	// Up to 5.4 indices repeated the names of their snapshots.
	f(`{"snapshots":[{"name":"a","uuid":"u1"}],"indices":{"logs":{"id":"i1","snapshots":[{"name":"a","uuid":"u1"}]}}}`, "logs/i1 u1")
	// Snapshots of 2.x in a repository of 5.x.
	f(`{"snapshots":["a",{"name":"b","uuid":"u2","state":1}],"indices":{"logs":{"id":"logs","snapshots":["a","u2"]}}}`, "logs/logs a,u2")
	f(`{"snapshots":[],"indices":{}}`, "")
	f(`{"snapshots":["a"]}`, "")
}

func TestWrongRoots(t *testing.T) {
	f := func(root string) {
		t.Helper()
		_, err := layout.ParseRoot("index-2", []byte(root))
		if _, ok := errors.AsType[*layout.ShapeError](err); !ok {
			t.Errorf("%s: got %v, want a ShapeError", root, err)
		}
	}
	f(``)
	f(`[]`)
	f(`{}`)
	f(`{"snapshots":{}}`)
	f(`{"snapshots":[{"name":"a"}]}`)
	f(`{"snapshots":["a","a"]}`)
	f(`{"snapshots":["../a"]}`)
	f(`{"snapshots":[{"name":"a","uuid":"u","state":9}]}`)
	f(`{"snapshots":["a"],"indices":{"x":{"snapshots":["a"]}}}`)
	f(`{"snapshots":["a"],"indices":{"x":{"id":"..","snapshots":["a"]}}}`)
	f(`{"snapshots":["a"],"indices":{"x":{"id":"x","snapshots":["b"]}}}`)
	f(`{"snapshots":["a"],"indices":{"x":{"id":"x","snapshots":["a"],"shard_generations":["a/b"]}}}`)
	f(`{"snapshots":["a"],"indices":[]}`)
}
