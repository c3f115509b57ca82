package lab

import (
	"context"
	"os"
)

// T is the part of testing.TB that the lab needs, so that package testing is
// not linked into the demo.
type T interface {
	Helper()
	Cleanup(f func())
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
	Context() context.Context
}

// For opens a lab that closes with the test. A machine that lacks something is
// a failure, never a skip: a test that did not run shows nothing.
func For(t T) *Lab {
	t.Helper()
	l, err := Open(t.Context(), Options{Log: os.Stderr})
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("close the lab: %v", err)
		}
	})
	return l
}

// StartFor starts a cluster that stops with the test.
func (l *Lab) StartFor(t T, s Spec) *Cluster {
	t.Helper()
	c, err := l.Start(t.Context(), s)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Errorf("stop %s: %v", c.Name, err)
		}
	})
	return c
}

// GatewayFor starts a gateway that stops with the test.
func (l *Lab) GatewayFor(t T, dir string) *Gateway {
	t.Helper()
	g, err := l.Gateway(t.Context(), dir)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() {
		if err := g.Stop(); err != nil {
			t.Errorf("stop the gateway: %v", err)
		}
	})
	return g
}
