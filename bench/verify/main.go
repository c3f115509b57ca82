package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"esferry/bench/measure"
	"esferry/internal/corpus"
	"esferry/internal/lab"
	"esferry/internal/lab/faults"
)

const (
	// index is what is compared.
	index = "logs"
	// heap of each engine. With 2 GB one page of 10,000 after the other, as fast as they
	// come, now and then met the circuit breaker that counts garbage, too (429).
	heap = "4g"
)

func main() {
	docs := flag.Int("docs", 500_000, "documents of about 700 bytes")
	rounds := flag.Int("rounds", 5, "how often each is measured")
	shards := flag.Int("shards", 1, "shards of the index: a bare scroll of one takes a core, so that two cores serve both sides at once")
	latency := flag.Duration("latency", 0, "what each request takes to reach an engine, so that these are not all that bounds")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := compare(ctx, *docs, *rounds, *shards, *latency)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// stage is two engines with the same index.
type stage struct {
	lab            *lab.Lab
	http           *http.Client
	source, target *lab.Cluster
	// from and to are where both are reached.
	from, to     string
	binary, yaml string
	shards       int
}

func compare(ctx context.Context, docs, rounds, shards int, latency time.Duration) (err error) {
	l, err := lab.Open(ctx, lab.Options{Log: os.Stderr})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	s := &stage{lab: l, shards: shards, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * shards, DisableCompression: true}}}
	if err := s.prepare(ctx, docs); err != nil {
		return err
	}
	if latency > 0 {
		leave, err := s.moveAway(ctx, latency)
		if err != nil {
			return err
		}
		defer leave()
	}
	taken := map[string][]float64{}
	fmt.Println("| round | what | seconds |\n|---|---|---|")
	trials := s.trials()
	// The first round warms both engines and is not counted. An engine collects the
	// garbage of one trial during the next, so that the order is another in each round;
	// it is the same in each run.
	order := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // it keeps no secret
	for round := range rounds + 1 {
		for _, i := range order.Perm(len(trials)) {
			t := trials[i]
			took, err := t.run(ctx)
			if err != nil {
				return err
			}
			if round == 0 {
				continue
			}
			for i, what := range t.measures {
				taken[what] = append(taken[what], took[i].Seconds())
				fmt.Printf("| %d | %s | %.2f |\n", round, what, took[i].Seconds())
			}
		}
	}
	s.judge(taken)
	return nil
}

// trial is one thing that is done, and what is measured of it.
type trial struct {
	measures []string
	run      func(ctx context.Context) ([]time.Duration, error)
}

// What is measured.
const (
	scrollSource = "scroll of the source"
	scrollTarget = "scroll of the target"
	scrollBoth   = "both scrolls at the same time"
	usualSource  = "scroll of the source, pages of 1,000"
	usualTarget  = "scroll of the target, pages of 1,000"
	compareBy    = "verify --level "
	// inside is what the command says of the comparison: without its own start, the
	// connections, and the store, which a bare scroll has behind it when it begins.
	inside = ", the comparison in it"
)

func (s *stage) trials() []trial {
	bare := func(what string, page int, engines ...string) trial {
		return trial{[]string{what}, func(ctx context.Context) ([]time.Duration, error) {
			took, err := s.scroll(ctx, page, engines...)
			return []time.Duration{took}, err
		}}
	}
	level := func(name string) trial {
		return trial{[]string{compareBy + name, compareBy + name + inside}, func(ctx context.Context) ([]time.Duration, error) { return s.verify(ctx, name) }}
	}
	return []trial{
		bare(scrollSource, largest, s.from),
		bare(scrollTarget, largest, s.to),
		level("content"),
		bare(scrollBoth, largest, s.from, s.to),
		bare(usualSource, usual, s.from),
		bare(usualTarget, usual, s.to),
		level("ids"),
	}
}

// judge prints medians and ratios.
func (s *stage) judge(taken map[string][]float64) {
	median := func(what string) float64 { return measure.Median(taken[what]) }
	slower, asUsual := max(median(scrollSource), median(scrollTarget)), max(median(usualSource), median(usualTarget))
	fmt.Println("\n| what | seconds (median) | of the slower scroll | of the slower, pages of 1,000 | of both at once |\n|---|---|---|---|---|")
	for _, t := range s.trials() {
		for _, what := range t.measures {
			m := median(what)
			fmt.Printf("| %s | %.2f | %.2f | %.2f | %.2f |\n", what, m, m/slower, m/asUsual, m/median(scrollBoth))
		}
	}
}

// prepare starts the engines, loads the source, and carries the index.
func (s *stage) prepare(ctx context.Context, docs int) (err error) {
	dir, err := s.lab.Folder("bench")
	if err != nil {
		return err
	}
	s.binary, s.yaml = filepath.Join(dir, "esferry"), filepath.Join(dir, "ferry.yaml")
	if err := run(ctx, nil, "go", "build", "-trimpath", "-o", s.binary, "./cmd/esferry"); err != nil {
		return err
	}
	full := []string{lab.Optimized}
	if s.source, err = s.lab.Start(ctx, lab.Spec{Engine: lab.ES710, Name: "old", Heap: heap, JVM: full}); err != nil {
		return err
	}
	if s.target, err = s.lab.Start(ctx, lab.Spec{Engine: lab.OS219, Name: "new", Heap: heap, JVM: full}); err != nil {
		return err
	}
	e, err := corpus.Open(ctx, s.source.URL(), nil)
	if err != nil {
		return err
	}
	if err := e.Create(ctx, index, s.shards, corpus.LogMapping); err != nil {
		return err
	}
	loaded, err := e.Load(ctx, index, corpus.Logs(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), docs, 1))
	if err != nil {
		return err
	}
	fmt.Printf("%d documents, %.0f MB, %d shards; %s and %s on one machine\n\n", loaded.Docs, float64(loaded.Bytes)/1e6, s.shards, s.source.Engine, s.target.Engine)
	s.from, s.to = s.source.URL(), s.target.URL()
	if err := s.configure(); err != nil {
		return err
	}
	return run(ctx, nil, s.binary, "run", "-c", s.yaml)
}

// configure writes the ferry's configuration.
func (s *stage) configure() error {
	text := fmt.Sprintf("name: bench\nsource: {url: %q}\ntarget: {url: %q}\nindices: {include: [%s]}\ncheckpoint: {path: %q}\n", s.from, s.to, index, s.yaml+".db")
	if err := os.WriteFile(s.yaml, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	return nil
}

// moveAway puts a delay before both engines.
func (s *stage) moveAway(ctx context.Context, latency time.Duration) (leave func(), err error) {
	var proxies []*faults.Proxy
	leave = func() {
		for _, p := range proxies {
			p.Close()
		}
	}
	for _, url := range []*string{&s.from, &s.to} {
		p, err := faults.Start(ctx, *url)
		if err != nil {
			leave()
			return nil, err
		}
		proxies = append(proxies, p)
		p.Use(faults.Rule{Fault: faults.Delay, For: latency})
		*url = p.URL
	}
	return leave, s.configure()
}

// verify gives how long the whole command took, from its start to its end, and how
// long the comparison in it.
func (s *stage) verify(ctx context.Context, level string) ([]time.Duration, error) {
	var out bytes.Buffer
	began := time.Now()
	if err := run(ctx, &out, s.binary, "verify", "--level", level, "--json", "-c", s.yaml); err != nil {
		return nil, err
	}
	took := time.Since(began)
	lines := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))
	var summary struct {
		Equal   bool
		Indices []struct{ Verification struct{ Seconds float64 } }
	}
	if err := json.Unmarshal(lines[len(lines)-1], &summary); err != nil || !summary.Equal || len(summary.Indices) != 1 {
		return nil, fmt.Errorf("the sides are not equal: %s (%w)", lines[len(lines)-1], err)
	}
	compared := time.Duration(summary.Indices[0].Verification.Seconds * float64(time.Second))
	return []time.Duration{took, compared}, nil
}

func run(ctx context.Context, stdout *bytes.Buffer, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // the binary is built here
	var told bytes.Buffer
	cmd.Stdout, cmd.Stderr = &told, &told
	if stdout != nil {
		cmd.Stdout = stdout
	}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %v: %w\n%s", name, args, err, told.String())
	}
	return nil
}
