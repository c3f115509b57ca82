package main

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the fields of JSON as they are now into docs/json-fields.txt")

// TestJSONContract holds the fields of every document that is printed as JSON, or
// kept in the store, against docs/json-fields.txt. A field that is renamed, goes
// or changes its type breaks scripts, and stores of before.
func TestJSONContract(t *testing.T) {
	const golden = "../../docs/json-fields.txt"
	got := contract(t)
	if *update {
		if err := os.WriteFile(golden, []byte(strings.Join(got, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSpace(string(text)), "\n")
	for _, field := range want {
		if !slices.Contains(got, field) {
			t.Errorf("gone, or not the same: %s\nwho reads it breaks: raise jsonSchema (the store's schema where it is kept), say so in the changelog, and run this test with -update", field)
		}
	}
	for _, field := range got {
		if !slices.Contains(want, field) {
			t.Errorf("new: %s\nrun this test with -update", field)
		}
	}
}

// contract gives a line for each field: where it is, and its type.
func contract(t *testing.T) []string {
	t.Helper()
	p := checked(t)
	fields := map[string]bool{}
	for _, file := range p.files {
		ast.Inspect(file, func(n ast.Node) bool {
			if set, ok := n.(*ast.AssignStmt); ok && len(set.Lhs) == 1 && len(set.Rhs) == 1 {
				p.made(set.Lhs[0], set.Rhs[0])
			}
			if call, ok := n.(*ast.CallExpr); ok && p.prints(call) {
				p.document(fields, call.Args[0])
			}
			return true
		})
	}
	for name, path := range map[string]string{
		"event": "esferry/internal/report.Event", "certificate": "esferry/internal/ferry.Certificate", "dead letter": "esferry/sink.DeadLetter",
		"history": "esferry/internal/history.History", "status of ctl": "esferry/internal/ferry.Status",
		"store: ferry": "esferry/internal/ferry.Record", "store: index": "esferry/internal/ferry.IndexRecord",
		"store: history/run": "esferry/internal/history.Run", "store: history/index": "esferry/internal/history.Index",
	} {
		p.fields(fields, name, p.named(t, path))
	}
	return slices.Sorted(maps.Keys(fields))
}

// program is this command, type-checked.
type program struct {
	files []*ast.File
	info  *types.Info
	from  types.Importer
	// literals are what variables were made of.
	literals map[types.Object]*ast.CompositeLit
}

// checked reads this folder; what it imports comes as the compiler left it.
func checked(t *testing.T) *program {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-export", "-deps", "-f", "{{if .Export}}{{.ImportPath}}={{.Export}}{{end}}", ".")
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Fatalf("list what this command imports: %v", err)
	}
	exports := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if path, file, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			exports[path] = file
		}
	}
	set := token.NewFileSet()
	p := &program{literals: map[types.Object]*ast.CompositeLit{}, info: &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{},
	}}
	p.from = importer.ForCompiler(set, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		p.files = append(p.files, file)
	}
	if _, err := (&types.Config{Importer: p.from}).Check("main", set, p.files, p.info); err != nil {
		t.Fatal(err)
	}
	return p
}

// made keeps what a variable was made of.
func (p *program) made(to, of ast.Expr) {
	name, ok := to.(*ast.Ident)
	literal, made := of.(*ast.CompositeLit)
	if ok && made && p.info.Defs[name] != nil {
		p.literals[p.info.Defs[name]] = literal
	}
}

// prints reports whether a call prints JSON.
func (p *program) prints(call *ast.CallExpr) bool {
	s, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != "print" {
		return false
	}
	f, ok := p.info.Uses[s.Sel].(*types.Func)
	return ok && f.Signature().Recv() != nil
}

// named finds a type by its path.
func (p *program) named(t *testing.T, path string) types.Type {
	t.Helper()
	dot := strings.LastIndexByte(path, '.')
	room, err := p.from.Import(path[:dot])
	if err != nil {
		t.Fatal(err)
	}
	found := room.Scope().Lookup(path[dot+1:])
	if found == nil {
		t.Fatalf("there is no %s", path)
	}
	return found.Type()
}

// document adds what an expression is as JSON, under its type's value where that
// stands there, and the name of its Go type otherwise.
func (p *program) document(fields map[string]bool, e ast.Expr) {
	what := p.info.TypeOf(e)
	name := types.TypeString(what, func(p *types.Package) string { return p.Name() })
	literal, ok := e.(*ast.CompositeLit)
	if variable, is := e.(*ast.Ident); is && !ok {
		literal, ok = p.literals[p.info.Uses[variable]]
	}
	if !ok {
		p.fields(fields, strings.TrimPrefix(name, "main."), what)
		return
	}
	if _, isMap := what.Underlying().(*types.Map); !isMap {
		if len(literal.Elts) > 0 {
			if v := p.text(literal.Elts[0]); v != "" {
				name = v
			}
		}
		p.fields(fields, strings.TrimPrefix(name, "main."), what)
		return
	}
	pairs := map[string]ast.Expr{}
	for _, each := range literal.Elts {
		if pair, ok := each.(*ast.KeyValueExpr); ok {
			pairs[p.text(pair.Key)] = pair.Value
		}
	}
	if v := p.text(pairs["type"]); v != "" {
		name = v
	}
	for key, value := range pairs {
		p.fields(fields, name+"."+key, p.info.TypeOf(value))
	}
}

// text gives a constant text, "" for anything else.
func (p *program) text(e ast.Expr) string {
	if pair, ok := e.(*ast.KeyValueExpr); ok {
		e = pair.Value
	}
	if v := p.info.Types[e].Value; v != nil && v.Kind() == constant.String {
		return constant.StringVal(v)
	}
	return ""
}

// fields adds a line for each leaf of a type.
func (p *program) fields(to map[string]bool, at string, of types.Type) {
	if strings.Count(at, ".") > 12 {
		return
	}
	if own := encoded(of); own != "" {
		to[at+" "+own] = true
		return
	}
	switch t := of.Underlying().(type) {
	case *types.Pointer:
		p.fields(to, at, t.Elem())
	case *types.Struct:
		p.members(to, at, t)
	case *types.Slice:
		p.fields(to, at+"[]", t.Elem())
	case *types.Array:
		p.fields(to, at+"[]", t.Elem())
	case *types.Map:
		p.fields(to, at+"{}", t.Elem())
	case *types.Basic:
		to[at+" "+kind(t)] = true
	default:
		to[at+" any"] = true
	}
}

func (p *program) members(to map[string]bool, at string, s *types.Struct) {
	for i := range s.NumFields() {
		f := s.Field(i)
		tag := reflect.StructTag(s.Tag(i)).Get("json")
		name, options, _ := strings.Cut(tag, ",")
		inner := f.Type()
		if pointer, ok := inner.(*types.Pointer); ok {
			inner = pointer.Elem()
		}
		_, isStruct := inner.Underlying().(*types.Struct)
		switch {
		case tag == "-" || !f.Exported() && !f.Embedded():
		case f.Embedded() && name == "" && isStruct && encoded(f.Type()) == "":
			p.fields(to, at, f.Type())
		default:
			if name == "" {
				name = f.Name()
			}
			if strings.Contains(options, "omit") {
				name += "?"
			}
			p.fields(to, at+"."+name, f.Type())
		}
	}
}

// encoded names a type that says itself how it is encoded; "" for others.
func encoded(of types.Type) string {
	name := types.TypeString(of, func(p *types.Package) string { return p.Name() })
	switch name {
	case "time.Time", "*time.Time":
		return "time"
	case "json.RawMessage":
		return "any"
	case "[]byte":
		return "base64"
	}
	for _, method := range []string{"MarshalJSON", "MarshalText"} {
		if o, _, _ := types.LookupFieldOrMethod(of, true, nil, method); o != nil {
			if _, ok := o.(*types.Func); ok {
				return "by " + strings.TrimPrefix(name, "*")
			}
		}
	}
	return ""
}

func kind(t *types.Basic) string {
	switch info := t.Info(); {
	case info&types.IsBoolean != 0:
		return "boolean"
	case info&types.IsInteger != 0:
		return "integer"
	case info&types.IsNumeric != 0:
		return "number"
	case info&types.IsString != 0:
		return "string"
	default:
		return fmt.Sprint(t)
	}
}

// TestContractSeesChanges: the lines differ for types that are encoded differently.
func TestContractSeesChanges(t *testing.T) {
	f := func(source, want string) {
		t.Helper()
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, "x.go", "package x\n"+source, 0)
		if err != nil {
			t.Fatal(err)
		}
		room, err := (&types.Config{}).Check("x", set, []*ast.File{file}, nil)
		if err != nil {
			t.Fatal(err)
		}
		fields := map[string]bool{}
		(&program{}).fields(fields, "x", room.Scope().Lookup("T").Type())
		var out bytes.Buffer
		for _, line := range slices.Sorted(maps.Keys(fields)) {
			out.WriteString(line + "; ")
		}
		if got := strings.TrimSuffix(out.String(), "; "); got != want {
			t.Errorf("%s: got %s, want %s", source, got, want)
		}
	}
	f("type T struct{ A int `json:\"a\"`; B *string `json:\"b,omitempty\"`; c bool; D []byte `json:\"-\"` }", "x.a integer; x.b? string")
	f("type U struct{ N float64 }; type T struct { U; M map[string][]U }", "x.M{}[].N number; x.N number")
	f("type E string; func (E) MarshalText() ([]byte, error) { return nil, nil }; type T struct { E E; F any }", "x.E by x.E; x.F any")
}
