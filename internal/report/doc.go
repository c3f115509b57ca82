// Package report tells what a ferry does while it does it: events go in, and
// progress lines or JSON lines come out. It may touch the leaves. Nobody waits
// for an observer, and nobody's work depends on one.
package report
