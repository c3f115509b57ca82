// Package archtest keeps the house in shape: it parses every Go file of both
// modules and refuses what the compiler and the linters let pass. It holds
// tests only; nothing imports it, and it may touch the standard library alone.
//
// How a rule works:
//
//  1. the tree is parsed once, files of tests marked as such;
//  2. each rule is a function from files to findings, with its reason beside it;
//  3. TestHouse runs the rules over the tree and prints finding and reason;
//  4. TestRulesCanFail runs each rule over a snippet that breaks it and over
//     one that keeps it, so that no rule is green because it looks at nothing;
//  5. the import table is total: a new package needs a row there.
//
// Not guaranteed: that a goroutine hidden in a library is found.
package archtest
