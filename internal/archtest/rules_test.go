package archtest_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strings"
)

// source is one parsed Go file.
type source struct {
	// room is the folder below the root, with slashes.
	room string
	name string
	test bool
	fset *token.FileSet
	file *ast.File
}

// at gives a finding with its place.
func (s source) at(pos token.Pos, format string, args ...any) string {
	line := s.fset.Position(pos).Line
	return fmt.Sprintf("%s/%s:%d: ", s.room, s.name, line) + fmt.Sprintf(format, args...)
}

// rule is one promise of the house. check gets every file and returns what is
// wrong, one line each.
type rule struct {
	name  string
	why   string
	check func(tree []source) []string
}

// The figures come from counting what separates loved Go code from tolerated
// code: not the median, the tail.
const (
	maxFields       = 15
	maxOptions      = 10
	maxFileLines    = 400
	maxFuncLines    = 60
	maxP90FuncLines = 35
	// Below this many functions a 90th percentile is just the longest one.
	minFuncsForP90 = 10
)

func rules() []rule {
	return []rule{
		{"goroutines", "internal/group starts every goroutine: it names it, recovers its panic and waits for it", goroutines},
		{"structs", "a wide struct is configuration, state and wiring in one; split it by noun", structs},
		{"doc.go", "a package says in doc.go what it is for, what it may touch and what it does not promise", docs},
		{"imports", "rooms never import one another, and each library has one home (docs/adr/0001)", imports},
		{"files", "a file that grows past a room is split by noun, in the same change", files},
		{"functions", "long functions are where movers go wrong; phases are methods, Run is a list", functions},
		{"names", "a package is named after what it holds; such a name holds anything", names},
	}
}

// goroutines finds what starts one: the statement, Go with a function alone
// (sync.WaitGroup and errgroup have it; our group wants a name first), and
// AfterFunc of time and context. Tests are left to goleak.
func goroutines(tree []source) (found []string) {
	// A go statement has no exception.
	allowed := map[string]string{
		"cmd/esferry/main.go AfterFunc":     "gives the second signal back to the system, which ends the process at once",
		"internal/retry/retry.go AfterFunc": "ends a context a while after another, and waits for nothing else",
	}
	for _, s := range product(tree) {
		if s.room == "internal/group" {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				found = append(found, s.at(n.Pos(), "a go statement"))
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.SelectorExpr); ok && (f.Sel.Name == "Go" && len(n.Args) == 1 || f.Sel.Name == "AfterFunc") &&
					allowed[s.room+"/"+s.name+" "+f.Sel.Name] == "" {
					found = append(found, s.at(n.Pos(), "a call of %s", f.Sel.Name))
				}
			}
			return true
		})
	}
	return found
}

func structs(tree []source) (found []string) {
	for _, s := range product(tree) {
		ast.Inspect(s.file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			body, ok := spec.Type.(*ast.StructType)
			if !ok {
				return true
			}
			limit := maxFields
			if strings.HasSuffix(spec.Name.Name, "Options") {
				limit = maxOptions
			}
			if n := body.Fields.NumFields(); n > limit {
				found = append(found, s.at(spec.Pos(), "%s has %d fields, at most %d", spec.Name.Name, n, limit))
			}
			return true
		})
	}
	return found
}

func docs(tree []source) (found []string) {
	documented := map[string]bool{}
	for _, s := range tree {
		documented[s.room] = documented[s.room] || s.name == "doc.go" && s.file.Doc != nil
	}
	for room, ok := range documented {
		if !ok {
			found = append(found, room+": no doc.go with a package comment")
		}
	}
	return found
}

func files(tree []source) (found []string) {
	for _, s := range product(tree) {
		if n := s.fset.File(s.file.FileStart).LineCount(); n > maxFileLines {
			found = append(found, s.at(s.file.FileEnd, "%d lines, at most %d", n, maxFileLines))
		}
	}
	return found
}

func functions(tree []source) (found []string) {
	lengths := map[string][]int{}
	for _, s := range product(tree) {
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil {
				continue
			}
			n := s.bodyLines(f)
			lengths[s.room] = append(lengths[s.room], n)
			if n > maxFuncLines {
				found = append(found, s.at(f.Pos(), "%s has %d lines, at most %d", f.Name.Name, n, maxFuncLines))
			}
		}
	}
	for room, n := range lengths {
		slices.Sort(n)
		if p90 := n[(len(n)*9+9)/10-1]; len(n) >= minFuncsForP90 && p90 > maxP90FuncLines {
			found = append(found, fmt.Sprintf("%s: one function in ten has %d lines or more, at most %d", room, p90, maxP90FuncLines))
		}
	}
	return found
}

// bodyLines counts as funlen does: without signature, closing brace and comments.
func (s source) bodyLines(f *ast.FuncDecl) int {
	line := func(p token.Pos) int { return s.fset.Position(p).Line }
	n := line(f.End()) - line(f.Pos()) - 1
	for _, c := range s.file.Comments {
		if line(c.Pos()) > line(f.Pos()) && line(c.End()) < line(f.End()) {
			n -= len(c.List)
		}
	}
	return n
}

func names(tree []source) (found []string) {
	forbidden := []string{"base", "common", "helper", "helpers", "misc", "shared", "util", "utils"}
	seen := map[string]bool{}
	for _, s := range tree {
		if name := path.Base(s.room); slices.Contains(forbidden, name) && !seen[s.room] {
			seen[s.room] = true
			found = append(found, s.room+": a package called "+name)
		}
	}
	return found
}

// product leaves out the files of tests.
func product(tree []source) []source {
	return slices.DeleteFunc(slices.Clone(tree), func(s source) bool { return s.test })
}
