package journey_test

import (
	"strings"
	"testing"

	"esferry/internal/lab"
	"esferry/internal/lab/faultcase"
)

// TestKilledAnywhere kills run --cutover with SIGKILL after its first event,
// after its second, and so on, ever further into the journey, with a writer
// going on; then it lets the last one live, and compares.
func TestKilledAnywhere(t *testing.T) {
	faultcase.Shows(t, 1, "after any event of the journey, and in each phase of a cutover, under a writer")
	faultcase.Shows(t, 19, "a writer that never pauses before the block")
	t.Parallel()
	p := newPair(t, lab.Spec{Engine: lab.ES710}, lab.Spec{Engine: lab.OS219})
	p.load(t, library(t, 3000), logs("logs-2026.11.01", 2000), logs("streamed-logs", 2000))
	yaml := p.config(t, "killed", `code, "logs-*", "streamed-*"`, "stream: {page: {docs: 200}}\ncutover: {aliases: {found: code}}\n")
	stop := p.writing(t, 50, "code", "logs-2026.11.01", "streamed-logs")
	// Small steps through the baseline, where phases follow closely.
	for n := 1; n <= 40; n += 3 {
		if killed(t, n, "run", "--cutover", "--json", "-c", yaml) {
			break
		}
	}
	stats := p.cutOverKilled(t, yaml)
	t.Logf("writer %+v", stop())
	if stats.code != 0 {
		t.Fatalf("got exit code %d\n%s", stats.code, tail(stats.stderr))
	}
	p.mustBeEqual(t, "code", "logs-2026.11.01", "streamed-logs")
	p.mustBeSwitched(t, nil)
}

// cutOverKilled kills the cutover in every one of its phases by name, and then
// lets it end.
func (p *pair) cutOverKilled(t *testing.T, yaml string) outcome {
	t.Helper()
	for _, phase := range []string{
		"prepare cutover", "block writes", "wait for quiet", "last round", "deletes", "verify counts", "keep the way back", "put settings back", "switch aliases",
	} {
		killedIn(t, phase, "run", "--cutover", "--json", "-c", yaml)
		var status struct{ Blocked []string }
		decode(t, esferry(t, "status", "--json", "-c", yaml).want(t, 0).stdout, &status)
		t.Logf("after a kill in %q the store knows of blocks on %s", phase, strings.Join(status.Blocked, ", "))
	}
	return esferry(t, "run", "--cutover", "--json", "-c", yaml)
}

// TestAbortLiftsTheFreeze kills a cutover under its block and aborts it: the
// source must take writes again.
func TestAbortLiftsTheFreeze(t *testing.T) {
	faultcase.Shows(t, 38, "aborted by the operator")
	t.Parallel()
	p := newPair(t, lab.Spec{Engine: lab.ES717}, lab.Spec{Engine: lab.ES819})
	p.load(t, logs("streamed-logs", 500))
	yaml := p.config(t, "abort", "streamed-logs", "")
	killedIn(t, "last round", "run", "--cutover", "--json", "-c", yaml)
	write := p.source.URL() + "/streamed-logs/_doc/after"
	if status, answer := lab.Ask(t, "PUT", write, `{"n":1}`); status != 403 {
		t.Fatalf("after the kill: got status %d, want 403 by the block: %s", status, answer)
	}
	// Whoever goes on without a cutover hears of it.
	if o := esferry(t, "sync", "-c", yaml).want(t, 0); !strings.Contains(o.stderr, "streamed-logs are held back by an earlier cutover") {
		t.Errorf("sync under the block does not tell of it: %s", o.stderr)
	}
	esferry(t, "cutover", "abort", "-c", yaml).want(t, 0)
	call(t, "PUT", write, `{"n":1}`)
	esferry(t, "run", "--cutover", "-c", yaml).want(t, 0)
	p.mustBeEqual(t, "streamed-logs")
}

// TestASecondProcessIsTurnedAway runs two ferries on one store.
func TestASecondProcessIsTurnedAway(t *testing.T) {
	faultcase.Shows(t, 3, "two runs of one ferry")
	t.Parallel()
	p := newPair(t, lab.Spec{Engine: lab.ES717}, lab.Spec{Engine: lab.ES819})
	p.load(t, logs("streamed-logs", 500))
	yaml := p.config(t, "twice", "streamed-logs", "")
	esferry(t, "baseline", "-c", yaml).want(t, 0)
	first := started(t, "sync", "--follow", "--interval", "1h", "--json", "-c", yaml)
	first.await(t, `"phase_ended"`)
	o := esferry(t, "sync", "-c", yaml).want(t, 11)
	if !strings.Contains(o.stderr, "pid") {
		t.Errorf("got %q, want it to name the holder's pid", o.stderr)
	}
	var status struct{ Running bool }
	decode(t, esferry(t, "status", "--json", "-c", yaml).want(t, 0).stdout, &status)
	if !status.Running {
		t.Error("status does not see the running ferry")
	}
	if code := first.interrupt(t); code != 130 {
		t.Errorf("after SIGINT: got exit code %d, want 130", code)
	}
	esferry(t, "sync", "-c", yaml).want(t, 0)
}
