package faultcase

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Claim is a call of Shows as it stands in a test.
type Claim struct {
	// Package is the folder below the root, Test the function's name.
	Package, Test string
	Case          int
	Fault         string
}

// ReadClaims finds the claims in all tests below root, sorted by case, package
// and test. A claim in a function that is no test belongs to the tests of its
// package that name it. One that no test makes, or not with constants, is an
// error: nobody could find it without running it.
func ReadClaims(root string) ([]Claim, error) {
	folders := map[string][]string{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && file != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return fs.SkipDir
		case !d.IsDir() && strings.HasSuffix(d.Name(), "_test.go"):
			folders[filepath.Dir(file)] = append(folders[filepath.Dir(file)], file)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var claims []Claim
	for folder, files := range folders {
		found, err := claimsOf(files)
		if err != nil {
			return nil, err
		}
		within, err := filepath.Rel(root, folder)
		if err != nil {
			return nil, err
		}
		for _, c := range found {
			c.Package = filepath.ToSlash(within)
			claims = append(claims, c)
		}
	}
	slices.SortStableFunc(claims, func(a, b Claim) int {
		if a.Case != b.Case {
			return a.Case - b.Case
		}
		return strings.Compare(path.Join(a.Package, a.Test), path.Join(b.Package, b.Test))
	})
	return claims, nil
}

// function is one of a package's tests, or of what helps them.
type function struct {
	name   string
	claims []Claim
	// names that stand in it.
	names map[string]bool
}

func (f function) test() bool {
	return strings.HasPrefix(f.name, "Test") || strings.HasPrefix(f.name, "Fuzz")
}

// claimsOf reads the test files of one package.
func claimsOf(files []string) (claims []Claim, err error) {
	var all []function
	set := token.NewFileSet()
	for _, file := range files {
		parsed, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, d := range parsed.Decls {
			decl, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			f, err := read(decl)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", set.Position(decl.Pos()), err)
			}
			all = append(all, f)
		}
	}
	return joined(all)
}

// joined gives the claims of functions with the tests that make them.
func joined(all []function) (claims []Claim, err error) {
	for _, f := range all {
		tests := testsOf(f, all)
		if len(tests) == 0 && len(f.claims) > 0 {
			return nil, fmt.Errorf("%s claims something, and no test of its package names it", f.name)
		}
		for _, test := range tests {
			for _, c := range f.claims {
				c.Test = test
				claims = append(claims, c)
			}
		}
	}
	return claims, nil
}

// testsOf gives the tests that a function is part of: itself, or those that name
// it, or name what names it.
func testsOf(f function, all []function) (tests []string) {
	if f.test() || len(f.claims) == 0 {
		return []string{f.name}
	}
	seen := map[string]bool{f.name: true}
	for names := []string{f.name}; len(names) > 0; names = names[1:] {
		for _, by := range all {
			if !by.names[names[0]] || seen[by.name] {
				continue
			}
			seen[by.name] = true
			if by.test() {
				tests = append(tests, by.name)
			} else {
				names = append(names, by.name)
			}
		}
	}
	return tests
}

// read finds the claims of a function, and the names in it.
func read(decl *ast.FuncDecl) (f function, err error) {
	f = function{name: decl.Name.Name, names: map[string]bool{}}
	ast.Inspect(decl, func(n ast.Node) bool {
		if name, ok := n.(*ast.Ident); ok {
			f.names[name.Name] = true
		}
		call, ok := n.(*ast.CallExpr)
		if !ok || err != nil || !calls(call, "faultcase", "Shows") {
			return err == nil
		}
		var c Claim
		if c, err = claimOf(call); err == nil {
			f.claims = append(f.claims, c)
		}
		return err == nil
	})
	return f, err
}

func calls(call *ast.CallExpr, pkg, name string) bool {
	f, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || f.Sel.Name != name {
		return false
	}
	x, ok := f.X.(*ast.Ident)
	return ok && x.Name == pkg
}

func claimOf(call *ast.CallExpr) (c Claim, err error) {
	if len(call.Args) != 3 {
		return c, fmt.Errorf("faultcase.Shows has %d arguments", len(call.Args))
	}
	number, fault := literal(call.Args[1]), literal(call.Args[2])
	if c.Case, err = strconv.Atoi(number); err != nil {
		return c, fmt.Errorf("the case of a claim is no constant: %w", err)
	}
	if c.Fault, err = strconv.Unquote(fault); err != nil {
		return c, fmt.Errorf("the fault of a claim is no constant: %w", err)
	}
	return c, nil
}

func literal(e ast.Expr) string {
	if l, ok := e.(*ast.BasicLit); ok {
		return l.Value
	}
	return ""
}

// Faulty says what does not fit together in a list and the claims of it: a fault
// that is neither claimed nor named as missing, or both; a claim of what is not
// in the list.
func Faulty(list []Case, claims []Claim) (findings []string) {
	type key struct {
		number int
		fault  string
	}
	claimed, known := map[key]bool{}, map[key]bool{}
	for _, c := range claims {
		claimed[key{c.Case, c.Fault}] = true
	}
	for _, c := range list {
		if c.Must == "" || len(c.Faults) == 0 {
			findings = append(findings, fmt.Sprintf("case %d does not say what must come out, or names no fault", c.Number))
		}
		for _, f := range c.Faults {
			k := key{c.Number, f.Name}
			known[k] = true
			switch {
			case claimed[k] && f.Missing != "":
				findings = append(findings, fmt.Sprintf("case %d, %q: a test shows it, and the list names it as missing", c.Number, f.Name))
			case !claimed[k] && f.Missing == "":
				findings = append(findings, fmt.Sprintf("case %d, %q: no test shows it, and the list does not name it as missing", c.Number, f.Name))
			}
		}
	}
	for _, c := range claims {
		if !known[key{c.Case, c.Fault}] {
			findings = append(findings, fmt.Sprintf("%s of %s claims case %d, %q, which is not in the list", c.Test, c.Package, c.Case, c.Fault))
		}
	}
	return findings
}
