package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"esferry/internal/corpus"
	"esferry/internal/group"
	"esferry/internal/lab"
)

// maxFreeze is what the demo promises for its three indices.
const maxFreeze = 3.0

func main() {
	stay := flag.Bool("stay", false, "leave the ferry to you: start both clusters, with documents and a live writer, and keep them up")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := demonstrate(ctx, *stay)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// stage is what the demo plays on.
type stage struct {
	lab            *lab.Lab
	source, target *lab.Cluster
	from, to       *lab.Gateway
	// binary is esferry, yaml its configuration.
	binary, yaml string
	indices      []string
	// shards of each index.
	shards map[string]int
}

func demonstrate(ctx context.Context, stay bool) (err error) {
	began := time.Now()
	l, err := lab.Open(ctx, lab.Options{Log: os.Stdout})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	s := &stage{lab: l, shards: map[string]int{}}
	steps := []func(ctx context.Context) error{s.build, s.start, s.load, s.configure, s.play}
	if stay {
		steps = []func(ctx context.Context) error{s.start, s.load, s.stay}
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	say("the whole demo took %.0f s", time.Since(began).Seconds())
	return nil
}

func say(format string, args ...any) { fmt.Printf("\n== "+format+"\n", args...) }

func (s *stage) build(ctx context.Context) error {
	dir, err := s.lab.Folder("bin")
	if err != nil {
		return err
	}
	s.binary = filepath.Join(dir, "esferry")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", s.binary, "./cmd/esferry") //nolint:gosec // the folder is the lab's own
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build esferry: %w\n%s", err, out)
	}
	return nil
}

// start brings up an Elasticsearch and an OpenSearch, each with a bucket.
func (s *stage) start(ctx context.Context) error {
	say("two clusters and two S3 providers")
	for _, side := range []struct {
		name    string
		engine  lab.Engine
		cluster **lab.Cluster
		gateway **lab.Gateway
	}{{"old", lab.ES710, &s.source, &s.from}, {"new", lab.OS219, &s.target, &s.to}} {
		folder, err := s.lab.Folder(side.name + "-provider")
		if err != nil {
			return err
		}
		if *side.gateway, err = s.lab.Gateway(ctx, folder); err != nil {
			return err
		}
		if _, err := (*side.gateway).Bucket("snaps"); err != nil {
			return err
		}
		if *side.cluster, err = s.lab.Start(ctx, lab.Spec{Engine: side.engine, Name: side.name, RepoDirs: []string{folder}, Heap: "1g"}); err != nil {
			return err
		}
	}
	return nil
}

// load fills three indices: one of real text, two daily ones of logs.
func (s *stage) load(ctx context.Context) error {
	say("documents: the declarations of the Go standard library, and two days of logs")
	e, err := corpus.Open(ctx, s.source.URL(), nil)
	if err != nil {
		return err
	}
	day := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for _, index := range []struct {
		name, mapping string
		shards        int
		docs          corpus.Docs
	}{
		{"code", corpus.LibraryMapping, 3, corpus.Library(ctx)},
		{"logs-2026.11.01", "", 2, corpus.Logs(day, 20000, 1)},
		// Today's is short yet, and the busiest.
		{"logs-2026.11.02", "", 2, corpus.Logs(day.AddDate(0, 0, 1), 5000, 1)},
	} {
		if err := e.Create(ctx, index.name, index.shards, index.mapping); err != nil {
			return err
		}
		loaded, err := e.Load(ctx, index.name, index.docs)
		if err != nil {
			return err
		}
		fmt.Printf("%-16s %6d documents, %5.1f MiB\n", index.name, loaded.Docs, float64(loaded.Bytes)/(1<<20))
		s.indices, s.shards[index.name] = append(s.indices, index.name), index.shards
	}
	return nil
}

func (s *stage) configure(context.Context) error {
	dir, err := s.lab.Folder("ferry")
	if err != nil {
		return err
	}
	s.yaml = filepath.Join(dir, "ferry.yaml")
	text := fmt.Sprintf(`name: demo
source: {url: %q}
target: {url: %q}
indices:
  include: [code, "logs-*"]
  # One index goes by stream, at the same time as the others go by snapshot.
  paths: {"logs-2026.11.02": stream}
snapshot:
  repository: ferry
  source: {type: fs, settings: {location: %q}}
  target: {type: fs, settings: {location: %q}}
  copy:
    from: {bucket: snaps, endpoint: %q, region: %s, access_key_id: %s, secret_access_key: "${env:DEMO_FROM_SECRET}"}
    to: {bucket: snaps, endpoint: %q, region: %s, access_key_id: %s, secret_access_key: "${env:DEMO_TO_SECRET}"}
cutover:
  max_lag: 200
  aliases: {search: code}
`, s.source.URL(), s.target.URL(), filepath.Join(s.from.Dir, "snaps"), filepath.Join(s.to.Dir, "snaps"),
		s.from.URL, s.from.Region, s.from.AccessKey, s.to.URL, s.to.Region, s.to.AccessKey)
	if err := os.WriteFile(s.yaml, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	return nil
}

// play runs the ferry under a live writer, and judges the end.
func (s *stage) play(ctx context.Context) error {
	w := corpus.NewWriter(corpus.WriterOptions{URL: s.source.URL(), Indices: s.indices, Rate: 150, Seed: 1})
	g, _ := group.New(ctx)
	g.Go("live writer", w.Run)
	say("esferry plan")
	err := s.esferry(ctx, os.Stdout, "plan")
	var summary bytes.Buffer
	if err == nil {
		say("esferry run --cutover, while an application inserts, updates and deletes")
		err = s.esferry(ctx, io.MultiWriter(os.Stdout, &summary), "run", "--cutover")
	}
	w.Stop()
	if err := errors.Join(err, g.Wait()); err != nil {
		return err
	}
	stats := w.Stats()
	say("the application meanwhile: %s", stats)
	if stats.Refused == 0 || stats.Failed > 0 {
		return fmt.Errorf("the writer was to meet the write block and nothing else: %s", stats)
	}
	if err := s.compare(ctx); err != nil {
		return err
	}
	return s.judgeFreeze(ctx)
}

func (s *stage) esferry(ctx context.Context, stdout io.Writer, args ...string) error {
	cmd := exec.CommandContext(ctx, s.binary, append(args, "-c", s.yaml)...) //nolint:gosec // the binary was built above
	cmd.Stdout, cmd.Stderr = stdout, os.Stdout
	cmd.Env = append(os.Environ(), "DEMO_FROM_SECRET="+s.from.SecretKey, "DEMO_TO_SECRET="+s.to.SecretKey)
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("esferry %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

// compare reads both sides document by document.
func (s *stage) compare(ctx context.Context) error {
	say("both sides, document by document")
	for _, index := range s.indices {
		d, err := lab.Compare(ctx, s.source.URL(), s.target.URL(), index, index)
		if err != nil {
			return err
		}
		fmt.Printf("%-16s %s\n", index, d)
		if !d.Equal() {
			return fmt.Errorf("index %s differs", index)
		}
	}
	return nil
}

// judgeFreeze asks esferry how long writers were held back, and tells it beside
// what the bare requests take now.
func (s *stage) judgeFreeze(ctx context.Context) error {
	var out bytes.Buffer
	if err := s.esferry(ctx, &out, "status", "--json"); err != nil {
		return err
	}
	var status struct {
		Freeze *struct {
			Seconds float64
			Steps   []struct {
				Step    string
				Seconds float64
			}
		}
	}
	if err := json.Unmarshal(out.Bytes(), &status); err != nil || status.Freeze == nil {
		return fmt.Errorf("the status tells no freeze: %s", out.Bytes())
	}
	say("the freeze, step by step")
	for _, step := range status.Freeze.Steps {
		fmt.Printf("  %-28s %.3f s\n", step.Step, step.Seconds)
	}
	say("its floor: the same work in bare requests, now")
	floor, err := s.floor(ctx)
	if err != nil {
		return err
	}
	say("equal on both sides; writers were held back for %.2f s, %.1f times the %.2f s of the bare requests",
		status.Freeze.Seconds, status.Freeze.Seconds/floor.Seconds(), floor.Seconds())
	if status.Freeze.Seconds > maxFreeze {
		return fmt.Errorf("the freeze took %.2f s, more than the %.0f s promised", status.Freeze.Seconds, maxFreeze)
	}
	return nil
}
