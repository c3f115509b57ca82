package verify_test

import (
	"testing"

	"pgregory.net/rapid"

	"esferry/internal/digest"
	"esferry/internal/verify"
)

// TestRanges: each document is in the range that its key says, and together
// they are all.
func TestRanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var tally verify.Tally
		var want [verify.KeyRanges]digest.Sum
		for range rapid.IntRange(0, 50).Draw(t, "documents") {
			key := digest.Hash{Hi: rapid.Uint64().Draw(t, "key")}
			document := digest.Hash{Lo: rapid.Uint64().Draw(t, "document")}
			tally.Add(key, document)
			want[key.Hi%4096/256] = want[key.Hi%4096/256].With(document)
		}
		var all digest.Sum
		for i, got := range tally.Ranges() {
			if got != want[i] {
				t.Errorf("range %d: got %v, want %v", i, got, want[i])
			}
			all = all.Plus(got)
		}
		if all != tally.Sum() {
			t.Errorf("the ranges are %v together, want %v", all, tally.Sum())
		}
	})
}
