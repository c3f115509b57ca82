package wire

import (
	"context"
	"net"
	"time"
)

// Dialer opens connections, as http.Transport's DialContext does.
type Dialer = func(ctx context.Context, network, address string) (net.Conn, error)

// Patient gives a dialer whose connections end when they neither give nor take a
// byte for so long. Without such a bound a peer that stands still in the middle of
// an answer, or of a body, would be waited for without end: keep-alive probes are
// answered by its system, not by itself.
func Patient(dial Dialer, silence time.Duration) Dialer {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &patient{Conn: c, silence: silence}, nil
	}
}

// patient is a connection with deadlines that move on with each byte.
type patient struct {
	net.Conn
	silence time.Duration
}

// Read implements net.Conn.
func (c *patient) Read(b []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.silence)); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

// Write implements net.Conn.
func (c *patient) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.silence)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}
