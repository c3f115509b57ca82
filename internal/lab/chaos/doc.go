// Command chaos runs the tests that show how faults are survived, plants bugs
// that tests have to find, and writes docs/reliability.md of what came out.
//
//  1. the claims of all tests are read (internal/lab/faultcase);
//  2. each package with claims is tested, just the tests that claim something,
//     their results left in a folder;
//  3. each planted bug is laid over the code (go test -overlay: nothing is
//     written into the tree), and the test that has to find it is run;
//  4. the page is written of what lies in the folder, and of nothing else.
//
// A test that is worth nothing, since it cannot fail, is what the third step is
// for. It may import internal/lab/faultcase alone.
package main
