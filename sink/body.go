package sink

import (
	"bytes"
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

// grow makes room for documents at once, so that nothing is copied twice.
func (b *body) grow(docs []batch.Doc) {
	n := 0
	for i := range docs {
		n += docs[i].Size() + overhead
	}
	b.buf.Grow(n)
}

// index adds a document under its own version. A line is what ends an item.
func (b *body) index(d *batch.Doc, v batch.Versioning) error {
	b.action("index", d.ID, d.Type, d.Routing)
	b.member("parent", d.Parent)
	b.buf.WriteString(`,"version":`)
	b.number(d.Version)
	b.buf.WriteString(`,"version_type":"`)
	b.buf.WriteString(string(v))
	b.buf.WriteString("\"}}\n")
	if err := d.Line(&b.buf); err != nil {
		return err
	}
	b.buf.WriteByte('\n')
	return nil
}

// remove adds a delete that only happens if the document is still as found
// (protocol 2): by its sequence number, or by its version where the engine
// gives no number. Versions alone would not do where there are numbers: a
// document made anew may have the same one.
func (b *body) remove(key cluster.Key, found cluster.Found) {
	b.action("delete", []byte(key.ID), []byte(key.Type), []byte(key.Routing))
	switch {
	case found.SeqNo >= 0 && found.Term > 0:
		b.buf.WriteString(`,"if_seq_no":`)
		b.number(found.SeqNo)
		b.buf.WriteString(`,"if_primary_term":`)
		b.number(found.Term)
	case found.Version > 0:
		b.buf.WriteString(`,"version":`)
		b.number(found.Version)
	}
	b.buf.WriteString("}}\n")
}

func (b *body) action(verb string, id, typ, routing []byte) {
	b.buf.WriteString(`{"`)
	b.buf.WriteString(verb)
	b.buf.WriteString(`":{"_id":`)
	b.buf.Write(id)
	b.member("_type", typ)
	b.member("routing", routing)
}

// member adds a JSON string under a name, unless there is none.
func (b *body) member(name string, value []byte) {
	if len(value) == 0 {
		return
	}
	b.buf.WriteString(`,"`)
	b.buf.WriteString(name)
	b.buf.WriteString(`":`)
	b.buf.Write(value)
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
