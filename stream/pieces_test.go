package stream_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"esferry/internal/batch"
	"esferry/internal/shard"
	"esferry/stream"
)

// checkPieces holds a page that comes in pieces against the same one that is there,
// whether its consumer keeps what it got or not.
func checkPieces(t rapid.TB, text string, piece int) (pieces int) {
	t.Helper()
	want, wrong := stream.Cut([]byte(text), nil)
	for _, keeps := range []bool{true, false} {
		got, handed, err := stream.CutPieces(strings.NewReader(text), len(text), piece, keeps)
		if (err == nil) != (wrong == nil) {
			t.Fatalf("%q in pieces of %d bytes, kept: %t: got %v, want %v", text, piece, keeps, err, wrong)
		}
		if wrong != nil {
			continue
		}
		docs := slices.Concat(handed...)
		if len(docs)+len(want.Docs) > 0 && !reflect.DeepEqual(docs, want.Docs) || got.Count() != len(want.Docs) {
			t.Fatalf("%q in pieces of %d bytes, kept: %t: got %+v, want %+v", text, piece, keeps, docs, want.Docs)
		}
		if got.Total != want.Total || got.ScrollID != want.ScrollID || !reflect.DeepEqual(got.Whole(), want.Whole()) {
			t.Fatalf("%q in pieces of %d bytes, kept: %t: got %+v, want %+v", text, piece, keeps, got, want)
		}
		pieces = max(pieces, len(handed))
	}
	return pieces
}

// TestPiecesAreThePage: wherever one ends, in a number, a word, a string, the
// beginning, or what follows the last document.
func TestPiecesAreThePage(t *testing.T) {
	t.Parallel()
	f := func(text string, most int) {
		t.Helper()
		for piece := 1; piece <= len(text); piece++ {
			if n := checkPieces(t, text, piece); n > most {
				t.Errorf("in pieces of %d bytes: got %d hands, want at most %d", piece, n, most)
			}
		}
	}
	unassigned := strings.Replace(hit(`"n"`, -2, `{"f":-1.5e-3,"t":[true,null]}`), `"_version":1`, `"_version":-1`, 1)
	f(page("0", ""), 0)
	f(page("3", a+","+unassigned+","+c), 3)
	f(page("2", a+strings.Repeat(" ", 600)+","+c), 2)
	f(page("2", a+","+c)+strings.Repeat("\n", 600), 2)
	f(strings.Replace(page("1", a), "abc", strings.Repeat("x", 600), 1), 1)
	f(strings.Replace(page("1", a), `"failed":0`, `"failed":1`, 1), 1)
	f(page("2", a+`,{"_version":1}`), 2)
	f(page("1", a)[:200], 1)

	rapid.Check(t, func(t *rapid.T) {
		var hits []string
		for i := range rapid.IntRange(0, 20).Draw(t, "documents") {
			id, err := json.Marshal(rapid.String().Draw(t, "id"))
			if err != nil {
				t.Fatal(err)
			}
			hits = append(hits, hit(string(id), int64(i), `{"x":"`+strings.Repeat(`\"}`, rapid.IntRange(0, 200).Draw(t, "size"))+`"}`))
		}
		text := page(strconv.Itoa(len(hits)), strings.Join(hits, rapid.SampledFrom([]string{",", " ,\n"}).Draw(t, "between")))
		checkPieces(t, text, rapid.IntRange(1, len(text)).Draw(t, "piece"))
	})
}

// TestAGiantDocumentIsReadOnce: not once for each piece of it.
func TestAGiantDocumentIsReadOnce(t *testing.T) {
	t.Parallel()
	const piece = 500
	reads := 0
	text := page("2", a+","+hit(`"b"`, 1, `{"x":"`+strings.Repeat("x", 1000*piece)+`"}`))
	_, handed, err := stream.CutPieces(countedReads{strings.NewReader(text), &reads}, len(text), piece, false)
	if err != nil || len(handed) != 2 || reads > 20 {
		t.Errorf("got %d reads and %d hands, %v, want two hands, and reads that double", reads, len(handed), err)
	}
}

// TestFewBytesOfMemoryServeAPage: where its consumer is done with each piece before
// the next; one that is not keeps what it got.
func TestFewBytesOfMemoryServeAPage(t *testing.T) {
	t.Parallel()
	const piece, docs = 500, 100
	var hits []string
	for i := range int64(docs) {
		hits = append(hits, hit(`"a"`, i, `{"x":"`+strings.Repeat("x", 100)+`"}`))
	}
	text := page(strconv.Itoa(docs), strings.Join(hits, ","))
	for keeps, within := range map[bool]int{false: 2 * piece, true: len(text)} {
		farthest := 0
		got, _, err := stream.CutPieces(placedReads{strings.NewReader(text), len(text), &farthest}, len(text), piece, keeps)
		if err != nil || got.Count() != docs || farthest > within || farthest < within/2 {
			t.Errorf("kept: %t: got %d documents, %v, bytes up to %d of %d, want up to about %d", keeps, got.Count(), err, farthest, len(text), within)
		}
	}
}

// placedReads notes how far into a page's memory it was read.
type placedReads struct {
	io.Reader
	length   int
	farthest *int
}

func (r placedReads) Read(p []byte) (int, error) {
	*r.farthest = max(*r.farthest, r.length-cap(p)+len(p))
	return r.Reader.Read(p)
}

// countedReads counts reads.
type countedReads struct {
	io.Reader
	n *int
}

func (r countedReads) Read(p []byte) (int, error) { *r.n++; return r.Reader.Read(p) }

// FuzzPieces is TestPiecesAreThePage for any text.
func FuzzPieces(f *testing.F) {
	f.Add(page("2", a+","+b), 300)
	f.Add(page("2", a+strings.Repeat(" ", 300)+","+b), 7)
	f.Add(`{"hits":{"hits":[{"_id":"a"},{"_id":"b"}]},"hits":{"hits":[{"_id":"c"}]}}`, 20)
	f.Add(`{"hits":{"hits":[{"_id":"a","_version":-`, 3)
	f.Add(`{"":0}0`, 6)
	f.Fuzz(func(t *testing.T, text string, piece int) {
		if text != "" && piece > 0 {
			checkPieces(t, text, min(piece, len(text)))
		}
	})
}

// inPieces reads the window once, as reading does, by pages of pieces.
func (e *engine) inPieces(ctx context.Context, o stream.Options, piece int) (ids []string, err error) {
	e.t.Helper()
	budget := batch.NewBudget(capacity)
	ids, err = drain(ctx, stream.NewReader(e, budget, o).InPieces(piece))
	e.settled(budget) //nolint:contextcheck // it looks whether all room came back, whatever became of the context
	return ids, err
}

// TestTroubleOfAPageInPieces: what was handed on of it stays valid, and the window is
// to be read again.
func TestTroubleOfAPageInPieces(t *testing.T) {
	many := a + "," + b + "," + c + "," + hit(`"d"`, 3, `{}`)
	whole := page("9", many)
	f := func(name string, most int, trouble step) {
		t.Helper()
		for _, piece := range []int{1, 100, 300, len(whole) - 1} {
			e, o := newAhead(t, scroll{{body: page("9", hit(`"0"`, 9, `{}`))}, trouble, {body: whole}})
			o.PageDocs = 4
			ids, err := e.inPieces(t.Context(), o, piece)
			e.interrupted(fmt.Sprintf("%s, pieces of %d bytes", name, piece), err, true)
			if got := strings.Join(ids, ""); len(ids) > most || !strings.HasPrefix(`"0"`+strings.Repeat(`"a""b""c""d"`, 3), got) {
				t.Errorf("%s, pieces of %d bytes: got documents %s", name, piece, got)
			}
		}
	}
	f("cut in the middle", 4, step{body: whole[:len(whole)-100], length: int64(len(whole)), broken: io.ErrUnexpectedEOF})
	long := page("9", a+","+hit(`"b"`, 1, `{"x":"`+strings.Repeat("x", 2000)+`"}`))
	f("cut in a document", 2, step{body: long[:1000], length: int64(len(long)), broken: io.ErrUnexpectedEOF})
	f("cut in its beginning", 1, step{body: whole[:40], length: int64(len(whole)), broken: io.ErrUnexpectedEOF})
	f("a failed shard", 5, step{body: strings.Replace(whole, `"failed":0`, `"failed":1`, 1)})
	f("timed out", 5, step{body: strings.Replace(whole, `"timed_out":false`, `"timed_out":true`, 1)})
	f("too many documents", 9, step{body: page("9", many+","+many+","+many)})
	f("no documents", 1, step{body: page("9", "") + strings.Repeat(" ", 1000)})
	f("no page", 1, step{body: "<html>Bad Gateway</html>" + strings.Repeat(" ", 1000)})

	e, o := newAhead(t, pages(page("9", a), page("9", b+`,{"_id":"x","_version":1,"_seq_no":4}`)))
	_, err := e.inPieces(t.Context(), o, 100)
	if e.interrupted("no source", err, false); !errors.Is(err, stream.ErrNoSource) {
		t.Errorf("got %v, want ErrNoSource", err)
	}
}

// TestPiecesShareTheirPage: it is given back once the last batch is.
func TestPiecesShareTheirPage(t *testing.T) {
	large := func(id string) string { return hit(id, 1, `{"x":"`+strings.Repeat("x", 1000)+`"}`) }
	e, o := newAhead(t, pages(page("5", a), page("5", large(`"b"`)+","+large(`"c"`)+","+large(`"d"`)+","+large(`"e"`))))
	o.PageDocs = 4
	budget := batch.NewBudget(1 << 20)
	var held []*batch.Batch
	for got, err := range stream.NewReader(e, budget, o).InPieces(1500).Read(t.Context(), shard.Position{}, window) {
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, got)
	}
	if len(held) < 3 {
		t.Fatalf("got %d batches, want a page in several", len(held))
	}
	for i, one := range slices.Backward(held) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		if _, err := budget.Acquire(ctx, 1<<20); err == nil {
			t.Errorf("all of the budget is free while %d batches are held", i+1)
		}
		cancel()
		one.Release()
	}
	release, err := budget.Acquire(t.Context(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	release()
}

// TestTheConsumerMayStopInTheMiddleOfAPage: nothing is left open or held.
func TestTheConsumerMayStopInTheMiddleOfAPage(t *testing.T) {
	e, o := newAhead(t, pages(page("9", a), page("9", b+","+c+","+hit(`"d"`, 3, `{"x":"`+strings.Repeat("x", 1000)+`"}`)), page("9", hit(`"e"`, 4, `{}`))))
	budget := batch.NewBudget(capacity)
	for got, err := range stream.NewReader(e, budget, o).InPieces(500).Read(t.Context(), shard.Position{}, window) {
		if err != nil {
			t.Fatal(err)
		}
		last := string(got.Docs[0].ID) == `"b"`
		if got.Release(); last {
			break
		}
	}
	e.settled(budget)
	if len(e.closed) != 1 {
		t.Errorf("got %d scrolls closed, want one", len(e.closed))
	}
}
