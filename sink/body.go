package sink

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"

	"esferry/internal/batch"
	"esferry/internal/cluster"
)

// overhead bounds the constant words around a document in a bulk body.
const overhead = 128

// body is a bulk request being built: documents are spliced in as they came.
type body struct {
	buf bytes.Buffer
}

// index adds a document under its own version. A source with line breaks is
// compacted, since a line is what ends an item; nothing else of it is touched.
func (b *body) index(d *batch.Doc, v batch.Versioning) error {
	b.action("index", d.ID, d.Routing)
	b.buf.WriteString(`,"version":`)
	b.number(d.Version)
	b.buf.WriteString(`,"version_type":"`)
	b.buf.WriteString(string(v))
	b.buf.WriteString("\"}}\n")
	if bytes.IndexByte(d.Source, '\n') < 0 {
		b.buf.Write(d.Source)
	} else if err := json.Compact(&b.buf, d.Source); err != nil {
		return fmt.Errorf("document %s: its _source is not JSON: %w", d.ID, err)
	}
	b.buf.WriteByte('\n')
	return nil
}

// remove adds a delete that only happens if the document is still as found
// (protocol 2); engines without sequence numbers delete what is there.
func (b *body) remove(key cluster.Key, found cluster.Found) {
	b.action("delete", []byte(key.ID), []byte(key.Routing))
	if found.SeqNo >= 0 && found.Term > 0 {
		b.buf.WriteString(`,"if_seq_no":`)
		b.number(found.SeqNo)
		b.buf.WriteString(`,"if_primary_term":`)
		b.number(found.Term)
	}
	b.buf.WriteString("}}\n")
}

func (b *body) action(verb string, id, routing []byte) {
	b.buf.WriteString(`{"`)
	b.buf.WriteString(verb)
	b.buf.WriteString(`":{"_id":`)
	b.buf.Write(id)
	if len(routing) > 0 {
		b.buf.WriteString(`,"routing":`)
		b.buf.Write(routing)
	}
}

func (b *body) number(n int64) { b.buf.Write(strconv.AppendInt(b.buf.AvailableBuffer(), n, 10)) }

func (b *body) bytes() []byte { return b.buf.Bytes() }

// bodies lends buffers, so that writers do not make one for each request.
type bodies struct {
	pool sync.Pool
}

func (p *bodies) get() *body {
	if b, ok := p.pool.Get().(*body); ok {
		b.buf.Reset()
		return b
	}
	return &body{}
}

func (p *bodies) put(b *body) { p.pool.Put(b) }
