package corpus

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
)

// Loaded is what Load has done.
type Loaded struct {
	// Docs and Bytes that the engine took; bytes are those of the sources.
	Docs  int
	Bytes int64
	// Refused are the ids of optional documents that it did not take.
	Refused []string
}

// Bounds of one bulk: small enough for a heap of 512 MB with several under way.
const (
	loadBytes = 4 << 20
	loadDocs  = 1000
)

// Load opens the engine at address and loads docs into index; see Engine.Load.
func Load(ctx context.Context, address, index string, docs Docs) (Loaded, error) {
	e, err := Open(ctx, address, nil)
	if err != nil {
		return Loaded{}, err
	}
	return e.Load(ctx, index, docs)
}

// Load sends docs to index as they are and refreshes it. Documents whose source
// spans lines go one by one, since a bulk is made of lines. The first document
// that the engine refuses is an error, unless it is optional.
func (e *Engine) Load(ctx context.Context, index string, docs Docs) (Loaded, error) {
	l := loader{engine: e, index: index}
	for d, err := range docs {
		if err != nil {
			return l.done, fmt.Errorf("load %s: %w", index, err)
		}
		if err := l.add(ctx, d); err != nil {
			return l.done, fmt.Errorf("load %s: %w", index, err)
		}
	}
	if err := l.flush(ctx); err != nil {
		return l.done, fmt.Errorf("load %s: %w", index, err)
	}
	return l.done, e.Refresh(ctx, index)
}

type loader struct {
	engine *Engine
	index  string
	body   bytes.Buffer
	docs   []Doc
	done   Loaded
}

func (l *loader) add(ctx context.Context, d Doc) error {
	if bytes.IndexByte(d.Source, '\n') >= 0 {
		return l.alone(ctx, d)
	}
	if err := l.engine.add(&l.body, doIndex, l.index, d.ref(), d.Source); err != nil {
		return err
	}
	l.docs = append(l.docs, d)
	if len(l.docs) == loadDocs || l.body.Len() >= loadBytes {
		return l.flush(ctx)
	}
	return nil
}

// flush sends what has gathered.
func (l *loader) flush(ctx context.Context) error {
	if len(l.docs) == 0 {
		return nil
	}
	items, err := l.engine.bulk(ctx, l.body.Bytes(), len(l.docs))
	if err != nil {
		return err
	}
	for i, d := range l.docs {
		if err := l.count(d, items[i].applied(), items[i].String()); err != nil {
			return err
		}
	}
	l.docs = l.docs[:0]
	l.body.Reset()
	return nil
}

// alone sends one document.
func (l *loader) alone(ctx context.Context, d Doc) error {
	path := l.engine.docPath(l.index, d.ref())
	status, answer, err := l.engine.do(ctx, http.MethodPut, path, d.Source)
	if err != nil {
		return err
	}
	return l.count(d, status < http.StatusMultipleChoices, fmt.Sprintf("status %d: %.300s", status, answer))
}

func (l *loader) count(d Doc, applied bool, verdict string) error {
	switch {
	case applied:
		l.done.Docs++
		l.done.Bytes += int64(len(d.Source))
	case d.Optional:
		l.done.Refused = append(l.done.Refused, d.ID)
	default:
		return fmt.Errorf("document %q was refused: %s", d.ID, verdict)
	}
	return nil
}
