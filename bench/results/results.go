package results

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"esferry/bench/measure"
)

// Run is one run of one tool. The zero Peak was not measured, the empty Failed
// came to its end.
type Run struct {
	Part  string `json:"part"`
	Shape string `json:"shape"`
	Docs  int    `json:"docs"`
	Bytes int64  `json:"source_bytes"`
	// Bulk is the bytes of one body of the limit.
	Bulk      int     `json:"limit_bulk_bytes"`
	Tool      string  `json:"tool"`
	Round     int     `json:"round"`
	Seconds   float64 `json:"seconds"`
	Refresh   float64 `json:"refresh_seconds"`
	ClientCPU float64 `json:"client_cpu_seconds"`
	SourceCPU float64 `json:"source_cpu_seconds"`
	TargetCPU float64 `json:"target_cpu_seconds"`
	Peak      float64 `json:"peak_megabytes,omitempty"`
	Failed    string  `json:"failed,omitempty"`
}

func (r Run) megabytes() float64 { return float64(r.Bytes) / 1e6 }

// series are the runs of one tool on the same documents.
type series struct {
	tool string
	runs []Run
}

// median of what a run tells; infinite when no run came to its end.
func (s series) median(of func(r Run) float64) float64 {
	var values []float64
	for _, r := range s.runs {
		if r.Failed == "" {
			values = append(values, of(r))
		}
	}
	if len(values) == 0 {
		return math.Inf(1)
	}
	return measure.Median(values)
}

// byTool puts the runs of each tool together.
func byTool(runs []Run) (all []series) {
	for _, one := range runs {
		i := slices.IndexFunc(all, func(s series) bool { return s.tool == one.Tool })
		if i < 0 {
			i, all = len(all), append(all, series{tool: one.Tool})
		}
		all[i].runs = append(all[i].runs, one)
	}
	return all
}

// named gives the first series of a tool, or of one of its builds; one without
// runs when there is none.
func named(all []series, name string) series {
	for _, s := range all {
		if s.tool == name || strings.HasPrefix(s.tool, name+"-") {
			return s
		}
	}
	return series{}
}

func seconds(r Run) float64   { return r.Seconds }
func sourceCPU(r Run) float64 { return r.SourceCPU }
func targetCPU(r Run) float64 { return r.TargetCPU }

// Tool is what was measured, and how.
type Tool struct {
	Name, How string
	// Missing says that it could not be had on this machine.
	Missing bool
}

// Results are all runs, in order.
type Results struct {
	Runs  []Run
	Tools []Tool
}

// Write writes the tables of each part and size, as Markdown.
func (r *Results) Write(w io.Writer) {
	for rest := r.Runs; len(rest) > 0; {
		first := rest[0]
		end := slices.IndexFunc(rest, func(o Run) bool { return o.Part != first.Part || o.Docs != first.Docs })
		if end < 0 {
			end = len(rest)
		}
		fmt.Fprintf(w, "### %d %s, %.0f MB; the limit's bulks are of %d MiB\n\n", first.Docs, first.Shape, first.megabytes(), first.Bulk>>20)
		medians(w, rest[:end])
		each(w, rest[:end])
		rest = rest[end:]
	}
	var rows [][]string
	for _, t := range r.Tools {
		how := t.How
		if t.Missing {
			how = "not measured, since it could not be built or fetched on this machine: " + how
		}
		rows = append(rows, []string{t.Name, how})
	}
	measure.Table(w, []string{"tool", "how"}, rows)
}

// each writes every run.
func each(w io.Writer, runs []Run) {
	var rows [][]string
	for _, r := range runs {
		if r.Failed != "" {
			rows = append(rows, []string{strconv.Itoa(r.Round), r.Tool, "failed: " + OneLine(r.Failed), "", "", "", "", "", ""})
			continue
		}
		rows = append(rows, append([]string{strconv.Itoa(r.Round), r.Tool}, figures(series{r.Tool, []Run{r}})...))
	}
	measure.Table(w, append([]string{"round", "tool"}, columns()...), rows)
}

// medians writes the medians of each tool, the fastest first, and their ratios.
func medians(w io.Writer, runs []Run) {
	all := byTool(runs)
	limit, scroll, ours := named(all, "limit"), named(all, "scroll"), named(all, "esferry").median(seconds)
	floor := limit.median(seconds) + scroll.median(seconds)
	var rows [][]string
	if !math.IsInf(floor, 1) {
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
	took, cpu := s.median(seconds), s.median(func(r Run) float64 { return r.ClientCPU })
	if math.IsInf(took, 1) {
		return []string{"failed", "", "", "", "", "", ""}
	}
	first := s.runs[0]
	peak := "-"
	if mb := s.median(func(r Run) float64 { return r.Peak }); mb > 0 {
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
	if math.IsInf(a, 1) || math.IsInf(b, 1) {
		return ""
	}
	return fmt.Sprintf("%.2f", a/b)
}

// Save writes each run as a line of JSON; no path, no file.
func (r *Results) Save(path string) error {
	if path == "" {
		return nil
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write the runs: %w", err)
	}
	for _, one := range r.Runs {
		if err := json.NewEncoder(f).Encode(one); err != nil {
			return fmt.Errorf("write the runs to %s: %w", path, err)
		}
	}
	return f.Close()
}

// OneLine makes a message fit into a cell.
func OneLine(text string) string {
	text = strings.Join(strings.Fields(strings.ReplaceAll(text, "|", "/")), " ")
	return text[:min(len(text), 300)]
}
