package control

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"esferry/internal/group"
)

var (
	// ErrNotRunning says that nobody listens beside the store.
	ErrNotRunning = errors.New("no ferry is running on this store")
	// ErrUnknown is what a Handler gives for a command that it does not know.
	ErrUnknown = errors.New("the running esferry does not know this command")
)

const (
	// maxAddress is what every system's socket addresses hold.
	maxAddress = 100
	// patience bounds a request: the answer is in memory.
	patience = 10 * time.Second
	// lastWords bounds what an answer under way may take at the end.
	lastWords = time.Second
	// maxAnswer bounds a status; ten thousand shards take a few MiB.
	maxAnswer = 256 << 20
	// maxArguments bounds what comes with a command.
	maxArguments = 64 << 10
)

// Handler answers what is asked. Safe for concurrent use.
type Handler interface {
	// Status gives the ferry's present state, ready for JSON.
	Status(ctx context.Context) (any, error)
	// Do carries a command out and gives the state after it, ready for JSON. An
	// error refuses it, in a sentence; ErrUnknown where there is none of that name.
	Do(ctx context.Context, command string, arguments json.RawMessage) (any, error)
}

// address gives the socket of a store.
func address(store string) (string, error) {
	path, err := filepath.Abs(store)
	if err != nil {
		return "", fmt.Errorf("find the control socket of %s: %w", store, err)
	}
	if path += ".sock"; len(path) <= maxAddress {
		return path, nil
	}
	sum := sha256.Sum256([]byte(path))
	return filepath.Join(os.TempDir(), "esferry-"+hex.EncodeToString(sum[:8])+".sock"), nil
}

// Serve answers on the store's socket until ctx ends, and then returns nil once
// answers under way are given. The caller must hold the store: a socket found
// there is a dead ferry's.
func Serve(ctx context.Context, store string, h Handler) error {
	path, err := address(store)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove a dead control socket: %w", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
	if err != nil {
		return fmt.Errorf("open the control socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return errors.Join(fmt.Errorf("protect the control socket: %w", err), listener.Close())
	}
	g, serving := group.New(ctx)
	server := &http.Server{
		Handler: routes(h), ReadHeaderTimeout: patience,
		// So that whoever works out an answer hears of the end.
		BaseContext: func(net.Listener) context.Context { return serving },
		ErrorLog:    slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	g.Go("control socket", func(context.Context) error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve the control socket: %w", err)
		}
		return nil
	})
	g.Go("end of the control socket", func(context.Context) error {
		<-serving.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(serving), lastWords)
		defer cancel()
		if server.Shutdown(grace) == nil {
			return nil
		}
		if err := server.Close(); err != nil {
			return fmt.Errorf("close the control socket: %w", err)
		}
		return nil
	})
	return g.Wait()
}

func routes(h Handler) http.Handler {
	mux := http.NewServeMux()
	unknown := func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, fmt.Sprintf("the running esferry does not know %s %s", r.Method, r.URL.Path), http.StatusNotFound)
	}
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		body, err := told(r.Context(), "status", h.Status)
		answer(w, body, err)
	})
	mux.HandleFunc("POST /{command}", func(w http.ResponseWriter, r *http.Request) {
		command := r.PathValue("command")
		body, err := told(r.Context(), command, func(ctx context.Context) (any, error) {
			arguments, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxArguments))
			if err != nil {
				return nil, fmt.Errorf("read what came with %s: %w", command, err)
			}
			return h.Do(ctx, command, arguments)
		})
		if errors.Is(err, ErrUnknown) {
			unknown(w, r)
			return
		}
		answer(w, body, err)
	})
	mux.HandleFunc("/", unknown)
	return mux
}

// told gives the whole answer, or an error: never the beginning of one.
func told(ctx context.Context, what string, ask func(ctx context.Context) (any, error)) (body []byte, err error) {
	defer group.Recover(what, &err)
	answer, err := ask(ctx)
	if err != nil {
		return nil, err
	}
	return json.Marshal(answer)
}

func answer(w http.ResponseWriter, body []byte, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) //nolint:errcheck // whoever asked has left
}

// Status asks the ferry that runs on the store; ErrNotRunning where none does.
func Status(ctx context.Context, store string) (json.RawMessage, error) {
	status, body, err := ask(ctx, store, http.MethodGet, "status", http.NoBody)
	if err == nil && status != http.StatusOK {
		return nil, fmt.Errorf("ask for the status: %s", body)
	}
	return body, err
}

// RefusedError is the sentence by which a running ferry refused a command.
type RefusedError struct{ Reason string }

// Error gives the sentence.
func (e *RefusedError) Error() string { return e.Reason }

// Do tells the ferry that runs on the store to carry a command out, and gives
// its answer; a *RefusedError where it will not, ErrNotRunning where none runs.
func Do(ctx context.Context, store, command string, arguments any) (json.RawMessage, error) {
	body, err := json.Marshal(arguments)
	if err != nil {
		return nil, fmt.Errorf("encode what goes with %s: %w", command, err)
	}
	status, body, err := ask(ctx, store, http.MethodPost, command, bytes.NewReader(body))
	if err == nil && status != http.StatusOK {
		return nil, &RefusedError{Reason: strings.TrimSpace(string(body))}
	}
	return body, err
}

// ask makes one request on the socket and gives the whole answer.
func ask(ctx context.Context, store, method, what string, arguments io.Reader) (status int, body []byte, err error) {
	path, err := address(store)
	if err != nil {
		return 0, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}
	request, err := http.NewRequestWithContext(ctx, method, "http://esferry/"+what, arguments)
	if err != nil {
		return 0, nil, fmt.Errorf("ask for the %s: %w", what, err)
	}
	answer, err := transport.RoundTrip(request)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
		// The last two: it died while it was asked.
		return 0, nil, ErrNotRunning
	}
	if err != nil {
		return 0, nil, fmt.Errorf("ask for the %s: %w", what, err)
	}
	defer answer.Body.Close()
	if body, err = io.ReadAll(io.LimitReader(answer.Body, maxAnswer)); err != nil {
		return 0, nil, fmt.Errorf("read the %s: %w", what, err)
	}
	return answer.StatusCode, body, nil
}
