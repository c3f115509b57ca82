package report_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"esferry/internal/report"
)

func TestWriteMetrics(t *testing.T) {
	path := filepath.Join(t.TempDir(), "esferry.prom")
	job := report.Job{
		Ferry: "search", Command: "sync", Code: 3, Ended: time.Unix(1795228800, 500e6), Took: 90 * time.Second,
		Indices: []report.JobIndex{
			{Index: "users", SourceDocs: 20, TargetDocs: 20, Equal: true, Applied: 25, Deleted: 5},
			{Index: `q"uo\te`, SourceDocs: 7, TargetDocs: 6, Moving: true, Lag: 4, Applied: 6, Rejected: 1},
		},
	}
	if err := report.WriteMetrics(path, job); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`esferry_job_exit_code{command="sync",ferry="search"} 3`,
		`esferry_job_end_timestamp_seconds{command="sync",ferry="search"} 1.7952288005e+09`,
		`esferry_job_duration_seconds{command="sync",ferry="search"} 90`,
		`esferry_index_source_documents{command="sync",ferry="search",index="users"} 20`,
		`esferry_index_target_documents{command="sync",ferry="search",index="q\"uo\\te"} 6`,
		`esferry_index_equal{command="sync",ferry="search",index="users"} 1`,
		`esferry_index_equal{command="sync",ferry="search",index="q\"uo\\te"} 0`,
		`esferry_index_moving{command="sync",ferry="search",index="q\"uo\\te"} 1`,
		`esferry_index_lag_operations{command="sync",ferry="search",index="q\"uo\\te"} 4`,
		`esferry_index_applied_documents_total{command="sync",ferry="search",index="users"} 25`,
		`esferry_index_deleted_documents_total{command="sync",ferry="search",index="users"} 5`,
		`esferry_index_rejected_documents_total{command="sync",ferry="search",index="q\"uo\\te"} 1`,
	} {
		if !strings.Contains(string(text), "\n"+want+"\n") {
			t.Errorf("the file lacks %s", want)
		}
	}
	problems, err := promlint.New(strings.NewReader(string(text))).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint: got %v (%v)", problems, err)
	}
	if t.Failed() {
		t.Logf("%s", text)
	}
}

func TestMetricsOfAJobThatFailedEarly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "esferry.prom")
	if err := report.WriteMetrics(path, report.Job{Command: "sync", Code: 2}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(text), `esferry_job_exit_code{command="sync",ferry=""} 2`) || strings.Contains(string(text), "esferry_index_") {
		t.Errorf("got %s (%v), want the exit code and no count that was not taken", text, err)
	}
	if err := report.WriteMetrics(filepath.Join(path, "no-folder"), report.Job{}); err == nil {
		t.Error("got no error for a file that cannot be")
	}
}
