package journey_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"esferry/e2e/screen"
	"esferry/internal/lab"
	"esferry/internal/lab/faultcase"
	"esferry/internal/retry"
)

// TestOperator does what an operator does before and during the night: looks at
// everything with --dry-run, watches a run on a terminal, rehearses, and cuts
// over.
func TestOperator(t *testing.T) {
	faultcase.Shows(t, 38, "a hook takes longer than cutover.max_freeze")
	t.Parallel()
	p := newPair(t, lab.Spec{Engine: lab.ES710, JVM: []string{lab.Optimized}}, lab.Spec{Engine: lab.OS219, JVM: []string{lab.Optimized}})
	p.load(t, library(t, 6000), logs("logs-2026.11.01", 6000), logs("streamed-logs", 8000))
	here, there := record(t, p.source.URL()), record(t, p.target.URL())
	p.sourceURL, p.targetURL = here.URL, there.URL
	hook := filepath.Join(p.dir, "hook.sh")
	seen, slow := filepath.Join(p.dir, "seen"), filepath.Join(p.dir, "slow")
	if err := os.WriteFile(hook, []byte("#!/bin/sh\nset -e\n[ \"$ESFERRY_EVENT\" = frozen ] && [ -e "+slow+" ] && sleep 30\n"+theWorld.binary+" snapshot create --help >/dev/null\necho \"$ESFERRY_EVENT $ESFERRY_FERRY\" >>"+seen+"\necho the hook speaks\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	settings := "stream: {page: {docs: 500}, rate: {docs_per_second: 4000}}\ncutover:\n  aliases: {found: code}\n  hooks: {frozen: [" + hook + "], switched: [" + hook + "], aborted: [" + hook + "]}\n"
	yaml := p.config(t, "operator", `code, "logs-*", streamed-logs`, settings)

	dry := dryRuns{pair: p, here: here, there: there, store: filepath.Join(p.dir, "operator.db")}
	// Nothing is there yet, and nothing is made.
	dry.want(t, 0, "code", "plan", "-c", yaml)
	dry.want(t, 0, "code", "run", "--dry-run", "-c", yaml)
	dry.want(t, 0, "code", "baseline", "--dry-run", "-c", yaml)
	dry.want(t, 0, "8000", "backfill", "streamed-logs", "--dry-run", "-c", yaml)
	dry.want(t, 0, "would hold 3 indices", "snapshot", "create", "--name", "first", "--dry-run", "-c", yaml)
	dry.want(t, 0, "would be registered", "repo", "register", "--dry-run", "-c", yaml)
	dry.want(t, 1, "carries no index yet", "sync", "--dry-run", "-c", yaml)

	p.watched(t, yaml)

	call(t, "POST", p.source.URL()+"/streamed-logs/_doc/new?refresh=true", `{"message":"new"}`)
	dry.want(t, 0, `"operations":1,`, "sync", "--dry-run", "--json", "-c", yaml)
	dry.want(t, 0, "phase current", "checkpoint", "reset", "code", "--dry-run", "-c", yaml)
	dry.want(t, 0, "0 rejected documents", "deadletter", "retry", "--dry-run", "-c", yaml)
	dry.want(t, 0, "1 snapshots would be deleted", "snapshot", "delete", "--keep", "0", "--dry-run", "-c", yaml)
	dry.want(t, 1, "carries it already", "restore", "--dry-run", "-c", yaml)
	dry.want(t, 1, "refused  hooks: the hook for aborted cannot be run", "cutover", "--dry-run", "-c", yaml)
	// What the list refuses, the cutover refuses before it holds anybody back.
	if o := esferry(t, "cutover", "-c", yaml).want(t, 1); !strings.Contains(o.stderr, "chmod +x") {
		t.Errorf("got %s, want the hook's fault and what to do", o.stderr)
	}
	if asked := here.take(); slices.ContainsFunc(asked, func(a asking) bool { return strings.Contains(a.uri, "_block") }) {
		t.Error("a cutover that was refused has blocked writes")
	}
	if err := os.Chmod(hook, 0o700); err != nil {
		t.Fatal(err)
	}
	dry.want(t, 0, "ok       hooks: 3 can be run", "cutover", "--dry-run", "-c", yaml)

	var lap struct {
		Type    string
		Seconds float64
		Steps   []struct{ Step string }
	}
	esferry(t, "cutover", "--rehearse", "--json", "-c", yaml).want(t, 0).last(t, &lap)
	if lap.Type != "rehearsal" || lap.Seconds <= 0 || len(lap.Steps) != 5 {
		t.Errorf("got %+v, want the steps of a last lap", lap)
	}
	if slices.ContainsFunc(slices.Concat(here.take(), there.take()), func(a asking) bool { return strings.Contains(a.uri, "_block") || strings.HasSuffix(a.uri, "/found") }) {
		t.Error("a rehearsal has blocked or switched")
	}
	if _, err := os.Stat(seen); err == nil {
		t.Error("a rehearsal has run a hook")
	}
	p.liftsTheFreeze(t, slow, p.config(t, "operator", `code, "logs-*", streamed-logs`, settings+"  max_freeze: 2s\n"))
	p.config(t, "operator", `code, "logs-*", streamed-logs`, settings)
	if o := esferry(t, "cutover", "-c", yaml).want(t, 0); !strings.Contains(o.stderr, "the hook speaks") {
		t.Errorf("got %s, want the hook's own words", o.stderr)
	}
	if got := read(t, seen); got != "aborted operator\nfrozen operator\nswitched operator\n" {
		t.Errorf("hooks were told %q", got)
	}
	dry.want(t, 0, "every index is switched already", "cutover", "--dry-run", "-c", yaml)
	p.mustBeEqual(t, "code", "logs-2026.11.01", "streamed-logs")
	p.triesDocuments(t)
}

// liftsTheFreeze cuts over with a hook that takes longer than cutover.max_freeze:
// the source must take writes again, and the operator must hear why.
func (p *pair) liftsTheFreeze(t *testing.T, slow, yaml string) {
	t.Helper()
	if err := os.WriteFile(slow, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	o := esferry(t, "cutover", "-c", yaml).want(t, 1)
	if !strings.Contains(o.stderr, "the freeze took longer than cutover.max_freeze (2s)") || !strings.Contains(o.stderr, "next: see by esferry cutover --rehearse") || !strings.Contains(o.stderr, "the freeze is lifted") {
		t.Errorf("got %s", o.stderr)
	}
	if err := os.Remove(slow); err != nil {
		t.Fatal(err)
	}
	call(t, "POST", p.source.URL()+"/streamed-logs/_doc/lifted?refresh=true", `{"message":"written after the freeze"}`)
}

// dryRuns are commands that must change nothing.
type dryRuns struct {
	*pair
	here, there *recorder
	store       string
}

// want runs a command and looks whether it changed anything: no engine is asked
// to write, and the store stays as it is, or absent.
func (d dryRuns) want(t *testing.T, code int, says string, args ...string) {
	t.Helper()
	d.here.take()
	d.there.take()
	before, absent := os.ReadFile(d.store)
	o := finished(t, theWorld.released, args...).want(t, code)
	if !strings.Contains(o.stdout+o.stderr, says) {
		t.Errorf("%v: got\n%s%s\nwant it to say %q", args, o.stdout, o.stderr, says)
	}
	asked := slices.Concat(d.here.take(), d.there.take())
	for _, a := range asked {
		if writes(a) {
			t.Errorf("%v: asked for %s %s", args, a.method, a.uri)
		}
	}
	after, err := os.ReadFile(d.store)
	if (err == nil) != (absent == nil) || !bytes.Equal(before, after) {
		t.Errorf("%v: the store was changed (%v, %v)", args, absent, err)
	}
	t.Logf("%v: %d requests\n%s%s", args, len(asked), o.stdout, o.stderr)
}

// writes reports whether a request may change something.
func writes(a asking) bool {
	for _, question := range []string{"/_search", "/_count", "/_msearch", "/_mget"} {
		if strings.Contains(a.uri, question) {
			return false
		}
	}
	return a.method != "GET" && a.method != "HEAD"
}

// watched runs the ferry on a terminal, and looks at it from another one.
func (p *pair) watched(t *testing.T, yaml string) {
	t.Helper()
	run := screen.Open(t, 100, 40)
	cmd := run.On(exec.CommandContext(t.Context(), theWorld.binary, "run", "-c", yaml))
	cmd.Env = append(os.Environ(), "TERM=xterm")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	bar, shown := regexp.MustCompile(`streamed-logs +\[=.* docs .* left .* to go`), false
	for range 600 {
		text := run.Text()
		if shown = bar.MatchString(text); shown {
			t.Logf("while it ran:\n%s", text)
			break
		}
		if err := retry.Sleep(t.Context(), 50*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	if !shown {
		t.Errorf("no bar was seen in\n%q", run.Raw())
	}
	p.watchedBesides(t, yaml)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, run.Text())
	}
	text := run.Text()
	t.Logf("in the end:\n%s", text)
	if strings.Contains(text, "[=") || strings.Contains(text, "indices done") {
		t.Error("bars are left on the screen")
	}
	for _, name := range []string{"code", "logs-2026.11.01", "streamed-logs"} {
		if !strings.Contains(text, "│ "+name) || strings.Count(text, "equal") < 3 {
			t.Errorf("the table lacks %s, or that it is equal", name)
		}
	}
}

// watchedBesides watches the run from another shell.
func (p *pair) watchedBesides(t *testing.T, yaml string) {
	t.Helper()
	other := screen.Open(t, 140, 30)
	cmd := other.On(exec.CommandContext(t.Context(), theWorld.binary, "status", "--watch", "-c", yaml))
	cmd.Env = append(os.Environ(), "TERM=xterm")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for range 600 {
		if strings.Count(other.Raw(), "ferry operator: ") >= 2 {
			break
		}
		if err := retry.Sleep(t.Context(), 100*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	text := other.Text()
	t.Logf("from another shell:\n%s", text)
	if strings.Count(text, "ferry operator: ") != 1 || strings.Count(other.Raw(), "ferry operator: ") < 2 {
		t.Error("the status is not drawn anew in its place")
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() //nolint:errcheck // its exit code tells
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("got exit code %d, want 130", code)
	}
}
