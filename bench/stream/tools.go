package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"esferry/bench/measure"
	"esferry/bench/results"
)

// tool is what moves the index, or a part of moving it.
type tool struct {
	name string
	// how says with which settings.
	how string
	// reads says that nothing is written, so that nothing is counted.
	reads bool
	run   func(ctx context.Context, t *trial) (measure.Usage, error)
}

// is tells whether the command line's name means the tool.
func (t tool) is(name string) bool { return t.name == name || strings.HasPrefix(t.name, name+"-") }

// trial is one run of one tool.
type trial struct {
	documents *documents
	// bulk is what the target takes best, in bytes.
	bulk int
	// dir is a folder for this run alone.
	dir string
}

// tools gives all that are wanted, ours first, and what is to be said of each,
// also of those that could not be had.
func (s *stage) tools(ctx context.Context, c choice, wanted []string) (tools []tool, told []results.Tool, err error) {
	ferries, err := s.ferries(ctx, c.ferries)
	if err != nil {
		return nil, nil, err
	}
	for _, t := range chosen(append(ferries, s.bare()...), wanted) {
		tools, told = append(tools, t), append(told, results.Tool{Name: t.name, How: t.how})
	}
	for _, p := range peers(c.esm) {
		if len(chosen([]tool{{name: p.name}}, wanted)) == 0 {
			continue
		}
		argv, err := p.install(ctx, s.lab)
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		told = append(told, results.Tool{Name: p.name, How: p.how, Missing: err != nil})
		if err != nil {
			say("%s cannot be had: %v", p.name, err)
			continue
		}
		tools = append(tools, s.peer(p, argv))
	}
	for _, name := range wanted {
		if !slices.ContainsFunc(told, func(t results.Tool) bool { return tool{name: t.Name}.is(name) }) {
			return nil, nil, fmt.Errorf("there is no tool %q", name)
		}
	}
	return tools, told, nil
}

// ferries gives the builds of esferry that are named, or this tree's.
func (s *stage) ferries(ctx context.Context, named []string) (tools []tool, err error) {
	if len(named) == 0 {
		path := filepath.Join(s.dir, "esferry")
		if _, _, err := measure.Run(ctx, measure.Program{Argv: []string{"go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "./cmd/esferry"}}); err != nil {
			return nil, err
		}
		named = []string{"=" + path}
	}
	for _, n := range named {
		name, path, ok := strings.Cut(n, "=")
		if !ok {
			return nil, fmt.Errorf("-esferry %s: want NAME=PATH", n)
		}
		t := tool{name: strings.TrimSuffix("esferry-"+name, "-"), how: "`esferry backfill " + index + "`, as it is"}
		t.run = func(ctx context.Context, t *trial) (measure.Usage, error) {
			yaml, err := s.config(t.dir)
			if err != nil {
				return measure.Usage{}, err
			}
			u, _, err := measure.Run(ctx, measure.Program{Argv: []string{path, "backfill", index, "-c", yaml}})
			return u, err
		}
		tools = append(tools, t)
	}
	return tools, nil
}

// config writes the ferry.yaml of one run.
func (s *stage) config(dir string) (path string, err error) {
	path = filepath.Join(dir, "ferry.yaml")
	text := fmt.Sprintf("name: bench\nsource: {url: %q}\ntarget: {url: %q}\nindices: {include: [%s]}\n", s.source.URL(), s.target.URL(), index)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return "", fmt.Errorf("write the ferry's configuration: %w", err)
	}
	return path, nil
}

// bare gives what is done by requests alone: the limit, the scroll and the
// engines' own way.
func (s *stage) bare() []tool {
	return []tool{
		{name: "limit", how: "bodies made before, four connections", run: func(ctx context.Context, t *trial) (measure.Usage, error) {
			bodies := t.documents.bodies(t.bulk)
			return inside(ctx, func(ctx context.Context) error {
				return s.send(ctx, s.target.URL()+"/"+index+"/_bulk", bodies)
			})
		}},
		{name: "scroll", how: "one scroll for each shard by `_doc`, pages of about 5 MB, thrown away", reads: true, run: func(ctx context.Context, t *trial) (measure.Usage, error) {
			return inside(ctx, func(ctx context.Context) error { return s.scroll(ctx, t.documents.shape.page) })
		}},
		{name: "reindex", how: "`_reindex` from remote, `source.size` of the same pages", run: func(ctx context.Context, t *trial) (measure.Usage, error) {
			return inside(ctx, func(ctx context.Context) error { return s.reindex(ctx, t.documents.shape.page) })
		}},
	}
}

// peer runs a fetched program.
func (s *stage) peer(p peer, argv []string) tool {
	return tool{name: p.name, how: p.how, run: func(ctx context.Context, t *trial) (measure.Usage, error) {
		command := append(append([]string{}, argv...), p.arguments(s.source.URL(), s.target.URL(), t.documents.shape.page)...)
		u, _, err := measure.Run(ctx, measure.Program{Argv: command, Dir: t.dir})
		return u, err
	}}
}

// folder makes a run's folder and gives what removes it.
func (s *stage) folder() (dir string, remove func() error, err error) {
	if dir, err = os.MkdirTemp(s.dir, "run-"); err != nil {
		return "", nil, fmt.Errorf("make a folder for a run: %w", err)
	}
	return dir, func() error { return os.RemoveAll(dir) }, nil
}
