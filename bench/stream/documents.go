package main

import (
	"fmt"
	"time"

	"esferry/internal/corpus"
)

// shape is a kind of documents.
type shape struct {
	name, mapping string
	// page is how many documents a scroll asks for at once, by all tools that
	// can be told: about 5 MB.
	page int
	make func(n int) corpus.Docs
}

func logs() shape {
	return shape{"logs of 700 bytes", corpus.LogMapping, 5000, func(n int) corpus.Docs {
		return corpus.Logs(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), n, 1)
	}}
}

func articles() shape {
	return shape{"articles of 20 kB", corpus.ArticleMapping, 250, func(n int) corpus.Docs { return corpus.Articles(n, 1) }}
}

// documents are the lines of bulks, with the ids of documents in them and all
// else in the path of a request.
type documents struct {
	shape shape
	text  []byte
	// ends of each document's lines.
	ends []int
	// bytes of the sources.
	bytes int64
}

// prepare makes n documents.
func prepare(s shape, n int) (*documents, error) {
	d := &documents{shape: s}
	for doc, err := range s.make(n) {
		if err != nil {
			return nil, fmt.Errorf("make %s: %w", s.name, err)
		}
		d.text = fmt.Appendf(d.text, "{\"index\":{\"_id\":%q}}\n%s\n", doc.ID, doc.Source)
		d.ends = append(d.ends, len(d.text))
		d.bytes += int64(len(doc.Source))
	}
	return d, nil
}

func (d *documents) count() int { return len(d.ends) }

// bodies cuts the lines into bulks of about the given bytes.
func (d *documents) bodies(size int) (bodies [][]byte) {
	from := 0
	for i, end := range d.ends {
		if end-from >= size || i == len(d.ends)-1 {
			bodies = append(bodies, d.text[from:end])
			from = end
		}
	}
	return bodies
}
