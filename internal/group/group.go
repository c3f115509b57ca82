package group

import (
	"context"
	"fmt"
	"runtime/debug"

	"golang.org/x/sync/errgroup"
)

// PanicError is a panic that was caught at a goroutine's root.
type PanicError struct {
	// Name of the goroutine that panicked.
	Name string
	// Value that was given to panic.
	Value any
	// Stack of the goroutine at that moment.
	Stack []byte
}

// Error gives name and value; the stack is for logs only.
func (e *PanicError) Error() string { return fmt.Sprintf("%s: panic: %v", e.Name, e.Value) }

// Group is a set of goroutines with one end. Safe for concurrent use.
type Group struct {
	group *errgroup.Group
	ctx   func() context.Context
}

// New gives a group and the context that its goroutines get: it is cancelled
// by the first error, and when Wait returns.
func New(ctx context.Context) (*Group, context.Context) {
	inner, ctx := errgroup.WithContext(ctx)
	return &Group{group: inner, ctx: func() context.Context { return ctx }}, ctx
}

// SetLimit bounds the goroutines that run at once; Go blocks at the bound.
// To be called before the first Go.
func (g *Group) SetLimit(n int) { g.group.SetLimit(n) }

// Go starts fn in a goroutine of its own. The first error, or panic as a
// *PanicError, cancels the group's context and is what Wait returns.
func (g *Group) Go(name string, fn func(ctx context.Context) error) {
	g.group.Go(func() (err error) {
		defer Recover(name, &err)
		return fn(g.ctx())
	})
}

// Wait blocks until every goroutine has ended and returns the first error.
func (g *Group) Wait() error { return g.group.Wait() }

// Recover turns a panic into an error. It is to be deferred directly, at a
// goroutine's root, main's included.
func Recover(name string, err *error) {
	if v := recover(); v != nil {
		*err = &PanicError{Name: name, Value: v, Stack: debug.Stack()}
	}
}
