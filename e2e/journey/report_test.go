package journey_test

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"esferry/internal/corpus"
	"esferry/internal/lab"
)

// told is what report --json prints.
type told struct {
	Type, Ferry    string
	Running        bool
	Source, Target struct {
		Engine struct{ Product string }
	}
	Freeze *struct {
		Seconds float64
		Steps   []struct{ Step string }
	}
	Downtime *struct {
		Known      bool
		Seconds    float64
		GiveOrTake float64 `json:"give_or_take"`
		Laps       int     `json:"from_laps"`
	}
	Indices []struct{ Index, Path, Phase string }
	History struct {
		Runs []struct {
			Command string
			Ended   *time.Time
			Failed  string
			Spans   struct {
				Entries []struct {
					Phase string
					Ended bool
				}
			}
		}
		Indices map[string]struct {
			Count, Documents, Deleted, Requests int64
			Verified                            *struct {
				Level          string
				Equal          bool
				Source, Target struct{ Digest string }
			}
		}
	}
}

func report(t *testing.T, yaml string) (r told) {
	t.Helper()
	decode(t, esferry(t, "report", "--json", "-c", yaml).want(t, 0).stdout, &r)
	return r
}

// TestReport follows a ferry through a kill, nights and a cutover: what it did
// is known to the end, the downtime is predicted before, and the page of it all
// stands for itself.
func TestReport(t *testing.T) {
	t.Parallel()
	p := newPair(t, lab.Spec{Engine: lab.ES710}, lab.Spec{Engine: lab.OS219})
	p.load(t, library(t, 2000), logs("streamed-logs", 3000), logs("r&d'{{.}}", 200),
		cargo{name: "hostile", mapping: corpus.HostileMapping, shards: 3, docs: corpus.Hostile()})
	yaml := p.config(t, "change", `code, hostile, "streamed-*", "r&d*"`, "")
	if r := report(t, yaml); len(r.History.Runs) != 0 || r.Downtime != nil || r.Freeze != nil {
		t.Errorf("before the first run: got %+v, want nothing", r)
	}
	killedIn(t, "copy", "run", "--json", "-c", yaml)
	esferry(t, "run", "-c", yaml).want(t, 0)
	if o := esferry(t, "status", "-c", yaml).want(t, 0); !strings.Contains(o.stdout, "not known yet") {
		t.Errorf("after one pass: got %s, want no prediction", o.stdout)
	}
	for night := range 2 {
		p.change(t, "code", night)
		esferry(t, "sync", "-c", yaml).want(t, 0)
	}
	p.change(t, "code", 2)
	esferry(t, "cutover", "--rehearse", "-c", yaml).want(t, 0)
	r := report(t, yaml)
	if r.Downtime == nil || !r.Downtime.Known || r.Downtime.Seconds <= 0 || r.Downtime.GiveOrTake <= 0 || r.Downtime.Laps != 4 {
		t.Errorf("after two nights and a rehearsal: got %+v, want a prediction", r.Downtime)
	}
	if o := esferry(t, "status", "-c", yaml).want(t, 0); !strings.Contains(o.stdout, "stop the writers now and you are down") {
		t.Errorf("after two nights and a rehearsal: got %s, want a prediction", o.stdout)
	}
	p.checkReportOfARunningFerry(t, yaml)
	p.checkCertificate(t, yaml, 4)
	esferry(t, "sync", "-c", yaml).want(t, 0)
	esferry(t, "run", "--cutover", "-c", yaml).want(t, 0)
	p.checkReport(t, report(t, yaml))

	page := filepath.Join(p.dir, "CHG-1.html")
	esferry(t, "report", "-o", page, "-c", yaml).want(t, 0)
	esferry(t, "report", "-o", page, "-c", yaml).want(t, 2)
	esferry(t, "report", "-o", page, "--force", "-c", yaml).want(t, 0)
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{p.from.SecretKey, p.from.AccessKey, p.to.SecretKey, p.to.AccessKey} {
		if strings.Contains(string(text), secret) {
			t.Error("the report holds a secret")
		}
	}
	if !strings.Contains(string(text), "r&amp;d&#39;{{.}}") || !strings.Contains(string(text), "elasticsearch 7.10.2") {
		t.Error("the report lacks an index, or the source's version")
	}
	mustBeWellFormed(t, string(text))
}

// checkReportOfARunningFerry asks while a process holds the store.
func (p *pair) checkReportOfARunningFerry(t *testing.T, yaml string) {
	t.Helper()
	running := started(t, "sync", "--follow", "--interval", "200ms", "--json", "-c", yaml)
	running.await(t, `"round_ended"`)
	r := report(t, yaml)
	if last := r.History.Runs[len(r.History.Runs)-1]; !r.Running || !strings.HasPrefix(last.Command, "esferry sync --follow") || last.Ended != nil {
		t.Errorf("while a ferry runs: got %+v", last)
	}
	running.interrupt(t)
}

func (p *pair) checkReport(t *testing.T, r told) {
	t.Helper()
	killed, failed := 0, 0
	phases := map[string]bool{}
	for _, run := range r.History.Runs {
		if run.Ended == nil {
			killed++
		}
		if run.Failed != "" {
			failed++
		}
		for _, s := range run.Spans.Entries {
			phases[s.Phase] = phases[s.Phase] || s.Ended
		}
	}
	// One was killed, one interrupted, and two verifications gave no certificate.
	if len(r.History.Runs) != 12 || killed != 1 || failed != 3 {
		t.Errorf("got %d runs, %d without an end, %d failed, want 12, 1, 3", len(r.History.Runs), killed, failed)
	}
	for _, phase := range []string{"metadata", "snapshot", "copy", "restore", "block writes", "last round", "switch aliases"} {
		if !phases[phase] {
			t.Errorf("no run tells of the end of phase %q", phase)
		}
	}
	if r.Freeze == nil || len(r.Freeze.Steps) < 8 || r.Downtime != nil || r.Running {
		t.Errorf("got freeze %+v and downtime %+v, want the steps and no prediction", r.Freeze, r.Downtime)
	}
	if ix := r.History.Indices["code"]; ix.Deleted == 0 {
		t.Errorf("code: got %+v, want what was deleted", ix)
	}
	ix := r.History.Indices["streamed-logs"]
	if ix.Count < 4 || ix.Documents < 3000 || ix.Requests == 0 {
		t.Errorf("streamed-logs: got %+v, want its rounds", ix)
	}
	if v := ix.Verified; v == nil || !v.Equal || v.Source != v.Target || len(v.Source.Digest) != 32 {
		t.Errorf("streamed-logs: got %+v, want the digests", v)
	}
}

// mustBeWellFormed reads a page to its end: every element is closed where it was
// opened, and none asks for anything outside.
func mustBeWellFormed(t *testing.T, text string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		for _, a := range e.Attr {
			if e.Name.Local == "script" || a.Name.Local == "src" || a.Name.Local == "href" {
				t.Errorf("the page asks for %s %s", e.Name.Local, a.Value)
			}
		}
	}
}
