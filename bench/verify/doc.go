// Command verify measures `esferry verify` beside the bare work that it cannot
// do without: an index is carried from one engine to another, and then, in
// turns, each side is scrolled alone by requests whose answers are thrown away,
// both sides are so at the same time, and esferry compares ids and contents.
//
// The promise is a ratio: comparing contents takes at most 1.3 times as long as
// scrolling the slower side. Where both engines share a machine, both bare
// scrolls at the same time are the floor, since there is nothing left to overlap.
// Bare scrolls ask for the largest pages, which cost engines least, and again for
// pages of 1,000, which is what others scroll by.
package main
