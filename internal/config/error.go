package config

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Error is one fault of a configuration file. It never holds a value of the
// file, of the environment or of a secret file.
type Error struct {
	// File is the name that the file was read by.
	File string `json:"file"`
	// Line and Column are where the fault is, from 1, columns in characters;
	// both are 0 where the file could not be read at all.
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
	// Key is the path to the key, such as source.url[1]; empty for faults of
	// the file as a whole.
	Key string `json:"key,omitempty"`
	// Message says what is wrong, in lower case and without a full stop.
	Message string `json:"message"`
	// Hint is the next step for an operator; may be empty.
	Hint string `json:"hint,omitempty"`
}

// Error gives one line without the hint, such as
// "ferry.yaml:12:5: stream.memroy: unknown key (did you mean memory?)".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		b.WriteString(":" + strconv.Itoa(e.Line) + ":" + strconv.Itoa(e.Column))
	}
	if e.Key != "" {
		b.WriteString(": " + e.Key)
	}
	b.WriteString(": " + e.Message)
	return b.String()
}

// NextStep is the hint that is printed on a line of its own.
func (e *Error) NextStep() string { return e.Hint }

// Faults gives each *Error in err, in the order of the file: Load and Parse
// join them when there are several.
func Faults(err error) []*Error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []*Error
		for _, e := range joined.Unwrap() {
			all = append(all, Faults(e)...)
		}
		return all
	}
	if one, ok := errors.AsType[*Error](err); ok {
		return []*Error{one}
	}
	return nil
}

// join makes one error of faults, ordered as the file is.
func join(faults []*Error) error {
	slices.SortStableFunc(faults, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	if len(faults) == 1 {
		return faults[0]
	}
	all := make([]error, len(faults))
	for i, f := range faults {
		all[i] = f
	}
	return errors.Join(all...)
}

// below names a key of a section; names that would not read as one are quoted.
func below(section, name string) string {
	if !plainName(name) || strings.Contains(name, ".") {
		return section + "[" + strconv.Quote(short(name)) + "]"
	}
	if section == "" {
		return name
	}
	return section + "." + name
}

// shown names a key that may be no key at all: a name that does not read as one
// is left out, for it may be a secret that slipped from its place.
func shown(section, name string) string {
	if !plainName(name) {
		return section
	}
	return below(section, name)
}

// plainName reports whether name looks like a key or an index and may be
// printed as it is. A text that was put where a key belongs seldom does.
func plainName(name string) bool {
	const most = 64
	return name != "" && len(name) <= most && strings.IndexFunc(name, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_-.", r)
	}) < 0
}

// short bounds a foreign text.
func short(text string) string {
	const most = 64
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return text
}

// nearest gives the candidate that name was most likely meant to be, or "".
// It allows one slip in three letters.
func nearest(name string, candidates []string) string {
	if !plainName(name) {
		return ""
	}
	best, least := "", max(1, len(name)/3)+1
	for _, c := range candidates {
		if d := distance(name, c); d < least {
			best, least = c, d
		}
	}
	return best
}

// distance counts the letters to insert, remove, change or swap with their
// neighbour between a and b.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				change = min(change, rows[i-2][j-2]+1)
			}
			rows[i][j] = min(change, rows[i-1][j]+1, rows[i][j-1]+1)
		}
	}
	return rows[len(a)][len(b)]
}
