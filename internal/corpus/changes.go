package corpus

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// kind is what the writer does to one document.
type kind string

const (
	insert kind = "insert"
	update kind = "update"
	remove kind = "remove"
	remake kind = "remake"
	revive kind = "revive"
)

// change is one document's part of a bulk.
type change struct {
	kind kind
	ref  ref
	// actions are its lines in the bulk, one, or two for a remake.
	actions int
}

// bulk makes size changes to the index number i and sends them. Only what the
// engine says it did becomes known.
func (w *Writer) bulk(ctx context.Context, i, size int) {
	engine, index := w.where(i)
	var body bytes.Buffer
	var changes []change
	actions := 0
	for range size {
		c := w.choose(i, index)
		if err := w.describe(engine, &body, &c, index); err != nil {
			w.note(func(t *tally) { t.failed(1, err.Error()) })
			return
		}
		changes = append(changes, c)
		actions += c.actions
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	items, err := engine.bulk(ctx, body.Bytes(), actions)
	if err != nil {
		w.lose(i, changes, err)
		return
	}
	for _, c := range changes {
		w.settle(i, c, items[:c.actions])
		items = items[c.actions:]
	}
}

// choose picks what to do, and takes the document it is done to out of those
// known, so that a bulk touches none twice.
func (w *Writer) choose(i int, index string) change {
	known := w.known[i]
	dice := w.random.IntN(100)
	if graves := w.buried[i]; len(graves) > 0 && dice%3 == 0 && time.Since(graves[0].since) >= w.options.Revive {
		w.buried[i] = graves[1:]
		return change{kind: revive, ref: graves[0].ref, actions: 1}
	}
	if len(known) == 0 || dice < 50 {
		return change{kind: insert, ref: w.fresh(index), actions: 1}
	}
	at := w.random.IntN(len(known))
	r := known[at]
	known[at] = known[len(known)-1]
	w.known[i] = known[:len(known)-1]
	switch {
	case dice < 75:
		return change{kind: update, ref: r, actions: 1}
	case dice < 90:
		return change{kind: remove, ref: r, actions: 1}
	default:
		return change{kind: remake, ref: r, actions: 2}
	}
}

// fresh names a document that was never there.
func (w *Writer) fresh(index string) ref {
	w.serial++
	r := ref{id: fmt.Sprintf("live-%d-%d", w.options.Seed, w.serial)}
	if strings.Contains(index, "family") {
		r.kind = "parent"
		if w.serial%4 != 0 {
			r.kind, r.parent = "child", "live-parent-"+strconv.Itoa(w.serial%50)
		}
	}
	if w.serial%4 == 0 {
		r.routing = "route-" + strconv.Itoa(w.serial%28)
	}
	return r
}

// describe writes the lines of a change.
func (w *Writer) describe(e *Engine, body *bytes.Buffer, c *change, index string) error {
	source, patch, err := w.document(index)
	if err != nil {
		return err
	}
	switch c.kind {
	case insert, revive:
		return e.add(body, doCreate, index, c.ref, source)
	case remove:
		return e.add(body, doDelete, index, c.ref, nil)
	case remake:
		if err := e.add(body, doDelete, index, c.ref, nil); err != nil {
			return err
		}
		return e.add(body, doIndex, index, c.ref, source)
	default:
		// A whole document or a part of one: applications do both.
		if w.random.IntN(2) == 0 {
			return e.add(body, doUpdate, index, c.ref, patch)
		}
		return e.add(body, doIndex, index, c.ref, source)
	}
}

// document makes a source that fits the index, and a partial one.
func (w *Writer) document(index string) (source, patch []byte, err error) {
	n := w.random.Int64N(1 << 40)
	if strings.Contains(index, "log") {
		source, err = encode(newLogLine(w.random, time.Now()))
		return source, fmt.Appendf(nil, `{"doc":{"bytes":%d}}`, n), err
	}
	if strings.Contains(index, "family") {
		return fmt.Appendf(nil, `{"name":"live","n":%d}`, n), fmt.Appendf(nil, `{"doc":{"n":%d}}`, n>>1), nil
	}
	lines := w.random.IntN(40)
	name := fmt.Sprintf("live%d", n)
	source, err = encode(declaration{
		Package: "live", Name: name, Kind: "func", Doc: fmt.Sprintf("%s was written at %s.", name, time.Now().Format(time.RFC3339Nano)),
		Source: "func " + name + "() {\n" + strings.Repeat("\tprintln(\"<live> & well\")\n", lines) + "}", File: "live.go", Line: w.serial, Lines: lines + 2,
	})
	return source, fmt.Appendf(nil, `{"doc":{"lines":%d}}`, lines), err
}

// settle counts one change by the engine's verdicts and keeps the document
// when it is still there.
func (w *Writer) settle(i int, c change, items []item) {
	last := items[len(items)-1]
	there := c.kind != remove
	w.note(func(t *tally) {
		now := time.Now()
		switch {
		case last.applied():
			t.taken(now)
			t.count(c.kind)
			if c.kind == remove && w.options.Revive > 0 {
				w.buried[i] = append(w.buried[i], grave{c.ref, now})
			}
		case last.blocked():
			t.refused(now)
			// A remake may lose its document half way.
			there = c.kind != insert && c.kind != revive && !items[0].applied()
			if len(items) > 1 && items[0].applied() {
				t.Deleted++
			}
		default:
			t.failed(1, fmt.Sprintf("%s %q: %v", c.kind, c.ref.id, last))
			there = false
		}
	})
	if there {
		w.known[i] = append(w.known[i], c.ref)
	}
}

// lose counts a bulk without an answer. What it was to change is still known,
// though perhaps no longer there; what it was to insert is not.
func (w *Writer) lose(i int, changes []change, err error) {
	w.note(func(t *tally) { t.failed(len(changes), err.Error()) })
	for _, c := range changes {
		if c.kind != insert && c.kind != revive {
			w.known[i] = append(w.known[i], c.ref)
		}
	}
}

func (w *Writer) note(do func(t *tally)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	do(&w.tally)
}

// adopt lists up to n documents of an index.
func (e *Engine) adopt(ctx context.Context, index string, n int) ([]ref, error) {
	if n < 0 {
		return nil, nil
	}
	if err := e.Refresh(ctx, index); err != nil {
		return nil, err
	}
	path := "/" + url.PathEscape(index) + "/_search"
	status, answer, err := e.do(ctx, http.MethodPost, path, fmt.Appendf(nil, `{"size":%d,"_source":false}`, min(n, 10_000)))
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, e.refusal(http.MethodPost, path, status, answer)
	}
	var result struct {
		Hits struct {
			Hits []struct {
				ID      string `json:"_id"`
				Type    string `json:"_type"`
				Routing string `json:"_routing"`
				Parent  string `json:"_parent"`
			} `json:"hits"`
		} `json:"hits"`
	}
	if err := json.Unmarshal(answer, &result); err != nil {
		return nil, fmt.Errorf("list documents of %s: %w", index, err)
	}
	refs := make([]ref, len(result.Hits.Hits))
	for i, h := range result.Hits.Hits {
		refs[i] = ref{id: h.ID, routing: h.Routing, parent: h.Parent}
		// Only an index of several types has others.
		if h.Type == "parent" || h.Type == "child" {
			refs[i].kind = h.Type
		}
	}
	return refs, nil
}
