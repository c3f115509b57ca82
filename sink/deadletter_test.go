package sink_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"esferry/internal/batch"
	"esferry/sink"
)

// refused is a rejection of a document with this id.
func refused(id string) sink.Rejection {
	return sink.Rejection{SourceIndex: "i", Index: "i", Reason: "too long", Doc: batch.Doc{ID: []byte(id), Version: 1, Source: []byte(`{"n":1}`)}}
}

func ids(letters []sink.DeadLetter) string {
	out := make([]string, len(letters))
	for i, l := range letters {
		out[i] = string(l.ID)
	}
	return strings.Join(out, " ")
}

// TestDeadLettersAreMarked: the file says what it is, also after it was written
// anew, and is for its owner only, whatever it was before.
func TestDeadLettersAreMarked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dead.ndjson")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	l := sink.NewDeadLetters(path)
	check := func(want string) {
		t.Helper()
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if first, _, _ := strings.Cut(string(text), "\n"); !strings.HasPrefix(first, `{"type":"dead_letters","schema":1,"notice":"this file holds documents`) {
			t.Errorf("got the first line %s", first)
		}
		if strings.Count(string(text), "notice") != 1 {
			t.Errorf("got more than one notice in %s", text)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("got mode %v, %v", info.Mode(), err)
		}
		if got, err := l.List(); err != nil || ids(got) != want {
			t.Errorf("got %s, %v, want %s", ids(got), err, want)
		}
	}
	for _, id := range []string{`"a"`, `"b"`} {
		if err := l.Reject(t.Context(), refused(id)); err != nil {
			t.Fatal(err)
		}
	}
	check(`"a" "b"`)
	if err := l.Replace([]sink.DeadLetter{sink.NewDeadLetter(refused(`"b"`))}); err != nil {
		t.Fatal(err)
	}
	check(`"b"`)
}

// TestDeadLettersOfOthers: those of before the notice are read, those of a newer
// esferry are not.
func TestDeadLettersOfOthers(t *testing.T) {
	f := func(text, want, says string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "dead.ndjson")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := sink.NewDeadLetters(path).List()
		if (err != nil) != (says != "") || ids(got) != want || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %s, %v, want %s or an error with %q", text, ids(got), err, want, says)
		}
	}
	const letter = `{"time":"2026-11-01T00:00:00Z","source_index":"i","index":"i","id":"a","version":1,"seq_no":2,"reason":"r","source":{}}` + "\n"
	f(letter, `"a"`, "")
	f(`{"type":"dead_letters","schema":1,"notice":"n"}`+"\n"+letter, `"a"`, "")
	f(`{"type":"dead_letters","schema":2,"notice":"n"}`+"\n"+letter, "", "a newer esferry wrote them")
	f(letter+"{\n", "", "line 2")
}

// FuzzDeadLetters cuts a file of letters anywhere, as a crash may, or puts
// anything in it: what comes after is kept, and nothing crashes.
func FuzzDeadLetters(f *testing.F) {
	path := filepath.Join(f.TempDir(), "dead.ndjson")
	l := sink.NewDeadLetters(path)
	for i := range 3 {
		if err := l.Reject(f.Context(), refused(fmt.Sprintf("%q", fmt.Sprint("document ", i)))); err != nil {
			f.Fatal(err)
		}
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(len(whole), []byte(nil))
	f.Add(len(whole)-10, []byte(nil))
	f.Add(20, []byte(nil))
	f.Add(0, []byte(`{"type":"dead_letters","schema":2,"notice":"n"}`))
	f.Fuzz(func(t *testing.T, keep int, more []byte) {
		path := filepath.Join(t.TempDir(), "dead.ndjson")
		text := bytes.Clone(whole[:min(max(0, keep), len(whole))])
		if err := os.WriteFile(path, append(text, more...), 0o600); err != nil {
			t.Fatal(err)
		}
		l := sink.NewDeadLetters(path)
		before, err := l.List()
		if err != nil && len(more) == 0 {
			t.Fatalf("cut at %d: %v", keep, err)
		}
		if rejected := l.Reject(t.Context(), refused(`"another"`)); rejected != nil {
			t.Fatal(rejected)
		}
		if err != nil {
			return
		}
		after, err := l.List()
		if err != nil || len(after) < len(before) || ids(after[len(after)-1:]) != `"another"` && !strings.Contains(ids(before), `"another"`) {
			t.Fatalf("cut at %d: got %s after %s, %v", keep, ids(after), ids(before), err)
		}
	})
}
