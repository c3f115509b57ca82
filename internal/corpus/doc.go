// Package corpus makes documents for tests, the demo and benchmarks, loads
// them into any engine, and keeps writing to it as an application would. It is
// imported by those only.
//
// It may touch the leaves, the Go distribution on this machine, and engines by
// plain HTTP: it shares no code with the product. The parts:
//
//  1. Library gives every top-level declaration of the Go standard library,
//     real text that is present everywhere Go is;
//  2. Logs gives synthetic log lines of one day, the same for the same seed;
//  3. Articles gives texts of 20 kB, the same for the same seed;
//  4. Hostile gives the documents that movers break: numbers, escapes, sizes
//     and ids that survive only when nothing reads them on the way;
//  5. Family gives parents and children in an index of two types, as only
//     Elasticsearch 2 and 5 have them;
//  6. Load sends documents by _bulk, with types where the engine has them;
//  7. Writer inserts, updates, deletes and makes anew at a given rate until it
//     is told to stop, and counts what the engine refused.
//
// Not guaranteed: the same Library for two versions of Go.
package corpus
