// Package jsonscan walks forward over JSON whose shape is known, and gives
// slices of what it walks over: pages of documents that must not be decoded
// (protocol 6), and answers of thousands of items of which one number counts.
//
// It is a leaf, shared by the cutter of pages and the reader of bulk answers.
// It does not validate what it skips: an engine has written it, and another one
// parses each document anyway. What ends early is always an error.
package jsonscan
