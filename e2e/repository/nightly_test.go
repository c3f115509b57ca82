package repository_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"esferry/internal/corpus"
	"esferry/internal/lab"
	"esferry/snapshotpath/bucket"
	"esferry/snapshotpath/bucket/layout"
)

// night is an engine that takes snapshots into one bucket and restores them out
// of the other.
type night struct {
	*sides
	engine *lab.Cluster
	corpus *corpus.Engine
	// newest holds logs as it is now.
	newest string
}

// TestNights carries a nightly snapshot of one index out of a repository that
// holds many others.
func TestNights(t *testing.T) {
	l := lab.For(t)
	from, to := l.GatewayFor(t, filepath.Join(t.TempDir(), "old")), l.GatewayFor(t, filepath.Join(t.TempDir(), "new"))
	s := newSides(t, from, to, "snaps")
	engine := l.StartFor(t, lab.Spec{Engine: lab.ES710, RepoDirs: []string{s.fromDir, s.toDir}})
	n := &night{sides: s, engine: engine, corpus: must(corpus.Open(t.Context(), engine.URL(), nil))(t)}
	n.ask(t, http.MethodPut, "/_snapshot/old", fmt.Sprintf(`{"type":"fs","settings":{"location":%q}}`, s.fromDir))
	for i := range 12 {
		n.load(t, fmt.Sprint("other-", i), 1, 0, 30)
	}
	n.load(t, "logs", 2, 0, 400)
	n.take(t, "others", "other-*")
	n.take(t, "night-1", "logs")

	n.first(t)
	n.second(t)
	n.damaged(t)
	n.refused(t)
	n.whole(t)
}

// first carries one snapshot into an empty bucket: not an object of others.
func (n *night) first(t *testing.T) {
	t.Helper()
	r := n.copied(t, "night-1")
	if !slices.Equal(r.Snapshots, []string{"night-1"}) || len(r.There) > 0 || r.Copied.Objects == 0 {
		t.Errorf("got %+v, want night-1 to be copied", r)
	}
	got := files(t, n.toDir)
	if all := len(files(t, n.fromDir)); len(got) != int(r.Source.Objects)+2 || len(got) > all/2 {
		t.Errorf("there are %d objects of %d, want %d and the root", len(got), all, r.Source.Objects)
	}
	n.ask(t, http.MethodPut, "/_snapshot/new", fmt.Sprintf(`{"type":"fs","settings":{"location":%q,"readonly":true}}`, n.toDir))
	n.restores(t, "night-1")
}

// second changes little: what goes over is what is new, and nobody lists the
// buckets.
func (n *night) second(t *testing.T) {
	t.Helper()
	n.load(t, "logs", 2, 398, 402)
	n.take(t, "others-2", "other-1")
	n.take(t, "night-2", "logs")
	before := files(t, n.toDir)
	r := n.copied(t, "night-2")
	n.restores(t, "night-1", "night-2")
	var fresh int
	for _, key := range files(t, n.toDir) {
		if !slices.Contains(before, key) {
			fresh++
		}
	}
	// Beside what is new, index.latest is written anew, and the description of
	// the index, whose name proves nothing. The root is not copied: it is made.
	if puts := len(n.target.of(http.MethodPut)); puts != fresh+2 || int(r.Copied.Objects) != puts-1 {
		t.Errorf("%d objects are new, %d were written and %d reported", fresh, puts, r.Copied.Objects)
	}
	for _, c := range []*counter{n.source, n.target} {
		for _, prefix := range c.of("LIST") {
			if prefix == "" || prefix == "indices/" {
				t.Errorf("a whole bucket was listed: %q", prefix)
			}
		}
	}
	// The source's root, and twice whether it moved; the target's, and before and
	// after what the snapshot consists of: two files of the root, and the index.
	if source, target := len(n.source.of("LIST")), len(n.target.of("LIST")); source > 3 || target > 1+2*3 {
		t.Errorf("%d listings of the source and %d of the target, want 3 and 7", source, target)
	}
	if asked := len(n.source.seen); asked > 40 {
		t.Errorf("the source was asked %d times: %v", asked, n.source.seen)
	}

	t.Logf("an increment of %d objects beside %d others: %d requests to the source, %d to the target",
		fresh, len(files(t, n.fromDir))-fresh, len(n.source.seen), len(n.target.seen))

	// Nothing to do: both roots are read.
	if r := n.copied(t, "night-1", "night-2"); len(r.Snapshots) > 0 || len(r.There) != 2 || len(n.source.seen)+len(n.target.seen) > 20 {
		t.Errorf("got %+v after %d requests, want nothing to be done", r, len(n.source.seen)+len(n.target.seen))
	}
	n.forgets(t)
}

// forgets deletes a snapshot at the source: the target stops listing it.
func (n *night) forgets(t *testing.T) {
	t.Helper()
	n.ask(t, http.MethodDelete, "/_snapshot/old/night-1", "")
	n.copied(t, "night-2")
	n.restores(t, "night-2")
}

// damaged flips a byte of the source's metadata, and takes blobs from the
// target.
func (n *night) damaged(t *testing.T) {
	t.Helper()
	n.load(t, "logs", 2, 402, 404)
	n.take(t, "night-3", "logs")
	root := must(layout.ParseRoot("the root", newestRoot(t, n.fromDir)))(t)
	s := must(root.Named("night-3"))(t)
	key := root.Of(s)[0].Shards(2)[1] + s.Key()
	whole := must(os.ReadFile(filepath.Join(n.fromDir, key)))(t)
	broken := slices.Clone(whole)
	broken[len(broken)/2] ^= 1
	n.write(t, key, broken)
	_, err := (&bucket.Copier{From: n.from, To: n.to, Snapshots: []string{"night-3"}}).Copy(t.Context())
	if corrupt, ok := errors.AsType[*layout.CorruptError](err); !ok || !strings.Contains(err.Error(), key) || corrupt.NextStep() == "" {
		t.Errorf("got %v, want %s to be damaged", err, key)
	}
	n.restores(t, "night-2")
	n.write(t, key, whole)
	n.copied(t, "night-3")
	n.restores(t, "night-2", "night-3")

	blobs := slices.DeleteFunc(files(t, n.toDir), func(key string) bool { return !strings.Contains(key, "/__") })
	cut := filepath.Join(n.toDir, blobs[0])
	if err := errors.Join(os.Truncate(cut, 10), os.Remove(filepath.Join(n.toDir, blobs[1]))); err != nil {
		t.Fatal(err)
	}
	found, err := n.to.Complete(t.Context())
	if err != nil || len(found.Differences) != 2 || found.Differences[0].Key != blobs[0] || found.Differences[1].Reason != "it is not there" {
		t.Errorf("got %+v (%v), want %v to be noticed", found, err, blobs[:2])
	}
}

// write makes a file of the source's bucket anew, as an object of the gateway.
func (n *night) write(t *testing.T, key string, data []byte) {
	t.Helper()
	file := filepath.Join(n.fromDir, key)
	if err := errors.Join(os.Remove(file), os.WriteFile(file, data, 0o644)); err != nil {
		t.Fatal(err)
	}
}

// refused asks for what is not carried: a snapshot that nobody took, and one
// that is PARTIAL.
func (n *night) refused(t *testing.T) {
	t.Helper()
	n.ask(t, http.MethodPut, "/lost?wait_for_active_shards=0", `{"settings":{"index.number_of_replicas":0,"index.routing.allocation.require._name":"nobody"}}`)
	n.ask(t, http.MethodPut, "/_snapshot/old/partial?wait_for_completion=true", `{"indices":"lost,logs","partial":true,"include_global_state":false}`)
	before := files(t, n.toDir)
	f := func(snapshot string, words ...string) {
		t.Helper()
		_, err := (&bucket.Copier{From: n.from, To: n.to, Snapshots: []string{snapshot}}).Copy(t.Context())
		for _, word := range words {
			if err == nil || !strings.Contains(err.Error(), word) {
				t.Errorf("%s: got %v, want %q in it", snapshot, err, word)
			}
		}
	}
	f("nobody", "no snapshot named nobody", n.from.String())
	f("partial", "snapshot partial is PARTIAL")
	if after := files(t, n.toDir); !slices.Equal(after, before) {
		t.Errorf("what was refused left %d objects, of %d before", len(after), len(before))
	}
}

// whole copies everything over what was chosen before.
func (n *night) whole(t *testing.T) {
	t.Helper()
	n.ask(t, http.MethodDelete, "/_snapshot/old/partial", "")
	n.copied(t)
	n.restores(t, "night-2", "night-3", "others", "others-2")
	if got, want := newestRoot(t, n.toDir), newestRoot(t, n.fromDir); string(got) != string(want) {
		t.Errorf("the root is %s, want %s", got, want)
	}
	// A choice adds to what is there.
	n.take(t, "night-4", "logs")
	n.copied(t, "night-4")
	n.restores(t, "night-2", "night-3", "night-4", "others", "others-2")
}

func (n *night) load(t *testing.T, index string, shards, from, to int) {
	t.Helper()
	if from == 0 {
		if err := n.corpus.Create(t.Context(), index, shards, ""); err != nil {
			t.Fatal(err)
		}
	}
	var docs []corpus.Doc
	for i := from; i < to; i++ {
		docs = append(docs, corpus.Doc{ID: fmt.Sprint("d", i), Source: fmt.Appendf(nil, `{"n":%d,"from":%d}`, i, from)})
	}
	if _, err := n.corpus.Load(t.Context(), index, corpus.Of(docs...)); err != nil {
		t.Fatal(err)
	}
}

func (n *night) take(t *testing.T, snapshot, indices string) {
	t.Helper()
	answer := n.ask(t, http.MethodPut, "/_snapshot/old/"+snapshot+"?wait_for_completion=true", fmt.Sprintf(`{"indices":%q,"include_global_state":false}`, indices))
	if !strings.Contains(answer, `"SUCCESS"`) {
		t.Fatalf("snapshot %s: %s", snapshot, answer)
	}
	if indices == "logs" {
		n.newest = snapshot
	}
}

// restores wants the engine to list these snapshots out of the target's bucket,
// and restores the newest night.
func (n *night) restores(t *testing.T, snapshots ...string) {
	t.Helper()
	var in struct{ Snapshots []struct{ Snapshot string } }
	if err := json.Unmarshal([]byte(n.ask(t, http.MethodGet, "/_snapshot/new/_all", "")), &in); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range in.Snapshots {
		names = append(names, s.Snapshot)
	}
	if slices.Sort(names); !slices.Equal(names, snapshots) {
		t.Errorf("the engine lists %v, want %v", names, snapshots)
	}
	nights := slices.DeleteFunc(slices.Clone(snapshots), func(s string) bool { return !strings.HasPrefix(s, "night") })
	newest := nights[len(nights)-1]
	n.ask(t, http.MethodPost, "/_snapshot/new/"+newest+"/_restore?wait_for_completion=true", `{"indices":"logs","include_global_state":false,"rename_pattern":"logs","rename_replacement":"restored"}`)
	if newest == n.newest {
		n.equal(t, newest)
	}
	n.ask(t, http.MethodDelete, "/restored", "")
}

func (n *night) equal(t *testing.T, snapshot string) {
	t.Helper()
	n.ask(t, http.MethodPost, "/logs,restored/_refresh", "")
	diff, err := lab.Compare(t.Context(), n.engine.URL(), n.engine.URL(), "logs", "restored")
	if err != nil || !diff.Equal() {
		t.Errorf("%s: %v (%v)", snapshot, diff, err)
	}
}

// ask wants a good answer.
func (n *night) ask(t *testing.T, method, path, body string) string {
	t.Helper()
	status, answer := lab.Ask(t, method, n.engine.URL()+path, body)
	if status != http.StatusOK {
		t.Fatalf("%s %s: status %d: %s", method, path, status, answer)
	}
	return answer
}
