package lab

import (
	"context"
	"fmt"
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
// listens on and that this lab has not given out before.
func (l *Lab) freePorts(ctx context.Context, low, high, n int) (first int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range 200 {
		first = low + rand.IntN(high-low-n) //nolint:gosec // A port is no secret.
		if !l.allFree(ctx, first, n) {
			continue
		}
		for p := first; p < first+n; p++ {
			l.ports[p] = true
		}
		return first, nil
	}
	return 0, fmt.Errorf("find %d free ports from %d to %d: none in 200 tries", n, low, high)
}

func (l *Lab) allFree(ctx context.Context, first, n int) bool {
	for p := first; p < first+n; p++ {
		if l.ports[p] || !free(ctx, p) {
			return false
		}
	}
	return true
}

func free(ctx context.Context, port int) bool {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", loopback(port))
	return err == nil && listener.Close() == nil
}

// loopback is a port's address.
func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
