// Package history keeps what a ferry did, durably and within bounds: who ran it,
// the phases of the ferry and of each index with their begin and end, rounds
// with what they carried, and remarks. The report is made from it, and so is
// the prediction of how long a cutover would hold writers back.
//
// It may touch the checkpoint store's records and the events of
// internal/report. It never commits by itself:
//
//  1. Load reads what earlier processes left;
//  2. NewLog opens a run, which is in memory until something happens in it;
//  3. Observe and Wrote are told of everything while the ferry works;
//  4. Along puts what has changed into a transaction that is made anyway;
//  5. End closes the run.
//
// Not guaranteed: that a process that was killed left its last moments. What was
// told after its last commit is lost, and its run has no end; Run.Seen tells
// when it was alive.
package history
