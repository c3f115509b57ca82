// Package screen is a terminal for tests: a real pseudo-terminal, and an
// emulator that tells what a person in front of it would see.
package screen
