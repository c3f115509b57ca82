package config

import (
	"strings"
	"unicode"
)

const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	digits = "0123456789"
	// maxName is the engines' bound on an index name, in bytes.
	maxName = 255
)

// ferryName accepts [a-z0-9][a-z0-9._-]*, which can be a file, a key and a
// snapshot's name.
func ferryName(s string) *complaint {
	if s == "" || len(s) > 100 || strings.Trim(s[:1], lower+digits) != "" || strings.Trim(s, lower+digits+"._-") != "" {
		return &complaint{"wants up to 100 letters a-z, digits, dots, dashes and underscores, a letter or a digit first", "for example search-2026"}
	}
	return nil
}

// indexPattern accepts one pattern of index names.
func indexPattern(s string) *complaint {
	switch {
	case s == "_all":
		return &complaint{"is no pattern", `write "*"`}
	case strings.Contains(s, ","):
		return &complaint{"holds a comma", "write one pattern an item"}
	case strings.HasPrefix(s, "-"):
		return &complaint{"begins with a dash", "what is left out goes under indices.exclude"}
	}
	return indexName(strings.Map(func(r rune) rune {
		if r == '*' || r == '?' {
			return 'x'
		}
		return r
	}, s))
}

// indexName accepts what engines accept as the name of an index.
func indexName(s string) *complaint {
	const forbidden = ` "*\<|>/?,#`
	switch {
	case s == "" || s == "." || s == ".." || len(s) > maxName:
		return &complaint{message: "is no index name"}
	case strings.ContainsAny(s[:1], "-_+"):
		return &complaint{message: "is no index name: they begin with neither - nor _ nor +"}
	case strings.Contains(s, "${"):
		return &complaint{message: "is no index name; references are replaced in values, not in keys"}
	case strings.ToLower(s) != s:
		return &complaint{message: "is no index name: they are in lower case"}
	case strings.ContainsAny(s, forbidden) || strings.ContainsFunc(s, unicode.IsControl):
		return &complaint{message: "is no index name: they hold no blank and none of \" * \\ < | > / ? , #"}
	default:
		return nil
	}
}

// aliasName accepts what engines accept as an alias: upper case too.
func aliasName(s string) *complaint { return indexName(strings.ToLower(s)) }

// repositoryName accepts what may stand in a path and in a setting.
func repositoryName(s string) *complaint {
	if aliasName(s) != nil {
		return &complaint{message: "is no repository name: they hold no blank and none of \" * \\ < | > / ? , #"}
	}
	return nil
}

// bucketName accepts a bucket's bare name.
func bucketName(s string) *complaint {
	if s == "" || strings.ContainsAny(s, "/:@ ") {
		return &complaint{"wants a bucket's bare name", "put what follows a slash under prefix, and a host under endpoint"}
	}
	return nil
}

// prefix reads what keys begin with, and takes the slashes off its ends.
func prefix(dst *string) into {
	return func(d *decoder, v value) {
		text(dst)(d, v)
		*dst = strings.Trim(*dst, "/")
	}
}

func fieldName(s string) *complaint {
	if s == "" || strings.ContainsAny(s, "*? ") {
		return &complaint{message: "wants the name of one field, such as @timestamp"}
	}
	return nil
}

func pathWord(s string) *complaint {
	if s != PathSnapshot && s != PathStream {
		return &complaint{message: "wants one of " + PathSnapshot + ", " + PathStream}
	}
	return nil
}
