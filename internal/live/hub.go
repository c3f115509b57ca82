package live

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"esferry/internal/retry"
)

// tick is how often the page is told what is new: what people can follow.
const tick = time.Second

// Subject is the ferry that is shown and steered. Safe for concurrent use.
type Subject interface {
	// View gives what is shown of it now.
	View(ctx context.Context) View
	// Do carries a command out and gives the state after it, ready for JSON. An
	// error refuses it, in a sentence.
	Do(ctx context.Context, command string, arguments json.RawMessage) (any, error)
	// Shards gives the watermark of each shard of an index, ready for JSON; false
	// where there is no such index.
	Shards(index string) (any, bool)
	// Ready tells, in a sentence, why the ferry cannot work; nil where it can.
	Ready() error
}

// View is what is shown of a subject.
type View struct {
	// Lag is the operations outstanding, over all indices.
	Lag int64 `json:"lag"`
	// Ferry is the rest, ready for JSON.
	Ferry any `json:"ferry"`
}

// End is how the work ended.
type End struct {
	// Message is the error; empty where all went well.
	Message string `json:"message,omitempty"`
	// NextStep is what to do about it.
	NextStep string `json:"next_step,omitempty"`
}

// update is what a browser gets each second.
type update struct {
	Time     time.Time `json:"time"`
	View     View      `json:"view"`
	Doing    []Doing   `json:"doing"`
	Messages []Message `json:"messages"`
	// Gone counts messages that are not shown any more.
	Gone   int64  `json:"gone"`
	Sample Sample `json:"sample"`
	Ready  string `json:"ready"`
	End    *End   `json:"end,omitempty"`
}

// hub makes the updates, once for all browsers.
type hub struct {
	feed    *Feed
	subject Subject

	mu      sync.Mutex
	history History
	latest  []byte
	// number of the latest update; next is closed when another one is there.
	number uint64
	next   chan struct{}
	end    *End
}

func newHub(feed *Feed, subject Subject) *hub {
	return &hub{feed: feed, subject: subject, next: make(chan struct{})}
}

// run makes updates until ctx ends, and a last one then.
func (h *hub) run(ctx context.Context) error {
	for {
		if err := h.publish(ctx); err != nil {
			return err
		}
		if retry.Sleep(ctx, tick) != nil {
			return h.publish(context.WithoutCancel(ctx))
		}
	}
}

// publish makes an update and wakes whoever waits for one.
func (h *hub) publish(ctx context.Context) error {
	u := update{Time: time.Now().UTC(), View: h.subject.View(ctx)}
	u.Doing, u.Messages, u.Gone = h.feed.now()
	if err := h.subject.Ready(); err != nil {
		u.Ready = err.Error()
	}
	totals := h.feed.Totals()
	u.Sample = Sample{At: float64(u.Time.UnixMilli()) / 1000, Documents: totals.Documents, Bytes: totals.Bytes, Lag: u.View.Lag}
	h.mu.Lock()
	defer h.mu.Unlock()
	u.End = h.end
	text, err := json.Marshal(u)
	if err != nil {
		return fmt.Errorf("encode what the live page shows: %w", err)
	}
	h.history.Add(u.Sample)
	h.latest, h.number = text, h.number+1
	close(h.next)
	h.next = make(chan struct{})
	return nil
}

// newest gives the latest update with its number, and what is closed when there
// is a newer one.
func (h *hub) newest() (text []byte, number uint64, next <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.latest, h.number, h.next
}

// past gives the samples so far.
func (h *hub) past() []Sample {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]Sample{}, h.history.Points()...)
}

// ended notes how the work ended, for the last update.
func (h *hub) ended(e End) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.end = &e
}
