package lab

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
)

// emailAnalysis is a plugin with what the index .security asks for: it holds API
// keys, and the module that it takes its analysis from is not in Maven Central.
//
//go:embed keys/EmailAnalysis.java
var emailAnalysis string

const emailAnalysisDescriptor = `name=lab-email-analysis
description=the analysis of addresses that .security asks for
version=1
elasticsearch.version=8.19.0
java.version=17
classname=esferry.lab.EmailAnalysis
`

// keysHome gives the folder of an engine that can store API keys in the cache: a
// copy of the engine's own, since all that lies in plugins is loaded.
func (c *Cluster) keysHome(ctx context.Context, e Engine, r recipe) (string, error) {
	l := c.lab
	if e != ES819 {
		return "", fmt.Errorf("the lab stores API keys on %s alone, not on %s", ES819, e)
	}
	plain, err := l.engineHome(ctx, e, r)
	if err != nil {
		return "", err
	}
	dir, err := l.Cached(ctx, string(e)+"-keys", func(ctx context.Context, dir string) error {
		home := filepath.Join(dir, "home")
		if err := os.CopyFS(home, os.DirFS(plain)); err != nil {
			return err
		}
		if err := c.compile(ctx, dir, home); err != nil {
			return err
		}
		return openTree(home)
	})
	return filepath.Join(dir, "home"), err
}

// compile puts the plugin into the engine, by the JDK that starts it.
func (c *Cluster) compile(ctx context.Context, dir, home string) error {
	source, classes := filepath.Join(dir, "EmailAnalysis.java"), filepath.Join(dir, "classes")
	plugin := filepath.Join(home, "plugins", "lab-email-analysis")
	for _, d := range []string{classes, plugin} {
		if err := makeDir(d); err != nil {
			return err
		}
	}
	if err := writeFile(source, emailAnalysis); err != nil {
		return err
	}
	if err := writeFile(filepath.Join(plugin, "plugin-descriptor.properties"), emailAnalysisDescriptor); err != nil {
		return err
	}
	tool := func(name string) string { return filepath.Join(c.java.home, "bin", name) }
	if err := run(ctx, dir, os.Environ(), tool("javac"), "-d", classes, "-cp", filepath.Join(home, "lib", "*"), source); err != nil {
		return err
	}
	return run(ctx, dir, os.Environ(), tool("jar"), "cf", filepath.Join(plugin, "lab-email-analysis.jar"), "-C", classes, ".")
}
