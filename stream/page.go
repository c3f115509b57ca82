package stream

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"esferry/internal/batch"
)

// Page is a scroll page, cut. Its documents are slices of the buffer it was
// cut from.
type Page struct {
	// ScrollID asks for the next page.
	ScrollID string
	// Total is the count of documents that the whole scan announces, -1 where
	// it does not say.
	Total int64
	// Docs of this page.
	Docs []batch.Doc

	timedOut, terminatedEarly bool
	shards                    struct{ total, successful, failed int64 }
	failures                  []byte
	failure                   []byte
}

// Cut reads a scroll page without decoding documents (protocol 6). It fails on
// a page that ends early and on one that is not a search's answer; it does not
// judge whether the answer covers everything, which Whole does.
func Cut(buf []byte) (*Page, error) {
	s := &scanner{buf: buf}
	p := &Page{Total: -1}
	if err := s.object(func(key []byte) error { return p.top(s, key) }); err != nil {
		return nil, fmt.Errorf("cut a page of %d bytes: %w", len(buf), err)
	}
	if s.space() != 0 || s.pos < len(buf) {
		return nil, fmt.Errorf("cut a page of %d bytes: more follows its end at byte %d", len(buf), s.pos)
	}
	return p, nil
}

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

func (p *Page) top(s *scanner, key []byte) error {
	switch string(key) {
	case "_scroll_id":
		raw, err := s.value()
		if err != nil {
			return err
		}
		return json.Unmarshal(raw, &p.ScrollID)
	case "timed_out":
		return boolean(s, &p.timedOut)
	case "terminated_early":
		return boolean(s, &p.terminatedEarly)
	case "error":
		raw, err := s.value()
		p.failure = raw
		return err
	case "_shards":
		return s.object(func(key []byte) error { return p.shard(s, key) })
	case "hits":
		return s.object(func(key []byte) error { return p.hits(s, key) })
	default:
		_, err := s.value()
		return err
	}
}

func (p *Page) shard(s *scanner, key []byte) error {
	switch string(key) {
	case "total":
		return number(s, &p.shards.total)
	case "successful":
		return number(s, &p.shards.successful)
	case "failed":
		return number(s, &p.shards.failed)
	default:
		raw, err := s.value()
		if string(key) == "failures" {
			p.failures = raw
		}
		return err
	}
}

func (p *Page) hits(s *scanner, key []byte) error {
	switch string(key) {
	case "total":
		// A number before 7, an object from then on.
		if s.space() != '{' {
			return number(s, &p.Total)
		}
		return s.object(func(key []byte) error {
			if string(key) == "value" {
				return number(s, &p.Total)
			}
			_, err := s.value()
			return err
		})
	case "hits":
		return s.array(func() error {
			d := batch.Doc{SeqNo: -1}
			if err := s.object(func(key []byte) error { return member(s, &d, key) }); err != nil {
				return err
			}
			if d.ID == nil {
				return errors.New("a document has no _id")
			}
			p.Docs = append(p.Docs, d)
			return nil
		})
	default:
		_, err := s.value()
		return err
	}
}

func member(s *scanner, d *batch.Doc, key []byte) error {
	var err error
	switch string(key) {
	case "_id":
		d.ID, err = quoted(s)
	case "_routing":
		d.Routing, err = quoted(s)
	case "_type":
		// null where a document was asked for by id and is not there.
		if d.Type, err = s.value(); err == nil && d.Type[0] != '"' {
			d.Type = nil
		}
	case "_parent":
		d.Parent, err = quoted(s)
	case "_version":
		err = number(s, &d.Version)
	case "_seq_no":
		err = number(s, &d.SeqNo)
	case "_primary_term":
		err = number(s, &d.Term)
	case "_source":
		d.Source, err = s.value()
		if err == nil && d.Source[0] != '{' {
			err = fmt.Errorf("the _source of document %s is not an object", d.ID)
		}
	default:
		_, err = s.value()
	}
	return err
}

func quoted(s *scanner) ([]byte, error) {
	if s.space() != '"' {
		return nil, fmt.Errorf("byte %d of the page begins no string", s.pos)
	}
	return s.text()
}

func number(s *scanner, to *int64) error {
	raw, err := s.value()
	if err != nil {
		return err
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		return fmt.Errorf("read a number: %w", err)
	}
	*to = n
	return nil
}

func boolean(s *scanner, to *bool) error {
	raw, err := s.value()
	if err != nil {
		return err
	}
	switch string(raw) {
	case "true":
		*to = true
	case "false":
		*to = false
	default:
		return fmt.Errorf("%.20q is neither true nor false", raw)
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
	s := &scanner{buf: start, pos: at + len(key)}
	if s.expect(':') != nil {
		return ""
	}
	raw, err := s.text()
	var id string
	if err != nil || json.Unmarshal(raw, &id) != nil {
		return ""
	}
	return id
}
