package lab

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"esferry/internal/group"
)

// Diff is what two indices do not have in common.
type Diff struct {
	// Source and Target are how many documents each side holds.
	Source, Target int
	// Missing documents are on the source only, surplus ones on the target only.
	Missing, Surplus Finding
	// Different documents have another version or another content on the target.
	Different Finding
}

// Finding counts documents and names the first of them.
type Finding struct {
	Count int
	First []string
}

// Equal reports whether both sides hold the same documents.
func (d Diff) Equal() bool {
	return d.Missing.Count == 0 && d.Surplus.Count == 0 && d.Different.Count == 0 && d.Source == d.Target
}

// String gives the verdict in one line, or names what differs.
func (d Diff) String() string {
	if d.Equal() {
		return fmt.Sprintf("equal: %d documents, ids, routings, versions and content", d.Source)
	}
	return fmt.Sprintf("source %d documents, target %d; missing %v; surplus %v; different %v", d.Source, d.Target, d.Missing, d.Surplus, d.Different)
}

// String gives the count and the first documents.
func (f Finding) String() string {
	if f.Count == 0 {
		return "none"
	}
	return fmt.Sprintf("%d, first %s", f.Count, strings.Join(f.First, "; "))
}

// with counts one more.
func (f Finding) with(name string) Finding {
	const most = 20
	f.Count++
	if len(f.First) < most {
		f.First = append(f.First, name)
	}
	return f
}

// key is what a document is known by: the same id may live in two shards under
// two routings, and, where an index has several types, under two types. The
// kind is its type there and empty elsewhere, since the only type of an index
// may have another name on the other side.
type key struct{ id, routing, parent, kind string }

func (k key) String() string {
	name := fmt.Sprintf("%q", k.id)
	if k.kind != "" {
		name = k.kind + " " + name
	}
	if k.routing != "" {
		name += fmt.Sprintf(" routed by %q", k.routing)
	}
	if k.parent != "" {
		name += fmt.Sprintf(" below %q", k.parent)
	}
	return name
}

// trace stands for a document: 40 bytes whatever its size.
type trace struct {
	version int64
	// raw is the hash of the content as it came. lean is the same without white
	// space, set only when the content spans lines.
	raw, lean [16]byte
}

// Compare reads both indices whole, both at once, and compares them document by
// document: id, routing, parent, version, and the bytes of _source; types too
// where one side has several. It shares no code with the product, so that a
// fault there cannot hide itself here.
//
// One difference is not one: a document whose source spans lines cannot go
// through _bulk, whose separator is the line feed, so that a mover has to take
// the line feeds between its tokens out. Such a document, and no other, is
// equal when its source without the white space between tokens (json.Compact,
// which touches no number, escape, or key) is.
//
// Both indices are refreshed first. Nothing may write to them meanwhile. A URL
// may carry user and password. Memory is about 300 bytes a document.
func Compare(ctx context.Context, sourceURL, targetURL, sourceIndex, targetIndex string) (Diff, error) {
	return CompareBy(ctx, nil, sourceURL, targetURL, sourceIndex, targetIndex)
}

// CompareBy is Compare with a client for both sides, such as one that trusts a
// lab's certificate; nil for a plain one.
func CompareBy(ctx context.Context, client *http.Client, sourceURL, targetURL, sourceIndex, targetIndex string) (Diff, error) {
	if client == nil {
		// To compress takes an engine longer than to send, on one machine.
		plain := &http.Transport{DisableCompression: true}
		defer plain.CloseIdleConnections()
		client = &http.Client{Transport: plain}
	}
	source := scan{client: client, side: "source", url: strings.TrimSuffix(sourceURL, "/"), index: sourceIndex}
	target := scan{client: client, side: "target", url: strings.TrimSuffix(targetURL, "/"), index: targetIndex}
	if err := findTypes(ctx, &source, &target); err != nil {
		return Diff{}, err
	}
	c := comparison{here: traces{}, there: traces{}}
	g, _ := group.New(ctx)
	g.Go("read the source", func(ctx context.Context) (err error) {
		c.diff.Source, err = c.here.read(ctx, source, func(k key) error { return fmt.Errorf("document %v came twice", k) })
		return err
	})
	g.Go("read the target", func(ctx context.Context) (err error) {
		c.diff.Target, err = c.there.read(ctx, target, func(k key) error {
			c.diff.Surplus = c.diff.Surplus.with(k.String())
			return nil
		})
		return err
	})
	if err := g.Wait(); err != nil {
		return c.diff, err
	}
	err := c.again(ctx, target, c.judge())
	return c.diff, err
}

// comparison holds what was read of either side.
type comparison struct {
	here, there traces
	diff        Diff
}

// traces are the documents of one side.
type traces map[key]trace

// read takes all of an index and counts them; of what came before, twice is
// told.
func (t traces) read(ctx context.Context, s scan, twice func(key) error) (int, error) {
	n, err := s.all(ctx, func(k key, version int64, content []byte) (err error) {
		if _, again := t[k]; again {
			return twice(k)
		}
		t[k], err = traceOf(version, content)
		return err
	})
	if err != nil {
		return n, fmt.Errorf("read the %s: %w", s.side, err)
	}
	return n, nil
}

// judge looks each document of one side up on the other. Left to be judged are
// those that span lines on the source and have other bytes on the target.
func (c *comparison) judge() (left traces) {
	left = traces{}
	for k, want := range c.here {
		got, ok := c.there[k]
		switch {
		case !ok:
			c.diff.Missing = c.diff.Missing.with(k.String())
		case got.version != want.version:
			c.diff.Different = c.diff.Different.with(fmt.Sprintf("%s: version %d, want %d", k, got.version, want.version))
		case got.raw == want.raw:
		case want.lean == [16]byte{}:
			c.diff.Different = c.diff.Different.with(k.String() + ": content")
		default:
			left[k] = want
		}
	}
	for k := range c.there {
		if _, ok := c.here[k]; !ok {
			c.diff.Surplus = c.diff.Surplus.with(k.String())
		}
	}
	return left
}

// again reads the target once more for the documents that are left: few indices
// have one, and to take the white space out of every document takes long.
func (c *comparison) again(ctx context.Context, target scan, left traces) error {
	if len(left) == 0 {
		return nil
	}
	_, err := target.all(ctx, func(k key, _ int64, content []byte) error {
		want, ok := left[k]
		if !ok {
			return nil
		}
		delete(left, k)
		lean, err := leanHash(content)
		if lean != want.lean {
			c.diff.Different = c.diff.Different.with(k.String() + ": content, also without white space")
		}
		return err
	})
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("%d documents came no more", len(left))
	}
	if err != nil {
		return fmt.Errorf("read the target again: %w", err)
	}
	return nil
}

func traceOf(version int64, content []byte) (t trace, err error) {
	t = trace{version: version, raw: hash(content)}
	// In JSON a raw line feed can only stand between tokens.
	if bytes.IndexByte(content, '\n') >= 0 || bytes.IndexByte(content, '\r') >= 0 {
		t.lean, err = leanHash(content)
	}
	return t, err
}

func leanHash(content []byte) (h [16]byte, err error) {
	var lean bytes.Buffer
	if err := json.Compact(&lean, content); err != nil {
		return h, fmt.Errorf("take the white space out of a document: %w", err)
	}
	return hash(lean.Bytes()), nil
}

// hash is half of SHA-256: no two documents of a test collide in it.
func hash(content []byte) (h [16]byte) {
	sum := sha256.Sum256(content)
	copy(h[:], sum[:])
	return h
}

// errNoSource is what a document without _source fails with: there is nothing
// to compare.
var errNoSource = errors.New("has no _source to compare")
