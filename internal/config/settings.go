package config

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Settings are those of a snapshot repository, as its type defines them: texts,
// whole numbers as int64, fractions as float64, booleans, []any and
// map[string]any. A value under a key that names a secret, and a value that
// came from the environment or a secret file, is a Secret when Parse made it;
// a Settings made by hand is redacted by its keys' names. It prints, logs and
// marshals without secrets; Plain gives all.
type Settings map[string]any

// Plain gives a deep copy with the secrets revealed, ready for json.Marshal;
// nil for nil.
func (s Settings) Plain() map[string]any {
	if s == nil {
		return nil
	}
	plain, _ := walk(map[string]any(s), false, func(v any, _ bool) any {
		if secret, ok := v.(Secret); ok {
			return secret.Reveal()
		}
		return v
	}).(map[string]any) // a map walked is a map
	return plain
}

// Redacted gives a deep copy with "***" for each secret.
func (s Settings) Redacted() map[string]any {
	if s == nil {
		return nil
	}
	clean, _ := walk(map[string]any(s), false, func(v any, secret bool) any {
		if _, ok := v.(Secret); ok || secret {
			return redacted
		}
		return v
	}).(map[string]any) // a map walked is a map
	return clean
}

// String gives the redacted settings as JSON.
func (s Settings) String() string {
	text, err := s.MarshalJSON()
	if err != nil {
		// Only a value that Parse never makes, such as a channel, gets here;
		// the error may quote it.
		return redacted
	}
	return string(text)
}

// GoString gives the redacted settings as JSON.
func (s Settings) GoString() string { return s.String() }

// Format writes the redacted settings for every verb and flag.
func (s Settings) Format(f fmt.State, _ rune) {
	// A failed write is the state's to report: Formatter has no error.
	_, _ = io.WriteString(f, s.String())
}

// MarshalJSON gives the redacted settings.
func (s Settings) MarshalJSON() ([]byte, error) { return json.Marshal(s.Redacted()) }

// MarshalYAML gives the redacted settings.
func (s Settings) MarshalYAML() (any, error) { return s.Redacted(), nil }

// LogValue gives the redacted settings as JSON.
func (s Settings) LogValue() slog.Value { return slog.StringValue(s.String()) }

// walk copies maps and lists, and replaces each leaf by what leaf makes of it;
// secret says that a key above the leaf names a secret.
func walk(v any, secret bool, leaf func(v any, secret bool) any) any {
	switch v := v.(type) {
	case Settings:
		return walk(map[string]any(v), secret, leaf)
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, inner := range v {
			out[key] = walk(inner, secret || secretKey(key), leaf)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = walk(inner, secret, leaf)
		}
		return out
	default:
		return leaf(v, secret)
	}
}

// secretKey reports whether a setting of this name may hold a secret. The
// repository plugins' names are their authors' choice, so it rather takes one
// too many: a redacted key id harms nobody.
func secretKey(name string) bool {
	name = strings.ToLower(name)
	for _, part := range []string{
		"secret", "passw", "passphrase", "token", "credential", "private",
		"signature", "client_", "access_key", "accesskey", "authorization",
	} {
		if strings.Contains(name, part) {
			return true
		}
	}
	for _, end := range []string{"key", "key_id", "keyid", "sas", "pass", "pwd"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}
