package ferry

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"esferry/internal/batch"
	"esferry/internal/group"
	"esferry/internal/report"
	"esferry/internal/retry"
	"esferry/internal/workers"
)

// tellEvery is how often the workers may hear of other bounds.
const tellEvery = 500 * time.Millisecond

// Terms are what all processes of a ferry share.
type Terms struct {
	// Parties share the rates and the writers.
	Parties int         `json:"parties"`
	Rates   batch.Rates `json:"rate"`
	Paused  bool        `json:"paused"`
	// Share of their time that readers may spend waiting for the source.
	Share   float64 `json:"share"`
	Writers int     `json:"writers"`
}

// Employ lets workers carry windows beside this process. It belongs before the
// first command.
func (f *Ferry) Employ(p *workers.Pool) { f.pool = p }

// Lead follows the workers that come and go, and tells them the bounds that all
// share, until ctx ends, and then returns nil.
func (f *Ferry) Lead(ctx context.Context) error {
	if f.pool == nil {
		return nil
	}
	g, _ := group.New(ctx)
	g.Go("workers", f.pool.Run)
	g.Go("terms", f.tellTerms)
	return g.Wait()
}

func (f *Ferry) tellTerms(ctx context.Context) error {
	var told Terms
	for ctx.Err() == nil {
		there, changed := f.pool.Workers()
		if now := f.terms(len(there) + 1); now != told {
			if now.Parties != max(1, told.Parties) {
				f.note(report.Event{Kind: report.Noted, Message: fmt.Sprintf("%d workers carry beside this process", len(there))})
			}
			text, err := json.Marshal(now)
			if err != nil {
				return fmt.Errorf("encode the workers' terms: %w", err)
			}
			if err := f.pool.Announce(ctx, text); err != nil && ctx.Err() == nil {
				return err
			}
			f.mu.Lock()
			f.carrying = now.Parties
			f.mu.Unlock()
			f.pace.Divide(now.Parties)
			// What adapts goes on from where it is.
			if writers := part(now.Writers, now.Parties); writers != part(told.Writers, max(1, told.Parties)) {
				f.controller.SetWriters(writers)
			}
			told = now
		}
		_ = retry.Doze(ctx, tellEvery, changed) //nolint:errcheck // the loop ends with ctx
	}
	return nil
}

// parties is how many processes carry, this one among them.
func (f *Ferry) parties() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return max(1, f.carrying)
}

// terms as they are now, for so many.
func (f *Ferry) terms(parties int) Terms {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.pace.State()
	t := Terms{Parties: parties, Rates: now.Rates, Paused: now.Paused, Share: now.Share, Writers: f.writers}
	if now.Lifted {
		t.Rates, t.Share = batch.Rates{}, 1
	}
	return t
}

// part is what one of so many has of a bound; 0 stays no bound.
func part(bound, parties int) int {
	if bound == 0 {
		return 0
	}
	return max(1, bound/parties)
}

// loans are the aliases that workers write an index through: one for each, so that
// what one of them still has on its way can be barred alone.
type loans struct {
	mu      sync.Mutex
	aliases map[string]string
	// count of those that were made, so that none has the name of a barred one.
	count int
	// barred aliases are not off the target yet.
	barred []string
}

// lend gives the alias of a worker's seat, made on its first window.
func (ix *index) lend(ctx context.Context, seat string) (string, error) {
	ix.lent.mu.Lock()
	defer ix.lent.mu.Unlock()
	if alias := ix.lent.aliases[seat]; alias != "" {
		return alias, nil
	}
	rec := ix.snapshotRecord()
	ix.lent.count++
	alias := fmt.Sprintf("%s-%s-%s-%d", writeAlias(rec.TargetUUID), process(ix.ferry.lease), seat, ix.lent.count)
	if err := ix.ferry.target.SwitchAliases(ctx, []json.RawMessage{action("add", rec.Target, alias)}); err != nil {
		return "", err
	}
	if ix.lent.aliases == nil {
		ix.lent.aliases = map[string]string{}
	}
	ix.lent.aliases[seat] = alias
	return alias, nil
}

// distrust has the alias of a seat barred: the worker may be at what it was asked.
func (l *loans) distrust(seat string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if alias := l.aliases[seat]; alias != "" {
		l.barred = append(l.barred, alias)
		delete(l.aliases, seat)
	}
}

// bar takes off what workers write through that may still be at what they were
// asked: from then on it fails, instead of coming late over something newer. It
// belongs before anybody else writes what they were asked.
func (ix *index) bar(ctx context.Context) error {
	ix.lent.mu.Lock()
	defer ix.lent.mu.Unlock()
	if len(ix.lent.barred) == 0 {
		return nil
	}
	target := ix.snapshotRecord().Target
	err := retry.Do(ctx, retry.Policy{}, func(ctx context.Context) error {
		there, err := ix.ferry.target.Aliases(ctx, []string{target})
		if err != nil {
			return err
		}
		var actions []json.RawMessage
		for _, alias := range ix.lent.barred {
			if _, on := there[target][alias]; on {
				actions = append(actions, action("remove", target, alias))
			}
		}
		return ix.ferry.target.SwitchAliases(ctx, actions)
	})
	if err != nil {
		return fmt.Errorf("bar workers of index %s that do not answer: %w", ix.id(), err)
	}
	ix.lent.barred = nil
	return nil
}

// settled forgets all loans: their aliases are off.
func (l *loans) settled() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.aliases, l.barred = nil, nil
}

// lender has windows of one index carried by workers.
type lender struct {
	index *index
	query json.RawMessage
}

// lender gives none where this process has to see each page, or has no workers.
func (ix *index) lender(query json.RawMessage) *lender {
	if ix.ferry.pool == nil || ix.survey != nil {
		return nil
	}
	return &lender{index: ix, query: query}
}

// hire waits for a worker with room.
func (l *lender) hire(ctx context.Context) (*workers.Hand, error) {
	return l.index.ferry.pool.Hire(ctx)
}

// carry has a window carried. Where refused is true the worker did not do it, or
// may be at it no more: it is to be carried by others.
func (l *lender) carry(ctx context.Context, hand *workers.Hand, t task) (c Carried, refused bool, err error) {
	defer hand.Free()
	ix := l.index
	alias, err := ix.lend(ctx, hand.Name())
	if err != nil {
		return c, false, err
	}
	rec := ix.snapshotRecord()
	refused, err = ix.ferry.send(ctx, hand, Errand{Carry: &CarryErrand{
		Index: rec.Index, Target: rec.Target, Alias: alias, Typing: rec.Typing, Query: l.query, Docs: ix.docs,
		Window: t.window, Position: t.position, Versioning: t.versioning,
	}}, &c)
	if err == nil {
		return c, false, nil
	}
	ix.lent.distrust(hand.Name())
	if !refused {
		return c, false, err
	}
	if barred := ix.bar(ctx); barred != nil {
		return c, false, barred
	}
	return c, true, err
}
