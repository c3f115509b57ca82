package page_test

import (
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"esferry/internal/history"
	"esferry/internal/report/page"
)

// TestTimeline holds any history against what a drawing must not do: leave its
// frame, or lose an index.
func TestTimeline(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := page.Report{Ferry: "f", Made: after(1e6), Running: rapid.Bool().Draw(t, "running"), Config: []byte("{}")}
		r.History.Indices = map[string]history.Index{}
		when := rapid.Float64Range(0, 1e6)
		for number := range rapid.IntRange(1, 40).Draw(t, "runs") {
			run := history.Run{Number: number + 1, Began: after(when.Draw(t, "began"))}
			if rapid.Bool().Draw(t, "ended") {
				run.Ended = run.Began.Add(1 + after(when.Draw(t, "took")).Sub(night)/100)
			}
			for i := range rapid.IntRange(0, 4).Draw(t, "spans") {
				run.Spans.Entries = append(run.Spans.Entries, history.Span{
					Phase: fmt.Sprint("phase ", i), Run: run.Number, Began: after(when.Draw(t, "span")), Seconds: when.Draw(t, "seconds") / 1000, Ended: rapid.Bool().Draw(t, "whole"),
				})
			}
			r.History.Runs = append(r.History.Runs, run)
		}
		for i := range rapid.IntRange(0, 60).Draw(t, "indices") {
			ix := history.Index{Index: fmt.Sprint("index-", i)}
			ix.Rounds.Entries = []history.Round{{Run: 1, Ended: after(when.Draw(t, "round")), Seconds: when.Draw(t, "seconds") / 1000}}
			r.History.Indices[ix.Index] = ix
		}
		text := written(t, r)
		lanes := strings.Count(text, `<div class="lane index">`)
		if n := len(r.History.Indices); lanes != min(n, 40) || (n > 40) != strings.Contains(text, fmt.Sprintf("%d more indices", n-40)) {
			t.Errorf("got %d rows for %d indices", lanes, n)
		}
		d := xml.NewDecoder(strings.NewReader(text))
		for token, err := d.Token(); err == nil; token, err = d.Token() {
			e, ok := token.(xml.StartElement)
			if !ok || e.Name.Local != "rect" {
				continue
			}
			box := map[string]float64{}
			for _, a := range e.Attr {
				if v, err := strconv.ParseFloat(a.Value, 64); err == nil {
					box[a.Name.Local] = v
				}
			}
			if box["x"] < 0 || box["width"] <= 0 || box["x"]+box["width"] > 1000.2 {
				t.Errorf("a bar leaves the frame: %v", box)
			}
		}
	})
}
