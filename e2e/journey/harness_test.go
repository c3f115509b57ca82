package journey_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"esferry/internal/group"
	"esferry/internal/lab"
	"esferry/internal/lab/faults"
)

// world is what all tests share: the binary under test, with the race detector
// in it, and as it is released, where ratios are measured.
type world struct{ binary, released string }

// theWorld is set by TestMain before any test runs.
var theWorld world

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "esferry-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	theWorld.binary = filepath.Join(dir, "esferry")
	theWorld.released = filepath.Join(dir, "esferry-released")
	if err := compile(theWorld.binary, "-race"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	// With the flags of what the tests themselves are built from.
	if err := compile(theWorld.released, "-ldflags=-s -w"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir) //nolint:errcheck // the system clears its temporary folder
	os.Exit(code)
}

func compile(to, flag string) error {
	build := exec.CommandContext(context.Background(), "go", "build", flag, "-o", to, "./cmd/esferry")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build esferry: %w\n%s", err, out)
	}
	return nil
}

// pair is two clusters, each with an S3 gateway in front of its repository.
type pair struct {
	source, target *lab.Cluster
	from, to       *lab.Gateway
	dir            string
	// sourceURL and targetURL are where esferry finds the engines: themselves,
	// or a proxy in front of them.
	sourceURL, targetURL string
}

// proxied puts a proxy in front of each engine, for esferry alone.
func (p *pair) proxied(t *testing.T) (source, target *faults.Proxy) {
	t.Helper()
	var err error
	if source, err = faults.Start(t.Context(), p.source.URL()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(source.Close)
	if target, err = faults.Start(t.Context(), p.target.URL()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(target.Close)
	p.sourceURL, p.targetURL = source.URL, target.URL
	return source, target
}

// newPair starts two engines and their gateways for the length of a test.
func newPair(t *testing.T, source, target lab.Spec) *pair {
	t.Helper()
	l := lab.For(t)
	p := &pair{dir: t.TempDir()}
	g, _ := group.New(t.Context())
	for _, side := range []struct {
		name    string
		spec    lab.Spec
		gateway **lab.Gateway
		cluster **lab.Cluster
	}{{"source", source, &p.from, &p.source}, {"target", target, &p.to, &p.target}} {
		folder, err := l.Folder(side.name + "-buckets-" + strings.ToLower(filepath.Base(p.dir)) + strings.Map(letters, t.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if *side.gateway, err = l.Gateway(t.Context(), folder); err != nil {
			t.Fatal(err)
		}
		if _, err := (*side.gateway).Bucket("snaps"); err != nil {
			t.Fatal(err)
		}
		side.spec.Name = side.name
		side.spec.RepoDirs = []string{folder}
		g.Go(side.name, func(ctx context.Context) (err error) {
			*side.cluster, err = l.Start(ctx, side.spec)
			return err
		})
	}
	// Those that are up stop with the lab.
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	p.sourceURL, p.targetURL = p.source.URL(), p.target.URL()
	return p
}

func letters(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
		return r
	}
	return -1
}

// config writes a ferry.yaml and gives its path. extra is more YAML. Where it
// does not set max_delete, much may be deleted: a writer deletes all the time,
// and what a round finds gone grows with how busy the machine is.
func (p *pair) config(t *testing.T, name, include, extra string) string {
	t.Helper()
	if !strings.Contains(extra, "max_delete:") {
		extra = "max_delete: 90%\n" + extra
	}
	text := fmt.Sprintf(`name: %s
source: {url: %s}
target: {url: %s}
indices:
  include: [%s]
  paths: {"streamed*": stream}
snapshot:
  repository: ferry
  source: {type: fs, settings: {location: %q}}
  target: {type: fs, settings: {location: %q}}
  copy:
    from: {bucket: snaps, endpoint: %q, region: %s, access_key_id: %s, secret_access_key: %s}
    to: {bucket: snaps, endpoint: %q, region: %s, access_key_id: %s, secret_access_key: %s}
checkpoint: {path: %s.db}
%s`, name, p.sourceURL, p.targetURL, include,
		filepath.Join(p.from.Dir, "snaps"), filepath.Join(p.to.Dir, "snaps"),
		p.from.URL, p.from.Region, p.from.AccessKey, p.from.SecretKey,
		p.to.URL, p.to.Region, p.to.AccessKey, p.to.SecretKey, name, extra)
	path := filepath.Join(p.dir, name+".yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// outcome is how a command ended.
type outcome struct {
	code           int
	stdout, stderr string
}

// esferry runs the binary to its end.
func esferry(t *testing.T, args ...string) outcome {
	t.Helper()
	return finished(t, theWorld.binary, args...)
}

// finished runs a binary to its end.
func finished(t *testing.T, binary string, args ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("esferry %s: %v", strings.Join(args, " "), err)
	}
	return outcome{code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
}

// want fails the test unless the command ended with the code.
func (o outcome) want(t *testing.T, code int) outcome {
	t.Helper()
	if o.code != code {
		t.Fatalf("got exit code %d, want %d\nstdout: %s\nstderr: %s", o.code, code, tail(o.stdout), tail(o.stderr))
	}
	return o
}

func tail(s string) string {
	const most = 6000
	if len(s) > most {
		return "..." + s[len(s)-most:]
	}
	return s
}

// summary is the last line of a long command's JSON.
type summary struct {
	Type    string
	Equal   bool
	Indices []struct {
		Index, Path, Phase string
		SourceDocs         int64 `json:"source_docs"`
		TargetDocs         int64 `json:"target_docs"`
		Equal              bool
	}
	FreezeSeconds *float64                          `json:"freeze_seconds"`
	ThisRun       *struct{ Applied, Deleted int64 } `json:"this_run"`
}

func (o outcome) summary(t *testing.T) summary {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(o.stdout), "\n")
	var s summary
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &s); err != nil || s.Type != "summary" {
		t.Fatalf("the last line is no summary: %q (%v)", lines[len(lines)-1], err)
	}
	return s
}

// call sends a request to an engine and gives its answer; a status above 299
// fails the test.
func call(t *testing.T, method, url, body string) string {
	t.Helper()
	status, answer := lab.Ask(t, method, url, body)
	if status > 299 {
		t.Fatalf("%s %s: status %d: %s", method, url, status, tail(answer))
	}
	return answer
}
