package ferry

import (
	"context"
	"encoding/json"

	"golang.org/x/sync/semaphore"

	"esferry/checkpoint"
	"esferry/internal/cluster"
	"esferry/internal/preflight"
	"esferry/internal/shard"
	"esferry/internal/workers"
)

// Bare gives a ferry without clusters that follows and whose indices are in the
// given phases.
func Bare(phases map[string]Phase) *Ferry {
	f := &Ferry{helm: helm{asked: make(chan struct{}, 1), following: true}, indices: map[string]*index{}}
	f.options.Select = everything{}
	for name, phase := range phases {
		f.indices[name] = &index{ferry: f, rec: IndexRecord{Index: name, Phase: phase}}
	}
	return f
}

type everything struct{ Selection }

func (everything) Match(string) bool { return true }

// Unfollowed lets nobody follow any more.
func (f *Ferry) Unfollowed() { f.following = false }

// Begin begins the attempt that is asked for, and gives its context.
func (f *Ferry) Begin(ctx context.Context) context.Context {
	ctx, giveUp := context.WithCancelCause(ctx)
	begun := *f.attempt
	begun.State = CutoverBegun
	f.attempt, f.giveUp = &begun, giveUp
	return ctx
}

// Forward is the gate before the switch.
func (f *Ferry) Forward(ctx context.Context) error { return f.forward(ctx) }

// Asked does the cutover that is asked for, if it still is.
func (f *Ferry) Asked(ctx context.Context) (bool, error) { return f.goOn(ctx) }

// The lines of the checklist.
func Rejections(carried []IndexRecord) Check { return rejections(carried) }
func Reading(p *Pace) Check                  { return reading(p) }
func Checks(found []preflight.Finding, unchecked error) []Check {
	return checks(found, unchecked)
}

// What refuses the beginning of a way back.
func EqualAtSwitch(r IndexRecord) error { return r.equalAtSwitch() }

func AsAtSwitch(r IndexRecord, now []shard.Position, numbers, blocked bool) error {
	return r.asAtSwitch(now, numbers, blocked)
}

func TypingOf(there cluster.Definition, from, to cluster.Identity) (Typing, error) {
	return typingOf(there, from, to)
}

// MustBeSwitched asks a store about an index of a ferry.
func MustBeSwitched(ctx context.Context, store checkpoint.Store, name string, r IndexRecord) error {
	f := &Ferry{store: store}
	f.options.Name = name
	return (&index{ferry: f, rec: r}).mustBeSwitched(ctx)
}

// Final gives what breaks a binding for good, as the ferry of that name tells it.
func Final(name string, broken *checkpoint.BindingError, remedy string) error {
	f := &Ferry{}
	f.options.Name = name
	return (&index{ferry: f}).final(broken, remedy)
}

// Action is one of an alias.
func Action(verb, index, alias string) json.RawMessage { return action(verb, index, alias) }

// NewGate is how indices are let in that are worked on at once.
func NewGate(indices int64, parties func() int) func(ctx context.Context) (leave func(), err error) {
	f := &Ferry{options: Options{Stream: StreamOptions{Indices: indices}}}
	g := f.gate()
	g.parties = parties
	return g.enter
}

// Deal is how an index's windows are given to this process and to workers.
func Deal(ctx context.Context, windows []shard.Window, readers int, places *semaphore.Weighted, here func(ctx context.Context, w shard.Window) error, hire func(ctx context.Context) (*workers.Hand, error), there func(ctx context.Context, hand *workers.Hand, w shard.Window) error) error {
	tasks := make([]task, len(windows))
	for i, w := range windows {
		tasks[i] = task{window: w}
	}
	d := &dealer{
		readers: readers, places: places, hire: hire,
		here:  func(ctx context.Context, t task) error { return here(ctx, t.window) },
		there: func(ctx context.Context, hand *workers.Hand, t task) error { return there(ctx, hand, t.window) },
	}
	return d.deal(ctx, queue(spread(tasks)))
}
