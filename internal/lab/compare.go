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

// trace stands for a document: 48 bytes whatever its size.
type trace struct {
	version int64
	// raw is the hash of the content as it came. lean is the same without white
	// space, set only when the content spans lines.
	raw, lean [16]byte
	seen      bool
}

// Compare reads both indices whole and compares them document by document: id,
// routing, parent, version, and the bytes of _source; types too where one side
// has several. It shares no code with the
// product, so that a fault there cannot hide itself here.
//
// One difference is not one: a document whose source spans lines cannot go
// through _bulk, whose separator is the line feed, so that a mover has to take
// the line feeds between its tokens out. Such a document, and no other, is
// equal when its source without the white space between tokens (json.Compact,
// which touches no number, escape, or key) is.
//
// Both indices are refreshed first. Nothing may write to them meanwhile. A URL
// may carry user and password. Memory is about 150 bytes a document.
func Compare(ctx context.Context, sourceURL, targetURL, sourceIndex, targetIndex string) (Diff, error) {
	return CompareBy(ctx, nil, sourceURL, targetURL, sourceIndex, targetIndex)
}

// CompareBy is Compare with a client for both sides, such as one that trusts a
// lab's certificate; nil for a plain one.
func CompareBy(ctx context.Context, client *http.Client, sourceURL, targetURL, sourceIndex, targetIndex string) (d Diff, err error) {
	if client == nil {
		plain := &http.Transport{}
		defer plain.CloseIdleConnections()
		client = &http.Client{Transport: plain}
	}
	c := comparison{traces: map[key]trace{}}
	source := scan{client: client, url: strings.TrimSuffix(sourceURL, "/"), index: sourceIndex}
	target := scan{client: client, url: strings.TrimSuffix(targetURL, "/"), index: targetIndex}
	if err := findTypes(ctx, &source, &target); err != nil {
		return c.diff, err
	}
	if c.diff.Source, err = source.all(ctx, c.keep); err != nil {
		return c.diff, fmt.Errorf("read the source: %w", err)
	}
	if c.diff.Target, err = target.all(ctx, c.meet); err != nil {
		return c.diff, fmt.Errorf("read the target: %w", err)
	}
	for k, t := range c.traces {
		if !t.seen {
			c.diff.Missing = c.diff.Missing.with(k.String())
		}
	}
	return c.diff, nil
}

// comparison holds what was read of the source while the target is read.
type comparison struct {
	traces map[key]trace
	diff   Diff
}

// keep takes one document of the source.
func (c *comparison) keep(k key, version int64, content []byte) error {
	if _, twice := c.traces[k]; twice {
		return fmt.Errorf("document %v came twice", k)
	}
	t, err := traceOf(version, content)
	c.traces[k] = t
	return err
}

// meet judges one document of the target.
func (c *comparison) meet(k key, version int64, content []byte) error {
	want, ok := c.traces[k]
	if !ok || want.seen {
		c.diff.Surplus = c.diff.Surplus.with(k.String())
		return nil
	}
	want.seen = true
	c.traces[k] = want
	reason, err := want.against(version, content)
	if reason != "" {
		c.diff.Different = c.diff.Different.with(k.String() + ": " + reason)
	}
	return err
}

// against says what is different about the target's document, if anything.
func (t trace) against(version int64, content []byte) (reason string, err error) {
	if version != t.version {
		return fmt.Sprintf("version %d, want %d", version, t.version), nil
	}
	if hash(content) == t.raw {
		return "", nil
	}
	if t.lean == ([16]byte{}) {
		return "content", nil
	}
	lean, err := leanHash(content)
	if err == nil && lean != t.lean {
		reason = "content, also without white space"
	}
	return reason, err
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
