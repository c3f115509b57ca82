package config

import (
	"fmt"
	"io"
	"log/slog"
)

// redacted is what every secret prints as, the empty one too.
const redacted = "***"

// Secret is a text that prints, logs and marshals as "***"; only Reveal
// gives it. The zero value is the absent secret. It holds a pointer because
// fmt, when it meets a Secret in an unexported field, asks no method and prints
// what is inside.
type Secret struct{ text *string }

// NewSecret makes a secret of text.
func NewSecret(text string) Secret { return Secret{text: &text} }

// Reveal gives the text, for the one place that sends it.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether there is no secret; it makes omitzero work.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

// String gives "***".
func (s Secret) String() string { return redacted }

// GoString gives "***".
func (s Secret) GoString() string { return redacted }

// Format writes "***" for every verb and flag.
func (s Secret) Format(f fmt.State, _ rune) {
	// A failed write is the state's to report: Formatter has no error.
	_, _ = io.WriteString(f, redacted)
}

// MarshalJSON gives "***".
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText gives "***".
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalYAML gives "***".
func (s Secret) MarshalYAML() (any, error) { return redacted, nil }

// LogValue gives "***".
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }
