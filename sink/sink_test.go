package sink_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"esferry/internal/batch"
	"esferry/internal/cluster"
	"esferry/internal/lab/faultcase"
	"esferry/internal/shard"
	"esferry/sink"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stored is a document as an engine keeps it; deleted ones are remembered for
// a tick of its clock, as with gc_deletes 0.
type stored struct {
	version, seqNo int64
	source         string
	deleted        bool
	since          time.Time
}

// tick is how long engines remember deleted versions at most (seen).
const tick = 210 * time.Millisecond

// engine is a small model of one index: versions as external and external_gte
// have them, conditional deletes, and bulk bodies read strictly.
type engine struct {
	t    interface{ Fatalf(string, ...any) }
	mu   sync.Mutex
	docs map[string]stored
	seq  int64
	// refuse, when set, may refuse a whole request, verdict one item.
	refuse  func(items int, size int) error
	verdict func(id string) *cluster.Item
	bulks   int
}

func newEngine(t interface{ Fatalf(string, ...any) }) *engine {
	return &engine{t: t, docs: map[string]stored{}}
}

type header struct {
	ID          string `json:"_id"`
	Routing     string `json:"routing"`
	Version     *int64 `json:"version"`
	VersionType string `json:"version_type"`
	IfSeqNo     *int64 `json:"if_seq_no"`
	IfTerm      *int64 `json:"if_primary_term"`
}

func (e *engine) Bulk(_ context.Context, _, _ string, ndjson []byte, items int) ([]cluster.Item, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.bulks++
	if e.refuse != nil {
		if err := e.refuse(items, len(ndjson)); err != nil {
			return nil, err
		}
	}
	if !bytes.HasSuffix(ndjson, []byte("\n")) {
		e.t.Fatalf("a bulk body does not end its last line: %q", ndjson)
	}
	lines := strings.Split(strings.TrimSuffix(string(ndjson), "\n"), "\n")
	var out []cluster.Item
	for len(lines) > 0 {
		var action map[string]header
		d := json.NewDecoder(strings.NewReader(lines[0]))
		d.DisallowUnknownFields()
		if err := d.Decode(&action); err != nil {
			e.t.Fatalf("action line %q: %v", lines[0], err)
		}
		if h, ok := action["delete"]; ok {
			out, lines = append(out, e.remove(h)), lines[1:]
			continue
		}
		if !json.Valid([]byte(lines[1])) {
			e.t.Fatalf("source line %q is no JSON", lines[1])
		}
		out, lines = append(out, e.index(action["index"], lines[1])), lines[2:]
	}
	if len(out) != items {
		e.t.Fatalf("%d items are in a body that announces %d", len(out), items)
	}
	return out, nil
}

func (e *engine) index(h header, source string) cluster.Item {
	if e.verdict != nil {
		if v := e.verdict(h.ID); v != nil {
			return *v
		}
	}
	old, there := e.docs[h.ID+"|"+h.Routing]
	if there && old.deleted && time.Since(old.since) > tick {
		there = false
	}
	if there && (*h.Version < old.version || *h.Version == old.version && h.VersionType == "external") {
		return cluster.Item{Status: 409, Error: &cluster.ItemProblem{Type: "version_conflict_engine_exception"}}
	}
	e.seq++
	e.docs[h.ID+"|"+h.Routing] = stored{version: *h.Version, seqNo: e.seq, source: source}
	return cluster.Item{Status: 201}
}

func (e *engine) remove(h header) cluster.Item {
	if e.verdict != nil {
		if v := e.verdict(h.ID); v != nil {
			return *v
		}
	}
	key := h.ID + "|" + h.Routing
	old, there := e.docs[key]
	if !there || old.deleted {
		return cluster.Item{Status: 404}
	}
	if h.IfSeqNo != nil && *h.IfSeqNo != old.seqNo {
		return cluster.Item{Status: 409, Error: &cluster.ItemProblem{}}
	}
	e.seq++
	e.docs[key] = stored{version: old.version + 1, seqNo: e.seq, deleted: true, since: time.Now()}
	return cluster.Item{Status: 200}
}

func (e *engine) Versions(_ context.Context, _ string, keys []cluster.Key) ([]cluster.Found, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make([]cluster.Found, len(keys))
	for i, k := range keys {
		if d, ok := e.docs[plain(k.ID)+"|"+plain(k.Routing)]; ok && !d.deleted {
			out[i] = cluster.Found{Found: true, Version: d.version, SeqNo: d.seqNo, Term: 1}
		}
	}
	return out, nil
}

// Fetch makes the engine the contents that conflicts are settled by.
func (e *engine) Fetch(_ context.Context, keys []cluster.Key) iter.Seq2[*batch.Batch, error] {
	return func(yield func(*batch.Batch, error) bool) {
		e.mu.Lock()
		defer e.mu.Unlock()
		for _, k := range keys {
			d, ok := e.docs[plain(k.ID)+"|"+plain(k.Routing)]
			if !ok || d.deleted {
				continue
			}
			found := batch.Doc{ID: []byte(k.ID), Routing: []byte(k.Routing), Version: d.version, Source: []byte(d.source)}
			if !yield(batch.New(shard.Window{}, []batch.Doc{found}, nil), nil) {
				return
			}
		}
	}
}

func plain(quoted string) string {
	var s string
	if quoted != "" && json.Unmarshal([]byte(quoted), &s) != nil {
		return quoted
	}
	return s
}

func doc(id string, version int64, source string) batch.Doc {
	return batch.Doc{ID: fmt.Appendf(nil, "%q", id), Version: version, Source: []byte(source), SeqNo: 1}
}

func write(t *testing.T, source, target *engine, o sink.Options, docs ...batch.Doc) (sink.Result, error) {
	t.Helper()
	o.Index, o.SourceIndex = "i", "i"
	return sink.NewWriter(source, target, o).Write(t.Context(), batch.New(shard.Window{Shard: shard.ID{Index: "i"}, To: 9}, docs, nil))
}

func TestSourcesArriveAsTheyWere(t *testing.T) {
	faultcase.Shows(t, 24, "line breaks, 64-bit numbers, duplicate keys, escapes")
	f := func(source, want string) {
		t.Helper()
		target := newEngine(t)
		d := doc("a", 0, source)
		d.Routing = []byte(`"r"`)
		if _, err := write(t, newEngine(t), target, sink.Options{}, d); err != nil {
			t.Fatal(err)
		}
		if got := target.docs["a|r"].source; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	for _, same := range []string{`{}`, `{"n":6456092903365489050,"f":1.10, "dup":1,"dup":2}`, `{"x":"\u2028\u003c"}`, "{\"tab\":\t1}\r"} {
		f(same, same)
	}
	f("{\n  \"a\" : 1.10,\n  \"b\":\"\\n\"\n}", `{"a":1.10,"b":"\n"}`)
}

func TestVerdicts(t *testing.T) {
	faultcase.Shows(t, 16, "with a lower version")
	source, target := newEngine(t), newEngine(t)
	source.docs = map[string]stored{"newer|": {version: 9}, "anew|": {version: 1, seqNo: 1}, "same|": {version: 4}}
	target.docs = map[string]stored{"newer|": {version: 8}, "anew|": {version: 5, seqNo: 3}, "same|": {version: 4}, "gone|": {version: 7}}
	r, err := write(t, source, target, sink.Options{}, doc("new", 1, `{}`), doc("same", 4, `{}`), doc("newer", 6, `{}`), doc("gone", 2, `{}`), doc("anew", 1, `{"anew":true}`))
	if err != nil {
		t.Fatal(err)
	}
	if r.Applied != 1 || r.Replayed != 1 || r.Superseded != 2 || r.Repaired != 1 || r.Documents() != 5 {
		t.Errorf("got %+v, want one applied, one replayed, two superseded, one repaired", r)
	}
	if got := target.docs["anew|"]; got.version != 1 || got.source != `{"anew":true}` {
		t.Errorf("the document made anew: got %+v, want the source's version and content", got)
	}
}

// TestMadeAnewWithTheSameVersion: a document that was deleted, forgotten and
// made anew may have just the version that the target holds of it. Only its
// content tells it from a replay.
func TestMadeAnewWithTheSameVersion(t *testing.T) {
	faultcase.Shows(t, 16, "with the very version that the target holds")
	source, target := newEngine(t), newEngine(t)
	source.docs = map[string]stored{"a|": {version: 1, seqNo: 1}, "again|": {version: 1, seqNo: 1}, "moved on|": {version: 1, seqNo: 9}}
	target.docs = map[string]stored{"a|": {version: 1, source: `{"old":1}`}, "again|": {version: 1, source: `{"n":1}`}, "moved on|": {version: 1, source: `{"old":1}`}}
	o := sink.Options{Contents: target}
	r, err := write(t, source, target, o, doc("a", 1, `{"new":1}`), doc("again", 1, "{\n\"n\":1}"), doc("moved on", 1, `{"between":1}`))
	if err != nil || r.Repaired != 1 || r.Replayed != 1 || r.Superseded != 1 {
		t.Errorf("got %+v, %v, want one repaired, one replayed, one superseded", r, err)
	}
	if got := target.docs["a|"].source; got != `{"new":1}` {
		t.Errorf("got %s, want the new content", got)
	}
	if got := target.docs["moved on|"].source; got != `{"old":1}` {
		t.Errorf("got %s, want it left for the window that holds the newest", got)
	}
}

func TestARememberedDeleteIsWaitedFor(t *testing.T) {
	source, target := newEngine(t), newEngine(t)
	source.docs["a|"] = stored{version: 1, seqNo: 1}
	target.docs["a|"] = stored{version: 6, deleted: true, since: time.Now()}
	if r, err := write(t, source, target, sink.Options{}, doc("a", 1, `{}`)); err != nil || r.Repaired != 1 {
		t.Errorf("got %+v, %v, want it repaired", r, err)
	}
}

func TestAWholeRefusalFindsTheGuiltyDocument(t *testing.T) {
	faultcase.Shows(t, 8, "413 for one document of many")
	faultcase.Shows(t, 25, "one document for which a whole request is refused")
	for _, status := range []int{400, 413} {
		target := newEngine(t)
		target.refuse = func(items, size int) error {
			if items > 3 && status == 413 || size > 4000 {
				return &cluster.Error{Op: "write", Status: status, Reason: "bad item"}
			}
			return nil
		}
		var docs []batch.Doc
		for i := range 20 {
			docs = append(docs, doc(strconv.Itoa(i), 1, `{}`))
		}
		docs[7].Source = []byte(`{"huge":"` + strings.Repeat("x", 5000) + `"}`)
		var rejected []string
		o := sink.Options{Reject: func(_ context.Context, r sink.Rejection) error {
			rejected = append(rejected, string(r.Doc.ID)+r.Reason)
			return nil
		}}
		r, err := write(t, newEngine(t), target, o, docs...)
		if err != nil || r.Applied != 19 || len(rejected) != 1 || rejected[0] != `"7"bad item` {
			t.Errorf("status %d: got %+v, %v, rejected %v", status, r, err, rejected)
		}
	}
}

func TestOnlyBusyItemsAreSentAgain(t *testing.T) {
	faultcase.Shows(t, 8, "429 of single items of a bulk: only these are sent again")
	target := newEngine(t)
	left := map[string]int{"a": 2, "b": 1}
	sent := map[string]int{}
	target.verdict = func(id string) *cluster.Item {
		sent[id]++
		if left[id] > 0 {
			left[id]--
			return &cluster.Item{Status: 429, Error: &cluster.ItemProblem{}}
		}
		return nil
	}
	r, err := write(t, newEngine(t), target, sink.Options{}, doc("a", 1, `{}`), doc("b", 1, `{}`), doc("c", 1, `{}`))
	if err != nil || r.Applied != 3 || sent["a"] != 3 || sent["b"] != 2 || sent["c"] != 1 {
		t.Errorf("got %+v, %v, sent %v", r, err, sent)
	}
}

func TestWhatConcernsTheIndexStops(t *testing.T) {
	faultcase.Shows(t, 18, "the flood-stage block is no passing lack of room")
	for _, status := range []int{401, 403, 404, 429} {
		target := newEngine(t)
		target.verdict = func(string) *cluster.Item {
			return &cluster.Item{Status: status, Error: &cluster.ItemProblem{Type: "cluster_block_exception", Reason: "blocked"}}
		}
		_, err := write(t, newEngine(t), target, sink.Options{}, doc("a", 1, `{}`))
		var e *cluster.Error
		if !errors.As(err, &e) || e.Status != status {
			t.Errorf("status %d: got %v", status, err)
		}
	}
}

func TestRejectedDocuments(t *testing.T) {
	target := newEngine(t)
	target.verdict = func(id string) *cluster.Item {
		if id != "poison" {
			return nil
		}
		p := &cluster.ItemProblem{Type: "mapper_parsing_exception", Reason: "failed to parse"}
		p.CausedBy.Reason = "not a number"
		return &cluster.Item{Status: 400, Error: p}
	}
	_, err := write(t, newEngine(t), target, sink.Options{}, doc("a", 1, `{}`), doc("poison", 3, `{"n":"x"}`))
	var stopped *sink.RejectedError
	if !errors.As(err, &stopped) || !strings.Contains(err.Error(), "not a number") {
		t.Errorf("got %v, want a RejectedError with the cause", err)
	}
	path := filepath.Join(t.TempDir(), "dead.ndjson")
	r, err := write(t, newEngine(t), target, sink.Options{Reject: sink.NewDeadLetters(path).Reject}, doc("b", 1, `{}`), doc("poison", 3, `{"n":"x"}`))
	if err != nil || r.Rejected != 1 || r.Applied != 1 {
		t.Fatalf("got %+v, %v, want one applied and one rejected", r, err)
	}
	letters, err := sink.NewDeadLetters(path).List()
	if err != nil || len(letters) != 1 {
		t.Fatalf("got %+v, %v, want one letter", letters, err)
	}
	letter := letters[0]
	if string(letter.ID) != `"poison"` || string(letter.Source) != `{"n":"x"}` || letter.Version != 3 || !strings.Contains(letter.Reason, "not a number") {
		t.Errorf("got %+v", letter)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v, want a file for its owner only", info.Mode(), err)
	}
}

func TestDeleteIsConditional(t *testing.T) {
	target := newEngine(t)
	target.docs = map[string]stored{"a|": {version: 1, seqNo: 1}, "changed|": {version: 2, seqNo: 9}}
	w := sink.NewWriter(newEngine(t), target, sink.Options{Index: "i"})
	found := cluster.Found{Found: true, Version: 1, SeqNo: 1, Term: 1}
	n, err := w.Delete(t.Context(), []sink.Gone{{Key: cluster.Key{ID: `"a"`}, Found: found}, {Key: cluster.Key{ID: `"changed"`}, Found: found}, {Key: cluster.Key{ID: `"absent"`}, Found: found}})
	if err != nil || n != 1 || target.docs["changed|"].deleted || !target.docs["a|"].deleted {
		t.Errorf("got %d, %v and %+v, want only the unchanged document deleted", n, err, target.docs)
	}
}

func TestOnlyBusyDeletesAreSentAgain(t *testing.T) {
	target := newEngine(t)
	target.docs = map[string]stored{"a|": {version: 1, seqNo: 1}, "b|": {version: 1, seqNo: 1}}
	sent := map[string]int{}
	target.verdict = func(id string) *cluster.Item {
		if sent[id]++; id == "b" && sent[id] < 3 {
			return &cluster.Item{Status: 429, Error: &cluster.ItemProblem{}}
		}
		return nil
	}
	found := cluster.Found{Found: true, Version: 1, SeqNo: 1, Term: 1}
	w := sink.NewWriter(newEngine(t), target, sink.Options{Index: "i"})
	n, err := w.Delete(t.Context(), []sink.Gone{{Key: cluster.Key{ID: `"a"`}, Found: found}, {Key: cluster.Key{ID: `"b"`}, Found: found}})
	if err != nil || n != 2 || sent["a"] != 1 || sent["b"] != 3 {
		t.Errorf("got %d deleted, %v, sent %v, want two, and only the busy one again", n, err, sent)
	}
}

// TestAnyHistoryAnyOrder writes what a source held at some moments, batches in
// any order and more than once, and at last its present state: the target must
// hold just that for every document the last batch has.
func TestAnyHistoryAnyOrder(t *testing.T) {
	faultcase.Shows(t, 16, "any history in any order of arrival")
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.Custom(drawStep), 1, 8).Draw(rt, "steps")
		var err error
		// In a bubble, whose clock costs nothing.
		synctest.Test(t, func(t *testing.T) { err = sail(t, steps) })
		if err != nil {
			rt.Fatal(err)
		}
	})
}

// step is an operation on the source, and which batch is sent after it: one of
// those so far, by its distance from the newest; none when negative.
type step struct {
	ID   string
	Op   string
	Send int
}

func drawStep(t *rapid.T) step {
	return step{
		ID:   rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "id"),
		Op:   rapid.SampledFrom([]string{"update", "delete and make anew", "make anew low"}).Draw(t, "op"),
		Send: rapid.IntRange(-1, 4).Draw(t, "send"),
	}
}

func sail(t *testing.T, steps []step) error {
	t.Helper()
	source, target := newEngine(t), newEngine(t)
	w := sink.NewWriter(source, target, sink.Options{Index: "i", SourceIndex: "i", Contents: target})
	send := func(docs []batch.Doc) error {
		_, err := w.Write(t.Context(), batch.New(shard.Window{To: 1}, docs, nil))
		return err
	}
	var batches [][]batch.Doc
	for _, s := range steps {
		d := source.docs[s.ID+"|"]
		switch s.Op {
		case "update":
			d.version++
		case "delete and make anew":
			d.version += 2
		default:
			d.version = 1
		}
		d.source = fmt.Sprintf(`{"v":%d,"n":%d}`, d.version, len(batches))
		d.seqNo = int64(len(batches))
		source.docs[s.ID+"|"] = d
		batches = append(batches, []batch.Doc{operation(s.ID, d)})
		if s.Send >= 0 {
			if err := send(batches[max(0, len(batches)-1-s.Send)]); err != nil {
				return err
			}
		}
	}
	var last []batch.Doc
	for id, d := range source.docs {
		last = append(last, operation(strings.TrimSuffix(id, "|"), d))
	}
	if err := send(last); err != nil {
		return err
	}
	for id, d := range source.docs {
		if got := target.docs[id]; got.version != d.version || got.source != d.source || got.deleted {
			return fmt.Errorf("document %s: got %+v, want %+v", id, got, d)
		}
	}
	return nil
}

// operation is a document as a scan of the source gives it.
func operation(id string, d stored) batch.Doc {
	out := doc(id, d.version, d.source)
	out.SeqNo = d.seqNo
	return out
}
