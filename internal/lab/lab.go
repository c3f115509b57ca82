package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// CacheVariable is the environment variable that says where engines are kept.
const CacheVariable = "ESFERRY_LAB"

// Options of Open; the zero value is useful.
type Options struct {
	// Cache is where fetched engines are kept between runs. When empty, the
	// environment's ESFERRY_LAB, then esferry-lab in the user's cache folder
	// (root: /var/cache/esferry-lab).
	Cache string
	// Log gets a line for each thing that takes a while; nil for none.
	Log io.Writer
}

// Lab starts engines and gateways and stops them at Close. Safe for concurrent
// use.
type Lab struct {
	cache, dir string
	mvn, goCmd string
	account    *account
	javas      []java
	// unlock tells other labs that dir may go.
	unlock func() error

	mu      sync.Mutex
	log     io.Writer
	ports   []io.Closer
	members []member
	names   map[string]int
}

// member is what a lab stops when it closes.
type member interface{ Stop() error }

// Open looks at what the machine has. It fetches and starts nothing; when
// something is missing, the error says what, and how to get it.
func Open(ctx context.Context, o Options) (l *Lab, err error) {
	l = &Lab{log: o.Log, names: map[string]int{}}
	if l.account, err = unprivileged(); err != nil {
		return nil, err
	}
	if err := l.findPrograms(ctx); err != nil {
		return nil, err
	}
	if l.cache, err = cacheFolder(o.Cache); err != nil {
		return nil, err
	}
	if err := makeDir(l.cache); err != nil {
		return nil, fmt.Errorf("make the cache folder: %w", err)
	}
	if err := l.account.reach(filepath.Join(l.cache, "engine")); err != nil {
		return nil, err
	}
	if err := l.makeDataFolder(ctx); err != nil {
		return nil, fmt.Errorf("make a folder for the engines' data: %w", err)
	}
	return l, nil
}

// Close stops all that was started and removes its data. It goes on after an
// error and returns the first ones joined.
func (l *Lab) Close() error {
	l.mu.Lock()
	members := slices.Clone(l.members)
	l.mu.Unlock()
	var errs []error
	for _, m := range slices.Backward(members) {
		errs = append(errs, m.Stop())
	}
	for _, p := range l.ports {
		errs = append(errs, p.Close())
	}
	if err := os.RemoveAll(l.dir); err != nil {
		errs = append(errs, fmt.Errorf("remove the engines' data: %w", err))
	}
	return errors.Join(append(errs, l.unlock())...)
}

// unique makes a name for a member's folder and logs.
func (l *Lab) unique(name string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.names[name]++
	if n := l.names[name]; n > 1 {
		return fmt.Sprintf("%s-%d", name, n)
	}
	return name
}

func (l *Lab) enter(m member) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.members = append(l.members, m)
}

func (l *Lab) leave(m member) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.members = slices.DeleteFunc(l.members, func(other member) bool { return other == m })
}

func (l *Lab) logf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.log != nil {
		fmt.Fprintf(l.log, "lab: "+format+"\n", args...)
	}
}

// findPrograms looks for Java and Maven and says of all that is missing at
// once how to get it.
func (l *Lab) findPrograms(ctx context.Context) (err error) {
	l.javas = findJavas(ctx, l.account)
	var missing []string
	if len(l.javas) == 0 {
		missing = append(missing, "Java (Debian: apt-get install openjdk-17-jdk-headless, macOS: brew install openjdk@17, or set JAVA_HOME)")
	}
	if l.mvn, err = exec.LookPath("mvn"); err != nil {
		missing = append(missing, "Maven (Debian: apt-get install maven, macOS: brew install maven)")
	}
	if len(missing) > 0 {
		return errors.New("the lab's engines need what this machine has not: " + strings.Join(missing, "; "))
	}
	if l.goCmd, err = exec.LookPath("go"); err != nil {
		// Only the building of gateways needs it, and says so then.
		l.goCmd = ""
	}
	return nil
}

func cacheFolder(option string) (string, error) {
	dir := option
	if dir == "" {
		dir = os.Getenv(CacheVariable)
	}
	if dir == "" && os.Geteuid() == 0 {
		dir = "/var/cache/esferry-lab"
	}
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("find a place for fetched engines, or set %s: %w", CacheVariable, err)
		}
		dir = filepath.Join(user, "esferry-lab")
	}
	return filepath.Abs(dir)
}
