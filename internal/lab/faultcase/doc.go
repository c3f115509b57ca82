// Package faultcase holds the list of what may go wrong, and what shows that
// each of it is survived. It is imported by tests, and by the command that runs
// them and writes docs/reliability.md.
//
// How the page comes about:
//
//  1. cases.txt names the cases and their faults, and of those that no test
//     shows, why;
//  2. a test claims what it shows: faultcase.Shows(t, 4, "504 of a proxy after
//     it was applied"), the words being those of the list;
//  3. ReadClaims finds the claims in the sources, without running anything: a
//     fault that is neither claimed nor named as missing fails a test here, and
//     so does a claim of what is not in the list;
//  4. where ESFERRY_FAULTS names a folder, each claim leaves a line there when
//     its test ends, with its result;
//  5. the page has a row for each claim, with the result that was left, and "not
//     run" where none was: nothing else makes a result.
//
// It may touch nothing but the standard library. Not guaranteed: that a test
// shows what it claims. That is for its reader to judge, and for the mutants of
// internal/lab/chaos.
package faultcase
