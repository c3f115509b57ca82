package faults

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"esferry/internal/group"
)

// Proxy passes requests on to one engine. Safe for concurrent use.
type Proxy struct {
	// URL is where the proxy listens; it has no path.
	URL string

	target    *url.URL
	transport *http.Transport
	// end closes the proxy and waits until nothing of it runs.
	end func()

	mu       sync.Mutex
	closed   bool
	handlers sync.WaitGroup
	counts   Counts
	injected int64
	rules    []*armed
	// under way now.
	under map[Kind]int
}

// Counts is what went through a proxy since it was started or reset.
type Counts struct {
	// Requests that came, whatever became of them.
	Requests int64
	// ByKind are the same by what they asked for.
	ByKind map[Kind]int64
	// Documents in whole pages of scrolls that the engine gave, whether or not
	// they reached the client.
	Documents int64
	// Items of the bulks that came, whether or not they reached the engine.
	Items int64
	// Asked are the documents that multi-gets asked for.
	Asked int64
}

// Start listens on loopback for requests to target, the URL of an engine
// without a path. The proxy ends with ctx or with Close, whichever is first.
func Start(ctx context.Context, target string) (*Proxy, error) {
	to, err := url.Parse(target)
	if err != nil {
		return nil, fmt.Errorf("start a proxy: %w", err)
	}
	if to.Host == "" || to.Path != "" && to.Path != "/" {
		return nil, fmt.Errorf("start a proxy: %q is no URL of a server without a path", target)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start a proxy to %s: %w", to.Host, err)
	}
	p := &Proxy{
		URL: "http://" + listener.Addr().String(), target: to,
		// Answers keep their length, and the client's own wishes decide on gzip.
		transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64},
		counts:    Counts{ByKind: map[Kind]int64{}}, under: map[Kind]int{},
	}
	ctx, cancel := context.WithCancel(ctx)
	g, ctx := group.New(ctx)
	server := &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.serve(r.Context(), ctx, w, r) }),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: time.Minute,
	}
	g.Go("serve "+p.URL, func(context.Context) error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve %s: %w", p.URL, err)
		}
		return nil
	})
	g.Go("close "+p.URL, func(ctx context.Context) error {
		<-ctx.Done()
		return p.drain(server)
	})
	p.end = func() {
		cancel()
		_ = g.Wait() //nolint:errcheck // whoever needed the listener has seen its failure
	}
	return p, nil
}

// Close ends the proxy: connections are cut, requests under way are given up,
// and nothing of it runs when Close returns. It may be called again.
func (p *Proxy) Close() { p.end() }

// drain lets nobody in any more and waits for those inside, whose context has
// ended.
func (p *Proxy) drain(server *http.Server) error {
	err := server.Close()
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.handlers.Wait()
	p.transport.CloseIdleConnections()
	return err
}

// Use replaces the rules, with fresh figures and dice. None means no faults.
func (p *Proxy) Use(rules ...Rule) {
	fresh := make([]*armed, 0, len(rules))
	for _, r := range rules {
		fresh = append(fresh, arm(r))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = fresh
}

// Counts gives a snapshot.
func (p *Proxy) Counts() Counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.counts
	c.ByKind = maps.Clone(c.ByKind)
	return c
}

// Injected counts the faults that were really injected: one that found nothing
// to spoil in an answer is not among them, and spends none of Rule.Times.
func (p *Proxy) Injected() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.injected
}

// Reset sets the counts and Injected to zero. The rules go on where they are.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts, p.injected = Counts{ByKind: map[Kind]int64{}}, 0
}

// enter reports whether a request is still taken; then handlers.Done is owed.
func (p *Proxy) enter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.handlers.Add(1)
	}
	return !p.closed
}

// take counts a request and gives the rule that hits it, or nil.
func (p *Proxy) take(x *exchange) *armed {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.under[x.kind]++
	x.beside = p.under[x.kind]
	p.counts.Requests++
	p.counts.ByKind[x.kind]++
	p.counts.Items += int64(len(x.items))
	p.counts.Asked += int64(x.asked)
	for _, r := range p.rules {
		if r.fires(*x) {
			return r
		}
	}
	return nil
}

// ended books that a request that was taken is over.
func (p *Proxy) ended(k Kind) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.under[k]--
}

// settle books whether the rule's fault really happened; once for each that
// take gave, and before the client can know.
func (p *Proxy) settle(r *armed, really bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if really {
		p.injected++
	} else {
		r.fired--
	}
}

// saw counts the documents of an answer that came whole.
func (p *Proxy) saw(x exchange, header http.Header, body []byte) {
	if x.kind != Scroll && x.kind != Page {
		return
	}
	n := int64(hits(plain(header, body)))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts.Documents += n
}
