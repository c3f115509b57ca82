package digest_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"esferry/internal/batch"
	"esferry/internal/digest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func hashes() *rapid.Generator[digest.Hash] {
	// Values that carry from one half into the other, as well as any.
	half := rapid.OneOf(rapid.Uint64(), rapid.SampledFrom([]uint64{0, 1, 1<<63 - 1, 1 << 63, 1<<64 - 1}))
	return rapid.Custom(func(t *rapid.T) digest.Hash {
		return digest.Hash{Hi: half.Draw(t, "hi"), Lo: half.Draw(t, "lo")}
	})
}

func sum(all []digest.Hash) (s digest.Sum) {
	for _, h := range all {
		s = s.With(h)
	}
	return s
}

// TestSumIsOfASet: neither the order nor the grouping of documents counts, but
// each document does, also the second of two equal ones.
func TestSumIsOfASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.SliceOf(hashes()).Draw(t, "a")
		b := rapid.SliceOf(hashes()).Draw(t, "b")
		c := rapid.SliceOf(hashes()).Draw(t, "c")
		all := sum(append(append(append([]digest.Hash{}, a...), b...), c...))
		mixed := rapid.Permutation(append(append(append([]digest.Hash{}, c...), a...), b...)).Draw(t, "mixed")
		for name, got := range map[string]digest.Sum{
			"in another order": sum(mixed), "left first": sum(a).Plus(sum(b)).Plus(sum(c)),
			"right first": sum(a).Plus(sum(b).Plus(sum(c))), "with nothing": all.Plus(digest.Sum{}),
		} {
			if got != all {
				t.Fatalf("%s: got %v, want %v", name, got, all)
			}
		}
		if len(mixed) == 0 {
			return
		}
		if twice := sum(append(mixed, mixed[0])); twice == all || twice.Docs != all.Docs+1 {
			t.Fatalf("a document twice: got %v, as without it", twice)
		}
		if fewer := sum(mixed[1:]); fewer == all {
			t.Fatalf("a document less: got %v, as with it", fewer)
		}
	})
}

// TestPairsDoNotCancel: a document twice is not the same as another one twice, and
// neither is nothing. By XOR all three would be alike.
func TestPairsDoNotCancel(t *testing.T) {
	twice := func(h digest.Hash) digest.Sum { return digest.Sum{}.With(h).With(h) }
	a, b := twice(digest.Hash{Hi: 7, Lo: 9}), twice(digest.Hash{Hi: 1 << 40, Lo: 3})
	if a == b || a.String() == b.String() || a.String() == (digest.Sum{}).String() {
		t.Errorf("got %s and %s for two documents, each twice", a, b)
	}
}

func TestSumCarries(t *testing.T) {
	var s digest.Sum
	s = s.With(digest.Hash{Lo: 1<<64 - 1}).With(digest.Hash{Lo: 1})
	if got, want := s.String(), "00000000000000010000000000000000"; got != want || s.Docs != 2 {
		t.Errorf("got %s of %d, want %s of 2", got, s.Docs, want)
	}
}

// TestKeysDoNotRunTogether moves bytes from one part of a key to the next.
func TestKeysDoNotRunTogether(t *testing.T) {
	var h digest.Hasher
	seen := map[digest.Hash]string{}
	for _, d := range []batch.Doc{
		{ID: []byte(`"ab"`)},
		{ID: []byte(`"a"`), Routing: []byte(`"b"`)},
		{ID: []byte(`"a"`), Type: []byte(`"b"`)},
		{ID: []byte(`"a""b"`)},
		{Routing: []byte(`"a""b"`)},
		{ID: []byte(`"a"`)},
		{ID: []byte(`"a"`), Routing: []byte(`""`)},
	} {
		name := fmt.Sprintf("%q", []string{string(d.ID), string(d.Routing), string(d.Type)})
		if other, twice := seen[h.Key(&d)]; twice {
			t.Errorf("%s has the hash of %s", name, other)
		}
		seen[h.Key(&d)] = name
	}
}

func TestContentIsOfWhatArrives(t *testing.T) {
	f := func(a, b string, want bool) {
		t.Helper()
		var h digest.Hasher
		x, err := h.Content(&batch.Doc{Source: []byte(a)})
		y, other := h.Content(&batch.Doc{Source: []byte(b)})
		if err != nil || other != nil || (x == y) != want {
			t.Errorf("%q and %q: got %t, %v, %v, want %t", a, b, x == y, err, other, want)
		}
	}
	f("{\n \"a\" : 1.10\n}", `{"a":1.10}`, true)
	f(`{"a": 1}`, `{"a":1}`, false)
	f(`{"a":1.10}`, `{"a":1.1}`, false)
	f(strings.Repeat(" ", 1000)+`{"a":1}`, strings.Repeat(" ", 1000)+`{"a":2}`, false)
	var h digest.Hasher
	if _, err := h.Content(&batch.Doc{Source: []byte("{\n")}); err == nil {
		t.Error("what is not JSON and has a line break: got no error")
	}
}

func TestDocumentIsOfAllItsParts(t *testing.T) {
	a, b := digest.Hash{Hi: 1, Lo: 2}, digest.Hash{Hi: 3, Lo: 4}
	seen := map[digest.Hash]bool{}
	for _, h := range []digest.Hash{
		digest.Document(a, 1, b), digest.Document(b, 1, a), digest.Document(a, 2, b), digest.Document(a, 1, digest.Hash{}),
		digest.Document(digest.Hash{Lo: 2}, 1, b), digest.Document(digest.Hash{Hi: 1}, 1, b),
	} {
		if seen[h] {
			t.Errorf("%v is the hash of two", h)
		}
		seen[h] = true
	}
}

// page is documents as a scroll gives them.
func page(size int) []batch.Doc {
	docs := make([]batch.Doc, 1000)
	for i := range docs {
		docs[i] = batch.Doc{
			ID: fmt.Appendf(nil, `"AVx-document-%08d"`, i), Version: int64(i), Source: []byte(`{"message":"` + strings.Repeat("x", size-14) + `"}`),
		}
	}
	return docs
}

func hash(h *digest.Hasher, s *digest.Sum, docs []batch.Doc) error {
	for i := range docs {
		content, err := h.Content(&docs[i])
		if err != nil {
			return err
		}
		*s = s.With(digest.Document(h.Key(&docs[i]), docs[i].Version, content))
	}
	return nil
}

func TestHashingAllocatesNothing(t *testing.T) {
	var h digest.Hasher
	var s digest.Sum
	docs := page(700)
	if n := testing.AllocsPerRun(10, func() {
		if err := hash(&h, &s, docs); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("got %v allocations for %d documents, want none", n, len(docs))
	}
}

// BenchmarkHash hashes pages of documents of 700 bytes and of 20 KB.
func BenchmarkHash(b *testing.B) {
	for _, size := range []int{700, 20_000} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			docs := page(size)
			var h digest.Hasher
			var s digest.Sum
			b.SetBytes(int64(len(docs) * size))
			b.ReportAllocs()
			for b.Loop() {
				if err := hash(&h, &s, docs); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
