package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unsafe"

	"esferry/internal/batch"
	"esferry/internal/jsonscan"
)

// Item is the target's verdict on one document of a bulk request.
type Item struct {
	// Status is an HTTP status.
	Status int
	// Error is nil where the item was applied.
	Error *ItemProblem
}

// ItemProblem is why an item was not applied, in the engine's words.
type ItemProblem struct {
	Type, Reason string
	CausedBy     struct{ Type, Reason string } `json:"caused_by"`
}

// OfIndex reports whether the problem is the index, not the document: it is
// gone or closed. A nil problem is none.
func (p *ItemProblem) OfIndex() bool {
	if p == nil {
		return false
	}
	switch p.Type {
	case "index_not_found_exception", "invalid_index_name_exception", "index_closed_exception":
		return true
	default:
		return false
	}
}

// Blocked reports whether the index takes no writes until somebody lifts a block,
// above all the one that an engine sets when its disk is nearly full: it answers
// 429 (seen on OpenSearch 2.19), and waiting does not help. A cluster that is not
// ready yet says block, too, with 503. A nil problem is none.
func (p *ItemProblem) Blocked(status int) bool {
	return p != nil && blocked(status, p.Type)
}

// String gives the reason with its cause.
func (p *ItemProblem) String() string {
	if p.CausedBy.Reason == "" {
		return fmt.Sprintf("%s (%s)", p.Reason, p.Type)
	}
	return fmt.Sprintf("%s: %s (%s)", p.Reason, p.CausedBy.Reason, p.Type)
}

// Bulk sends one prepared body of so many items to an index, once, and gives
// a verdict for each. The body may be used again as soon as Bulk returns: the
// transport has let go of it. An answer with fewer or more items than were
// sent is an error.
func (c *Cluster) Bulk(ctx context.Context, index, typ string, ndjson []byte, items int) ([]Item, error) {
	r := request{
		op: "write a bulk", index: index, method: "POST", path: path(index, "_bulk"), contentType: "application/x-ndjson",
		params: params("filter_path", "errors,items.*.status,items.*.error"),
		// No copy: the buffer outlives the call, which waits for the transport.
		body: unsafe.String(unsafe.SliceData(ndjson), len(ndjson)), //nolint:gosec // nobody writes to it meanwhile
	}
	if typ != "" {
		r.path = path(index, typ, "_bulk")
	}
	if c.identity.AtLeast(6, 5) {
		r.params.Set("pipeline", "_none")
	}
	var answer json.RawMessage
	ctx, watch := watchBody(ctx)
	err := c.callOnce(ctx, r, &answer)
	watch.wait()
	if err != nil {
		return nil, err
	}
	verdicts, err := cutVerdicts(answer, items)
	if err != nil {
		return nil, &Error{Op: r.op, Index: index, URL: c.address, Err: fmt.Errorf("the answer is not what an engine sends: %w", err)}
	}
	if len(verdicts) != items {
		return nil, partial(r.op, index, c.address, "%d items were sent and %d answered", items, len(verdicts))
	}
	return verdicts, nil
}

// cutVerdicts reads the answer to a bulk of so many items; only problems are
// decoded.
func cutVerdicts(answer []byte, items int) ([]Item, error) {
	s := jsonscan.New(answer)
	verdicts := make([]Item, 0, items)
	item := func([]byte) error {
		verdicts = append(verdicts, Item{})
		v := &verdicts[len(verdicts)-1]
		err := s.Object(func(key []byte) error { return v.cut(s, key) })
		if err == nil && (v.Status < 100 || v.Status > 599) {
			err = errors.New("an item has no status")
		}
		return err
	}
	one := func() error {
		before := len(verdicts)
		if err := s.Object(item); err != nil || len(verdicts) == before+1 {
			return err
		}
		return errors.New("an item is not of one action")
	}
	err := s.Object(func(key []byte) error {
		if string(key) != "items" {
			return s.Skip()
		}
		return s.Array(one)
	})
	if err == nil {
		err = s.End()
	}
	return verdicts, err
}

func (i *Item) cut(s *jsonscan.Scanner, key []byte) error {
	switch string(key) {
	case "status":
		var status int64
		err := s.Int(&status)
		i.Status = int(status)
		return err
	case "error":
		raw, err := s.Value()
		if err == nil {
			err = json.Unmarshal(raw, &i.Error)
		}
		return err
	default:
		return s.Skip()
	}
}

// Key names a document: ids repeat under different routings (protocol 1.5),
// and under different types where an index has several. All are JSON strings as
// the engine sent them; Routing and Type may be empty.
type Key struct {
	ID, Routing, Type string
}

// KeyOf gives the key of a document; it outlives the document's page.
func KeyOf(d *batch.Doc) Key {
	return keyOf(d.ID, d.Routing, d.Type)
}

// keyOf spells all parts in one way: two engines may escape the same id or routing
// differently.
func keyOf(id, routing, kind []byte) Key {
	return Key{ID: string(jsonscan.Canonical(id)), Routing: string(jsonscan.Canonical(routing)), Type: string(jsonscan.Canonical(kind))}
}

// Found is what an engine holds under a key, asked in real time.
type Found struct {
	Found   bool
	Version int64
	SeqNo   int64
	Term    int64
}

// Versions asks in real time what the index holds under each key, its routing
// included, in their order. An item that carries an error instead of an answer
// is an error: neither present nor absent.
func (c *Cluster) Versions(ctx context.Context, index string, keys []Key) ([]Found, error) {
	return persist(ctx, c, func(ctx context.Context) ([]Found, error) { return c.versions(ctx, index, keys) })
}

func (c *Cluster) versions(ctx context.Context, index string, keys []Key) ([]Found, error) {
	const op = "ask for versions"
	var answer struct {
		Docs []struct {
			ID      json.RawMessage `json:"_id"`
			Found   *bool           `json:"found"`
			Version int64           `json:"_version"`
			SeqNo   *int64          `json:"_seq_no"`
			Term    int64           `json:"_primary_term"`
			Routing json.RawMessage `json:"_routing"`
			Error   json.RawMessage `json:"error"`
		}
	}
	r := request{op: op, index: index, method: "POST", path: c.documents(index, "_mget"), body: keyList(keys), params: params("_source", "false")}
	// Without _source the routing comes only when it is asked for.
	stored := "stored_fields"
	if !c.identity.AtLeast(5, 0) {
		stored = "fields"
	}
	r.params.Set(stored, "_routing")
	if c.identity.PrimaryPreference() {
		// Under segment replication a replica answers from its own, older index.
		r.params.Set("preference", "_primary")
	}
	if err := c.call(ctx, r, &answer); err != nil {
		return nil, err
	}
	if len(answer.Docs) != len(keys) {
		return nil, partial(op, index, c.address, "%d documents were asked for and %d answered", len(keys), len(answer.Docs))
	}
	found := make([]Found, len(keys))
	for i, d := range answer.Docs {
		if len(d.Error) > 0 || d.Found == nil {
			return nil, partial(op, index, c.address, "no answer for document %s: %s", keys[i].ID, oneLine(d.Error))
		}
		// Another routing to the same shard finds another document: one whose
		// routing has changed.
		found[i] = Found{Found: *d.Found && string(jsonscan.Canonical(d.Routing)) == keys[i].Routing, Version: d.Version, Term: d.Term, SeqNo: -1}
		if d.SeqNo != nil {
			found[i].SeqNo = *d.SeqNo
		}
	}
	return found, nil
}

// Documents gives what the index holds under each key in real time, with
// sources: one page, for the reader to cut. The body must be closed.
func (c *Cluster) Documents(ctx context.Context, index string, keys []Key) (Page, error) {
	r := request{op: "read documents by id", index: index, method: "POST", path: c.documents(index, "_mget"), body: keyList(keys), params: params()}
	if c.identity.PrimaryPreference() {
		r.params.Set("preference", "_primary")
	}
	return c.page(ctx, r)
}

func keyList(keys []Key) string {
	var b strings.Builder
	b.WriteString(`{"docs":[`)
	for i, k := range keys {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"_id":` + k.ID)
		if k.Type != "" {
			b.WriteString(`,"_type":` + k.Type)
		}
		if k.Routing != "" {
			b.WriteString(`,"routing":` + k.Routing)
		}
		b.WriteByte('}')
	}
	b.WriteString("]}")
	return b.String()
}

// TooLarge reports whether err says that a request was too big for the engine
// or a proxy before it: halve it.
func TooLarge(err error) bool { return statusOf(err) == 413 }

// BadRequest reports whether err is an engine's refusal of a whole request:
// one bad item can cause it (protocol 6).
func BadRequest(err error) bool { return statusOf(err) == 400 }

// Reason gives the engine's own words of an error, or the error's text.
func Reason(err error) string {
	var e *Error
	if errors.As(err, &e) && e.Reason != "" {
		return e.Reason
	}
	return err.Error()
}
