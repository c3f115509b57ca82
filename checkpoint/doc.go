// Package checkpoint holds what esferry promises about positions: how far each
// shard is carried (Watermark), when a position may rise (Tracker), and where
// positions are kept so that any crash can be resumed from (Store).
//
// It may touch package shard and nothing else; drivers below it may touch
// their database. A round uses it like this:
//
//  1. Watermark.Begin with the primary's position gives the range to scan;
//  2. the range's windows are dispatched through a Tracker;
//  3. each acknowledged window is reported to the Tracker, whose mark rises
//     over the contiguous run only;
//  4. Watermark.Advance with the primary's position read after the scans gives
//     the new watermark, or says that the term changed and nothing moves;
//  5. Store.Commit makes it durable before anybody relies on it.
//
// Not guaranteed: that a record is the newest after a crash. An older one is
// safe, since every window may be carried again.
package checkpoint
