package report_test

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"esferry/internal/report"
)

// scraped gives what Prometheus would read.
func scraped(t *testing.T, r report.Running) string {
	t.Helper()
	answer := httptest.NewRecorder()
	report.Scrape(func() report.Running { return r }).ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	if answer.Code != 200 {
		t.Fatalf("got %d, %s", answer.Code, answer.Body)
	}
	return answer.Body.String()
}

// running is a ferry that has something to say everywhere.
func running() report.Running {
	freeze := 1.5
	return report.Running{
		Ferry: "search", Documents: 10, Bytes: 1000, Requests: 3, Retries: 2, Busy: 1, Writers: 4, Share: 0.5, Ready: true,
		Blocked: 2, FreezeSeconds: &freeze, Checks: map[string]bool{"the lag is small": true, "the source is well": false},
		Sides: []report.RunningSide{{Side: "source", Answered: time.Unix(1795228800, 0), Well: true}, {Side: "target"}},
		Indices: []report.RunningIndex{
			{
				JobIndex: report.JobIndex{Index: "users", SourceDocs: 20, TargetDocs: 19, Lag: 1, Applied: 25, Deleted: 5, Rejected: 1},
				Phase:    "current", Counted: time.Unix(1795228800, 0), Watermarks: []int64{41, -1},
			},
			{JobIndex: report.JobIndex{Index: "new"}, Phase: "recorded"},
		},
	}
}

func TestScrape(t *testing.T) {
	text := scraped(t, running())
	for _, want := range []string{
		`esferry_moved_documents_total{ferry="search"} 10`,
		`esferry_moved_bytes_total{ferry="search"} 1000`,
		`esferry_source_requests_total{ferry="search"} 3`,
		`esferry_retries_total{ferry="search"} 2`,
		`esferry_target_busy_total{ferry="search"} 1`,
		`esferry_writers{ferry="search"} 4`,
		`esferry_reader_share_ratio{ferry="search"} 0.5`,
		`esferry_ready{ferry="search"} 1`,
		`esferry_cluster_up{ferry="search",side="source"} 1`,
		`esferry_cluster_up{ferry="search",side="target"} 0`,
		`esferry_cluster_answer_timestamp_seconds{ferry="search",side="source"} 1.7952288e+09`,
		`esferry_cutover_check{check="the lag is small",ferry="search"} 1`,
		`esferry_cutover_check{check="the source is well",ferry="search"} 0`,
		`esferry_blocked_indices{ferry="search"} 2`,
		`esferry_freeze_duration_seconds{ferry="search"} 1.5`,
		`esferry_index_phase{ferry="search",index="new",phase="recorded"} 1`,
		`esferry_index_source_documents{ferry="search",index="users"} 20`,
		`esferry_index_counted_timestamp_seconds{ferry="search",index="users"} 1.7952288e+09`,
		`esferry_index_lag_operations{ferry="search",index="new"} 0`,
		`esferry_index_rejected_documents_total{ferry="search",index="users"} 1`,
		`esferry_shard_watermark{ferry="search",index="users",shard="0"} 41`,
		`esferry_shard_watermark{ferry="search",index="users",shard="1"} -1`,
	} {
		if !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("the answer lacks %s", want)
		}
	}
	for _, never := range []string{`esferry_index_equal{ferry="search",index="new"}`, `esferry_cluster_answer_timestamp_seconds{ferry="search",side="target"}`} {
		if strings.Contains(text, never) {
			t.Errorf("the answer has %s, which was not taken", never)
		}
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint: got %v (%v)", problems, err)
	}
	if t.Failed() {
		t.Logf("%s", text)
	}
}

// Each query of the dashboard is of metrics that there are, and each metric is on
// the dashboard and in the guide, but for one that is for alerts.
func TestDashboard(t *testing.T) {
	text, err := os.ReadFile("../../deploy/grafana/esferry.json")
	if err != nil {
		t.Fatal(err)
	}
	guide, err := os.ReadFile("../../docs/live.md")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			ID      int
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	metrics := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (esferry_\w+) `).FindAllStringSubmatch(scraped(t, running()), -1) {
		metrics[m[1]] = false
	}
	var ids []int
	for _, p := range dashboard.Panels {
		ids = append(ids, p.ID)
		if len(p.Targets) == 0 {
			t.Errorf("panel %s asks nothing", p.Title)
		}
		for _, target := range p.Targets {
			found := regexp.MustCompile(`esferry_\w+`).FindAllString(target.Expr, -1)
			if len(found) == 0 || strings.Count(target.Expr, "(") != strings.Count(target.Expr, ")") || !strings.Contains(target.Expr, `ferry="$ferry"`) {
				t.Errorf("panel %s: %s", p.Title, target.Expr)
			}
			for _, name := range found {
				if _, there := metrics[name]; !there {
					t.Errorf("panel %s asks for %s, which there is not", p.Title, name)
				}
				metrics[name] = true
			}
		}
	}
	slices.Sort(ids)
	if len(ids) < 10 || len(slices.Compact(slices.Clone(ids))) != len(ids) {
		t.Errorf("got panels %v, want ids of their own", ids)
	}
	metrics["esferry_index_phase"] = true
	for name, shown := range metrics {
		if !shown {
			t.Errorf("no panel shows %s", name)
		}
		if !strings.Contains(string(guide), "`"+name) {
			t.Errorf("docs/live.md does not tell of %s", name)
		}
	}
}
