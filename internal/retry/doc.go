// Package retry is the only place that waits: it decides whether an error is
// worth another try, how long to back off, and it sleeps with an ear to the
// context. It is a leaf.
//
// An error says of itself whether it may be tried again by an interface
// (Temporary() bool), so that this package need not know who made it.
package retry
