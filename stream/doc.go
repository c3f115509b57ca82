// Package stream turns a window of a shard into batches of documents: it
// scrolls the primary by name, cuts each page into slices without decoding a
// document, and bounds the bytes in flight.
//
// It may touch the leaves and package cluster. How a window is read:
//
//  1. open a scroll over the window's sequence numbers on the primary, its pages
//     sized by what documents weighed lately, or at first by a sample of a hundred;
//  2. wait for room in the budget, then read the page into one buffer;
//  3. cut it, each document by the frame of the one before, and refuse it unless
//     every shard answered in full;
//  4. hand the batch on, ask for the next page; with Options.Ahead that is done as
//     soon as the page has named its scroll, and the page is cut and handed on in
//     pieces, each while the rest of it is under way;
//  5. end when as many documents came as the first page announced.
//
// A page is never asked for twice: the second answer would be the next page.
// Any trouble ends the window with an *InterruptedError, and the caller reads
// the whole window again (protocol 1.2). Not guaranteed: any order of the
// documents.
package stream
