package cluster

import (
	"context"
	"net"
	"time"
)

// silence is how long a connection may neither give nor take a byte: a little
// longer than an answer's beginning is waited for. Without such a bound a peer
// that stands still in the middle of an answer, or of a bulk, would be waited
// for without end: keep-alive probes are answered by its system, not by itself.
const silence = 6 * time.Minute

// dialer opens connections.
type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// impatiently gives a dialer whose connections end after silence.
func impatiently(dial dialer) dialer {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &impatient{Conn: c}, nil
	}
}

// impatient is a connection with a deadline that moves on with each byte.
type impatient struct{ net.Conn }

// Read implements net.Conn.
func (c *impatient) Read(b []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(silence)); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

// Write implements net.Conn.
func (c *impatient) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(silence)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}
