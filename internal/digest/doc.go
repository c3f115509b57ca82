// Package digest hashes documents: one room for all who compare contents, so
// that a document has one digest wherever it is told of. It is a leaf.
//
// What goes into the hash of a document, in this order:
//
//  1. its key, which is id, routing and type as JSON strings, each behind its
//     length, so that no two keys run into one another;
//  2. its version;
//  3. its _source as a bulk body carries it: to the byte, but for the line
//     breaks that no bulk body can hold (protocol 6); left out where only ids are
//     compared.
//
// A set of documents has the Sum of their hashes, by addition modulo 2^128 and
// with their count. Addition forgets the order, and unlike exclusive or it does
// not forget a document that comes twice (protocol 5).
//
// Not guaranteed: anything against somebody who chooses documents so that their
// hashes collide. XXH3 finds accidents, not forgeries.
package digest
