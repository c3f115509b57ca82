package live

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"esferry/internal/group"
)

const (
	// patience bounds how long a browser may take to ask, or to take an update.
	patience = 10 * time.Second
	// lastWords bounds what answers under way may take at the end.
	lastWords = 2 * time.Second
)

// Options of a Page.
type Options struct {
	// Listen is the address, such as 127.0.0.1:7300.
	Listen string
	// Token lets whoever has it steer. Without one the page only shows, and only
	// to this machine.
	Token string
	// Hosts are names under which the page is asked for, beside localhost, this
	// machine's own name and addresses: a proxy's.
	Hosts []string
	// Metrics answers GET /metrics; nil for none.
	Metrics http.Handler
}

// WeakError says that a page would be shown to others without a token that keeps
// them out.
type WeakError struct{ Listen, Why string }

// Error names the address.
func (e *WeakError) Error() string { return fmt.Sprintf("listen on %s: %s", e.Listen, e.Why) }

// NextStep is printed on a line of its own.
func (e *WeakError) NextStep() string {
	return fmt.Sprintf("write a token of %d characters or more into a file (openssl rand -hex 24) and name it by --token-file or serve.token, or listen on 127.0.0.1", leastToken)
}

// Page is the live page, listening.
type Page struct {
	// Feed is to hear of the ferry's events.
	Feed     *Feed
	listener net.Listener
	options  Options
	guard    *guard
	hub      *hub
}

// Listen opens the address, so that one that is taken is known at once. Off
// loopback, and in any case where there is one, the token must be long enough: a
// *WeakError otherwise.
func Listen(ctx context.Context, o Options) (*Page, error) {
	switch {
	case o.Token == "" && !loopback(o.Listen):
		return nil, &WeakError{Listen: o.Listen, Why: "other machines reach it, and there is no token"}
	case o.Token != "" && len(o.Token) < leastToken:
		return nil, &WeakError{Listen: o.Listen, Why: "the token is too short"}
	}
	if name, err := os.Hostname(); err == nil {
		o.Hosts = append(o.Hosts, name)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.Listen)
	if err != nil {
		return nil, fmt.Errorf("open the live page: %w", err)
	}
	return &Page{Feed: NewFeed(), listener: listener, options: o, guard: newGuard(o)}, nil
}

// loopback reports whether an address is reached from this machine alone.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// URL is where the page is found.
func (p *Page) URL() string { return "http://" + p.listener.Addr().String() + "/" }

// Close gives the address back; Serve does so too.
func (p *Page) Close() error {
	if err := p.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close the live page: %w", err)
	}
	return nil
}

// Show gives the page its subject; to be called once, before Serve.
func (p *Page) Show(s Subject) { p.hub = newHub(p.Feed, s) }

// End notes how the work ended: who looks reads it, also after the process.
func (p *Page) End(e End) { p.hub.ended(e) }

// Serve answers until ctx ends, and then returns nil, after a last update.
func (p *Page) Serve(ctx context.Context) error {
	updates, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	g, serving := group.New(ctx)
	server := &http.Server{
		Handler: p.routes(), ReadHeaderTimeout: patience, ReadTimeout: patience,
		// Streams end with the updates, not with the last but one.
		BaseContext: func(net.Listener) context.Context { return updates },
		ErrorLog:    slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	g.Go("live page", func(context.Context) error {
		if err := server.Serve(p.listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve the live page: %w", err)
		}
		return nil
	})
	g.Go("updates of the live page", func(context.Context) error {
		defer stop()
		return p.hub.run(serving)
	})
	g.Go("end of the live page", func(context.Context) error {
		<-updates.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
		defer cancel()
		if server.Shutdown(grace) == nil {
			return nil
		}
		if err := server.Close(); err != nil {
			return fmt.Errorf("close the live page: %w", err)
		}
		return nil
	})
	return g.Wait()
}
