// Package page writes the report of a ferry: one HTML file that needs nothing
// beside it, for a change ticket, a browser or paper. It holds no script and asks
// for nothing outside, and its own policy (Content-Security-Policy) forbids it to.
//
// It may touch internal/history, and reads no store: what it
// shows is handed in as a Report, which is also what `esferry report --json`
// prints. What was not counted is not shown as a number.
//
// The timeline is laid out by a pure function (see timeline.go): hours without
// work between runs become a narrow break, so that a ferry of many nights can be
// read, too.
package page
