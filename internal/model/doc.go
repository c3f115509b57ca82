// Package model searches every history of a small world for one in which the
// transfer protocol loses something. It holds tests only; nothing imports it.
//
// How it works:
//
//  1. engine_test.go is a source shard: a primary, one replica in sync,
//     operations on their way between them, late news of the global checkpoint,
//     failovers that take back what was not replicated, documents that are made
//     anew after index.gc_deletes and count their versions from 1 again, and
//     engines whose checkpoints move before fsync (S2.3.4);
//  2. ferry_test.go and deletes_test.go are the ferry, each request a step of
//     its own, around the real checkpoint.Watermark and checkpoint.Tracker:
//     rounds, the verdict on a refused version, deletes, a crash at every step,
//     and an old worker that was thought dead and still writes;
//  3. steps_test.go lists what may happen next in a state, search_test.go goes
//     breadth first over all states, each visited once by a 64-bit hash, and
//     gives the shortest list of steps to a broken promise;
//  4. promises_test.go holds every state against what the protocol says, and
//     rest_test.go lets each state with idle workers come to rest and compares
//     both sides entirely;
//  5. model_test.go searches the protocol, then the protocol with one step
//     broken on purpose, which must be found, one by one.
//
// `make unit` searches small bounds, `make search` ordinary ones, `make model`
// large ones. rules_test.go names the faults that are planted; the last five of
// them stood in the protocol until the search found them.
//
// Not modelled: more than one replica, a target that fails or forgets, a
// history_uuid that changes, more than one shard, routing.
// Two states whose hashes agree would count as one: at a hundred million
// states the chance that this ever happened is about one in four thousand.
package model
