package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"esferry/bench/measure"
)

// result is one run of one tool.
type result struct {
	Part      string  `json:"part"`
	Shape     string  `json:"shape"`
	Docs      int     `json:"docs"`
	Bytes     int64   `json:"source_bytes"`
	Tool      string  `json:"tool"`
	Round     int     `json:"round"`
	Seconds   float64 `json:"seconds"`
	Refresh   float64 `json:"refresh_seconds"`
	ClientCPU float64 `json:"client_cpu_seconds"`
	SourceCPU float64 `json:"source_cpu_seconds"`
	TargetCPU float64 `json:"target_cpu_seconds"`
	// Peak is left out where it was not measured.
	Peak   float64 `json:"peak_megabytes,omitempty"`
	Failed string  `json:"failed,omitempty"`
}

func (r result) megabytes() float64 { return float64(r.Bytes) / 1e6 }

// series are the runs of one tool on the same documents.
type series struct {
	tool string
	runs []result
}

// median of what a run tells; 0 when no run came to its end.
func (s series) median(of func(r result) float64) float64 {
	var values []float64
	for _, r := range s.runs {
		if r.Failed == "" {
			values = append(values, of(r))
		}
	}
	return measure.Median(values)
}

func seconds(r result) float64   { return r.Seconds }
func sourceCPU(r result) float64 { return r.SourceCPU }
func targetCPU(r result) float64 { return r.TargetCPU }

// results are all runs, in order.
type results struct {
	runs  []result
	tools []tool
	// missing could not be had on this machine.
	missing []peer
}

func (r *results) add(t tool, one result) {
	r.runs = append(r.runs, one)
	if !slices.ContainsFunc(r.tools, func(known tool) bool { return known.name == t.name }) {
		r.tools = append(r.tools, t)
	}
}

// write writes the tables of each part and size.
func (r *results) write(w io.Writer) {
	for rest := r.runs; len(rest) > 0; {
		first := rest[0]
		end := slices.IndexFunc(rest, func(o result) bool { return o.Part != first.Part || o.Docs != first.Docs })
		if end < 0 {
			end = len(rest)
		}
		fmt.Fprintf(w, "### %d %s, %.0f MB\n\n", first.Docs, first.Shape, first.megabytes())
		r.medians(w, rest[:end])
		each(w, rest[:end])
		rest = rest[end:]
	}
	var rows [][]string
	for _, t := range r.tools {
		rows = append(rows, []string{t.name, t.how})
	}
	for _, m := range r.missing {
		rows = append(rows, []string{m.name, "not measured, since it could not be built or fetched on this machine: " + m.how})
	}
	measure.Table(w, []string{"tool", "how"}, rows)
}

// each writes every run.
func each(w io.Writer, runs []result) {
	var rows [][]string
	for _, r := range runs {
		if r.Failed != "" {
			rows = append(rows, []string{strconv.Itoa(r.Round), r.Tool, "failed: " + oneLine(r.Failed), "", "", "", "", "", ""})
			continue
		}
		rows = append(rows, append([]string{strconv.Itoa(r.Round), r.Tool}, figures(series{r.Tool, []result{r}})...))
	}
	measure.Table(w, append([]string{"round", "tool"}, columns()...), rows)
}

// medians writes the medians of each tool, and their ratios.
func (r *results) medians(w io.Writer, runs []result) {
	var all []series
	for _, one := range runs {
		i := slices.IndexFunc(all, func(s series) bool { return s.tool == one.Tool })
		if i < 0 {
			i, all = len(all), append(all, series{tool: one.Tool})
		}
		all[i].runs = append(all[i].runs, one)
	}
	find := func(name string) series {
		i := slices.IndexFunc(all, func(s series) bool { return tool{name: s.tool}.is(name) })
		if i < 0 {
			return series{}
		}
		return all[i]
	}
	limit, scroll, ours := find("limit"), find("scroll"), find("esferry").median(seconds)
	var rows [][]string
	floor := 0.0
	if limit.median(seconds) > 0 && scroll.median(seconds) > 0 {
		floor = limit.median(seconds) + scroll.median(seconds)
		engines := fmt.Sprintf("%.1f + %.1f", scroll.median(sourceCPU), limit.median(targetCPU))
		rows = append(rows, []string{"floor: limit + scroll", fmt.Sprintf("%.2f", floor), "", "", "", "", "", engines, "1.00", ratio(floor, ours)})
	}
	slices.SortStableFunc(all, func(a, b series) int { return cmp.Compare(a.median(seconds), b.median(seconds)) })
	for _, s := range all {
		row := append([]string{s.tool}, figures(s)...)
		rows = append(rows, append(row, ratio(s.median(seconds), floor), ratio(s.median(seconds), ours)))
	}
	measure.Table(w, append(append([]string{"median"}, columns()...), "to the floor", "to esferry"), rows)
}

func columns() []string {
	return []string{"seconds", "docs/s", "MB/s", "client CPU s", "CPU s per GB", "peak MB", "engines' CPU s (source + target)"}
}

// figures are the columns of a series.
func figures(s series) []string {
	took, cpu := s.median(seconds), s.median(func(r result) float64 { return r.ClientCPU })
	if took == 0 {
		return []string{"failed", "", "", "", "", "", ""}
	}
	first := s.runs[0]
	peak := "-"
	if mb := s.median(func(r result) float64 { return r.Peak }); mb > 0 {
		peak = fmt.Sprintf("%.0f", mb)
	}
	return []string{
		fmt.Sprintf("%.2f", took), fmt.Sprintf("%.0f", float64(first.Docs)/took), fmt.Sprintf("%.1f", first.megabytes()/took),
		fmt.Sprintf("%.2f", cpu), fmt.Sprintf("%.1f", cpu/first.megabytes()*1000), peak,
		fmt.Sprintf("%.1f + %.1f", s.median(sourceCPU), s.median(targetCPU)),
	}
}

// ratio is empty where there is nothing to compare with.
func ratio(a, b float64) string {
	if a == 0 || b == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", a/b)
}

// save writes each run as a line of JSON; no path, no file.
func (r *results) save(path string) error {
	if path == "" {
		return nil
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write the runs: %w", err)
	}
	for _, one := range r.runs {
		if err := json.NewEncoder(f).Encode(one); err != nil {
			return fmt.Errorf("write the runs to %s: %w", path, err)
		}
	}
	return f.Close()
}
