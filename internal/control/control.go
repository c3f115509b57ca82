package control

import (
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
	"syscall"
	"time"

	"esferry/internal/group"
)

// ErrNotRunning says that nobody listens beside the store.
var ErrNotRunning = errors.New("no ferry is running on this store")

const (
	// maxAddress is what every system's socket addresses hold.
	maxAddress = 100
	// patience bounds a request: the answer is in memory.
	patience = 10 * time.Second
	// lastWords bounds what an answer under way may take at the end.
	lastWords = time.Second
	// maxAnswer bounds a status; ten thousand shards take a few MiB.
	maxAnswer = 256 << 20
)

// Handler answers what is asked. Safe for concurrent use.
type Handler interface {
	// Status gives the ferry's present state, ready for JSON.
	Status(ctx context.Context) (any, error)
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
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		body, err := status(r.Context(), h)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body) //nolint:errcheck // whoever asked has left
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, fmt.Sprintf("the running esferry does not know %s %s", r.Method, r.URL.Path), http.StatusNotFound)
	})
	return mux
}

// status gives the whole answer, or an error: never the beginning of one.
func status(ctx context.Context, h Handler) (body []byte, err error) {
	defer group.Recover("status", &err)
	answer, err := h.Status(ctx)
	if err != nil {
		return nil, err
	}
	return json.Marshal(answer)
}

// Status asks the ferry that runs on the store; ErrNotRunning where none does.
func Status(ctx context.Context, store string) (json.RawMessage, error) {
	path, err := address(store)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://esferry/status", http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("ask for the status: %w", err)
	}
	answer, err := transport.RoundTrip(request)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, ErrNotRunning
	}
	if err != nil {
		return nil, fmt.Errorf("ask for the status: %w", err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the status: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask for the status: %s", body)
	}
	return body, nil
}
