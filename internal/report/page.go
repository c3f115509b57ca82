package report

import (
	"fmt"
	"os"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/vbauerster/mpb/v8/cwriter"
)

// Page shows a text on a terminal, in place of the one before. What does not go
// onto it is left out at the end, and counted. For one goroutine.
type Page struct{ out *cwriter.Writer }

// NewPage gives a page on a terminal.
func NewPage(terminal *os.File) *Page { return &Page{out: cwriter.New(terminal)} }

// Show draws the text.
func (p *Page) Show(s string) error {
	width, height, err := p.out.GetTermSize()
	if err != nil {
		return fmt.Errorf("ask the terminal for its size: %w", err)
	}
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	// The cursor has the last line for itself.
	if most := max(height-1, 1); len(lines) > most {
		left := len(lines) - most + 1
		lines = append(lines[:most-1], fmt.Sprintf("and %d lines more", left))
	}
	for _, l := range lines {
		_, _ = p.out.WriteString(text.Trim(l, width) + "\n") // a buffer takes everything
	}
	if err := p.out.Flush(len(lines)); err != nil {
		return fmt.Errorf("draw on the terminal: %w", err)
	}
	return nil
}
