package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// change is one thing that operators notice: the paragraphs under a "Kind:" line.
type change struct {
	kind       string
	paragraphs []string
}

// kinds in the order in which a section lists them.
func kinds() []string {
	return []string{"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
}

// parse reads one fragment: any number of changes, each under a line that names
// its kind. name is for errors.
func parse(name, text string) ([]change, error) {
	var changes []change
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		paragraph = strings.TrimSpace(paragraph)
		kind, begins := strings.CutPrefix(paragraph, "Kind: ")
		switch {
		case begins && !slices.Contains(kinds(), kind):
			return nil, fmt.Errorf("%s: %q is none of the kinds %s", name, kind, strings.Join(kinds(), ", "))
		case begins:
			changes = append(changes, change{kind: kind})
		case len(changes) == 0:
			return nil, fmt.Errorf("%s: it does not begin with a line \"Kind: \"", name)
		case paragraph != "":
			last := &changes[len(changes)-1]
			last.paragraphs = append(last.paragraphs, paragraph)
		}
	}
	for _, c := range changes {
		if len(c.paragraphs) == 0 {
			return nil, fmt.Errorf("%s: nothing stands under \"Kind: %s\"", name, c.kind)
		}
	}
	return changes, nil
}

// section is what a release adds to the changelog: a heading, then the changes
// by kind, each an item whose further paragraphs are indented below it.
func section(version, date string, changes []change) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## [%s] - %s\n", strings.TrimPrefix(version, "v"), date)
	for _, kind := range kinds() {
		heading := "\n### " + kind + "\n"
		for _, c := range changes {
			if c.kind != kind {
				continue
			}
			fmt.Fprintf(&b, "%s\n- %s\n", heading, indented(strings.Join(c.paragraphs, "\n\n")))
			heading = ""
		}
	}
	return b.String()
}

// indented puts all lines but the first under a list item.
func indented(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines[1:] {
		if line != "" {
			lines[i+1] = "  " + line
		}
	}
	return strings.Join(lines, "\n")
}

// unreleased is the heading under which the newest section is put.
const unreleased = "## [Unreleased]\n"

// insert puts a section into the changelog, before older ones.
func insert(changelog, section string) (string, error) {
	before, after, found := strings.Cut(changelog, unreleased)
	if !found {
		return "", fmt.Errorf("the changelog has no line %q", strings.TrimSpace(unreleased))
	}
	return before + unreleased + "\n" + section + strings.TrimRight("\n"+strings.TrimLeft(after, "\n"), "\n") + "\n", nil
}

// find gives the text of a release's section without its heading.
func find(changelog, version string) (string, error) {
	heading := regexp.MustCompile(`(?m)^## \[` + regexp.QuoteMeta(strings.TrimPrefix(version, "v")) + `\].*\n`)
	at := heading.FindStringIndex(changelog)
	if at == nil {
		return "", fmt.Errorf("the changelog has no section of %s", version)
	}
	text, _, _ := strings.Cut(changelog[at[1]:], "\n## [")
	return strings.TrimSpace(text) + "\n", nil
}
