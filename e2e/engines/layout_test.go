package engines_test

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"esferry/internal/corpus"
	"esferry/internal/lab"
	"esferry/snapshotpath/bucket/layout"
)

// fixtures is where TestEngines leaves the repositories that engines write: the
// testdata of snapshotpath/bucket/layout were made so.
var fixtures = flag.String("fixtures", "", "leave what each engine writes into a repository in this folder")

// readsRepository takes snapshots, carries one of them by what its metadata
// names into a folder that holds nothing else, and wants the engine to list and
// restore it there.
func readsRepository(t *testing.T, c *lab.Cluster, dir string) {
	t.Helper()
	repositories := map[string]string{"parts": `,"compress":true,"chunk_size":"1kb"`}
	if c.Engine.Product() == "opensearch" {
		repositories = map[string]string{"infix": `,"compress":true,"compression_type":"zstd","shard_path_type":"HASHED_INFIX"`}
	}
	for name, settings := range repositories {
		from := filepath.Join(dir, name)
		makeRepository(t, c, from, settings)
		for _, snapshot := range []string{"two", "three"} {
			to := from + "-" + snapshot
			carryOne(t, from, to, snapshot)
			repository := c.URL() + "/_snapshot/" + filepath.Base(to)
			put(t, repository, fmt.Sprintf(`{"type":"fs","settings":{"location":%q,"readonly":true}}`, to))
			if got := listed(t, repository); len(got) != 1 || got[0] != snapshot {
				t.Errorf("the engine lists %v, want %s alone", got, snapshot)
			}
			post(t, repository+"/"+snapshot+"/_restore?wait_for_completion=true",
				fmt.Sprintf(`{"indices":"users-%s","include_global_state":false,"rename_pattern":"(.+)","rename_replacement":"$1-%s"}`, name, snapshot))
			equal(t, c.URL(), c.URL(), "users-"+name, "users-"+name+"-"+snapshot)
		}
		writes(t, c, from+"-two", "logs-"+name)
	}
}

// writes makes the engine take a snapshot into a repository that holds one of
// several, restore it, delete it, and restore the one that was carried: an
// engine that was told wrongly what the shards hold would leave blobs out of
// the first, or delete those of the second.
func writes(t *testing.T, c *lab.Cluster, dir, index string) {
	t.Helper()
	// The engine is another user.
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error { return errors.Join(err, os.Chmod(path, 0o777)) })
	if err != nil {
		t.Fatal(err)
	}
	repository := c.URL() + "/_snapshot/" + filepath.Base(dir)
	put(t, repository, fmt.Sprintf(`{"type":"fs","settings":{"location":%q}}`, dir))
	if _, answer := lab.Ask(t, http.MethodPut, repository+"/more?wait_for_completion=true", fmt.Sprintf(`{"indices":%q,"include_global_state":false}`, index)); !strings.Contains(answer, `"SUCCESS"`) {
		t.Errorf("the engine does not write: %s", answer)
	}
	post(t, repository+"/more/_restore?wait_for_completion=true",
		fmt.Sprintf(`{"indices":%q,"include_global_state":false,"rename_pattern":"(.+)","rename_replacement":"$1-more"}`, index))
	equal(t, c.URL(), c.URL(), index, index+"-more")
	if _, answer := lab.Ask(t, http.MethodDelete, repository+"/more", ""); !strings.Contains(answer, "true") {
		t.Errorf("the engine does not delete: %s", answer)
	}
	post(t, repository+"/two/_restore?wait_for_completion=true",
		fmt.Sprintf(`{"indices":%q,"include_global_state":false,"rename_pattern":"(.+)","rename_replacement":"$1-again"}`, index))
	equal(t, c.URL(), c.URL(), index, index+"-again")
}

// makeRepository takes three snapshots: two of both indices with a change
// between them, and one of users alone.
func makeRepository(t *testing.T, c *lab.Cluster, dir, settings string) {
	t.Helper()
	e, name := open(t, c.URL()), filepath.Base(dir)
	for index, shards := range map[string]int{"logs-" + name: 2, "users-" + name: 1} {
		if err := e.Create(t.Context(), index, shards, ""); err != nil {
			t.Fatal(err)
		}
		load(t, e, index, numbered(0, 40))
	}
	repository, both := c.URL()+"/_snapshot/"+name, fmt.Sprintf(`{"indices":"logs-%s,users-%s","include_global_state":false}`, name, name)
	put(t, repository, fmt.Sprintf(`{"type":"fs","settings":{"location":%q%s}}`, dir, settings))
	put(t, repository+"/one?wait_for_completion=true", both)
	load(t, e, "logs-"+name, numbered(30, 80))
	put(t, repository+"/two?wait_for_completion=true", both)
	put(t, repository+"/three?wait_for_completion=true", fmt.Sprintf(`{"indices":"users-%s","include_global_state":false}`, name))
	if *fixtures != "" {
		keep(t, dir, filepath.Join(*fixtures, string(c.Engine)+"-"+name+".zip"))
	}
}

// numbered gives documents that differ little.
func numbered(from, to int) corpus.Docs {
	var docs []corpus.Doc
	for i := from; i < to; i++ {
		docs = append(docs, corpus.Doc{ID: fmt.Sprint("d", i), Source: fmt.Appendf(nil, `{"n":%d,"word":"w%d"}`, i, i%7)})
	}
	return corpus.Of(docs...)
}

func keep(t *testing.T, dir, file string) {
	t.Helper()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	for _, end := range []func() error{func() error { return z.AddFS(os.DirFS(dir)) }, z.Close, f.Close} {
		if err := end(); err != nil {
			t.Fatal(err)
		}
	}
}

// carryOne copies what the metadata of one snapshot name, nothing else, and the
// root that holds it alone.
func carryOne(t *testing.T, from, to, snapshot string) {
	t.Helper()
	read := func(key string) []byte {
		data, err := os.ReadFile(filepath.Join(from, key))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	write := func(key string, data []byte) {
		file := filepath.Join(to, key)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	carry := func(key string) []byte {
		data := read(key)
		write(key, data)
		return data
	}
	newest := "index"
	if _, err := os.Stat(filepath.Join(from, "index-2")); err == nil {
		newest = "index-2"
		carry("index.latest")
	}
	root := must(layout.ParseRoot(newest, read(newest)))(t)
	s := must(root.Named(snapshot))(t)
	root = root.Learn(must(layout.ParseSnapshot(s.Key(), carry(s.Key())))(t))
	carry(s.MetaKey())
	for _, ix := range root.Of(s) {
		key := must(root.Description(ix, s))(t)
		shards := must(layout.ParseDescription(key, carry(key)))(t).Shards
		folders := ix.Shards(shards)
		if ix.PathType != 0 {
			folders = must(ix.ParsePaths(ix.PathsKey(shards), shards, carry(ix.PathsKey(shards))))(t)
		}
		for _, folder := range folders {
			for _, file := range must(layout.ParseShard(folder+s.Key(), carry(folder+s.Key())))(t) {
				for _, b := range file.Blobs() {
					carry(folder + b.Name)
				}
			}
		}
	}
	chosen := must(root.Choose(s))(t)
	generations := map[string][]string{}
	for _, ix := range chosen.Thinned(root) {
		folders := ix.Shards(len(ix.Generations))
		if ix.PathType != 0 {
			folders = must(ix.ParsePaths(ix.PathsKey(len(folders)), len(folders), read(ix.PathsKey(len(folders)))))(t)
		}
		for i, folder := range folders {
			generation, thin, err := layout.ThinShard(folder, read(folder+ix.Generation(i)), chosen.Holders(ix.ID))
			if err != nil {
				t.Fatal(err)
			}
			write(folder+"index-"+generation, thin)
			generations[ix.ID] = append(generations[ix.ID], generation)
		}
	}
	write(newest, must(must(chosen.WithGenerations(generations))(t).Encode())(t))
}

func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// listed asks the engine which snapshots it sees.
func listed(t *testing.T, repository string) (names []string) {
	t.Helper()
	_, text := lab.Ask(t, http.MethodGet, repository+"/_all", "")
	var in struct {
		Snapshots []struct{ Snapshot, State string }
	}
	if err := json.Unmarshal([]byte(text), &in); err != nil {
		t.Fatalf("%s: %s (%v)", repository, text, err)
	}
	for _, s := range in.Snapshots {
		names = append(names, s.Snapshot)
	}
	return names
}
