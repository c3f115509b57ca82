package config_test

import (
	"testing"

	"go.uber.org/goleak"

	"esferry/internal/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// minimal is the shortest complete file.
const minimal = "name: a\nsource: {url: https://old.example:9200}\ntarget: {url: https://new.example:9200}\n"

// variables is an Environment of these variables and no files.
func variables(set map[string]string) config.Environment {
	return config.Environment{LookupEnv: func(name string) (string, bool) {
		value, ok := set[name]
		return value, ok
	}}
}

// parse reads a text that must be right.
func parse(t *testing.T, text string, env config.Environment) *config.Config {
	t.Helper()
	c, err := config.Parse("ferry.yaml", []byte(text), env)
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return c
}
