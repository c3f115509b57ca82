package results_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"esferry/bench/results"
)

func run(tool string, round int, seconds float64) results.Run {
	return results.Run{
		Part: "logs", Shape: "logs", Docs: 1000, Bytes: 2_000_000, Bulk: 4 << 20, Tool: tool, Round: round,
		Seconds: seconds, ClientCPU: seconds / 10, SourceCPU: 1, TargetCPU: seconds,
	}
}

func failed(tool string, round int, why string) results.Run {
	r := run(tool, round, 0.1)
	r.Failed = why
	return r
}

func TestWrite(t *testing.T) {
	ours := run("esferry-new", 1, 6)
	ours.Peak = 55.4
	larger := run("limit", 1, 8)
	larger.Docs = 2000
	r := results.Results{
		Runs: []results.Run{
			ours, run("limit", 1, 3), run("scroll", 1, 2), failed("slow", 1, "new holds 1 | of\n2"), run("half", 1, 20),
			run("limit", 2, 5), failed("half", 2, "gone"), larger,
		},
		Tools: []results.Tool{{Name: "limit", How: "bodies"}, {Name: "absent", How: "v1", Missing: true}},
	}
	var b strings.Builder
	r.Write(&b)
	const want = `### 1000 logs, 2 MB; the limit's bulks are of 4 MiB

| median | seconds | docs/s | MB/s | client CPU s | CPU s per GB | peak MB | engines' CPU s (source + target) | to the floor | to esferry |
|---|---|---|---|---|---|---|---|---|---|
| floor: limit + scroll | 6.00 |  |  |  |  |  | 1.0 + 4.0 | 1.00 | 1.00 |
| scroll | 2.00 | 500 | 1.0 | 0.20 | 100.0 | - | 1.0 + 2.0 | 0.33 | 0.33 |
| limit | 4.00 | 250 | 0.5 | 0.40 | 200.0 | - | 1.0 + 4.0 | 0.67 | 0.67 |
| esferry-new | 6.00 | 167 | 0.3 | 0.60 | 300.0 | 55 | 1.0 + 6.0 | 1.00 | 1.00 |
| half | 20.00 | 50 | 0.1 | 2.00 | 1000.0 | - | 1.0 + 20.0 | 3.33 | 3.33 |
| slow | failed |  |  |  |  |  |  |  |  |

| round | tool | seconds | docs/s | MB/s | client CPU s | CPU s per GB | peak MB | engines' CPU s (source + target) |
|---|---|---|---|---|---|---|---|---|
| 1 | esferry-new | 6.00 | 167 | 0.3 | 0.60 | 300.0 | 55 | 1.0 + 6.0 |
| 1 | limit | 3.00 | 333 | 0.7 | 0.30 | 150.0 | - | 1.0 + 3.0 |
| 1 | scroll | 2.00 | 500 | 1.0 | 0.20 | 100.0 | - | 1.0 + 2.0 |
| 1 | slow | failed: new holds 1 / of 2 |  |  |  |  |  |  |
| 1 | half | 20.00 | 50 | 0.1 | 2.00 | 1000.0 | - | 1.0 + 20.0 |
| 2 | limit | 5.00 | 200 | 0.4 | 0.50 | 250.0 | - | 1.0 + 5.0 |
| 2 | half | failed: gone |  |  |  |  |  |  |

### 2000 logs, 2 MB; the limit's bulks are of 4 MiB

| median | seconds | docs/s | MB/s | client CPU s | CPU s per GB | peak MB | engines' CPU s (source + target) | to the floor | to esferry |
|---|---|---|---|---|---|---|---|---|---|
| limit | 8.00 | 250 | 0.2 | 0.80 | 400.0 | - | 1.0 + 8.0 |  |  |

| round | tool | seconds | docs/s | MB/s | client CPU s | CPU s per GB | peak MB | engines' CPU s (source + target) |
|---|---|---|---|---|---|---|---|---|
| 1 | limit | 8.00 | 250 | 0.2 | 0.80 | 400.0 | - | 1.0 + 8.0 |

| tool | how |
|---|---|
| limit | bodies |
| absent | not measured, since it could not be built or fetched on this machine: v1 |

`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("tables (-want +got):\n%s", diff)
	}
}

func TestSave(t *testing.T) {
	r := results.Results{Runs: []results.Run{run("limit", 1, 3), failed("slow", 1, "gone")}}
	path := filepath.Join(t.TempDir(), "runs.json")
	if err := r.Save(path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var back []results.Run
	for line := range strings.Lines(string(text)) {
		var one results.Run
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatal(err)
		}
		back = append(back, one)
	}
	if diff := cmp.Diff(r.Runs, back); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
	if err := r.Save(filepath.Join(path, "below a file")); err == nil {
		t.Error("a file that cannot be made: got no error")
	}
}
