package live

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"time"

	"esferry/internal/foreign"
	"esferry/internal/group"
)

const (
	// policy lets the page load what came with it and nothing else, from nowhere
	// else, in nobody else's frame.
	policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	// maxArguments bounds what comes with a command.
	maxArguments = 4 << 10
)

// static is what browsers get: our page, and uPlot 1.6.32 as its makers publish
// it (NOTICE).
//
//go:embed static
var static embed.FS

func (p *Page) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "alive\n") })
	mux.HandleFunc("GET /readyz", p.ready)
	mux.HandleFunc("GET /{$}", p.file("index.html"))
	mux.HandleFunc("GET /static/{name}", func(w http.ResponseWriter, r *http.Request) { p.file(r.PathValue("name"))(w, r) })
	mux.HandleFunc("POST /sign-in", p.guard.signIn)
	mux.HandleFunc("POST /sign-out", p.guard.signOut)
	mux.HandleFunc("GET /may", p.may)
	mux.HandleFunc("GET /history", p.guard.looking(func(w http.ResponseWriter, _ *http.Request) { answer(w, p.hub.past(), nil) }))
	mux.HandleFunc("GET /shards", p.guard.looking(p.shards))
	mux.HandleFunc("GET /updates", p.guard.looking(p.stream))
	mux.HandleFunc("POST /do/{command}", p.guard.steering(p.do))
	if p.options.Metrics != nil {
		mux.HandleFunc("GET /metrics", p.guard.looking(p.options.Metrics.ServeHTTP))
	}
	return p.guard.known(http.NewCrossOriginProtection().Handler(hardened(mux)))
}

// hardened tells browsers what they may do with an answer.
func hardened(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

func (p *Page) ready(w http.ResponseWriter, _ *http.Request) {
	if err := p.hub.subject.Ready(); err != nil {
		say(w, http.StatusServiceUnavailable, err.Error()+"\n")
		return
	}
	say(w, http.StatusOK, "ready\n")
}

// file gives one that came with the binary.
func (p *Page) file(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		files, err := fs.Sub(static, "static")
		if err != nil {
			say(w, http.StatusInternalServerError, "the page is not in this binary\n")
			return
		}
		http.ServeFileFS(w, r, files, name)
	}
}

// may tells the page what its reader may do.
func (p *Page) may(w http.ResponseWriter, r *http.Request) {
	trusted := p.guard.trusts(r)
	answer(w, map[string]bool{"look": p.guard.shows(r), "steer": trusted, "sign_in": p.guard.token != "" && !trusted}, nil)
}

func (p *Page) shards(w http.ResponseWriter, r *http.Request) {
	shards, found := p.hub.subject.Shards(r.URL.Query().Get("index"))
	if !found {
		say(w, http.StatusNotFound, "this ferry carries no such index\n")
		return
	}
	answer(w, shards, nil)
}

// stream sends updates for as long as the browser takes them.
func (p *Page) stream(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	control := http.NewResponseController(w)
	// The server's bound is for requests that end.
	if err := control.SetReadDeadline(time.Time{}); err != nil {
		return
	}
	sent, ended := uint64(0), false
	for {
		text, number, next := p.hub.newest()
		if number > sent {
			if err := push(control, w, text, number-sent-1, sent == 0); err != nil {
				// Gone, or so slow that it may as well ask again.
				return
			}
			sent = number
			continue
		}
		if ended {
			return
		}
		select {
		case <-next:
		case <-r.Context().Done():
			// The last update is there before the context ends.
			ended = true
		}
	}
}

// push writes one update; skipped is how many were left out before it.
func push(control *http.ResponseController, w io.Writer, text []byte, skipped uint64, first bool) error {
	if err := control.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if skipped > 0 && !first {
		text = fmt.Appendf(nil, "%s\n\nevent: skipped\ndata: %d", text, skipped)
	}
	if _, err := fmt.Fprintf(foreign.JSON(w), "data: %s\n\n", text); err != nil {
		return err
	}
	return control.Flush()
}

// do hands a command to the subject.
func (p *Page) do(w http.ResponseWriter, r *http.Request) {
	arguments, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxArguments))
	if err != nil {
		say(w, http.StatusBadRequest, "read what came with the command: "+err.Error()+"\n")
		return
	}
	state, err := told(r.Context(), p.hub.subject, r.PathValue("command"), arguments)
	answer(w, state, err)
}

// told carries a command out; a panic is its error.
func told(ctx context.Context, s Subject, command string, arguments []byte) (state any, err error) {
	defer group.Recover(command, &err)
	return s.Do(ctx, command, arguments)
}

// answer gives a value as JSON, or the sentence that refuses it.
func answer(w http.ResponseWriter, v any, err error) {
	text, encoding := json.Marshal(v)
	if err = errors.Join(err, encoding); err != nil {
		say(w, http.StatusConflict, err.Error()+"\n")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = foreign.JSON(w).Write(text) //nolint:errcheck // whoever asked has left
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(foreign.Text(w), text) //nolint:errcheck // whoever asked has left
}
