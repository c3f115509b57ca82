package layout_test

import (
	"archive/zip"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"esferry/snapshotpath/bucket/layout"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// repository is a folder that an engine wrote: see TestEngines in e2e.
type repository struct{ fs.FS }

func open(tb testing.TB, name string) repository {
	tb.Helper()
	z, err := zip.OpenReader(filepath.Join("testdata", name+".zip"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := z.Close(); err != nil {
			tb.Error(err)
		}
	})
	return repository{z}
}

func (r repository) read(tb testing.TB, key string) []byte {
	tb.Helper()
	data, err := fs.ReadFile(r, key)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// blobs lists what lies in a folder and has a name that begins with __.
func (r repository) blobs(tb testing.TB, folder string) map[string]int64 {
	tb.Helper()
	out := map[string]int64{}
	entries, err := fs.ReadDir(r, strings.TrimSuffix(folder, "/"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		tb.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			tb.Fatal(err)
		}
		if strings.HasPrefix(e.Name(), "__") {
			out[e.Name()] = info.Size()
		}
	}
	return out
}

// root reads the newest root, and what roots of Elasticsearch 2 leave out.
func (r repository) root(tb testing.TB) *layout.Root {
	tb.Helper()
	newest := "index"
	for _, name := range []string{"index-0", "index-1", "index-2"} {
		if _, err := fs.Stat(r, name); err == nil {
			newest = name
		}
	}
	root, err := layout.ParseRoot(newest, r.read(tb, newest))
	if err != nil {
		tb.Fatal(err)
	}
	for _, s := range root.Snapshots {
		root = root.Learn(r.details(tb, s))
	}
	return root
}

func (r repository) details(tb testing.TB, s layout.Snapshot) layout.Details {
	tb.Helper()
	d, err := layout.ParseSnapshot(s.Key(), r.read(tb, s.Key()))
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

func (r repository) description(tb testing.TB, root *layout.Root, ix layout.Index, s layout.Snapshot) layout.Description {
	tb.Helper()
	key, err := root.Description(ix, s)
	if err != nil {
		tb.Fatal(err)
	}
	d, err := layout.ParseDescription(key, r.read(tb, key))
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// shards gives the folders of an index's shards.
func (r repository) shards(tb testing.TB, ix layout.Index, n int) []string {
	tb.Helper()
	if ix.PathType == 0 {
		return ix.Shards(n)
	}
	paths, err := ix.ParsePaths(ix.PathsKey(n), n, r.read(tb, ix.PathsKey(n)))
	if err != nil {
		tb.Fatal(err)
	}
	return paths
}
