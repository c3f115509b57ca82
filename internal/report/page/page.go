package page

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"esferry/internal/foreign"
	"esferry/internal/history"
)

//go:embed page.gohtml
var text string

// Report is all that is told of a ferry.
type Report struct {
	Type string `json:"type"`
	// Schema is the version of what is printed as JSON.
	Schema int `json:"schema"`
	// Ferry is its name.
	Ferry string    `json:"ferry"`
	Made  time.Time `json:"made"`
	// Version of the esferry that made the report.
	Version string `json:"version"`
	// Running: a process is at work on it.
	Running bool `json:"running"`
	Source  Side `json:"source"`
	Target  Side `json:"target"`
	// Freeze is the cutover's, once it has switched.
	Freeze *Freeze `json:"freeze,omitempty"`
	// Downtime predicts it before; nil where none is to come.
	Downtime *history.Downtime `json:"downtime,omitempty"`
	Indices  []Index           `json:"indices"`
	History  history.History   `json:"history"`
	Rejected Rejected          `json:"rejected"`
	// Config is the configuration as it is now, without secrets.
	Config json.RawMessage `json:"config"`
}

// Side is one cluster.
type Side struct {
	URLs []string `json:"urls"`
	// Engine is what the last run met there; nil where no run tells.
	Engine *history.Engine `json:"engine,omitempty"`
}

// Freeze is how long writers were held back, and by what.
type Freeze struct {
	At      time.Time `json:"at"`
	Seconds float64   `json:"seconds"`
	Steps   []Step    `json:"steps"`
}

// Step is a part of the freeze.
type Step struct {
	Name    string  `json:"step"`
	Seconds float64 `json:"seconds"`
}

// Index is how one index stands.
type Index struct {
	Index  string `json:"index"`
	Target string `json:"target"`
	Path   string `json:"path"`
	Phase  string `json:"phase"`
	// Counts are nil where the sides were not counted yet.
	Counts *Counts `json:"counts,omitempty"`
	Lag    int64   `json:"lag"`
	// Applied, deleted and rejected documents, over all runs.
	Applied  int64 `json:"applied"`
	Deleted  int64 `json:"deleted"`
	Rejected int64 `json:"rejected"`
}

// Counts of both sides' live root documents (_count).
type Counts struct {
	Source int64     `json:"source_docs"`
	Target int64     `json:"target_docs"`
	Equal  bool      `json:"equal"`
	Moving bool      `json:"moving"`
	At     time.Time `json:"at"`
}

// Rejected are the documents that the target refused and that are kept.
type Rejected struct {
	Total int64 `json:"total"`
	// Listed are the first of them.
	Listed []Letter `json:"listed"`
}

// Letter is a rejected document, without its contents.
type Letter struct {
	At      time.Time `json:"at"`
	Index   string    `json:"index"`
	ID      string    `json:"id"`
	Routing string    `json:"routing,omitempty"`
	Version int64     `json:"version"`
	Reason  string    `json:"reason"`
}

// Verdict is a word on how the sides of an index stand.
func (i Index) Verdict() string {
	switch c := i.Counts; {
	case c == nil:
		return "not counted"
	case c.Equal:
		return "equal"
	case c.Moving:
		return "moving"
	case i.Rejected > 0 && c.Source-c.Target <= i.Rejected && c.Target <= c.Source:
		return "equal but for rejected"
	default:
		return "different"
	}
}

// view is what the template sees.
type view struct {
	Report
	Timeline Timeline
	// Verdicts counts the indices by their verdict.
	Verdicts []tally
	Notes    []history.Note
	// NotesLeft is how many remarks are not kept.
	NotesLeft int64
	// RunsLeft is History.Left.
	RunsLeft int64
	// Compared are the indices whose documents were.
	Compared []history.Index
	Sides    []named
}

type named struct {
	Name string
	Side Side
}

type tally struct {
	Verdict string
	Indices int
}

// Write writes the report as HTML.
func Write(to io.Writer, r Report) error {
	page, err := template.New("report").Funcs(functions(r)).Parse(text)
	if err != nil {
		return fmt.Errorf("read the report's template: %w", err)
	}
	v := view{
		Report: r, Timeline: lay(r), Verdicts: verdicts(r.Indices), RunsLeft: int64(r.History.Left),
		Sides: []named{{"Source", r.Source}, {"Target", r.Target}},
	}
	for _, run := range r.History.Runs {
		v.Notes = append(v.Notes, run.Notes.Entries...)
		v.NotesLeft += run.Notes.Left
	}
	v.Notes = once(v.Notes)
	for _, name := range slices.Sorted(maps.Keys(r.History.Indices)) {
		if ix := r.History.Indices[name]; ix.Verified != nil {
			v.Compared = append(v.Compared, ix)
		}
	}
	v.Indices = slices.SortedStableFunc(slices.Values(r.Indices), func(a, b Index) int {
		return cmp.Or(cmp.Compare(gravity(a.Verdict()), gravity(b.Verdict())), cmp.Compare(a.Index, b.Index))
	})
	if err := page.Execute(foreign.Text(to), v); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// once leaves out remarks that a later run repeated.
func once(notes []history.Note) []history.Note {
	type what struct{ index, message string }
	seen := map[what]bool{}
	return slices.DeleteFunc(notes, func(n history.Note) bool {
		key := what{n.Index, n.Message}
		again := seen[key]
		seen[key] = true
		return again
	})
}

// verdicts counts them, the worst first.
func verdicts(indices []Index) (out []tally) {
	count := map[string]int{}
	for _, i := range indices {
		count[i.Verdict()]++
	}
	for verdict, n := range count {
		out = append(out, tally{verdict, n})
	}
	slices.SortFunc(out, func(a, b tally) int { return cmp.Compare(gravity(a.Verdict), gravity(b.Verdict)) })
	return out
}

// gravity sorts verdicts: what needs a look comes first.
func gravity(verdict string) int {
	return slices.Index([]string{"different", "moving", "equal but for rejected", "not counted", "equal"}, verdict)
}

func functions(r Report) template.FuncMap {
	return template.FuncMap{
		"at":       at,
		"took":     took,
		"number":   number,
		"bars":     bars,
		"slug":     func(s string) string { return strings.ReplaceAll(s, " ", "-") },
		"past":     func(index string) history.Index { return r.History.Indices[index] },
		"percent":  func(part, of float64) string { return fmt.Sprintf("%.0f %%", 100*part/max(of, 1e-9)) },
		"indented": indented,
		"outcome":  func(run history.Run) string { return outcome(run, r) },
	}
}

// bar is a step of the freeze, where it lies in it.
type bar struct {
	Bar
	Seconds float64
}

// bars lays the steps of a freeze out, one after the other.
func bars(f *Freeze) (out []bar) {
	var sum float64
	for _, s := range f.Steps {
		sum += s.Seconds
	}
	x := 0.0
	for _, s := range f.Steps {
		w := width * s.Seconds / max(sum, 1e-9)
		out = append(out, bar{Bar{X: round(min(x, width-thin)), W: round(max(thin, w)), Title: s.Name}, s.Seconds})
		x += w
	}
	return out
}

// outcome tells how a run ended.
func outcome(run history.Run, r Report) string {
	switch {
	case run.Failed == history.Interrupted:
		return "interrupted"
	case run.Failed != "":
		return "failed"
	case !run.Ended.IsZero():
		return "done"
	case r.Running && run.Number == r.History.Runs[len(r.History.Runs)-1].Number:
		return "running"
	default:
		return "killed"
	}
}

// at gives a time to the second, in UTC; nothing for none.
func at(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

// took gives seconds in the unit that fits.
func took(seconds float64) string {
	switch {
	case seconds < 1:
		return fmt.Sprintf("%.0f ms", 1000*seconds)
	case seconds < 100:
		return fmt.Sprintf("%.1f s", seconds)
	case seconds < 100*60:
		return fmt.Sprintf("%.1f min", seconds/60)
	default:
		return fmt.Sprintf("%.1f h", seconds/3600)
	}
}

// number gives digits in groups of three.
func number(n int64) string {
	digits := strconv.FormatInt(n, 10)
	first := len(digits) % 3
	if n < 0 {
		first = (len(digits)-1)%3 + 1
	}
	var b strings.Builder
	b.WriteString(digits[:first])
	for i := first; i < len(digits); i += 3 {
		if i > 0 && digits[i-1] != '-' {
			b.WriteByte(',')
		}
		b.WriteString(digits[i : i+3])
	}
	return b.String()
}

// indented gives JSON that people read.
func indented(raw json.RawMessage) (string, error) {
	pretty, err := json.MarshalIndent(raw, "", "  ")
	if err != nil {
		return "", fmt.Errorf("print the configuration: %w", err)
	}
	return string(pretty), nil
}
