package main

import (
	"context"
	"errors"
	"fmt"

	"esferry/internal/corpus"
	"esferry/internal/group"
)

// stay keeps both clusters up, and an application writing to the old one, until
// the demo is interrupted: for who wants to type the commands himself.
func (s *stage) stay(ctx context.Context) error {
	say("both clusters stay up until you press Ctrl-C; in another shell:")
	fmt.Printf(`
  esferry init --source %s --target %s
  esferry plan
  esferry run --cutover

`, s.source.URL(), s.target.URL())
	w := corpus.NewWriter(corpus.WriterOptions{URL: s.source.URL(), Indices: s.indices, Rate: 50, Seed: 1})
	g, _ := group.New(context.WithoutCancel(ctx))
	g.Go("live writer", w.Run)
	<-ctx.Done()
	w.Stop()
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	say("the application meanwhile: %s", w.Stats())
	return nil
}
