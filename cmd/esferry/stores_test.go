package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"esferry/checkpoint"
	"esferry/checkpoint/boltstore"
)

// TestStoresOfBefore opens a copy of each store in testdata/stores, one a schema
// or release, as builds of then wrote it after a whole journey: it is read as it
// was read then, and written to. ESFERRY_STORES=FOLDER lets TestNothingTellsSecrets
// leave such a store; -update writes what is read of it now.
func TestStoresOfBefore(t *testing.T) {
	folders, err := filepath.Glob("testdata/stores/*")
	if err != nil || len(folders) == 0 {
		t.Fatalf("got no stores (%v)", err)
	}
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(folder)); err != nil {
				t.Fatal(err)
			}
			yaml := filepath.Join(dir, "ferry.yaml")
			text := "name: planted\nsource: {url: http://127.0.0.1:1}\ntarget: {url: http://127.0.0.1:2}\ncheckpoint: {path: planted.db}\n"
			if err := os.WriteFile(yaml, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			mustReadAsThen(t, folder, yaml, "status")
			mustReadAsThen(t, folder, yaml, "report")
			mustTakeCommits(t, filepath.Join(dir, "planted.db"))
			mustReadAsThen(t, folder, yaml, "status")
			// The export beside it, too, makes a store.
			if err := os.Remove(filepath.Join(dir, "planted.db")); err != nil {
				t.Fatal(err)
			}
			asked(t, "checkpoint", "restore", "-c", yaml)
			mustReadAsThen(t, folder, yaml, "status")
		})
	}
}

// asked runs a command in this process and gives what it printed.
func asked(t *testing.T, args ...string) []byte {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), args, &stdout, &stderr); code != exitDone {
		t.Fatalf("esferry %s: exit code %d: %s", strings.Join(args, " "), code, stderr.String())
	}
	return stdout.Bytes()
}

// mustReadAsThen holds what a command prints against what it printed then: what
// was there is there, and the same. More may be.
func mustReadAsThen(t *testing.T, folder, yaml, command string) {
	t.Helper()
	golden := filepath.Join(folder, command+".json")
	now := asked(t, command, "--json", "-c", yaml)
	if *update {
		var all map[string]any
		if err := json.Unmarshal(now, &all); err != nil {
			t.Fatal(err)
		}
		// It names this machine's folders.
		delete(all, "config")
		pretty, err := json.MarshalIndent(all, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, append(pretty, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	then, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	var want, got any
	if err := json.Unmarshal(then, &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(now, &got); err != nil {
		t.Fatal(err)
	}
	for _, lost := range missing(command, want, got) {
		t.Error(lost)
	}
}

// missing tells what of a value is not there any more, or another. A report is
// made now, by this build.
func missing(at string, want, got any) (lost []string) {
	switch at {
	case "report.made", "report.version":
		return nil
	}
	switch want := want.(type) {
	case map[string]any:
		now, _ := got.(map[string]any)
		for key, v := range want {
			lost = append(lost, missing(at+"."+key, v, now[key])...)
		}
	case []any:
		now, _ := got.([]any)
		if len(now) != len(want) {
			return []string{fmt.Sprintf("%s: got %d entries, want %d", at, len(now), len(want))}
		}
		for i, v := range want {
			lost = append(lost, missing(fmt.Sprintf("%s[%d]", at, i), v, now[i])...)
		}
	default:
		if !reflect.DeepEqual(want, got) {
			lost = []string{fmt.Sprintf("%s: got %v, want %v", at, got, want)}
		}
	}
	return lost
}

// mustTakeCommits goes on with a store as a ferry would, and leaves its records.
func mustTakeCommits(t *testing.T, path string) {
	t.Helper()
	s, err := boltstore.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	lease, err := s.Acquire(t.Context(), checkpoint.Holder{Host: "test", PID: os.Getpid()})
	if err != nil {
		t.Fatal(err)
	}
	before, err := s.List(t.Context(), "")
	if err != nil || len(before) < 5 {
		t.Fatalf("got %d records, %v", len(before), err)
	}
	if err := s.Commit(t.Context(), lease, append(before, checkpoint.Record{Key: "another", Value: []byte("{}")})...); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context(), lease, checkpoint.Record{Key: "another"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var left fs.FileInfo
	if left, err = os.Stat(path); err != nil || left.Size() == 0 {
		t.Fatalf("got %v, %v", left, err)
	}
}

// TestMissing: what is there no more, or not the same, is named; what is new is not.
func TestMissing(t *testing.T) {
	f := func(want, got string, lost ...string) {
		t.Helper()
		var a, b any
		if err := json.Unmarshal([]byte(want), &a); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(got), &b); err != nil {
			t.Fatal(err)
		}
		if found := missing("x", a, b); fmt.Sprint(found) != fmt.Sprint(lost) {
			t.Errorf("%s and %s: got %q, want %q", want, got, found, lost)
		}
	}
	f(`{"a":1,"b":[{"c":null}]}`, `{"a":1,"b":[{"c":null,"d":2}],"e":3}`)
	f(`{"a":1}`, `{"b":1}`, "x.a: got <nil>, want 1")
	f(`{"a":[1,2]}`, `{"a":[1]}`, "x.a: got 1 entries, want 2")
	f(`{"a":{"b":"c"}}`, `{"a":{"b":"d"}}`, "x.a.b: got d, want c")
}
