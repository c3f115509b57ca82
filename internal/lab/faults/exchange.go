package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"esferry/internal/retry"
)

// exchange is one request that was read to its end.
type exchange struct {
	request *http.Request
	kind    Kind
	// body as it came from the wire.
	body []byte
	// items of a bulk.
	items []item
	// asked is how many documents a multi-get wants.
	asked int
	// beside is how many of its kind are under way, itself included.
	beside int
}

// reply is what the client gets. Without a status it gets a reset connection.
type reply struct {
	status int
	header http.Header
	body   []byte
	// chunked replies promise no length; others the one in header.
	chunked bool
	// cut ends the connection instead of the answer.
	cut bool
	// piece is the number of bytes between two pauses; none when zero.
	piece int
}

// serve handles one request. The first context is the client's and ends with
// its connection; life is the proxy's own.
func (p *Proxy) serve(ctx, life context.Context, w http.ResponseWriter, r *http.Request) {
	if !p.enter() {
		cut(w, true)
		return
	}
	defer p.handlers.Done()
	x := exchange{request: r, kind: kindOf(r)}
	var err error
	if x.body, err = io.ReadAll(r.Body); err != nil {
		cut(w, true)
		return
	}
	switch x.kind {
	case Bulk:
		x.items = bulkItems(plain(r.Header, x.body))
	case MGet:
		x.asked = asked(plain(r.Header, x.body))
	default:
	}
	rule := p.take(&x)
	defer p.ended(x.kind)
	switch {
	case rule == nil:
		err = p.pass(ctx, w, x)
	case rule.Fault == Delay:
		err = p.late(ctx, w, x, rule)
	default:
		err = p.spoil(life, w, x, rule)
	}
	if err != nil {
		cut(w, true)
	}
}

// late passes an exchange after the rule's delay.
func (p *Proxy) late(ctx context.Context, w http.ResponseWriter, x exchange, r *armed) error {
	err := retry.Sleep(ctx, r.For)
	p.settle(r, err == nil)
	if err != nil {
		return err
	}
	return p.pass(ctx, w, x)
}

// pass hands the engine's answer on while it comes.
func (p *Proxy) pass(ctx context.Context, w http.ResponseWriter, x exchange) error {
	answer, err := p.ask(ctx, x)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if err := begin(w, answer.StatusCode, answer.Header, answer.ContentLength < 0); err != nil {
		return err
	}
	var seen bytes.Buffer
	body := io.Reader(answer.Body)
	if x.kind == Scroll || x.kind == Page {
		body = io.TeeReader(body, &seen)
	}
	return stream(w, body, func() { p.saw(x, answer.Header, seen.Bytes()) })
}

// stream copies; it holds the last piece back until ended has returned.
func stream(w io.Writer, from io.Reader, ended func()) error {
	held, next := make([]byte, 0, 32<<10), make([]byte, 32<<10)
	for {
		n, err := from.Read(next)
		if n > 0 {
			if _, err := w.Write(held); err != nil {
				return err
			}
			held, next = next[:n], held[:cap(held)]
		}
		if errors.Is(err, io.EOF) {
			ended()
			_, err = w.Write(held)
			return err
		}
		if err != nil {
			return err
		}
	}
}

// spoil does the rule's fault to the exchange.
func (p *Proxy) spoil(ctx context.Context, w http.ResponseWriter, x exchange, r *armed) error {
	if a, ok := instead(r.Fault); ok {
		p.settle(r, true)
		return a.send(ctx, w)
	}
	a, err := p.whole(ctx, x, r.Fault)
	if err != nil {
		p.settle(r, false)
		return err
	}
	a, really := a.mangle(r.Fault, x)
	p.settle(r, really)
	return a.send(ctx, w)
}

// ask sends the exchange's request to the engine.
func (p *Proxy) ask(ctx context.Context, x exchange) (*http.Response, error) {
	out := x.request.Clone(ctx)
	out.URL.Scheme, out.URL.Host, out.RequestURI = p.target.Scheme, p.target.Host, ""
	out.TransferEncoding, out.Close = nil, false
	out.Body, out.ContentLength = http.NoBody, int64(len(x.body))
	if len(x.body) > 0 {
		out.Body = io.NopCloser(bytes.NewReader(x.body))
	}
	if len(out.Header["User-Agent"]) == 0 {
		// Or else the transport would add its own.
		out.Header.Set("User-Agent", "")
	}
	return p.transport.RoundTrip(out)
}

// whole gives the engine's answer, uncompressed and read to its end.
func (p *Proxy) whole(ctx context.Context, x exchange, f Fault) (reply, error) {
	sent := x
	sent.request = x.request.Clone(ctx)
	sent.request.Header.Del("Accept-Encoding")
	if f == BusyItems {
		sent.body = withoutBusy(x.items)
		sent.request.Header.Del("Content-Encoding")
	}
	answer, err := p.ask(ctx, sent)
	if err != nil {
		return reply{}, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return reply{}, fmt.Errorf("read the engine's answer: %w", err)
	}
	p.saw(x, answer.Header, body)
	return reply{status: answer.StatusCode, header: answer.Header, body: body, chunked: answer.ContentLength < 0}, nil
}

// instead gives the reply of a fault that the engine never hears of.
func instead(f Fault) (reply, bool) {
	switch f {
	case Refuse:
		return reply{}, true
	case TooMany:
		return own(http.StatusTooManyRequests, "application/json", `{"error":`+rejected+`,"status":429}`), true
	case Unavailable:
		return own(http.StatusServiceUnavailable, "application/json",
			`{"error":{"type":"cluster_block_exception","reason":"blocked by: no master (injected)"},"status":503}`), true
	case Forbidden:
		return own(http.StatusForbidden, "application/json",
			`{"error":{"type":"security_exception","reason":"action is unauthorized (injected)"},"status":403}`), true
	case TooLarge:
		return gateway(http.StatusRequestEntityTooLarge), true
	default:
		return reply{}, false
	}
}

// mangle does to a whole answer what the fault wants, or leaves it as it is
// and reports false where there is nothing to do that to.
func (a reply) mangle(f Fault, x exchange) (reply, bool) {
	half := len(a.body) / 2
	switch f {
	case LoseAnswer:
		return reply{}, true
	case GatewayTimeout:
		return gateway(http.StatusGatewayTimeout), true
	case EmptyAnswer:
		a.status, a.chunked = http.StatusOK, false
		return a.with(nil), true
	case BusyItems, FailedShards, TimedOut, FullQueue:
		body, ok := changed(f, x, a.body)
		if ok {
			return a.with(body), true
		}
		if f == BusyItems && a.status == http.StatusOK {
			// Passed on as it is, it would be taken for the answer on all items.
			return reply{}, false
		}
		return a, false
	default:
	}
	if half == 0 {
		return a, false
	}
	switch f {
	case HalfAnswer:
		a.body, a.cut = a.body[:half], true
	case ShortAnswer:
		a.chunked = false
		a = a.with(a.body[:half])
	case Trickle:
		a.piece = max(min(512, half), len(a.body)/1000)
	default:
		return a, false
	}
	return a, true
}

// changed is the body of an answer with what the fault writes into it.
func changed(f Fault, x exchange, body []byte) ([]byte, bool) {
	switch f {
	case BusyItems:
		index, _, _ := strings.Cut(strings.Trim(x.request.URL.Path, "/"), "/")
		return withBusy(body, x.items, index)
	case FailedShards:
		return failShard(body)
	case TimedOut:
		return timeOut(body)
	case FullQueue:
		return fillQueues(body)
	default:
		return body, false
	}
}

// with gives the reply with another body and, unless it is chunked, its length.
func (a reply) with(body []byte) reply {
	if !a.chunked {
		a.header = a.header.Clone()
		a.header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	a.body = body
	return a
}

// own is a reply that no engine gave.
func own(status int, contentType, body string) reply {
	a := reply{status: status, header: http.Header{"Content-Type": {contentType}}}
	return a.with([]byte(body))
}

// gateway is the page of a gateway before the engine.
func gateway(status int) reply {
	title := strconv.Itoa(status) + " " + http.StatusText(status)
	return own(status, "text/html", "<html><head><title>"+title+"</title></head><body><h1>"+title+"</h1></body></html>\r\n")
}

// send gives the reply to the client.
func (a reply) send(ctx context.Context, w http.ResponseWriter) error {
	if a.status == 0 {
		cut(w, true)
		return nil
	}
	if err := begin(w, a.status, a.header, a.chunked); err != nil {
		return err
	}
	piece := a.piece
	if piece == 0 {
		piece = max(1, len(a.body))
	}
	for chunk := range slices.Chunk(a.body, piece) {
		if _, err := w.Write(chunk); err != nil {
			return err
		}
		if a.piece == 0 {
			continue
		}
		if err := errors.Join(http.NewResponseController(w).Flush(), retry.Sleep(ctx, time.Millisecond)); err != nil {
			return err
		}
	}
	if !a.cut {
		return nil
	}
	err := http.NewResponseController(w).Flush()
	cut(w, false)
	return err
}

// begin sends status and header as they are; chunked ones at once, or the
// server would find out and tell the length of a short body.
func begin(w http.ResponseWriter, status int, header http.Header, chunked bool) error {
	// What the engine did not say, the server would.
	w.Header()["Date"], w.Header()["Content-Type"] = nil, nil
	maps.Copy(w.Header(), header)
	w.WriteHeader(status)
	if !chunked {
		return nil
	}
	return http.NewResponseController(w).Flush()
}

// cut closes the client's connection: hard, so that it sees a reset, or after
// all that was written. A connection that is cut already stays so.
func cut(w http.ResponseWriter, hard bool) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	if tcp, ok := connection.(*net.TCPConn); ok && hard {
		_ = tcp.SetLinger(0) //nolint:errcheck // then it sees an end, not a reset
	}
	_ = connection.Close() //nolint:errcheck // there is nobody left to tell
}
