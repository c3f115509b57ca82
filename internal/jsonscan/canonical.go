package jsonscan

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Canonical gives a JSON string in its one shortest spelling: only quotes,
// backslashes and control characters are escaped. Engines differ in what they
// escape besides (a ship is an escaped pair on OpenSearch 2.19, and itself on 3.8),
// so that strings of two engines are compared like this. What needs no change is
// given back as it is; what is no string is, too.
func Canonical(word []byte) []byte {
	if bytes.IndexByte(word, '\\') < 0 {
		return word
	}
	var text string
	if json.Unmarshal(word, &text) != nil {
		return word
	}
	out := append(make([]byte, 0, len(word)), '"')
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c < ' ':
			out = fmt.Appendf(out, `\u%04x`, c)
		default:
			out = append(out, c)
		}
	}
	return append(out, '"')
}
