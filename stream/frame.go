package stream

import (
	"bytes"
	"fmt"

	"esferry/internal/batch"
	"esferry/internal/jsonscan"
)

// field is a member of a document, as far as it is looked at.
type field int

// The fields, and others, which are passed over; alike is what engines write the same
// for each document.
const (
	other field = iota
	alike
	id
	routing
	docType
	parent
	version
	seqNo
	term
	source
)

func fieldOf(key []byte) field {
	switch string(key) {
	case "_index", "_score":
		return alike
	case "_id":
		return id
	case "_routing":
		return routing
	case "_type":
		return docType
	case "_parent":
		return parent
	case "_version":
		return version
	case "_seq_no":
		return seqNo
	case "_primary_term":
		return term
	case "_source":
		return source
	default:
		return other
	}
}

// member consumes a field's value into d.
func member(s *jsonscan.Scanner, d *batch.Doc, f field) error {
	var err error
	switch f {
	case id:
		d.ID, err = s.Quoted()
	case routing:
		d.Routing, err = s.Quoted()
	case docType:
		// null where a document was asked for by id and is not there.
		if d.Type, err = s.Value(); err == nil && d.Type[0] != '"' {
			d.Type = nil
		}
	case parent:
		d.Parent, err = s.Quoted()
	case version:
		err = s.Int(&d.Version)
	case seqNo:
		err = s.Int(&d.SeqNo)
	case term:
		err = s.Int(&d.Term)
	case source:
		d.Source, err = s.Value()
		if err == nil && d.Source[0] != '{' {
			err = fmt.Errorf("the _source of document %s is not an object", d.ID)
		}
		// Just now the processor has it at hand.
		d.OneLine = bytes.IndexByte(d.Source, '\n') < 0
	default:
		err = s.Skip()
	}
	return err
}

// frame is the text around the values of the document that was cut last: engines write
// it alike for the next one, most of the time, so that only the values of that have to
// be looked for. The zero frame is none.
type frame struct {
	// text before the first value, between values, and behind the last one.
	text   []byte
	values []value
}

// value of a document: its field, and how far the frame's text before it goes.
type value struct {
	field field
	to    int
}

// cut cuts a document, as far as the last one's frame goes by that, and learns how it
// goes on from there.
func (f *frame) cut(s *jsonscan.Scanner, d *batch.Doc) error {
	known, to, at := 0, 0, s.Pos()
	for known < len(f.values) && s.Met(f.text[to:f.values[known].to]) {
		v := f.values[known]
		if err := member(s, d, v.field); err != nil {
			return err
		}
		known, to, at = known+1, v.to, s.Pos()
	}
	if known > 0 && known == len(f.values) && s.Met(f.text[to:]) {
		return nil
	}
	f.text, f.values = f.text[:to], f.values[:known]
	return f.learn(s, d, at)
}

// learn cuts a document member by member, from the end of its last known value on.
func (f *frame) learn(s *jsonscan.Scanner, d *batch.Doc, at int) error {
	each := func(key []byte) error {
		kind := fieldOf(key)
		if kind == alike {
			return s.Skip()
		}
		f.text = append(f.text, s.Since(at)...)
		f.values = append(f.values, value{field: kind, to: len(f.text)})
		err := member(s, d, kind)
		at = s.Pos()
		return err
	}
	var err error
	if len(f.values) == 0 {
		err = s.Object(each)
	} else {
		err = s.Rest(each)
	}
	if err != nil {
		// Its end is not known.
		f.values = f.values[:0]
		return err
	}
	f.text = append(f.text, s.Since(at)...)
	return nil
}
