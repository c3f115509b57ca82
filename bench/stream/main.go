package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"esferry/bench/results"
	"esferry/internal/lab"
)

// choice is what the command line asks for.
type choice struct {
	parts, only []string
	docs        int
	rounds      int
	bulk        int
	ferries     []string
	esm, lines  string
}

func main() {
	var c choice
	parts := flag.String("part", "logs,large,growth", "what to measure, in this order")
	only := flag.String("only", "", "tools to measure, such as esferry,limit,scroll; all when empty")
	ferries := flag.String("esferry", "", "builds of esferry to measure, such as old=PATH,new=PATH; this tree's when empty")
	flag.StringVar(&c.esm, "esm", "", "the esm to measure; built from the Go module proxy when empty")
	flag.IntVar(&c.docs, "docs", 0, "documents of each part instead of its own number")
	flag.IntVar(&c.rounds, "rounds", 3, "how often each tool moves the index")
	flag.IntVar(&c.bulk, "bulk", 0, "MiB of the limit's bodies; the best of several sizes when 0")
	flag.StringVar(&c.lines, "json", "", "a file that gets each run as a line of JSON")
	flag.Parse()
	c.parts, c.only, c.ferries = split(*parts), split(*only), split(*ferries)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := compare(ctx, c)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func split(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

// part is one table of the report.
type part struct {
	name  string
	shape shape
	docs  int
	// only names the tools that run; all when empty.
	only []string
}

// chosen are the parts that the command line asks for. Growth is three sizes of
// the same, or the one that is given.
func (c choice) chosen() ([]part, error) {
	ferryAlone := []string{"esferry", "limit"}
	all := []part{
		{"logs", logs(), 200_000, nil},
		{"large", articles(), 10_000, nil},
		{"growth", logs(), 100_000, ferryAlone},
		{"growth", logs(), 500_000, ferryAlone},
		{"growth", logs(), 2_000_000, ferryAlone},
	}
	var parts []part
	for _, name := range c.parts {
		had := len(parts)
		for _, p := range all {
			if p.name != name || c.docs > 0 && len(parts) > had {
				continue
			}
			if c.docs > 0 {
				p.docs = c.docs
			}
			if len(c.only) > 0 {
				p.only = c.only
			}
			parts = append(parts, p)
		}
		if len(parts) == had {
			return nil, fmt.Errorf("there is no part %q: logs, large, growth", name)
		}
	}
	return parts, nil
}

// compare starts the engines and measures part by part.
func compare(ctx context.Context, c choice) (err error) {
	parts, err := c.chosen()
	if err != nil {
		return err
	}
	l, err := lab.Open(ctx, lab.Options{Log: os.Stderr})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	s := &stage{lab: l, client: client(), bulks: map[string]int{}}
	if err := s.start(ctx); err != nil {
		return err
	}
	tools, told, err := s.tools(ctx, c, wanted(parts))
	if err != nil {
		return err
	}
	r := &results.Results{Tools: told}
	for _, p := range parts {
		if err := s.measure(ctx, p, chosen(tools, p.only), c, r); err != nil {
			return fmt.Errorf("measure %s: %w", p.name, err)
		}
	}
	r.Write(os.Stdout)
	return r.Save(c.lines)
}

// wanted are the tools of all parts together; none named means all.
func wanted(parts []part) (names []string) {
	for _, p := range parts {
		if len(p.only) == 0 {
			return nil
		}
		names = append(names, p.only...)
	}
	return names
}

// chosen are the tools of a part.
func chosen(tools []tool, only []string) []tool {
	return slices.DeleteFunc(slices.Clone(tools), func(t tool) bool {
		return len(only) > 0 && !slices.ContainsFunc(only, t.is)
	})
}
