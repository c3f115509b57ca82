package archtest_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

// root is where both modules begin, seen from this package.
const root = "../.."

func TestHouse(t *testing.T) {
	tree := readTree(t)
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			found := r.check(tree)
			slices.Sort(found)
			for _, f := range found {
				t.Error(f)
			}
			if len(found) > 0 {
				t.Logf("why: %s", r.why)
			}
		})
	}
}

func TestRulesCanFail(t *testing.T) {
	long := func(lines int) string { return "func f() {\n" + strings.Repeat("\tf()\n", lines) + "}\n" }
	fields := func(n int) string { return "struct {\n" + strings.Repeat("\ta, b int\n", n/2) + "}\n" }
	cases := []struct {
		rule string
		// file is the path of the snippet; its package clause is added.
		file, body string
		// want is a part of the one finding, or "" when there must be none.
		want string
	}{
		{"goroutines", "sink/sink.go", "func f() { go f() }", "a go statement"},
		{"goroutines", "sink/sink.go", "import \"sync\"\nvar wg sync.WaitGroup\nfunc f() { wg.Go(f) }", "a call of Go"},
		{"goroutines", "sink/sink.go", "import \"time\"\nvar t = time.AfterFunc(1, nil)", "a call of AfterFunc"},
		{"goroutines", "sink/sink.go", "func f() { g.Go(\"writer\", f) }", ""},
		{"goroutines", "cmd/esferry/main.go", "func f() { context.AfterFunc(ctx, stop); go f() }", "a go statement"},
		{"goroutines", "internal/group/group.go", "func f() { go f() }", ""},
		{"goroutines", "sink/sink_test.go", "func f() { go f() }", ""},
		{"structs", "sink/sink.go", "type Writer " + fields(16), "Writer has 16 fields"},
		{"structs", "sink/sink.go", "type Writer " + fields(14), ""},
		{"structs", "sink/sink.go", "type Options " + fields(12), "Options has 12 fields, at most 10"},
		{"doc.go", "sink/sink.go", "", "sink: no doc.go"},
		{"doc.go", "sink/doc.go", "", ""},
		{"imports", "sink/sink.go", `import "esferry/stream"`, "sink may not import esferry/stream"},
		{"imports", "sink/sink.go", `import "esferry/checkpoint"`, "sink may not import esferry/checkpoint"},
		{"imports", "sink/sink.go", `import "github.com/olivere/elastic/v7"`, "may not import github.com/olivere"},
		{"imports", "internal/ferry/ferry.go", `import "esferry/checkpoint/boltstore"`, "may not import"},
		{"imports", "internal/ferry/ferry.go", `import "esferry/internal/config"`, "may not import"},
		{"imports", "internal/ferry/ferry.go", `import "esferry/sink"`, ""},
		{"imports", "cmd/esferry/main.go", `import "esferry/internal/lab"`, "may not import"},
		{"imports", "cmd/esferry/main.go", `import "esferry/checkpoint/boltstore"`, ""},
		{"imports", "internal/retry/retry.go", `import "github.com/cenkalti/backoff/v5"`, ""},
		{"imports", "internal/shard/shard.go", `import "golang.org/x/sync/semaphore"`, "may not import"},
		{"imports", "sink/sink_test.go", `import "esferry/internal/lab"`, ""},
		{"imports", "internal/lab/demo/main.go", `import "esferry/internal/ferry"`, ""},
		{"imports", "e2e/lockstep/main.go", `import "esferry/checkpoint/boltstore"`, ""},
		{"imports", "internal/new/new.go", "", "no row in the import table"},
		{"files", "sink/sink.go", strings.Repeat("\n", 401), "at most 400"},
		{"files", "sink/sink_test.go", strings.Repeat("\n", 401), ""},
		{"functions", "sink/sink.go", long(61), "f has 61 lines, at most 60"},
		{"functions", "sink/sink.go", long(60), ""},
		{"functions", "sink/sink.go", "func f() {\n" + strings.Repeat("\t// Why.\n", 61) + "}\n", ""},
		{"functions", "sink/sink.go", strings.Repeat(long(36), 2) + strings.Repeat(long(1), 8), "one function in ten has 36"},
		{"functions", "sink/sink.go", long(36) + strings.Repeat(long(1), 9), ""},
		{"names", "internal/utils/x.go", "", "a package called utils"},
		{"names", "internal/utilisation/x.go", "", ""},
	}
	failed := map[string]bool{}
	for _, c := range cases {
		s := parse(t, c.file, "// Package p does.\npackage p\n"+c.body)
		found := check(t, c.rule)([]source{s})
		failed[c.rule] = failed[c.rule] || c.want != ""
		if c.want == "" && len(found) > 0 {
			t.Errorf("%s over %s: got %q, want no finding", c.rule, c.file, found)
		}
		if c.want != "" && (len(found) != 1 || !strings.Contains(found[0], c.want)) {
			t.Errorf("%s over %s: got %q, want one finding with %q", c.rule, c.file, found, c.want)
		}
	}
	for _, r := range rules() {
		if !failed[r.name] {
			t.Errorf("rule %s: no snippet shows that it can fail", r.name)
		}
	}
}

func check(t *testing.T, name string) func([]source) []string {
	t.Helper()
	i := slices.IndexFunc(rules(), func(r rule) bool { return r.name == name })
	if i < 0 {
		t.Fatalf("no rule %q", name)
	}
	return rules()[i].check
}

// readTree parses every Go file below the root, both modules. Hidden folders
// and testdata are none of the compiler's business, nor ours.
func readTree(t *testing.T) []source {
	t.Helper()
	var tree []source
	err := fs.WalkDir(os.DirFS(root), ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_")
		if d.IsDir() && file != "." && (hidden || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if d.IsDir() || hidden || path.Ext(file) != ".go" {
			return nil
		}
		text, err := os.ReadFile(root + "/" + file)
		if err != nil {
			return err
		}
		tree = append(tree, parse(t, file, string(text)))
		return nil
	})
	if err != nil {
		t.Fatalf("read the tree: %v", err)
	}
	if len(tree) == 0 {
		t.Fatal("no Go file found: every rule would pass")
	}
	return tree
}

func parse(t *testing.T, file, text string) source {
	t.Helper()
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, file, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatalf("parse %s: %v", file, err)
	}
	return source{
		room: path.Dir(file), name: path.Base(file), test: strings.HasSuffix(file, "_test.go"),
		fset: fset, file: parsed,
	}
}
