package workers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"esferry/internal/group"
	"esferry/internal/retry"
)

// handingBack bounds the last answers of a worker that stops.
const handingBack = 3 * time.Second

var (
	// ErrWithdrawn is in the error of a Seat's Answer where nobody waits for it.
	ErrWithdrawn = errors.New("the errand was withdrawn")
	// ErrRefused is in the error of a Seat's Answer that came after the seat was lost.
	ErrRefused = errors.New("the answer is refused")
)

// Seat is a worker's place.
type Seat interface {
	// Follow tells of what is asked, and nil of what is withdrawn, until ctx ends.
	Follow(ctx context.Context, tell func(errand string, text []byte)) error
	// Answer answers; ErrRefused once the seat is lost.
	Answer(ctx context.Context, errand string, text []byte) error
	// Lost waits until the seat is lost, and tells why, or until ctx ends.
	Lost(ctx context.Context) error
}

// Serve does what is asked of the seat until ctx ends, and returns nil, or until
// the seat is lost, and tells why. All work has ended when it returns: what is not
// done is handed back, which the store refuses where the seat is lost; how often
// it has is part of the error.
func Serve(ctx context.Context, s Seat, do func(ctx context.Context, errand []byte) (json.RawMessage, error)) error {
	b := &bench{seat: s, do: do, stop: map[string]context.CancelFunc{}}
	g, inner := group.New(ctx)
	g.Go("seat", s.Lost)
	g.Go("errands", func(ctx context.Context) error {
		return s.Follow(ctx, func(errand string, text []byte) {
			if text == nil {
				b.withdraw(errand)
				return
			}
			working, stop := context.WithCancel(inner)
			b.begin(errand, stop)
			g.Go("errand "+errand, func(context.Context) error { return b.work(working, errand, text) })
		})
	})
	err := g.Wait()
	if late := b.refused.Load(); late > 0 && err != nil {
		return fmt.Errorf("%w; the store has refused %d late answers", err, late)
	}
	return err
}

// bench is what a worker is at.
type bench struct {
	seat Seat
	do   func(ctx context.Context, errand []byte) (json.RawMessage, error)

	mu   sync.Mutex
	stop map[string]context.CancelFunc
	// refused answers.
	refused atomic.Int64
}

func (b *bench) begin(errand string, stop context.CancelFunc) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stop[errand] = stop
}

// withdraw ends an errand, if it is still worked at.
func (b *bench) withdraw(errand string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if stop := b.stop[errand]; stop != nil {
		stop()
		delete(b.stop, errand)
	}
}

func (b *bench) work(ctx context.Context, errand string, text []byte) error {
	defer b.withdraw(errand)
	result, err := b.do(ctx, text)
	answer := Answer{Result: result}
	switch {
	case ctx.Err() != nil:
		answer = Answer{Error: "it stopped, and hands this back"}
	case err != nil:
		answer = Answer{Error: err.Error()}
	}
	told, err := json.Marshal(answer)
	if err != nil {
		return fmt.Errorf("encode the answer to errand %s: %w", errand, err)
	}
	answering, free := retry.Linger(ctx, handingBack)
	defer free()
	err = b.seat.Answer(answering, errand, told)
	switch {
	case err == nil, errors.Is(err, ErrWithdrawn):
		return nil
	case errors.Is(err, ErrRefused):
		b.refused.Add(1)
	case ctx.Err() != nil:
		// It was withdrawn, or this worker leaves: nobody waits for the answer.
		return nil
	}
	return err
}
