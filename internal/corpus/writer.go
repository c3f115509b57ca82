package corpus

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"esferry/internal/retry"
)

// WriterOptions say what a Writer does. URL and Indices are needed.
type WriterOptions struct {
	// URL is the engine to write to; it may carry user and password.
	URL string
	// Indices are written to in turn. One with "log" in its name gets documents
	// like those of Logs, one with "family" like those of Family, another like
	// those of Library.
	Indices []string
	// Rate is how many documents are written in a second, over all indices; 100
	// when zero.
	Rate int
	// Seed makes the same documents and the same choices again.
	Seed uint64
	// Adopt is how many documents of each index, present at the start, are
	// updated and deleted like the writer's own; 1000 when zero, 10,000 at most,
	// none when negative.
	Adopt int
	// Revive, when positive, makes deleted documents anew after that long. When
	// it is longer than the index's gc_deletes, their versions begin at 1 again.
	Revive time.Duration
	// Client is for engines that need another than the plain one.
	Client *http.Client
}

// Writer writes like an application that knows nothing of a move: it inserts,
// updates, deletes and makes anew, a part of it under routings of its own, and
// goes on when it is refused. Run is called once; all else is safe for
// concurrent use, before, during and after it.
type Writer struct {
	options WriterOptions
	random  *rand.Rand
	// known is touched by Run alone: the documents of each index that can be
	// updated, deleted and made anew.
	known [][]ref
	// buried are the deleted ones that may come back, oldest first.
	buried [][]grave
	// serial numbers the documents.
	serial int

	stop chan struct{}
	once sync.Once

	mu      sync.Mutex
	engine  *Engine
	indices []string
	tally   tally
}

// grave is a document that was deleted at a time.
type grave struct {
	ref   ref
	since time.Time
}

// NewWriter makes a writer; Run starts it.
func NewWriter(o WriterOptions) *Writer {
	if o.Rate <= 0 {
		o.Rate = 100
	}
	if o.Adopt == 0 {
		o.Adopt = 1000
	}
	return &Writer{
		options: o,
		random:  newRand(o.Seed, 1),
		known:   make([][]ref, len(o.Indices)),
		buried:  make([][]grave, len(o.Indices)),
		stop:    make(chan struct{}),
		indices: append([]string(nil), o.Indices...),
	}
}

// Run writes until Stop or the end of ctx, and then returns nil: a bulk that
// is under way is finished first, so that the engine holds what the stats say.
// It fails only when it cannot begin; what happens later is counted.
func (w *Writer) Run(ctx context.Context) error {
	if len(w.options.Indices) == 0 {
		return errors.New("the writer has no indices")
	}
	engine, err := Open(ctx, w.options.URL, w.options.Client)
	if err != nil {
		return err
	}
	w.mu.Lock()
	if w.engine == nil {
		w.engine = engine
	}
	w.mu.Unlock()
	for i, index := range w.options.Indices {
		if w.known[i], err = engine.adopt(ctx, index, w.options.Adopt); err != nil {
			return err
		}
	}
	w.write(ctx)
	return nil
}

// write sends about twenty bulks a second, or one document at a time where
// that is too many.
func (w *Writer) write(ctx context.Context) {
	size := max(1, w.options.Rate/20)
	interval := time.Second * time.Duration(size) / time.Duration(w.options.Rate)
	next := time.Now()
	for turn := 0; ; turn++ {
		select {
		case <-w.stop:
			return
		default:
		}
		// Behind time, for instance because the engine was slow, it goes on at
		// its rate rather than in a burst.
		if next = next.Add(interval); time.Until(next) < 0 {
			next = time.Now()
		}
		if retry.Sleep(ctx, time.Until(next)) != nil {
			return
		}
		w.bulk(ctx, turn%len(w.known), size)
	}
}

// Stop ends Run after the bulk that is under way. A second call does nothing.
func (w *Writer) Stop() { w.once.Do(func() { close(w.stop) }) }

// Switch makes the writer go on at another engine, with the indices renamed
// where rename says so, as an application does that reads its configuration
// again. On an error the writer stays where it was.
func (w *Writer) Switch(ctx context.Context, url string, rename map[string]string) error {
	engine, err := Open(ctx, url, w.options.Client)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.engine = engine
	for i, index := range w.indices {
		if to, ok := rename[index]; ok {
			w.indices[i] = to
		}
	}
	return nil
}

// Stats gives what was done so far.
func (w *Writer) Stats() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.tally.Stats
}

// where is the place that index number i is written to now.
func (w *Writer) where(i int) (*Engine, string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.engine, w.indices[i]
}
