// Package sink writes batches to a target index and returns when every
// document has a verdict: applied, replayed, superseded, repaired or rejected.
//
// It may touch the leaves and package cluster. How a batch is written:
//
//  1. its documents are spliced into bulk bodies under the source's versions,
//     as large and as many at once as the Controller lets through;
//  2. a body that is too large, or refused as a whole, is halved until the
//     guilty document stands alone;
//  3. items that the target was too busy for are sent again, only these;
//  4. conflicts are settled by asking both sides (protocol 1.4);
//  5. the verdicts must add up to the batch, or it is an error.
//
// Writing a batch twice is harmless: equal versions are replays. Not
// guaranteed: that documents of a failed batch are not on the target.
package sink
