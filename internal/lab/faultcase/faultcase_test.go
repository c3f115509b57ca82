package faultcase_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"esferry/internal/lab/faultcase"
)

const root = "../../.."

// TestEveryFaultIsShownOrNamed reads the repository's own list and tests: a fault
// that no test shows, and that is not named as missing, fails here.
func TestEveryFaultIsShownOrNamed(t *testing.T) {
	list, err := faultcase.List()
	if err != nil {
		t.Fatal(err)
	}
	claims, err := faultcase.ReadClaims(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 41 || len(claims) < 100 {
		t.Errorf("got %d cases and %d claims, want 41 and more than a hundred", len(list), len(claims))
	}
	for _, f := range faultcase.Faulty(list, claims) {
		t.Error(f)
	}
}

// TestThePageNamesTests: what the page says has shown something is still there,
// and no row of it tells of a failure.
func TestThePageNamesTests(t *testing.T) {
	claims, err := faultcase.ReadClaims(root)
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, "docs/reliability.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| (\\d+) \\| (.*) \\| `(\\w+)` in (\\S+) \\| (.*) \\|$").FindAllStringSubmatch(string(page), -1)
	if len(rows) < 100 {
		t.Errorf("got %d rows, want more than a hundred", len(rows))
	}
	for _, r := range rows {
		there := slices.ContainsFunc(claims, func(c faultcase.Claim) bool { return c.Test == r[3] && c.Package == r[4] && c.Fault == r[2] })
		if !there || strings.HasPrefix(r[5], faultcase.Failed) {
			t.Errorf("%s: claimed by a test: %v; make chaos writes the page anew", r[0], there)
		}
	}
}

// write makes a package of tests.
func write(t *testing.T, text string) (folder string) {
	t.Helper()
	folder = t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "some_test.go"), []byte("package some\n"+text), 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

func TestReadClaims(t *testing.T) {
	f := func(text, wrong string, want ...faultcase.Claim) {
		t.Helper()
		got, err := faultcase.ReadClaims(write(t, text))
		if wrong != "" {
			if err == nil || !strings.Contains(err.Error(), wrong) {
				t.Errorf("%s: got %v, %v, want an error about %q", text, got, err, wrong)
			}
			return
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
	}
	claim := func(test string) faultcase.Claim {
		return faultcase.Claim{Package: ".", Test: test, Case: 4, Fault: "x"}
	}
	f(`func TestA(t *testing.T) { faultcase.Shows(t, 4, "x") }`, "", claim("TestA"))
	f(`func TestA(t *testing.T) { t.Run("a", func(t *testing.T) { faultcase.Shows(t, 4, "x") }) }`, "", claim("TestA"))
	f("func TestA(t *testing.T) { t.Run(c.row) }\nfunc TestB(t *testing.T) {}\nfunc (c *c) row(t *testing.T) { faultcase.Shows(t, 4, `x`) }", "", claim("TestA"))
	f(`func TestA(t *testing.T) { other.Shows(t, 4, "x") }`, "")
	f(`func row(t *testing.T) { faultcase.Shows(t, 4, "x") }`, "no test of its package names it")
	f(`func TestA(t *testing.T) { faultcase.Shows(t, n, "x") }`, "is no constant")
	f(`func TestA(t *testing.T) { faultcase.Shows(t, 4, x) }`, "is no constant")
	f(`func TestA(t *testing.T) {`, "expected")
}

func TestFaulty(t *testing.T) {
	list := []faultcase.Case{{Number: 1, Title: "a", Must: "b", Faults: []faultcase.Fault{{Name: "shown"}, {Name: "missing", Missing: "why"}}}}
	shown := faultcase.Claim{Package: "p", Test: "TestA", Case: 1, Fault: "shown"}
	f := func(want string, claims ...faultcase.Claim) {
		t.Helper()
		got := strings.Join(faultcase.Faulty(list, claims), "\n")
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f("", shown)
	f("no test shows it")
	f("the list names it as missing", shown, faultcase.Claim{Case: 1, Fault: "missing"})
	f("not in the list", shown, faultcase.Claim{Package: "p", Test: "TestB", Case: 2, Fault: "shown"})
}

// TestThePagePrintsWhatWasRun: a claim without a line is not run, and the worst
// line counts.
func TestThePagePrintsWhatWasRun(t *testing.T) {
	list := []faultcase.Case{{Number: 1, Title: "a | b", Must: "hold", Faults: []faultcase.Fault{{Name: "shown"}, {Name: "missing", Missing: "why"}}}}
	claims := []faultcase.Claim{{Package: "p", Test: "TestA", Case: 1, Fault: "shown"}, {Package: "p", Test: "TestB", Case: 1, Fault: "shown"}}
	line := func(test, result string) faultcase.Outcome {
		return faultcase.Outcome{Case: 1, Fault: "shown", Test: test, Result: result, Seconds: 1.25, At: time.Date(2026, 11, 22, 1, 2, 3, 0, time.UTC)}
	}
	r := faultcase.Results{
		Outcomes: []faultcase.Outcome{line("TestA", faultcase.Passed), line("TestA/part", faultcase.Failed), line("TestAll", faultcase.Passed)},
		Planted:  []faultcase.Planted{{Bug: "bug", File: "f.go", Package: "p", Test: "TestA", Result: faultcase.Survived}},
	}
	page := faultcase.Page(list, claims, r)
	for _, want := range []string{
		"| **1** | **a \\| b**: must be hold", "| 1 | shown | `TestA` in p | failed, 1.2 s |", "| 1 | shown | `TestB` in p | not run |",
		"| 1 | missing | nothing | no test: why |", "| bug | f.go | `TestA` in p | SURVIVED",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	if got := r.Wrong(claims); len(got) != 3 {
		t.Errorf("got %q, want one that failed, one that was not run and a bug that survived", got)
	}
}

// TestShowsLeavesItsResult in the folder that is named.
func TestShowsLeavesItsResult(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(faultcase.Folder, dir)
	// By another name, since this is no claim.
	shows := faultcase.Shows
	t.Run("part", func(t *testing.T) { shows(t, 41, "each step of the protocol broken, in the model") })
	r, err := faultcase.ReadResults(dir)
	if err != nil || len(r.Outcomes) != 1 || r.Outcomes[0].Test != "TestShowsLeavesItsResult/part" || r.Outcomes[0].Result != faultcase.Passed {
		t.Errorf("got %+v, %v", r, err)
	}
}
