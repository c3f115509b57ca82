// Package batch holds the documents on their way: slices into the page they
// arrived in, never copies, and the budget that bounds the bytes in flight.
// It is a leaf, so that the reader's room and the writer's room share it
// without importing one another.
//
// What it promises about bytes: Doc.Source is what the source sent, unread
// (protocol 6). What it does not promise: that a page smaller than the budget
// always finds room at once; Acquire waits.
package batch
