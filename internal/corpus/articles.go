package corpus

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// ArticleMapping fits the documents of Articles.
const ArticleMapping = `{"properties":{
  "title":{"type":"text"},"section":{"type":"keyword"},"published":{"type":"date"},"tags":{"type":"keyword"},
  "words":{"type":"integer"},"body":{"type":"text"}}}`

// article is the source of one document of Articles.
type article struct {
	Title     string    `json:"title"`
	Section   string    `json:"section"`
	Published time.Time `json:"published"`
	Tags      []string  `json:"tags"`
	Words     int       `json:"words"`
	Body      string    `json:"body"`
}

const (
	articleBytes = 19_700
	// Words are of a vocabulary of this size, some of them far more often than
	// others, as in a language.
	vocabulary = 20_000
	// All articles are pieces of one long text, so that they are made fast.
	proseBytes = 4 << 20
)

// Articles gives n documents of about 20 kB, nearly all of it text. The same n
// and seed give the same bytes.
func Articles(n int, seed uint64) Docs {
	return func(yield func(Doc, error) bool) {
		r := newRand(seed, 20_000)
		text := prose(r)
		day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for i := range n {
			from := r.IntN(len(text) - articleBytes)
			body := text[from : from+articleBytes]
			words := strings.Fields(body)
			source, err := encode(article{
				Title: strings.Join(words[1:8], " "), Section: one(r, "arts", "world", "science", "sports"),
				Published: day.Add(time.Duration(i) * time.Minute), Tags: words[20:25], Words: len(words), Body: body,
			})
			if !yield(Doc{ID: fmt.Sprintf("article-%07d", i), Source: source}, err) || err != nil {
				return
			}
		}
	}
}

// prose is words in sentences and paragraphs.
func prose(r *rand.Rand) string {
	words := make([]string, vocabulary)
	for i := range words {
		words[i] = word(r)
	}
	often := rand.NewZipf(r, 1.1, 8, vocabulary-1)
	var b strings.Builder
	for b.Len() < proseBytes {
		b.WriteString(words[often.Uint64()])
		b.WriteString([]string{" ", " ", " ", " ", " ", " ", " ", ", ", ". ", ".\n"}[r.IntN(10)])
	}
	return b.String()
}

// word is two to four syllables.
func word(r *rand.Rand) string {
	var b strings.Builder
	for range 2 + r.IntN(3) {
		b.WriteString(one(r, "ba", "chi", "de", "fo", "gra", "hu", "jo", "ke", "li", "mi", "nu", "po", "qua", "ri", "sta", "tu", "ve", "wo", "ya", "zen"))
	}
	return b.String()
}
