package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The plugin is pinned so that every machine does the same.
const mavenPlugin = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:"

// fetchZip unpacks the zip with the given coordinates into home, by way of dir.
func (l *Lab) fetchZip(ctx context.Context, coordinates, dir, home string) error {
	fetched := filepath.Join(dir, "fetched")
	if err := l.maven(ctx, dir, mavenPlugin+"copy", "-Dartifact="+coordinates, "-DoutputDirectory="+fetched); err != nil {
		return err
	}
	archives, err := filepath.Glob(filepath.Join(fetched, "*.zip"))
	if err != nil || len(archives) != 1 {
		return fmt.Errorf("maven left %d archives in %s, want one (%w)", len(archives), fetched, err)
	}
	if err := makeDir(home); err != nil {
		return err
	}
	if err := unzip(archives[0], home); err != nil {
		return err
	}
	return os.RemoveAll(fetched)
}

// fetchJars puts a library and all it needs into lib, by way of a project in
// dir.
func (l *Lab) fetchJars(ctx context.Context, coordinates, dir, lib string) error {
	part := strings.Split(coordinates, ":")
	if len(part) != 3 {
		return fmt.Errorf("coordinates %q: want group:artifact:version", coordinates)
	}
	pom := `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>esferry</groupId><artifactId>lab</artifactId><version>1</version>
  <dependencies><dependency>
    <groupId>` + part[0] + `</groupId><artifactId>` + part[1] + `</artifactId><version>` + part[2] + `</version>
  </dependency></dependencies>
</project>
`
	if err := writeFile(filepath.Join(dir, "pom.xml"), pom); err != nil {
		return err
	}
	if err := l.maven(ctx, dir, mavenPlugin+"copy-dependencies", "-DoutputDirectory="+lib); err != nil {
		return err
	}
	return openTree(lib)
}

// maven runs mvn in dir with the user's own settings.
func (l *Lab) maven(ctx context.Context, dir string, args ...string) error {
	return run(ctx, dir, os.Environ(), l.mvn, append([]string{"-q", "-B"}, args...)...)
}

// run waits for a program; its output becomes the error when it fails.
func run(ctx context.Context, dir string, env []string, path string, args ...string) error {
	cmd := exec.CommandContext(ctx, path, args...) //nolint:gosec // The lab composes its own commands.
	cmd.Dir, cmd.Env = dir, env
	out, err := cmd.CombinedOutput()
	if err != nil {
		const most = 2 << 10
		text := strings.TrimSpace(string(out))
		if len(text) > most {
			text = "..." + text[len(text)-most:]
		}
		return fmt.Errorf("run %s %s: %w: %s", filepath.Base(path), strings.Join(args, " "), err, text)
	}
	return nil
}

// openTree lets everyone read what a program with a strict umask left.
func openTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		mode := info.Mode().Perm() | openFile
		if d.IsDir() {
			mode |= openDir
		}
		return os.Chmod(path, mode)
	})
}
