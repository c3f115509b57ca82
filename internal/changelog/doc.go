// Command changelog makes a release's section of CHANGELOG.md from the files in
// .changes/unreleased, one file a change, and prints such a section as release
// notes. It may touch these files and nothing else.
//
//	go run ./internal/changelog release v0.1.0   # moves the fragments into CHANGELOG.md
//	go run ./internal/changelog notes v0.1.0     # prints what was moved
package main
