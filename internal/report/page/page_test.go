package page_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"esferry/internal/history"
	"esferry/internal/lab/faultcase"
	"esferry/internal/report/page"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var night = time.Date(2026, 11, 20, 2, 0, 0, 0, time.UTC)

func after(seconds float64) time.Time {
	return night.Add(time.Duration(seconds * float64(time.Second)))
}

// ferry is one of n indices that was carried by night, synced a day later, and
// cut over.
func ferry(n int, name func(i int) string) page.Report {
	from := history.Engine{Product: "elasticsearch", Version: "6.8.23", Name: "old"}
	to := history.Engine{Product: "opensearch", Version: "2.19.1", Name: "new"}
	run := func(number int, command string, began, seconds float64) history.Run {
		return history.Run{Number: number, Command: command, Version: "v0.9.0", Host: "mover", PID: 7, Began: after(began), Ending: history.Ending{Ended: after(began + seconds)}, Source: from, Target: to}
	}
	span := func(run int, phase string, began, seconds float64) history.Span {
		return history.Span{Phase: phase, Run: run, Began: after(began), Seconds: seconds, Ended: true}
	}
	const day = 86400
	first, second, third := run(1, "esferry run", 0, 1000), run(2, "esferry sync", day, 30), run(3, "esferry cutover", 2*day, 60)
	first.Spans.Entries = []history.Span{span(1, "metadata", 0, 4), span(1, "snapshot", 4, 300), span(1, "copy", 304, 400), span(1, "restore", 704, 200)}
	first.Notes.Entries = []history.Note{{At: night, Index: name(0), Message: "settings.index.merge.policy dropped"}}
	third.Notes.Entries = first.Notes.Entries
	third.Spans.Entries = []history.Span{span(3, "prepare cutover", 2*day, 50), span(3, "block writes", 2*day+50, 0.3), span(3, "last round", 2*day+50.3, 2)}
	r := page.Report{
		Type: "report", Ferry: "search", Made: after(2*day + 100), Version: "v0.9.0", Config: json.RawMessage(`{"name":"search"}`),
		Source: page.Side{URLs: []string{"https://old:9200"}, Engine: &from}, Target: page.Side{URLs: []string{"https://new:9200"}, Engine: &to},
		Freeze:  &page.Freeze{At: after(2*day + 50), Seconds: 2.3, Steps: []page.Step{{Name: "block writes", Seconds: 0.3}, {Name: "last round", Seconds: 2}}},
		History: history.History{Runs: []history.Run{first, second, third}, Indices: map[string]history.Index{}},
	}
	for i := range n {
		ix := page.Index{Index: name(i), Target: name(i), Path: "snapshot", Phase: "switched", Applied: 1234567, Counts: &page.Counts{Source: 1234567, Target: 1234567, Equal: true}}
		r.Indices = append(r.Indices, ix)
		past := history.Index{Index: name(i), Count: 2}
		past.Spans.Entries = []history.Span{span(1, "await restore", 704, 100+float64(i%90)), span(1, "catch up", 910, 20)}
		past.Rounds.Entries = []history.Round{{Run: 1, Ended: after(930), Seconds: 18}, {Run: 2, Ended: after(day + 20), Seconds: 15}}
		r.History.Indices[name(i)] = past
	}
	return r
}

func written(t interface{ Fatal(args ...any) }, r page.Report) string {
	var out bytes.Buffer
	if err := page.Write(&out, r); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// elements reads a page to its end: what is opened is closed in its place.
func elements(t interface{ Fatal(args ...any) }, text string) (names map[string]int, words string) {
	names = map[string]int{}
	var all strings.Builder
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return names, all.String()
		}
		if err != nil {
			t.Fatal(err, text)
		}
		switch e := token.(type) {
		case xml.StartElement:
			names[e.Name.Local]++
			for _, a := range e.Attr {
				if a.Name.Local == "src" || a.Name.Local == "href" || strings.HasPrefix(a.Name.Local, "on") {
					t.Fatal("the page asks for something: ", e)
				}
			}
		case xml.CharData:
			all.Write(e)
		}
	}
}

func TestWrite(t *testing.T) {
	r := ferry(3, func(i int) string { return fmt.Sprintf("logs-%d", i) })
	r.Indices[1].Counts = &page.Counts{Source: 10, Target: 9}
	r.Indices[2].Counts = nil
	r.History.Indices["logs-0"] = history.Index{Index: "logs-0", Verified: &history.Verified{
		At: night, Level: "content", Sample: 1, Equal: true, Source: history.Sum{Docs: 10, Digest: "00ff"}, Target: history.Sum{Docs: 10, Digest: "00ff"},
	}}
	r.Rejected = page.Rejected{Total: 1234, Listed: []page.Letter{{At: night, Index: "logs-1", ID: "4711", Reason: "mapper_parsing_exception"}}}
	_, words := elements(t, written(t, r))
	for _, want := range []string{
		"Ferry search", "elasticsearch 6.8.23", "opensearch 2.19.1", "https://old:9200", "1 different", "1 not counted", "1 equal",
		"1,234,567", "00ff", "1,234 documents were refused", "mapper_parsing_exception", "settings.index.merge.policy dropped",
		"2.3 s", "block writes", "13 %", "esferry cutover", "pauses without work are cut out",
	} {
		if !strings.Contains(words, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if !strings.Contains(written(t, r), `aria-label="freeze"`) || strings.Contains(words, "rehearsal") {
		t.Error("the freeze is not in its lane")
	}
	if strings.Count(words, "settings.index.merge.policy dropped") != 1 {
		t.Error("a remark that a later run repeated is told twice")
	}
	_, table, _ := strings.Cut(written(t, r), "<h2>Indices</h2>")
	if _, rows, _ := strings.Cut(table, "<tbody>"); !strings.HasPrefix(rows, "\n<tr><td class=\"name\">logs-1</td>") {
		t.Error("the index that differs is not the first")
	}
}

// TestRehearsal: a last lap for which nobody was held back is no freeze.
func TestRehearsal(t *testing.T) {
	r := ferry(1, func(int) string { return "logs" })
	last := &r.History.Runs[2]
	last.Spans.Entries = last.Spans.Entries[2:]
	if text := written(t, r); strings.Contains(text, `aria-label="freeze"`) || !strings.Contains(text, `aria-label="rehearsal"`) {
		t.Error("a rehearsal is shown as a freeze")
	}
}

func TestNothingYet(t *testing.T) {
	_, words := elements(t, written(t, page.Report{Type: "report", Ferry: "new", Config: json.RawMessage(`{}`)}))
	for _, want := range []string{"not met yet", "No index is carried yet", "No run is kept"} {
		if !strings.Contains(words, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(words, "Timeline") || strings.Contains(words, "The freeze") {
		t.Error("the page shows what was not")
	}
}

// TestHostile puts any text wherever text comes from outside: nothing of it
// becomes markup.
func TestHostile(t *testing.T) {
	faultcase.Shows(t, 40, "names and texts on the report's page")
	calm := ferry(2, func(i int) string { return fmt.Sprint("calm-", i) })
	calm.Rejected = page.Rejected{Total: 1, Listed: []page.Letter{{}}}
	want, _ := elements(t, written(t, calm))
	check := func(t interface {
		Fatal(args ...any)
		Errorf(format string, args ...any)
	}, evil string,
	) {
		r := ferry(2, func(i int) string { return fmt.Sprint(evil, i) })
		r.Ferry, r.Version, r.Source.URLs, r.Source.Engine.Name = evil, evil, []string{evil}, evil
		r.Rejected = page.Rejected{Total: 1, Listed: []page.Letter{{ID: evil, Routing: evil, Index: evil, Reason: evil}}}
		r.Freeze.Steps[0].Name = evil
		var err error
		if r.Config, err = json.Marshal(map[string]string{evil: evil}); err != nil {
			t.Fatal(err)
		}
		run := &r.History.Runs[0]
		run.Command, run.Host, run.Failed, run.Spans.Entries[0].Phase, run.Spans.Entries[1].Failed = evil, evil, "x"+evil, "x"+evil, evil
		got, _ := elements(t, written(t, r))
		for _, name := range []string{"script", "img", "b", "table", "tr", "rect"} {
			if got[name] != want[name] {
				t.Errorf("%q: got %d elements %s, want %d", evil, got[name], name, want[name])
			}
		}
	}
	for _, evil := range []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `'}}{{.}}`, "</title></style><b>", "&lt;b&gt;", "]]>", "<!--", `javascript:alert(1)`} {
		check(t, evil)
	}
	rapid.Check(t, func(t *rapid.T) {
		check(t, rapid.StringOf(rapid.RuneFrom([]rune("<>&'\"/={}-!ab ü𝄞"))).Draw(t, "evil"))
	})
}

// TestAThousandIndices must stay a page that opens.
func TestAThousandIndices(t *testing.T) {
	text := written(t, ferry(1000, func(i int) string { return fmt.Sprintf("logs-%04d", i) }))
	names, words := elements(t, text)
	if len(text) > 2<<20 || names["svg"] > 100 || !strings.Contains(words, "960 more indices") || !strings.Contains(words, "logs-0999") {
		t.Errorf("got %d bytes, %d drawings", len(text), names["svg"])
	}
}
