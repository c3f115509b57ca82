// Package scratch keeps bytes on disk for as long as a run needs them, for what
// would not fit into memory: ids of an index's documents.
//
//  1. Open makes a file without a name, where the system allows that.
//  2. Keep compresses a piece of bytes and appends it; Load gives it back.
//  3. Close frees the space; a crash does so too.
//
// Nothing in it outlives the process, and nothing in it is needed to resume.
package scratch
