package boltstore_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"esferry/checkpoint"
	"esferry/checkpoint/boltstore"
)

// exported reads the values of the export beside the store.
func exported(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var e struct{ Records map[string]json.RawMessage }
	if err := json.Unmarshal(text, &e); err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	var out []string
	for _, k := range slices.Sorted(maps.Keys(e.Records)) {
		out = append(out, k+"="+string(e.Records[k]))
	}
	return strings.Join(out, " ")
}

// Exports follow commits at most once a second; the last one is Close's.
func TestExportsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "ferry.db")
		s := open(t, path)
		lease, err := s.Acquire(t.Context(), checkpoint.Holder{})
		if err != nil {
			t.Fatal(err)
		}
		commit := func(key, want string) {
			t.Helper()
			if err := s.Commit(t.Context(), lease, checkpoint.Record{Key: key, Value: []byte("1")}); err != nil {
				t.Fatal(err)
			}
			if got := exported(t, path); got != want {
				t.Errorf("after the commit of %s: got %q, want %q", key, got, want)
			}
		}
		commit("a", "")
		time.Sleep(time.Second)
		commit("b", "a=1 b=1")
		time.Sleep(time.Second - time.Nanosecond)
		commit("c", "a=1 b=1")
		time.Sleep(time.Nanosecond)
		commit("d", "a=1 b=1 c=1 d=1")
		commit("e", "a=1 b=1 c=1 d=1")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if got, want := exported(t, path), "a=1 b=1 c=1 d=1 e=1"; got != want {
			t.Errorf("after Close: got %q, want %q", got, want)
		}
	})
}

// A commit is durable without its export; Close says that there is none.
func TestExportThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ferry.db")
	s := open(t, path)
	if err := os.MkdirAll(path+".json/in the way", 0o700); err != nil {
		t.Fatal(err)
	}
	lease, err := s.Acquire(t.Context(), checkpoint.Holder{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context(), lease, checkpoint.Record{Key: "a", Value: []byte("1")}); err != nil {
		t.Errorf("Commit: %v", err)
	}
	first := s.Close()
	if first == nil || !strings.Contains(first.Error(), path) {
		t.Errorf("Close: got %v, want an error", first)
	}
	if again := s.Close(); !errors.Is(again, first) {
		t.Errorf("Close again: got %v, want %v", again, first)
	}
	if err := os.RemoveAll(path + ".json"); err != nil {
		t.Fatal(err)
	}
	if value, err := open(t, path).Load(t.Context(), "a"); err != nil || string(value) != "1" {
		t.Errorf("the commit: got %q, %v, want 1", value, err)
	}
}

// What Close exported, Restore brings back byte by byte, whatever the values
// are; epochs go on from where they were.
func TestRestoreGivesBackEverything(t *testing.T) {
	t.Parallel()
	root, runs := t.TempDir(), 0
	value := rapid.OneOf(
		rapid.SliceOfN(rapid.Byte(), 0, 40),
		rapid.Map(rapid.SampledFrom([]string{
			`{}`, `null`, `""`, `[1, 2]`, ` {"space":"around"} `, "{\n\t\"a\" : 1}\n", `{"n":6456092903365489050,"f":1.10,"e":1e400}`,
			`{"a":1,"a":2}`, `"\ud800 <&> \u2028"`, "\"\xff\"", `tru`, ``,
		}), func(s string) []byte { return []byte(s) }),
	)
	rapid.Check(t, func(rt *rapid.T) {
		all := rapid.MapOfN(rapid.StringN(1, 20, 60), value, 0, 12).Draw(rt, "records")
		runs++
		path := filepath.Join(root, strconv.Itoa(runs), "ferry.db")
		var want []checkpoint.Record
		for _, k := range slices.Sorted(maps.Keys(all)) {
			want = append(want, checkpoint.Record{Key: k, Value: all[k]})
		}
		if err := restored(t, path, want); err != nil {
			rt.Fatal(err)
		}
	})
}

// restored commits the records, loses the file, restores it, and compares.
func restored(t *testing.T, path string, want []checkpoint.Record) error {
	t.Helper()
	s, err := boltstore.Open(t.Context(), path)
	if err != nil {
		return err
	}
	lease, err := s.Acquire(t.Context(), checkpoint.Holder{})
	if err != nil {
		return err
	}
	if err := errors.Join(s.Commit(t.Context(), lease, want...), s.Close(), os.Remove(path)); err != nil {
		return err
	}
	if err := boltstore.Restore(t.Context(), path); err != nil {
		return err
	}
	if s, err = boltstore.Open(t.Context(), path); err != nil {
		return err
	}
	defer s.Close() //nolint:errcheck // what it exports is not looked at
	got, err := s.List(t.Context(), "")
	if err != nil {
		return err
	}
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		return fmt.Errorf("got %q, want %q", got, want)
	}
	next, err := s.Acquire(t.Context(), checkpoint.Holder{})
	if err == nil && next.Epoch <= lease.Epoch {
		err = fmt.Errorf("epoch %d after %d", next.Epoch, lease.Epoch)
	}
	return err
}

func TestRestoreRefuses(t *testing.T) {
	t.Parallel()
	path, _ := filled(t)
	f := func(want string) {
		t.Helper()
		before := snapshot(t, path)
		if err := boltstore.Restore(t.Context(), path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		if snapshot(t, path) != before {
			t.Errorf("%s: a refused restore changed a file", want)
		}
	}
	f("is in the way")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path + ".json")
	if err != nil {
		t.Fatal(err)
	}
	rewrite := func(from, to string) {
		t.Helper()
		changed := strings.Replace(string(text), from, to, 1)
		if changed == string(text) {
			t.Fatalf("the export holds no %s", from)
		}
		overwrite(t, path+".json", []byte(changed))
	}
	rewrite(`"w":7919,`, `"w":7918,`)
	f("it is not complete, or was changed by hand")
	rewrite(`"schema":1`, `"schema":2`)
	f("newer esferry")
	rewrite(`"checkpoint_export"`, `"summary"`)
	f("is not an export")
	rewrite(`{`, ``)
	f("restore the checkpoint store from")
	overwrite(t, path+".json", text[:len(text)/2])
	f("restore the checkpoint store from")
	if err := os.Remove(path + ".json"); err != nil {
		t.Fatal(err)
	}
	if err := boltstore.Restore(t.Context(), path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without an export: got %v, want fs.ErrNotExist", err)
	}
	overwrite(t, path+".json", text)
	if err := boltstore.Restore(t.Context(), path); err != nil {
		t.Errorf("the export as it was: %v", err)
	}
	open(t, path)
}
