package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"esferry/bench/results"
)

// measure makes a part's documents and runs its tools in turns.
func (s *stage) measure(ctx context.Context, p part, tools []tool, c choice, into *results.Results) error {
	d, err := prepare(p.shape, p.docs)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := s.fill(ctx, d); err != nil {
		return fmt.Errorf("load the source: %w", err)
	}
	say("%d %s, %.0f MB, loaded in %.1f s", d.count(), p.shape.name, float64(d.bytes)/1e6, time.Since(began).Seconds())
	bulk, warmed := s.bulks[p.shape.name]
	if !warmed {
		if bulk, err = s.warm(ctx, d, c.bulk, tools); err != nil {
			return fmt.Errorf("warm the engines: %w", err)
		}
		s.bulks[p.shape.name] = bulk
	}
	for round := range c.rounds {
		for _, t := range tools {
			r, err := s.once(ctx, t, d, bulk)
			if err != nil {
				return err
			}
			r.Part, r.Round = p.name, round+1
			say("round %d: %s: %.2f s, client CPU %.2f s %s", r.Round, t.name, r.Seconds, r.ClientCPU, results.OneLine(r.Failed))
			into.Runs = append(into.Runs, r)
		}
	}
	return nil
}

// warmings is how often each way to read and to write is warmed: Java's compiler
// goes by how often code has run, what esferry asks for is not what bare bulks are,
// and moves of few large documents get faster for about ten runs.
const warmings = 4

// warm gives both engines work that is not counted, and finds the size of bulk
// that the target takes fastest.
func (s *stage) warm(ctx context.Context, d *documents, mib int, tools []tool) (bulk int, err error) {
	sizes := []int{4, 1, 2, 4, 8}
	if mib > 0 {
		sizes = []int{mib}
	}
	for _, t := range tools {
		if !t.is("esferry") && t.name != "scroll" {
			continue
		}
		for range warmings {
			if _, err := s.once(ctx, t, d, sizes[0]<<20); err != nil {
				return 0, err
			}
		}
	}
	limit := s.bare()[0]
	fastest := 0.0
	for i, size := range sizes {
		r, err := s.once(ctx, limit, d, size<<20)
		if err != nil {
			return 0, err
		}
		if r.Failed != "" {
			return 0, errors.New(r.Failed)
		}
		say("warming: bulks of %d MiB: %.2f s", size, r.Seconds)
		// The first pays for the engine's compiler.
		if len(sizes) == 1 || i > 0 && (fastest == 0 || r.Seconds < fastest) {
			fastest, bulk = r.Seconds, size<<20
		}
	}
	return bulk, nil
}

// once lets one tool move the index into a new one. A tool that fails is a
// result, not an error.
func (s *stage) once(ctx context.Context, t tool, d *documents, bulk int) (r results.Run, err error) {
	r = results.Run{Shape: d.shape.name, Docs: d.count(), Bytes: d.bytes, Bulk: bulk, Tool: t.name}
	if err := s.fresh(ctx, s.target, d.shape.mapping); err != nil {
		return r, err
	}
	dir, remove, err := s.folder()
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	sourceBefore, targetBefore, err := s.busy()
	if err != nil {
		return r, err
	}
	u, failed := t.run(ctx, &trial{documents: d, bulk: bulk, dir: dir})
	refreshing := time.Now()
	if failed == nil && !t.reads {
		failed = s.refreshed(ctx, s.target, d.count())
	}
	if ctx.Err() != nil {
		return r, ctx.Err()
	}
	// A tool's time is over when what it wrote can be found.
	refresh := time.Since(refreshing)
	r.Seconds, r.Refresh = (u.Wall + refresh).Seconds(), refresh.Seconds()
	r.ClientCPU, r.Peak = u.CPU.Seconds(), float64(u.Peak)/1e6
	if failed != nil {
		r.Failed = failed.Error()
	}
	source, target, err := s.busy()
	r.SourceCPU, r.TargetCPU = (source - sourceBefore).Seconds(), (target - targetBefore).Seconds()
	return r, err
}

// say tells what is going on, beside the report.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...) }
