package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"esferry/checkpoint"
	"esferry/checkpoint/etcdstore"
	"esferry/internal/config"
	"esferry/internal/ferry"
	"esferry/internal/group"
	"esferry/internal/report"
	"esferry/internal/retry"
	"esferry/internal/workers"
)

const (
	// sitAgain is how long a worker that lost its seat waits before it takes
	// another one.
	sitAgain = time.Second
	// concluding bounds the telling of how a run ended.
	concluding = 3 * time.Second
)

// lead is what the worker does that leads.
type lead struct {
	cutover, follow bool
	interval        time.Duration
}

func (iv *invocation) workerCommand() *cobra.Command {
	var l lead
	cmd := &cobra.Command{
		Use:   "worker",
		Short: "Carry with others: any number of processes, on a store in etcd",
		Long: `worker is one of many processes that do together what esferry run does: one of
them leads, which etcd decides, and the others carry windows for it, each under a
lease. One that dies, or is cut off, loses its lease: what it was at is done by
others, and what it sends late is refused. If it was the leader another one takes
its place. All end when the run has ended, with its exit code.

Workers also carry for a run, sync, backfill or verify that holds the ferry. The
bounds of stream.rate and stream.writers hold over all of them together.`,
		Example: "  esferry worker -c ferry.yaml\n  esferry worker -c ferry.yaml --cutover\n  esferry worker -c ferry.yaml --follow",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if l.cutover && l.follow {
				return &usageError{err: errors.New("--cutover goes on to the end, and --follow goes on until it is asked to"), hint: "leave one of them out"}
			}
			return iv.worker(cmd.Context(), l)
		},
	}
	cmd.Flags().BoolVar(&l.cutover, "cutover", false, "whoever leads goes on to the end: freeze, last round, verify, switch")
	cmd.Flags().BoolVar(&l.follow, "follow", false, "whoever leads follows the source until all are stopped, or until the cutover that esferry ctl cutover asks for")
	cmd.Flags().DurationVar(&l.interval, "interval", followEvery, "with --follow, the pause between two rounds")
	return cmd
}

// do is the work of whoever leads.
func (l lead) do(ctx context.Context, iv *invocation, f *ferry.Ferry) error {
	if err := iv.forth(ctx, f, l.cutover); err != nil || !l.follow {
		return err
	}
	return f.Follow(ctx, l.interval)
}

// worker leads the ferry where nobody does, and carries for whoever does, until
// the run has ended, whatever becomes of the store meanwhile.
func (iv *invocation) worker(ctx context.Context, l lead) error {
	c, err := iv.load()
	if err != nil {
		return err
	}
	if c.Checkpoint.Store != config.StoreEtcd {
		return &usageError{
			err:  errors.New("esferry worker wants a store that several processes reach, and checkpoint.store is embedded"),
			hint: "set checkpoint.store: etcd with its endpoints, or use esferry run",
		}
	}
	return iv.outlast(ctx, c, func(ctx context.Context) error { return iv.takePart(ctx, c, l) })
}

// takePart leads, or carries for whoever does, until the run has ended.
func (iv *invocation) takePart(ctx context.Context, c *config.Config, l lead) error {
	for {
		err := iv.withJob(ctx, job{command: "worker"}, func(ctx context.Context, f *ferry.Ferry) error { return l.do(ctx, iv, f) })
		_, held := errors.AsType[*checkpoint.HeldError](err)
		if ctx.Err() != nil || goneBy(err) != nil || !held && !errors.Is(err, checkpoint.ErrLeaseLost) {
			return err
		}
		if lost, led := errors.AsType[*etcdstore.LostError](err); led {
			iv.note("this worker leads no more: %v", lost)
		}
		iv.tellBlocked(err)
		ended, err := iv.assist(ctx, c)
		if err != nil || ended != nil {
			return errors.Join(err, ended.asError())
		}
	}
}

// outcome is how a run ended, for all who took part in it.
type outcome struct {
	Epoch   uint64            `json:"epoch"`
	Holder  checkpoint.Holder `json:"holder"`
	Command string            `json:"command"`
	Code    int               `json:"code"`
}

// runEndedError ends a worker as the run that it took part in.
type runEndedError struct{ outcome }

// Error names who led.
func (e *runEndedError) Error() string {
	return fmt.Sprintf("%s, led by pid %d on %s, has ended with exit code %d", e.Command, e.Holder.PID, e.Holder.Host, e.Code)
}

// NextStep is printed on a line of its own.
func (*runEndedError) NextStep() string { return "see what its leader has printed, or esferry report" }

// asError gives nil for a run that ended well, and for none.
func (o *outcome) asError() error {
	if o == nil || o.Code == exitDone {
		return nil
	}
	return &runEndedError{*o}
}

// assist carries for whoever leads, until the ferry is free or its run has ended:
// then it gives the outcome.
func (iv *invocation) assist(ctx context.Context, c *config.Config) (*outcome, error) {
	source, target, err := connect(ctx, c)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	defer target.Close()
	o, err := iv.options(ctx, c, source)
	if err != nil {
		return nil, err
	}
	store, err := openEtcdStore(ctx, c.Checkpoint, c.Name)
	if err != nil {
		return nil, err
	}
	a := &assistant{store: store, carrier: ferry.NewCarrier(ctx, source, target, o), room: ferry.Room(o.Stream), observer: o.Observer}
	ended, err := a.assist(ctx)
	return ended, errors.Join(err, store.Close())
}

// assistant is a worker that does not lead.
type assistant struct {
	store    *etcdstore.Store
	carrier  *ferry.Carrier
	room     int
	observer report.Observer
}

func (a *assistant) assist(ctx context.Context) (*outcome, error) {
	before, err := lastOutcome(ctx, a.store)
	if err != nil {
		return nil, err
	}
	holder, err := a.store.Holder(ctx)
	if err != nil {
		return nil, err
	}
	a.note("pid %d on %s leads: carrying for it", holder.PID, holder.Host)
	led, stop := context.WithCancel(ctx)
	defer stop()
	g, _ := group.New(led)
	g.Go("leader", func(ctx context.Context) error {
		defer stop()
		return unlessOver(ctx, a.store.Vacant(ctx))
	})
	g.Go("terms", func(ctx context.Context) error { return a.store.Terms(ctx, a.heed) })
	g.Go("seat", func(ctx context.Context) error { return unlessOver(ctx, a.sit(ctx)) })
	if err := errors.Join(g.Wait(), ctx.Err()); err != nil {
		return nil, err
	}
	now, err := lastOutcome(ctx, a.store)
	if err != nil || now == nil || before != nil && before.Epoch >= now.Epoch {
		a.note("nobody leads any more")
		return nil, err
	}
	a.note("%v", &runEndedError{*now})
	return now, nil
}

// unlessOver gives what ended something, unless that was ctx.
func unlessOver(ctx context.Context, err error) error {
	if over := ctx.Err(); over == nil {
		return err
	}
	return nil
}

func (a *assistant) heed(terms []byte) {
	if terms == nil {
		return
	}
	if err := a.carrier.Heed(terms); err != nil {
		a.note("%v", err)
	}
}

// sit takes a seat, and another one whenever it is lost, until ctx ends.
func (a *assistant) sit(ctx context.Context) error {
	me := holderHere()
	text, err := json.Marshal(workers.Worker{Host: me.Host, PID: me.PID, Room: a.room})
	if err != nil {
		return fmt.Errorf("encode who this worker is: %w", err)
	}
	for {
		seat, err := a.store.Sit(ctx, text)
		if err == nil {
			err = workers.Serve(ctx, seat, a.carrier.Do)
			seat.Leave()
		}
		if goneBy(err) != nil || !errors.Is(err, checkpoint.ErrLeaseLost) {
			return err
		}
		a.note("this worker has lost its seat, and takes another one: %v", err)
		if err := retry.Sleep(ctx, sitAgain); err != nil {
			return err
		}
	}
}

func (a *assistant) note(format string, args ...any) {
	a.observer.Observe(report.Event{Time: time.Now(), Kind: report.Noted, Message: fmt.Sprintf(format, args...)})
}

func lastOutcome(ctx context.Context, store *etcdstore.Store) (*outcome, error) {
	text, err := store.Outcome(ctx)
	if err != nil || text == nil {
		return nil, err
	}
	var o outcome
	if err := json.Unmarshal(text, &o); err != nil {
		return nil, fmt.Errorf("decode how the last run ended: %w", err)
	}
	return &o, nil
}

// employ lets workers carry for this session's ferry, where its store has seats.
func (s *session) employ() error {
	store, ok := s.store.(*etcdstore.Store)
	if !ok {
		return nil
	}
	var err error
	if s.desk, err = store.Desk(s.lease); err != nil {
		return err
	}
	s.ferry.Employ(workers.NewPool(s.desk))
	return nil
}

// conclude tells the workers how the run ended. One that was interrupted, or that
// lost the ferry or its store, has not: another worker goes on with it.
func (s *session) conclude(ctx context.Context, command string, result error) error {
	if s.desk == nil || ctx.Err() != nil || goneBy(result) != nil || errors.Is(result, checkpoint.ErrLeaseLost) {
		return result
	}
	text, err := json.Marshal(outcome{Epoch: s.lease.Epoch, Holder: s.lease.Holder, Command: command, Code: codeOf(ctx, result)})
	if err != nil {
		return errors.Join(result, fmt.Errorf("encode how it ended: %w", err))
	}
	bounded, cancel := context.WithTimeout(ctx, concluding)
	defer cancel()
	return errors.Join(result, s.desk.Conclude(bounded, text))
}
