package config_test

import (
	"os"
	"strings"
	"testing"

	"esferry/internal/config"
)

// FuzzParse holds Parse to three promises: it never panics, what it returns is
// faults with a place or a Config that can be shown, and no error holds a value
// that came from a reference.
func FuzzParse(f *testing.F) {
	data, err := os.ReadFile("testdata/ferry.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(everywhere))
	f.Add([]byte(minimal))
	for _, c := range faults() {
		// The fuzzer's time goes into small files.
		if len(c.text) < 4096 {
			f.Add([]byte(c.text))
		}
	}
	value := func(string) (string, bool) { return planted, true }
	env := config.Environment{LookupEnv: value, ReadFile: func(string) ([]byte, error) { return []byte(planted), nil }}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := config.Parse("ferry.yaml", data, env)
		if (c == nil) == (err == nil) {
			t.Fatalf("got %v and %v, want one of them", c, err)
		}
		if err == nil {
			if _, err := c.Redacted(); err != nil {
				t.Fatal(err)
			}
			return
		}
		all := config.Faults(err)
		if len(all) == 0 {
			t.Fatalf("got %T, want faults", err)
		}
		for _, e := range all {
			if e.File != "ferry.yaml" || e.Line < 1 || e.Column < 1 || e.Message == "" {
				t.Errorf("got an incomplete fault %+v", *e)
			}
			if strings.Contains(string(data), planted) {
				continue
			}
			if strings.Contains(e.Error()+e.Hint, planted) {
				t.Errorf("the error shows a value: %v", e)
			}
		}
	})
}
