package screen

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"github.com/hinshun/vt10x"

	"esferry/internal/group"
)

// Screen is a terminal with somebody in front of it. Safe for concurrent use.
type Screen struct {
	// TTY is what programs write to.
	TTY      *os.File
	keyboard *os.File
	term     vt10x.Terminal

	mu sync.Mutex
	// raw is all that was written.
	raw strings.Builder
}

// Open gives a terminal of this size for the length of a test.
func Open(t *testing.T, columns, rows int) *Screen {
	t.Helper()
	keyboard, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	s := &Screen{TTY: tty, keyboard: keyboard, term: vt10x.New(vt10x.WithSize(columns, rows))}
	s.Resize(t, columns, rows)
	g, _ := group.New(context.WithoutCancel(t.Context()))
	g.Go("screen", func(context.Context) error {
		buffer := make([]byte, 1<<14)
		for {
			n, err := keyboard.Read(buffer)
			s.show(buffer[:n])
			if errors.Is(err, syscall.EIO) {
				// The other end is closed: the test is over.
				return nil
			}
			if err != nil {
				return fmt.Errorf("look at the terminal: %w", err)
			}
		}
	})
	t.Cleanup(func() {
		_ = tty.Close() //nolint:errcheck // nothing is kept in it
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
		_ = keyboard.Close() //nolint:errcheck // nothing is kept in it
	})
	return s
}

func (s *Screen) show(p []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.raw.Write(p)
	_, _ = s.term.Write(p) //nolint:errcheck // an emulator in memory
}

// Resize makes the window larger or smaller.
func (s *Screen) Resize(t *testing.T, columns, rows int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.term.Resize(columns, rows)
	if err := pty.Setsize(s.keyboard, &pty.Winsize{Cols: uint16(columns), Rows: uint16(rows)}); err != nil { //nolint:gosec // a terminal's size
		t.Fatal(err)
	}
}

// Text is what is seen now, without blanks at the ends of lines and empty lines
// at the end.
func (s *Screen) Text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	lines := strings.Split(s.term.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \x00")
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

// Raw is all that was ever written, with its escape sequences.
func (s *Screen) Raw() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.raw.String()
}

// On gives the command this terminal, as a shell would.
func (s *Screen) On(cmd *exec.Cmd) *exec.Cmd {
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.TTY, s.TTY, s.TTY
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	return cmd
}
