package journey_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"esferry/internal/lab"
	"esferry/internal/lab/faultcase"
	"esferry/internal/lab/faults"
	"esferry/internal/retry"
)

// piecewise writes a configuration whose snapshot section has more lines.
func (p *pair) piecewise(t *testing.T, name, include, snapshot string) string {
	t.Helper()
	yaml := p.config(t, name, include, "")
	text := strings.Replace(read(t, yaml), "  repository: ferry\n", "  repository: "+name+"\n"+snapshot, 1)
	if err := os.WriteFile(yaml, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return yaml
}

// taken is what snapshot create tells.
type taken struct {
	Snapshot, State string
	Start           int64 `json:"start_millis"`
	End             int64 `json:"end_millis"`
}

func (o outcome) last(t *testing.T, to any) {
	t.Helper()
	decode(t, lastLine(o.stdout), to)
}

// night is what a nightly job does.
func (p *pair) night(t *testing.T, yaml string) (s taken, copied, objects int64) {
	t.Helper()
	esferry(t, "snapshot", "create", "--json", "-c", yaml).want(t, 0).last(t, &s)
	if s.State != "SUCCESS" || s.End < s.Start || s.Start == 0 {
		t.Errorf("got snapshot %+v, want it whole, with its times", s)
	}
	type total struct{ Objects, Bytes int64 }
	var c struct{ Copied, Source, Target total }
	esferry(t, "repo", "copy", "--json", "-c", yaml).want(t, 0).last(t, &c)
	if c.Source != c.Target || c.Source.Objects == 0 {
		t.Errorf("got buckets of %+v and %+v, want them equal", c.Source, c.Target)
	}
	var r summary
	esferry(t, "restore", "--json", "-c", yaml).want(t, 0).last(t, &r)
	if !r.Equal {
		t.Errorf("got %+v, want it equal", r)
	}
	return s, c.Copied.Objects, c.Target.Objects
}

// TestIncrementalNights takes a snapshot, copies it and restores it; then again
// after a change: only what is new is copied, and it is restored over the closed
// index, whose own settings and aliases stay.
func TestIncrementalNights(t *testing.T) {
	t.Parallel()
	p := newPair(t, lab.Spec{Engine: lab.ES710}, lab.Spec{Engine: lab.OS219})
	p.load(t, library(t, 3000), logs("logs-a", 2000))
	yaml := p.piecewise(t, "nights", `code, "logs-*"`, "  on_existing: close\n")
	_, copied, objects := p.night(t, yaml)
	if copied != objects || copied == 0 {
		t.Errorf("first night: got %d objects copied of %d, want all", copied, objects)
	}
	p.mustBeEqual(t, "code", "logs-a")
	call(t, "PUT", p.target.URL()+"/code/_settings", `{"index.refresh_interval":"7s","index.routing.allocation.exclude._name":"nobody"}`)
	call(t, "POST", p.target.URL()+"/_aliases", `{"actions":[{"add":{"index":"code","alias":"own"}}]}`)
	p.change(t, "code", 0)
	before := p.objects(t)
	second, copied, objects := p.night(t, yaml)
	fresh := int64(0)
	for name := range p.objects(t) {
		if !before[name] {
			fresh++
		}
	}
	t.Logf("second night: %d objects of %d are new, %d copied", fresh, objects, copied)
	// index.latest is written anew, and the root before this one may go again.
	if copied < fresh || copied > fresh+2 || fresh+2 >= objects {
		t.Errorf("second night: got %d objects copied of %d, want the %d new ones", copied, objects, fresh)
	}
	p.mustBeEqual(t, "code", "logs-a")
	settings := call(t, "GET", p.target.URL()+"/code/_settings?flat_settings=true", "")
	for _, own := range []string{`"index.refresh_interval":"7s"`, `"index.routing.allocation.exclude._name":"nobody"`} {
		if !strings.Contains(settings, own) {
			t.Errorf("the target's own %s is lost: %s", own, settings)
		}
	}
	if aliases := call(t, "GET", p.target.URL()+"/code/_alias", ""); !strings.Contains(aliases, "own") || strings.Contains(aliases, "search") {
		t.Errorf("got aliases %s, want the target's own alone", aliases)
	}
	if o := esferry(t, "snapshot", "status", "-c", yaml).want(t, 0); !strings.Contains(o.stdout, second.Snapshot+": SUCCESS, 5 of 5 shards") {
		t.Errorf("the status of the newest: got %s", o.stdout)
	}
	if o := esferry(t, "snapshot", "delete", second.Snapshot, "-c", yaml).want(t, 2); !strings.Contains(o.stderr, "nothing was changed") {
		t.Errorf("a delete that nobody agrees to: got %s", o.stderr)
	}
	// Done is done.
	if o := esferry(t, "restore", "-c", yaml).want(t, 0); !strings.Contains(o.stderr, "nothing is done") {
		t.Errorf("the same restore again: got %s", tail(o.stderr))
	}
	p.mustKeepOne(t, yaml, second.Snapshot)
}

// objects names what the source's bucket holds.
func (p *pair) objects(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	err := filepath.WalkDir(filepath.Join(p.from.Dir, "snaps"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			names[path] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// mustKeepOne deletes all snapshots but the last, and none of somebody else's.
func (p *pair) mustKeepOne(t *testing.T, yaml, last string) {
	t.Helper()
	call(t, "PUT", p.source.URL()+"/_snapshot/nights/foreign?wait_for_completion=true", `{"indices":"code","include_global_state":false}`)
	if o := esferry(t, "snapshot", "delete", "foreign", "--yes", "-c", yaml).want(t, 2); !strings.Contains(o.stderr, "--any") {
		t.Errorf("somebody else's: got %s", o.stderr)
	}
	esferry(t, "snapshot", "delete", "--keep", "1", "--yes", "-c", yaml).want(t, 0)
	var list struct {
		Snapshots []struct {
			Snapshot string
			Ours     bool
		}
	}
	esferry(t, "snapshot", "list", "--json", "-c", yaml).want(t, 0).last(t, &list)
	if l := list.Snapshots; len(l) != 2 || l[0].Snapshot != last || !l[0].Ours || l[1].Snapshot != "foreign" || l[1].Ours {
		t.Errorf("got %+v, want the last one of ours, and the foreign one", l)
	}
}

// killedAt kills the binary once the proxy has done to it what its rules say.
func killedAt(t *testing.T, proxy *faults.Proxy, rule faults.Rule, args ...string) {
	t.Helper()
	before := proxy.Injected()
	proxy.Use(rule)
	run := started(t, args...)
	err := retry.Poll(t.Context(), "the fault "+string(rule.Fault), 20*time.Millisecond, func(context.Context) (bool, error) {
		return proxy.Injected() > before, nil
	})
	run.kill(t)
	proxy.Use()
	if err != nil {
		t.Fatal(err)
	}
	run.mustNotHaveFailed(t)
}

// TestPiecesKilled kills snapshot create and restore in the middle of each step;
// the next call goes on, and the engines are asked for nothing twice.
func TestPiecesKilled(t *testing.T) {
	faultcase.Shows(t, 1, "in the middle of a snapshot, of a restore and of each step around them")
	faultcase.Shows(t, 4, "snapshot and restore: the answer is lost, or is a 504")
	t.Parallel()
	p := newPair(t, lab.Spec{Engine: lab.ES710}, lab.Spec{Engine: lab.OS219})
	p.load(t, library(t, 3000))
	source, target := p.proxied(t)
	yaml := p.piecewise(t, "pieces", "code", "  on_existing: close\n")
	text := strings.ReplaceAll(read(t, yaml), `type: fs, settings: {`, `type: fs, settings: {max_snapshot_bytes_per_sec: 1mb, max_restore_bytes_per_sec: 1mb, `)
	if err := os.WriteFile(yaml, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	create := []string{"snapshot", "create", "--json", "-c", yaml}
	restore := []string{"restore", "--json", "-c", yaml}

	run := started(t, create...)
	run.await(t, `"progress"`, `"snapshot"`, `"total_files"`)
	run.kill(t)
	if o := esferry(t, "status", "-c", yaml).want(t, 0); !strings.Contains(o.stdout, "has not ended") {
		t.Errorf("the status does not tell of the snapshot: %s", o.stdout)
	}
	esferry(t, create...).want(t, 0)
	p.mustHoldSnapshots(t, 1)
	esferry(t, "repo", "copy", "-c", yaml).want(t, 0)

	// In the middle of the first restore.
	run = started(t, restore...)
	run.await(t, `"progress"`, `"await restore"`, `"total_files"`)
	run.kill(t)
	asked := p.restoreUUID(t, "code")
	esferry(t, restore...).want(t, 0)
	if again := p.restoreUUID(t, "code"); again != asked {
		t.Errorf("it was restored twice: %s, then %s", asked, again)
	}
	p.mustBeEqual(t, "code")

	// Every fault that hides what became of a request, and a kill under it.
	for i, hidden := range []faults.Fault{faults.GatewayTimeout, faults.LoseAnswer} {
		p.change(t, "code", i)
		source.Use(faults.Rule{Kinds: []faults.Kind{faults.TakeSnapshot}, Fault: hidden})
		esferry(t, create...).want(t, 0)
		source.Use()
		p.mustHoldSnapshots(t, 2+2*i)
		esferry(t, "repo", "copy", "-c", yaml).want(t, 0)
		if i == 0 {
			killedAt(t, target, faults.Rule{Kinds: []faults.Kind{faults.RestoreSnapshot}, Fault: faults.Refuse}, restore...)
			p.mustTellOfTheClosed(t, yaml)
			// A newer snapshot does not make it forget what is to be put back.
			p.change(t, "code", 7)
			esferry(t, create...).want(t, 0)
			esferry(t, "repo", "copy", "-c", yaml).want(t, 0)
		} else {
			killedAt(t, target, faults.Rule{Kinds: []faults.Kind{faults.PutSettings}, Fault: faults.Refuse}, restore...)
		}
		target.Use(faults.Rule{Kinds: []faults.Kind{faults.RestoreSnapshot}, Fault: hidden})
		esferry(t, restore...).want(t, 0)
		target.Use()
		if s := call(t, "GET", p.target.URL()+"/code/_settings?flat_settings=true", ""); strings.Contains(s, `"index.refresh_interval":"-1"`) {
			t.Errorf("its settings are not put back: %s", s)
		}
		p.mustBeEqual(t, "code")
	}
}

// mustTellOfTheClosed: an index does not stay closed without a word.
func (p *pair) mustTellOfTheClosed(t *testing.T, yaml string) {
	t.Helper()
	if got := call(t, "GET", p.target.URL()+"/_cat/indices/code?h=status", ""); strings.TrimSpace(got) != "close" {
		t.Fatalf("the index is %s after the kill, so that the test shows nothing", got)
	}
	if o := esferry(t, "status", "-c", yaml).want(t, 0); !strings.Contains(o.stdout, "may be closed") {
		t.Errorf("the status does not tell of the closed index: %s", o.stdout)
	}
}

func (p *pair) mustHoldSnapshots(t *testing.T, want int) {
	t.Helper()
	if got := strings.Count(call(t, "GET", p.source.URL()+"/_snapshot/pieces/_all", ""), `"snapshot":"`); got != want {
		t.Errorf("got %d snapshots in the repository, want %d", got, want)
	}
}

// restoreUUID tells one restore from another.
func (p *pair) restoreUUID(t *testing.T, index string) string {
	t.Helper()
	_, after, found := strings.Cut(call(t, "GET", p.target.URL()+"/"+index+"/_recovery", ""), `"restoreUUID":"`)
	if !found {
		t.Fatal("the target tells of no restore")
	}
	id, _, _ := strings.Cut(after, `"`)
	return id
}
