package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"esferry/bench/measure"
	"esferry/internal/lab"
)

// The versions that are measured; they are in no go.mod.
const (
	elasticdumpVersion = "6.125.1"
	// The last of elasticsearch-py that speaks to both sides without a word
	// about who made them.
	pythonVersion = "7.13.4"
	esmVersion    = "v0.7.0"
)

//go:embed peers/helpers.py
var helpersScript string

// peer is a program that others move indices with.
type peer struct {
	name, how string
	// install gives the beginning of its command line.
	install   func(ctx context.Context, l *lab.Lab) (argv []string, err error)
	arguments func(source, target string, page int) []string
}

// peers gives all of them; esm is the path of one that was built already, or
// empty.
func peers(esm string) []peer {
	helpers := func(by string) func(source, target string, page int) []string {
		return func(source, target string, page int) []string {
			return []string{by, source, target, index, strconv.Itoa(page)}
		}
	}
	return []peer{
		{
			"elasticdump", "elasticdump " + elasticdumpVersion + " from npm, `--type=data --limit` of the same pages, `--noRefresh`",
			installElasticdump, func(source, target string, page int) []string {
				return []string{
					"--input=" + source + "/" + index, "--output=" + target + "/" + index, "--type=data",
					fmt.Sprintf("--limit=%d", page), "--noRefresh", "--quiet",
				}
			},
		},
		{"py-parallel_bulk", "elasticsearch-py " + pythonVersion + ", `helpers.scan` of the same pages into `helpers.parallel_bulk` of four threads", installPython, helpers("parallel_bulk")},
		{"py-reindex", "elasticsearch-py " + pythonVersion + ", `helpers.reindex` with chunks of the same pages", installPython, helpers("reindex")},
		{
			"esm", "esm " + esmVersion + ", four workers, bulks of 5 MB, one slice for each shard, `-c` of the same pages, `--sort=_doc`",
			installESM(esm), func(source, target string, page int) []string {
				return []string{
					"-s", source, "-d", target, "-x", index, "-y", index, "-w", strconv.Itoa(connections), "-b", "5",
					"-c", strconv.Itoa(page), "--sliced_scroll_size", strconv.Itoa(shards), "--sort", "_doc",
				}
			},
		},
	}
}

func installElasticdump(ctx context.Context, l *lab.Lab) ([]string, error) {
	dir, err := l.Cached(ctx, "elasticdump-"+elasticdumpVersion, func(ctx context.Context, dir string) error {
		_, _, err := measure.Run(ctx, measure.Program{
			Argv: []string{"npm", "install", "--prefix", dir, "--no-audit", "--no-fund", "--loglevel=error", "elasticdump@" + elasticdumpVersion}, Dir: dir,
		})
		return err
	})
	return []string{filepath.Join(dir, "node_modules", ".bin", "elasticdump")}, err
}

func installPython(ctx context.Context, l *lab.Lab) ([]string, error) {
	dir, err := l.Cached(ctx, "elasticsearch-py-"+pythonVersion, func(ctx context.Context, dir string) error {
		if _, _, err := measure.Run(ctx, measure.Program{Argv: []string{"python3", "-m", "venv", dir}}); err != nil {
			return err
		}
		_, _, err := measure.Run(ctx, measure.Program{Argv: []string{filepath.Join(dir, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check", "elasticsearch==" + pythonVersion}})
		return err
	})
	if err != nil {
		return nil, err
	}
	folder, err := l.Folder("peers")
	if err != nil {
		return nil, err
	}
	script := filepath.Join(folder, "helpers.py")
	return []string{filepath.Join(dir, "bin", "python3"), script}, os.WriteFile(script, []byte(helpersScript), 0o600)
}

// installESM takes what is given, or builds it, which needs a module proxy that
// serves it.
func installESM(path string) func(ctx context.Context, l *lab.Lab) ([]string, error) {
	return func(ctx context.Context, l *lab.Lab) ([]string, error) {
		if path != "" {
			// It runs in a folder of its own.
			path, err := filepath.Abs(path)
			return []string{path}, err
		}
		dir, err := l.Cached(ctx, "esm-"+esmVersion, func(ctx context.Context, dir string) error {
			_, _, err := measure.Run(ctx, measure.Program{
				Argv: []string{"go", "install", "github.com/medcl/esm@" + esmVersion}, Env: []string{"GOBIN=" + dir, "GOFLAGS="}, Dir: dir,
			})
			return err
		})
		return []string{filepath.Join(dir, "esm")}, err
	}
}
