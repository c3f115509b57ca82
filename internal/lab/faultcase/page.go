package faultcase

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Planted is what became of a bug that was planted into a copy of the code.
type Planted struct {
	Bug  string `json:"bug"`
	File string `json:"file"`
	// Package and Test that has to find it.
	Package string `json:"package"`
	Test    string `json:"test"`
	// Result is Found or Survived.
	Result  string    `json:"result"`
	Seconds float64   `json:"seconds"`
	At      time.Time `json:"at"`
}

// Results of planted bugs.
const (
	Found    = "found"
	Survived = "SURVIVED"
)

// Leave adds what became of a planted bug to the results in dir.
func Leave(dir string, p Planted) error { return leave(dir, "planted", p) }

// Results are what a run has left.
type Results struct {
	Outcomes []Outcome
	Planted  []Planted
}

// ReadResults reads all that lies in a folder.
func ReadResults(dir string) (r Results, err error) {
	if r.Outcomes, err = lines[Outcome](filepath.Join(dir, "faults-*.ndjson")); err != nil {
		return r, err
	}
	r.Planted, err = lines[Planted](filepath.Join(dir, "planted-*.ndjson"))
	return r, err
}

func lines[T any](pattern string) (all []T, err error) {
	files, err := filepath.Glob(pattern)
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		text := bufio.NewScanner(f)
		for text.Scan() {
			var one T
			if err := json.Unmarshal(text.Bytes(), &one); err != nil {
				return nil, errors.Join(fmt.Errorf("read %s: %w", name, err), f.Close())
			}
			all = append(all, one)
		}
		if err := errors.Join(text.Err(), f.Close()); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// of gives the newest outcome of a claim, the worst where a test left several;
// false where it left none.
func (r Results) of(c Claim) (worst Outcome, ran bool) {
	for _, o := range r.Outcomes {
		if o.Case != c.Case || o.Fault != c.Fault || !o.by(c.Test) {
			continue
		}
		if !ran || worst.Result == Passed || o.Result == Failed {
			worst, ran = o, true
		}
	}
	return worst, ran
}

// by reports whether the test, or a part of it, left the outcome.
func (o Outcome) by(test string) bool {
	return o.Test == test || strings.HasPrefix(o.Test, test+"/")
}

// Wrong says what stands in the way of calling the run a good one: claims that
// failed, were skipped or not run, and bugs that survived.
func (r Results) Wrong(claims []Claim) (findings []string) {
	for _, c := range claims {
		if o, ran := r.of(c); !ran {
			findings = append(findings, fmt.Sprintf("case %d, %q: %s of %s was not run", c.Case, c.Fault, c.Test, c.Package))
		} else if o.Result != Passed {
			findings = append(findings, fmt.Sprintf("case %d, %q: %s of %s %s", c.Case, c.Fault, c.Test, c.Package, o.Result))
		}
	}
	for _, p := range r.Planted {
		if p.Result != Found {
			findings = append(findings, fmt.Sprintf("planted bug %q: %s", p.Bug, p.Result))
		}
	}
	return findings
}

// passed counts the claims whose test has passed.
func (r Results) passed(claims []Claim) (n int) {
	for _, c := range claims {
		if o, ran := r.of(c); ran && o.Result == Passed {
			n++
		}
	}
	return n
}

// span is when the first and the last of the results were left.
func (r Results) span() (first, last time.Time) {
	var at []time.Time
	for _, o := range r.Outcomes {
		at = append(at, o.At)
	}
	for _, p := range r.Planted {
		at = append(at, p.At)
	}
	if len(at) == 0 {
		return first, last
	}
	return slices.MinFunc(at, time.Time.Compare), slices.MaxFunc(at, time.Time.Compare)
}

// Page writes docs/reliability.md: a row for each claim of each fault, with what
// the run left of it.
func Page(list []Case, claims []Claim, r Results) string {
	var b strings.Builder
	shown, missing := 0, 0
	for _, c := range list {
		for _, f := range c.Faults {
			if f.Missing == "" {
				shown++
			} else {
				missing++
			}
		}
	}
	first, last := r.span()
	fmt.Fprintf(&b, `# What may go wrong, and what shows that it is survived

Written by `+"`make chaos`"+`, which runs the tests and prints what they left; not by hand. This run began at %s and ended at %s.

After every fault the end is one of two: both sides equal, in ids, versions and contents, at the latest after a rerun; or a refusal that names what is wrong and the next step. Never a success with a difference, a block that is left without a word, settings that are not put back, or a checkpoint ahead of what was acknowledged.

%d faults in %d cases: %d are claimed by a test, %d are not and say why. Of %d claims %d passed in this run; the rows tell of the others, which failed or were not run. A test may claim several; its time is that of the whole test, and of waiting for its turn.

| case | fault | shown by | result |
|---|---|---|---|
`, stamp(first), stamp(last), shown+missing, len(list), shown, missing, len(claims), r.passed(claims))
	for _, c := range list {
		fmt.Fprintf(&b, "| **%d** | **%s**: must be %s | | |\n", c.Number, cell(c.Title), cell(c.Must))
		for _, f := range c.Faults {
			b.WriteString(rows(c.Number, f, claims, r))
		}
	}
	b.WriteString(bugs(r.Planted))
	return b.String()
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// rows are those of one fault.
func rows(number int, f Fault, claims []Claim, r Results) string {
	if f.Missing != "" {
		return fmt.Sprintf("| %d | %s | nothing | no test: %s |\n", number, cell(f.Name), cell(f.Missing))
	}
	var b strings.Builder
	for _, c := range claims {
		if c.Case != number || c.Fault != f.Name {
			continue
		}
		result := "not run"
		if o, ran := r.of(c); ran {
			result = fmt.Sprintf("%s, %.1f s", o.Result, o.Seconds)
		}
		fmt.Fprintf(&b, "| %d | %s | `%s` in %s | %s |\n", number, cell(f.Name), c.Test, c.Package, result)
	}
	return b.String()
}

// bugs is the table of planted bugs.
func bugs(planted []Planted) string {
	if len(planted) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(`
## Would the suite notice?

Each of these bugs is planted into the code, one at a time, and the test is run that has to fail of it. A test that cannot fail shows nothing.

| planted bug | in | has to fail | result |
|---|---|---|---|
`)
	for _, p := range planted {
		fmt.Fprintf(&b, "| %s | %s | `%s` in %s | %s, %.1f s |\n", cell(p.Bug), p.File, p.Test, p.Package, p.Result, p.Seconds)
	}
	return b.String()
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
