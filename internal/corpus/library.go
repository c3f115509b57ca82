package corpus

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// LibraryMapping fits the documents of Library.
const LibraryMapping = `{"properties":{
  "package":{"type":"keyword"},"name":{"type":"keyword"},"kind":{"type":"keyword"},"receiver":{"type":"keyword"},
  "doc":{"type":"text"},"source":{"type":"text"},"file":{"type":"keyword"},
  "line":{"type":"integer"},"lines":{"type":"integer"},"exported":{"type":"boolean"}}}`

// declaration is the source of one document of Library.
type declaration struct {
	Package  string `json:"package"`
	Name     string `json:"name"`
	Kind     string `json:"kind"`
	Receiver string `json:"receiver,omitempty"`
	Doc      string `json:"doc,omitempty"`
	Source   string `json:"source"`
	File     string `json:"file"`
	Line     int    `json:"line"`
	Lines    int    `json:"lines"`
	Exported bool   `json:"exported"`
}

// Library gives every top-level declaration of the Go standard library with
// its comment and its source: functions, methods, types, and groups of
// constants or variables under the first name. Tests are left out. The order
// and the ids, such as "net/http.Server.Serve", are the same every time; a name
// that several files declare, for other systems, has the file added.
//
// The library is read from the environment's GOROOT, or from where the go
// command says it is. Files are parsed as they are asked for.
func Library(ctx context.Context) Docs {
	return func(yield func(Doc, error) bool) {
		root, err := goroot(ctx)
		if err != nil {
			yield(Doc{}, err)
			return
		}
		l := library{src: os.DirFS(filepath.Join(root, "src")), ids: map[string]bool{}, yield: yield}
		err = fs.WalkDir(l.src, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && (d.Name() == "testdata" || name == "cmd" || name == "vendor") {
				return fs.SkipDir
			}
			if d.IsDir() || path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
				return nil
			}
			return l.file(name)
		})
		if err != nil {
			yield(Doc{}, fmt.Errorf("read the Go library below %s: %w", root, err))
		}
	}
}

// goroot finds the Go distribution; a built binary may not know it.
func goroot(ctx context.Context) (string, error) {
	if root := os.Getenv("GOROOT"); root != "" {
		return root, nil
	}
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("ask go for its GOROOT, where the documents are read: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

type library struct {
	src   fs.FS
	ids   map[string]bool
	yield func(Doc, error) bool
}

// file gives the declarations of one file; fs.SkipAll when nobody wants more.
func (l *library) file(name string) error {
	text, err := fs.ReadFile(l.src, name)
	if err != nil {
		return err
	}
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	for _, d := range tree.Decls {
		doc, ok := describe(d)
		if !ok {
			continue
		}
		from, to := set.Position(d.Pos()), set.Position(d.End())
		doc.Package, doc.File = path.Dir(name), path.Base(name)
		doc.Line, doc.Lines = from.Line, to.Line-from.Line+1
		doc.Source = string(text[from.Offset:to.Offset])
		source, err := encode(doc)
		if err != nil {
			return err
		}
		if !l.yield(Doc{ID: l.id(doc), Source: source}, nil) {
			return fs.SkipAll
		}
	}
	return nil
}

// id makes the first free one of three.
func (l *library) id(d declaration) string {
	name := d.Package + "." + d.Name
	if d.Receiver != "" {
		name = d.Package + "." + d.Receiver + "." + d.Name
	}
	for _, id := range []string{name, name + "@" + d.File, fmt.Sprintf("%s@%s:%d", name, d.File, d.Line)} {
		if !l.ids[id] {
			l.ids[id] = true
			return id
		}
	}
	// Two on one line: no file of the library does this.
	return fmt.Sprintf("%s#%d", name, len(l.ids))
}

// describe says what a declaration is; false for imports.
func describe(d ast.Decl) (declaration, bool) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		doc := declaration{Name: d.Name.Name, Kind: "func", Doc: d.Doc.Text(), Exported: d.Name.IsExported()}
		if d.Recv != nil && len(d.Recv.List) > 0 {
			doc.Kind, doc.Receiver = "method", typeName(d.Recv.List[0].Type)
		}
		return doc, true
	case *ast.GenDecl:
		if d.Tok == token.IMPORT || len(d.Specs) == 0 {
			return declaration{}, false
		}
		name := specName(d.Specs[0])
		return declaration{Name: name, Kind: d.Tok.String(), Doc: d.Doc.Text(), Exported: ast.IsExported(name)}, true
	default:
		return declaration{}, false
	}
}

func specName(s ast.Spec) string {
	switch s := s.(type) {
	case *ast.TypeSpec:
		return s.Name.Name
	case *ast.ValueSpec:
		return s.Names[0].Name
	default:
		return "_"
	}
}

// typeName is a receiver's without star and type parameters.
func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return typeName(e.X)
	case *ast.IndexExpr:
		return typeName(e.X)
	case *ast.IndexListExpr:
		return typeName(e.X)
	case *ast.Ident:
		return e.Name
	default:
		return "_"
	}
}
