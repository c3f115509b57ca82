// Command stream measures how an index is moved by scroll and bulk, from one
// engine to another: by esferry, by the tools that people use for it, and by
// nothing but the requests themselves.
//
// It may touch the lab and the corpus, the network's package registries (for the
// tools, once), and /proc. What it does for each shape of documents:
//
//  1. documents are made and loaded into the source's index of three shards;
//  2. both engines are warmed: scrolls and runs of esferry, four of each, and
//     bulks of several sizes, of which the best is kept, none of which counts;
//  3. in each round, each tool moves the index into a new one on the target;
//  4. a run ends when the target is refreshed, and counts when the target then
//     holds all documents;
//  5. tables of runs, medians and ratios are written as Markdown.
//
// The limit is what the target takes: bodies made before, sent by four
// connections. The floor is the limit and a bare scroll of the source, one after
// the other: where both engines share the cores of one machine, nobody can be
// faster, however well reading and writing overlap.
//
// Not guaranteed: figures that other machines repeat; the order of tools is what
// should.
package main
