package faultcase

import (
	"bufio"
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

//go:embed cases.txt
var cases string

// Case is one line of the list: faults of a kind, and what must come out.
type Case struct {
	Number      int
	Title, Must string
	Faults      []Fault
}

// Fault is one thing that may go wrong.
type Fault struct {
	Name string
	// Missing says why no test shows it; empty where one has to.
	Missing string
}

// List gives all cases, in their order.
func List() ([]Case, error) { return parse(cases) }

// parse reads the list: "4. title" begins a case, "must: " says what must come
// out, "- fault" is one, and "~ fault -- why" is one that is missing.
func parse(text string) ([]Case, error) {
	var list []Case
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			continue
		}
		number, title, found := strings.Cut(line, ". ")
		if n, err := strconv.Atoi(number); found && err == nil {
			if n != len(list)+1 {
				return nil, fmt.Errorf("read the list of faults: case %d follows case %d", n, len(list))
			}
			list = append(list, Case{Number: n, Title: title})
			continue
		}
		if len(list) == 0 || !list[len(list)-1].add(line) {
			return nil, fmt.Errorf("read the list of faults: %q is no line of it", line)
		}
	}
	return list, nil
}

// add takes a line that is not the first of a case.
func (c *Case) add(line string) bool {
	kind, rest, _ := strings.Cut(line, " ")
	why := ""
	switch kind {
	case "must:":
		c.Must = rest
		return true
	case "~":
		var found bool
		if rest, why, found = strings.Cut(rest, " -- "); !found || why == "" {
			return false
		}
	case "-":
	default:
		return false
	}
	if rest == "" || c.has(rest) {
		return false
	}
	c.Faults = append(c.Faults, Fault{Name: rest, Missing: why})
	return true
}

func (c *Case) has(fault string) bool {
	return slices.ContainsFunc(c.Faults, func(f Fault) bool { return f.Name == fault })
}
