package cluster

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/olivere/elastic/v7"

	"esferry/internal/retry"
)

// maxAnswer bounds an answer that is decoded as a whole. The largest are
// mappings and cluster state; a page of documents is streamed instead.
const maxAnswer = 256 << 20

// Cluster is one engine behind one or several URLs. Safe for concurrent use.
// Its Identity must be probed once before any other verb.
type Cluster struct {
	client   *elastic.Client
	http     *http.Client
	address  string
	side     string
	statuses []int
	secrets  *strings.Replacer
	patience retry.Policy
	identity Identity
	// hinted: primary terms could not be read of the cluster state.
	hinted *atomic.Bool
	// docType restricts calls about documents to one type; empty for all.
	docType string
	joint   *joined
}

// request is one call: what it is for, and how it is sent.
type request struct {
	op, index    string
	method, path string
	params       url.Values
	body         string
	contentType  string
	// once marks a call that is never repeated here.
	once bool
}

// Dial prepares a client; nothing is sent. An error is a configuration error.
func Dial(o Options) (*Cluster, error) {
	transport, err := newTransport(o)
	if err != nil {
		return nil, err
	}
	plain := &http.Client{
		Transport: transport,
		// Credentials must never follow a redirect to another host: a 3xx is an answer.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	client, err := elastic.NewSimpleClient(elastic.SetURL(o.URLs...), elastic.SetHttpClient(plain))
	if err != nil {
		return nil, fmt.Errorf("prepare the client of %s: %w", strings.Join(o.URLs, ", "), err)
	}
	// With every error status "ignored", answers keep their body: olivere's own
	// error drops the text of errors that are not objects.
	statuses := make([]int, 0, 300)
	for s := 300; s < 600; s++ {
		statuses = append(statuses, s)
	}
	c := &Cluster{
		client: client, http: plain, address: strings.Join(o.URLs, ","), side: cmp.Or(o.Side, "cluster"),
		statuses: statuses, secrets: transport.secrets(), patience: o.Patience, hinted: &atomic.Bool{},
	}
	c.joint = join(c)
	return c, nil
}

// OfType gives the same cluster, whose calls about documents are restricted to
// one type of an index that has several (Elasticsearch before 6).
func (c *Cluster) OfType(name string) *Cluster {
	typed := *c
	typed.docType = name
	return &typed
}

// documents gives the path of an endpoint about an index's documents.
func (c *Cluster) documents(index, endpoint string) string {
	if c.docType != "" {
		return path(index, c.docType, endpoint)
	}
	return path(index, endpoint)
}

// Close ends idle connections.
func (c *Cluster) Close() { c.http.CloseIdleConnections() }

// Address gives the URLs, without credentials.
func (c *Cluster) Address() string { return c.address }

// send makes one call, once. The answer's body must be closed.
func (c *Cluster) send(ctx context.Context, r request) (*elastic.Response, error) {
	options := elastic.PerformRequestOptions{
		Method: r.method, Path: r.path, Params: r.params, IgnoreErrors: c.statuses, Stream: true,
		Headers: http.Header{"X-Opaque-Id": {"esferry"}},
	}
	if r.body != "" {
		// Anything but a string would be encoded as JSON.
		options.Body = r.body
		options.ContentType = "application/json"
		if r.contentType != "" {
			options.ContentType = r.contentType
		}
	}
	answer, err := c.client.PerformRequest(ctx, options)
	if errors.Is(err, elastic.ErrNoClient) {
		// After a connection error the node counts as dead, and one call is
		// answered with this error before it is tried again.
		answer, err = c.client.PerformRequest(ctx, options)
	}
	if err != nil {
		if answer != nil && answer.BodyReader != nil {
			_ = answer.BodyReader.Close() // the error that counts is err
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%s: %w", r.op, ctx.Err())
		}
		unsent := &Error{
			Op: r.op, Index: r.index, URL: c.address, Err: withoutURL(err),
			Hint: unreachedHint(err, c.address),
		}
		if none, ok := errors.AsType[*CredentialsError](err); ok {
			unsent.Err, unsent.Hint = none, none.NextStep()
		}
		return nil, unsent
	}
	if answer.StatusCode < 300 {
		return answer, nil
	}
	defer answer.BodyReader.Close()
	body, err := io.ReadAll(io.LimitReader(answer.BodyReader, 1<<20))
	if err != nil {
		body = nil
	}
	return nil, c.fail(r, answer.StatusCode, answer.Header, []byte(c.secrets.Replace(string(body))))
}

// call makes a call and decodes its JSON answer into out; nil discards it.
// Temporary errors are tried again unless the request says once.
func (c *Cluster) call(ctx context.Context, r request, out any) error {
	if r.once {
		return c.callOnce(ctx, r, out)
	}
	return retry.Do(ctx, c.patience, func(ctx context.Context) error { return c.callOnce(ctx, r, out) })
}

func (c *Cluster) callOnce(ctx context.Context, r request, out any) error {
	answer, err := c.send(ctx, r)
	if err != nil {
		return err
	}
	defer answer.BodyReader.Close()
	body, err := readAll(answer, maxAnswer)
	if err != nil {
		return &Error{Op: r.op, Index: r.index, URL: c.address, Err: fmt.Errorf("read the answer: %w", err)}
	}
	if out == nil {
		return nil
	}
	if raw, ok := out.(*json.RawMessage); ok {
		*raw = body
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		// A proxy in between, or a torn answer: it counts as none.
		return &Error{Op: r.op, Index: r.index, URL: c.address, Err: fmt.Errorf("the answer is not what an engine sends: %w", err)}
	}
	return nil
}

// persist makes a call and what its answer must cover, again and again while
// it fails with errors that may pass: a shard that moves or restarts leaves a
// hole in an answer for a while.
func persist[T any](ctx context.Context, c *Cluster, fn func(ctx context.Context) (T, error)) (answer T, err error) {
	err = retry.Do(ctx, c.patience, func(ctx context.Context) error {
		answer, err = fn(ctx)
		return err
	})
	return answer, err
}

// readAll reads an answer into one buffer of its announced length.
func readAll(answer *elastic.Response, most int64) ([]byte, error) {
	length := contentLength(answer.Header)
	if length > most {
		return nil, fmt.Errorf("%d bytes are over the bound of %d", length, most)
	}
	if length >= 0 {
		buf := make([]byte, length)
		_, err := io.ReadFull(answer.BodyReader, buf)
		return buf, err
	}
	buf, err := io.ReadAll(io.LimitReader(answer.BodyReader, most+1))
	if err == nil && int64(len(buf)) > most {
		err = fmt.Errorf("over the bound of %d bytes", most)
	}
	return buf, err
}

func contentLength(h http.Header) int64 {
	n, err := strconv.ParseInt(h.Get("Content-Length"), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// path joins segments, each escaped: names are foreign input. All but RFC 3986's
// unreserved characters are, which every engine reads in one way (Elasticsearch
// before 7 takes a plus sign for a space), and every verifier of signatures too.
func path(segments ...string) string {
	var b strings.Builder
	for _, s := range segments {
		b.WriteByte('/')
		for i := range len(s) {
			if c := s[i]; unreserved(c) {
				b.WriteByte(c)
			} else {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		}
	}
	return b.String()
}

func unreserved(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("-_.~", c) >= 0
}

func params(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v
}

// body encodes a request body. The values are made by this package, of plain
// maps and strings, so that encoding cannot fail for reasons of input.
func body(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("%q", err.Error())
	}
	return string(b)
}

// withoutURL takes the URL out of a transport error: it is said already.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
