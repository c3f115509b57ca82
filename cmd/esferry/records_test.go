package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"esferry/checkpoint"
	"esferry/checkpoint/boltstore"
)

// stored writes a configuration and a store with these records.
func stored(t *testing.T, records ...checkpoint.Record) (yaml string) {
	t.Helper()
	dir := t.TempDir()
	yaml = filepath.Join(dir, "ferry.yaml")
	text := "name: night\nsource: {url: http://127.0.0.1:1}\ntarget: {url: http://127.0.0.1:2}\nindices: {include: [a]}\ncheckpoint: {path: night.db}\n"
	if err := os.WriteFile(yaml, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if len(records) == 0 {
		return yaml
	}
	store, err := boltstore.Open(t.Context(), filepath.Join(dir, "night.db"))
	if err != nil {
		t.Fatal(err)
	}
	lease, err := store.Acquire(t.Context(), checkpoint.Holder{Host: "h", PID: 1})
	if err == nil {
		err = store.Commit(t.Context(), lease, records...)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	return yaml
}

func TestCheckpointListAndExport(t *testing.T) {
	yaml := stored(t,
		checkpoint.Record{Key: "night/ferry", Value: []byte(`{"name":"night"}`)},
		checkpoint.Record{Key: "night/index/users", Value: []byte(`{"index":"users","lag":1.50}`)},
		checkpoint.Record{Key: "another/index/users", Value: []byte(`{}`)},
	)
	code, stdout, stderr := command(t, "checkpoint", "export", "-c", yaml)
	want := `{"type":"checkpoint","key":"night/ferry","value":{"name":"night"}}
{"type":"checkpoint","key":"night/index/users","value":{"index":"users","lag":1.50}}
{"type":"summary","records":2}
`
	if code != 0 || stdout != want {
		t.Errorf("got exit code %d and\n%s%s\nwant\n%s", code, stdout, stderr, want)
	}
	_, stdout, _ = command(t, "checkpoint", "list", "--json", "-c", yaml)
	if want := `{"type":"checkpoints","records":[{"key":"night/ferry","kind":"ferry","bytes":16},{"key":"night/index/users","kind":"index","bytes":28}]}` + "\n"; stdout != want {
		t.Errorf("got %s, want %s", stdout, want)
	}
	if _, stdout, _ = command(t, "checkpoint", "list", "-c", yaml); !strings.Contains(stdout, "│ index │ users │    28 │") {
		t.Errorf("got\n%s", stdout)
	}
}

// TestResetTellsWhatItWouldForget looks at what would be forgotten, and at what is not known.
func TestResetTellsWhatItWouldForget(t *testing.T) {
	yaml := stored(t, checkpoint.Record{Key: "night/index/users", Value: []byte(`{"index":"users","phase":"current","written":{"applied":7}}`)})
	if code, stdout, stderr := command(t, "checkpoint", "reset", "users", "--dry-run", "-c", yaml); code != 0 || !strings.Contains(stdout, "phase current, 7 documents applied") {
		t.Errorf("got exit code %d and %s%s", code, stdout, stderr)
	}
	if code, _, stderr := command(t, "checkpoint", "reset", "absent", "--dry-run", "-c", yaml); code != 1 || !strings.Contains(stderr, "no checkpoint of index absent") {
		t.Errorf("got exit code %d and %s", code, stderr)
	}
	if code, stdout, _ := command(t, "checkpoint", "list", "-c", stored(t)); code != 0 || stdout != "ferry night has no checkpoint yet\n" {
		t.Errorf("got exit code %d and %s", code, stdout)
	}
}
