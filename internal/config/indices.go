package config

import (
	"strings"
	"time"
)

// The paths that an index can take to the target.
const (
	PathSnapshot = "snapshot"
	PathStream   = "stream"
)

// Types is what becomes of an index of several types.
type Types string

// An index of several types is refused, or goes into an index for each.
const (
	TypesRefuse Types = "refuse"
	TypesSplit  Types = "split"
)

// Indices says which of the source's indices are carried, and how. Patterns
// know * for any text and ? for one character. Its methods are pure.
type Indices struct {
	// Include and Exclude are patterns; an index that both name is excluded.
	Include []string `json:"include"`
	Exclude []string `json:"exclude,omitempty"`
	// Paths are PathSnapshot or PathStream by pattern.
	Paths map[string]string `json:"paths,omitempty"`
	// TimeFields name, by pattern, the field that tells when a document was
	// written, for append-only indices without sequence numbers: their rounds then
	// read what is new by it, less TimeOverlap, and are blind to updates of old
	// documents and to deletes.
	TimeFields  map[string]string `json:"time_fields,omitempty"`
	TimeOverlap Duration          `json:"time_overlap"`
	// Types says what becomes of an index of several types where the target has
	// one in each.
	Types Types `json:"types"`
	// Rename gives an index another name on the target. Exact names only.
	Rename map[string]string `json:"rename,omitempty"`
}

func (x *Indices) fields() []field {
	return []field{
		{name: "include", into: oneOrMore(&x.Include, indexPattern, notSystem)},
		{name: "exclude", into: texts(&x.Exclude, indexPattern)},
		{name: "paths", into: textMap(&x.Paths, indexPattern, pathWord)},
		{name: "time_fields", into: textMap(&x.TimeFields, indexPattern, fieldName)},
		{name: "time_overlap", into: unit(&x.TimeOverlap)},
		{name: "types", into: choice(&x.Types, TypesRefuse, TypesSplit)},
		{name: "rename", into: textMap(&x.Rename, indexName, indexName)},
	}
}

// Match reports whether an index of this name is carried. A name that begins
// with a dot is hidden: only a pattern that begins with one includes it. A
// system index is never carried.
func (x *Indices) Match(name string) bool {
	if SystemIndex(name) || matchAny(x.Exclude, name) {
		return false
	}
	for _, pattern := range x.Include {
		if strings.HasPrefix(name, ".") && !strings.HasPrefix(pattern, ".") {
			continue
		}
		if overlap(pattern, name) {
			return true
		}
	}
	return false
}

// PathFor gives the path that the most specific pattern of Paths sets for an
// index: its exact name, else the pattern with the most characters that are no
// wildcards, else the one that is first in the alphabet. It is "" where no
// pattern matches, and the path is the program's to choose.
func (x *Indices) PathFor(name string) string { return mostSpecific(x.Paths, name) }

// TimeField gives the field that the most specific pattern of TimeFields sets
// for an index, and how far rounds go back behind the last one; "" for none.
func (x *Indices) TimeField(name string) (field string, overlap time.Duration) {
	return mostSpecific(x.TimeFields, name), time.Duration(x.TimeOverlap)
}

func mostSpecific(byPattern map[string]string, name string) string {
	best, most := "", -1
	for pattern := range byPattern {
		if !overlap(pattern, name) {
			continue
		}
		n := literals(pattern)
		if pattern == name {
			n++
		}
		if n > most || n == most && pattern < best {
			best, most = pattern, n
		}
	}
	return byPattern[best]
}

// TargetName gives the name that an index has on the target.
func (x *Indices) TargetName(name string) string {
	if renamed, ok := x.Rename[name]; ok {
		return renamed
	}
	return name
}

// SplitTypes reports whether an index of several types goes into an index for
// each, where the target has one in each.
func (x *Indices) SplitTypes() bool { return x.Types == TypesSplit }

// SystemIndex reports whether a name belongs to an engine, to a security plugin
// or to Kibana. Such indices hold users, keys and state that only their own
// cluster understands.
func SystemIndex(name string) bool { return matchAny(systemPatterns(), name) }

func systemPatterns() []string {
	return []string{
		".apm-*", ".async-search*", ".elastic-connectors*", ".enrich-*", ".fleet-*", ".geoip_databases*",
		".inference*", ".kibana*", ".logstash", ".management-beats", ".ml-*", ".opendistro*", ".opensearch*",
		".plugins-*", ".replication-metadata-store", ".reporting*", ".search-app-*", ".searchguard*",
		".secrets-*", ".security*", ".signals_*", ".snapshot-blob-cache*", ".synonyms*", ".tasks*",
		".transform-*", ".triggered_watches*", ".watches*", "searchguard",
	}
}

// notSystem refuses a pattern that asks for a system index: one that begins
// with a dot and takes one in, or an exact name.
func notSystem(pattern string) *complaint {
	hidden := strings.HasPrefix(pattern, ".")
	for _, system := range systemPatterns() {
		if hidden && overlap(pattern, system) || pattern == system {
			return &complaint{
				"takes in system indices such as " + system,
				"name hidden indices exactly; users, roles and saved objects move by the export of their own API",
			}
		}
	}
	return nil
}

func matchAny(patterns []string, name string) bool {
	for _, p := range patterns {
		if overlap(p, name) {
			return true
		}
	}
	return false
}

// literals counts the characters of a pattern that are no wildcards.
func literals(pattern string) int {
	n := 0
	for _, r := range pattern {
		if r != '*' && r != '?' {
			n++
		}
	}
	return n
}

// overlap reports whether some name fits both patterns. A name is a pattern
// without wildcards, so this is also the match of a name.
func overlap(a, b string) bool {
	x, y := []rune(a), []rune(b)
	// fits[j] tells, of the rest of x that is looked at, whether it fits y[j:].
	fits := make([]bool, len(y)+1)
	for i := len(x); i >= 0; i-- {
		next := fits
		fits = make([]bool, len(y)+1)
		for j := len(y); j >= 0; j-- {
			switch {
			case i == len(x) && j == len(y):
				fits[j] = true
			case i < len(x) && x[i] == '*':
				fits[j] = next[j] || j < len(y) && fits[j+1]
			case j < len(y) && y[j] == '*':
				fits[j] = fits[j+1] || i < len(x) && next[j]
			case i < len(x) && j < len(y):
				fits[j] = next[j+1] && (x[i] == y[j] || x[i] == '?' || y[j] == '?')
			}
		}
	}
	return fits[0]
}
