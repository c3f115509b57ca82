package aws

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"esferry/internal/group"
)

// listen serves on loopback until end is called or ctx ends.
func listen(ctx context.Context, handler http.Handler) (url string, end func(), err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("listen on loopback: %w", err)
	}
	url = "http://" + listener.Addr().String()
	ctx, cancel := context.WithCancel(ctx)
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: time.Minute,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	g, _ := group.New(ctx)
	g.Go("serve "+url, func(context.Context) error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve %s: %w", url, err)
		}
		return nil
	})
	g.Go("close "+url, func(ctx context.Context) error {
		<-ctx.Done()
		return server.Close()
	})
	return url, func() {
		cancel()
		_ = g.Wait() //nolint:errcheck // whoever needed the listener has seen its failure
	}, nil
}
