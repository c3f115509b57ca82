package stream

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"esferry/internal/batch"
	"esferry/internal/jsonscan"
)

// Page is a scroll page, cut. Its documents are slices of the buffer it was
// cut from.
type Page struct {
	// ScrollID asks for the next page.
	ScrollID string
	// Total is the count of documents that the whole scan announces, -1 where
	// it does not say.
	Total int64
	// Docs of this page, less those that are gone: handed on and let go of while the
	// rest of the page was under way.
	Docs []batch.Doc
	gone int

	timedOut, terminatedEarly bool
	shards                    struct{ total, successful, failed int64 }
	failures                  []byte
	failure                   []byte

	frame frame
	// inflow brings the rest of it; nil where all is there.
	inflow *inflow
}

// Cut reads a scroll page without decoding documents (protocol 6). It fails on
// a page that ends early and on one that is not a search's answer; it does not
// judge whether the answer covers everything, which Whole does. The documents are appended to docs, whose memory may be used again.
func Cut(buf []byte, docs []batch.Doc) (*Page, error) {
	p := &Page{Total: -1, Docs: docs}
	if err := p.cut(buf); err != nil {
		return nil, fmt.Errorf("cut a page of %d bytes: %w", len(buf), err)
	}
	return p, nil
}

func (p *Page) cut(buf []byte) error {
	s := jsonscan.New(buf)
	if err := s.Object(func(key []byte) error { return p.top(s, key) }); err != nil {
		return err
	}
	return s.End()
}

// Count is how many documents the page had.
func (p *Page) Count() int { return p.gone + len(p.Docs) }

// Whole reports what makes the page a partial answer: a shard that failed or
// did not answer, a time-out, a count of shards other than one. That a page
// after the first was terminated early is no fault: Elasticsearch 7 ends each
// such page of an unsorted scroll so, once it is full (seen on 7.10).
func (p *Page) Whole() error {
	switch {
	case p.failure != nil:
		return fmt.Errorf("the page is an error: %.200s", p.failure)
	case p.timedOut:
		return errors.New("the search ended before it had seen everything")
	case p.shards.failed > 0:
		return fmt.Errorf("%d shards failed: %.200s", p.shards.failed, p.failures)
	case p.shards.total != 1 || p.shards.successful != 1:
		return fmt.Errorf("%d of %d shards answered where one was asked", p.shards.successful, p.shards.total)
	default:
		return nil
	}
}

func (p *Page) top(s *jsonscan.Scanner, key []byte) error {
	switch string(key) {
	case "_scroll_id":
		raw, err := s.Value()
		if err != nil {
			return err
		}
		return json.Unmarshal(raw, &p.ScrollID)
	case "timed_out":
		return s.Bool(&p.timedOut)
	case "terminated_early":
		return s.Bool(&p.terminatedEarly)
	case "error":
		raw, err := s.Value()
		p.failure = bytes.Clone(raw)
		return err
	case "_shards":
		return s.Object(func(key []byte) error { return p.shard(s, key) })
	case "hits":
		return s.Object(func(key []byte) error { return p.hits(s, key) })
	default:
		return s.Skip()
	}
}

func (p *Page) shard(s *jsonscan.Scanner, key []byte) error {
	switch string(key) {
	case "total":
		return s.Int(&p.shards.total)
	case "successful":
		return s.Int(&p.shards.successful)
	case "failed":
		return s.Int(&p.shards.failed)
	default:
		raw, err := s.Value()
		if string(key) == "failures" {
			p.failures = bytes.Clone(raw)
		}
		return err
	}
}

func (p *Page) hits(s *jsonscan.Scanner, key []byte) error {
	switch string(key) {
	case "total":
		// A number before 7, an object from then on.
		if s.Peek() != '{' {
			return s.Int(&p.Total)
		}
		return s.Object(func(key []byte) error {
			if string(key) == "value" {
				return s.Int(&p.Total)
			}
			return s.Skip()
		})
	case "hits":
		return s.Array(func() error { return p.hit(s) })
	default:
		return s.Skip()
	}
}

// hit cuts one document. What it cannot read may be under way still, as may be what
// follows.
func (p *Page) hit(s *jsonscan.Scanner) error {
	at, err := s.Pos(), p.document(s)
	for err != nil && !p.inflow.whole() {
		p.Docs = p.Docs[:len(p.Docs)-1]
		if err := p.advance(s, at); err != nil {
			return err
		}
		at = s.Pos()
		err = p.document(s)
	}
	for err == nil && !p.inflow.whole() {
		switch s.Peek() {
		case 0:
			err = p.advance(s, s.Pos())
		case ']':
			return p.finish(s)
		default:
			return nil
		}
	}
	return err
}

func (p *Page) document(s *jsonscan.Scanner) error {
	p.Docs = append(p.Docs, batch.Doc{SeqNo: -1})
	d := &p.Docs[len(p.Docs)-1]
	if err := p.frame.cut(s, d); err != nil {
		return err
	}
	if d.ID == nil {
		return errors.New("a document has no _id")
	}
	return nil
}

// scrollID finds the scroll's name in the beginning of a page; "" where it
// does not stand there.
func scrollID(start []byte) string {
	const key = `"_scroll_id"`
	start = start[:min(len(start), preface)]
	at := bytes.Index(start, []byte(key))
	if at < 0 {
		return ""
	}
	s := jsonscan.New(start[at+len(key):])
	if s.Expect(':') != nil {
		return ""
	}
	raw, err := s.Text()
	var id string
	if err != nil || json.Unmarshal(raw, &id) != nil {
		return ""
	}
	return id
}
