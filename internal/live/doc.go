// Package live is the page on which a running ferry is watched and steered in a
// browser: what it does, how fast, what stands between it and a cutover.
//
// It may touch the leaves and internal/report. It knows no ferry: what is shown
// comes from a Subject, and what is pressed goes to one, by the commands of the
// control socket.
//
//  1. events of the ferry are folded into a Feed, in memory and without waiting;
//  2. once a second the feed and the subject's view become one update;
//  3. each browser gets the newest update by server-sent events: an update is
//     whole, so that a slow browser misses some and nothing is lost;
//  4. who may look and who may steer is decided before any of that (guard.go);
//  5. everything that a browser needs is in the binary: it asks nobody else.
//
// Not guaranteed: that the history outlives the process.
package live
