package lab

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
)

// Ports are taken below the range that systems give to outgoing connections,
// so that none of those takes a port between our look and the engine's bind.
const (
	lowPort, highPort = 20000, 32000
	// The runners accept no HTTP port above 9299.
	runnerLowPort, runnerHighPort = 5300, 9200
)

// freePorts finds n consecutive ports of loopback from [low, high) that nobody
// listens on and that no lab has given out, until this one closes: it holds the
// same numbers over UDP, which no engine uses.
func (l *Lab) freePorts(ctx context.Context, low, high, n int) (first int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range 200 {
		first = low + rand.IntN(high-low-n) //nolint:gosec // A port is no secret.
		held, ok := hold(ctx, first, n)
		if l.ports = append(l.ports, held...); ok {
			return first, nil
		}
	}
	return 0, fmt.Errorf("find %d free ports from %d to %d: none in 200 tries", n, low, high)
}

// hold takes ports one after the other, until one is not to be had.
func hold(ctx context.Context, first, n int) (held []io.Closer, ok bool) {
	var config net.ListenConfig
	for p := first; p < first+n; p++ {
		token, err := config.ListenPacket(ctx, "udp", loopback(p))
		if err != nil {
			return held, false
		}
		held = append(held, token)
		if !free(ctx, p) {
			return held, false
		}
	}
	return held, true
}

func free(ctx context.Context, port int) bool {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", loopback(port))
	return err == nil && listener.Close() == nil
}

// loopback is a port's address.
func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
