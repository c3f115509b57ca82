package metadata

import (
	"slices"
	"strings"
	"unicode"
)

// date rewrites a format for java.time, by which Elasticsearch reads dates since
// 7.0, where it was written for Joda: names have underscores now, and some
// letters of patterns mean something else (a week's year instead of a year).
func (t *translation) date(o *object, path string) {
	format := o.text("format")
	if format == "" || t.from.AtLeast(7, 0) || !t.to.AtLeast(7, 0) {
		return
	}
	parts := strings.Split(format, "||")
	for i, part := range parts {
		parts[i] = javaTime(part)
		if !named(part) && strings.ContainsAny(unquoted(part), "ZeCK") {
			t.note(Changed, path+".format", "the pattern %s is read by java.time since 7.0, which takes Z for +0000 alone: see that it takes your dates", part)
		}
	}
	if now := strings.Join(parts, "||"); now != format {
		o.set("format", quote(now))
		t.note(Changed, path+".format", "%s is written %s since 7.0", format, now)
	}
}

// javaTime rewrites one format. The year of Joda's Y is that of y, and its x is
// the year of a week.
func javaTime(format string) string {
	if named(format) {
		return snake(format)
	}
	var b strings.Builder
	literal := false
	for _, r := range format {
		switch {
		case r == '\'':
			literal = !literal
		case literal:
		case r == 'Y':
			r = 'y'
		case r == 'x':
			r = 'Y'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// unquoted gives the letters of a pattern that are not literal text.
func unquoted(pattern string) string {
	var b strings.Builder
	for i, part := range strings.Split(pattern, "'") {
		if i%2 == 0 {
			b.WriteString(part)
		}
	}
	return b.String()
}

// named reports whether a format is one that the engines know by name: no
// pattern begins like one.
func named(format string) bool {
	name := strings.TrimPrefix(snake(format), "strict_")
	return slices.ContainsFunc([]string{"epoch_", "basic_", "date", "hour", "ordinal_date", "time", "t_time", "week", "year"}, func(prefix string) bool {
		return strings.HasPrefix(name, prefix)
	})
}

// snake writes dateOptionalTime as date_optional_time.
func snake(name string) string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) {
			// basicTTime is basic_t_time: each capital begins a word.
			if i > 0 {
				b.WriteByte('_')
			}
			r = unicode.ToLower(r)
		}
		b.WriteRune(r)
	}
	return b.String()
}
