package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"

	"esferry/bench/measure"
	"esferry/internal/lab"
)

// rcloneModule is what we are measured beside; it is in no go.mod.
const rcloneModule = "github.com/rclone/rclone@v1.76.0"

func main() {
	rounds := flag.Int("rounds", 3, "how often each tool copies")
	rclone := flag.String("rclone", "", "the rclone to measure; built from the Go module proxy when empty")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := compare(ctx, *rounds, *rclone)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// stage is two gateways, the repository in the first one's bucket, and the
// engine that it belongs to.
type stage struct {
	lab      *lab.Lab
	from, to *lab.Gateway
	engine   *lab.Cluster
	dir      string
}

func compare(ctx context.Context, rounds int, rclone string) (err error) {
	l, err := lab.Open(ctx, lab.Options{Log: os.Stderr})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	s := &stage{lab: l}
	if err := s.start(ctx); err != nil {
		return err
	}
	tools, err := s.tools(ctx, rclone)
	if err != nil {
		return err
	}
	fmt.Println("| round | tool | what | seconds | CPU s | gateways' CPU s | peak MB |\n|---|---|---|---|---|---|---|")
	for round := range rounds {
		for _, t := range tools {
			target := fmt.Sprintf("%s-%d", t.name, round)
			if _, err := s.to.Bucket(target); err != nil {
				return err
			}
			for _, job := range t.jobs(target) {
				row, err := s.measure(ctx, job)
				if err != nil {
					return err
				}
				fmt.Printf("| %d | %s | %s | %s |\n", round+1, t.name, job.what, row)
			}
			if err := os.RemoveAll(filepath.Join(s.to.Dir, target)); err != nil {
				return err
			}
		}
	}
	return nil
}

// measure runs a job and gives what it and the gateways took.
func (s *stage) measure(ctx context.Context, j job) (row string, err error) {
	before, err := s.busy()
	if err != nil {
		return "", err
	}
	u, _, err := measure.Run(ctx, measure.Program{Argv: j.argv, Env: j.env})
	if err != nil {
		return "", err
	}
	after, err := s.busy()
	return fmt.Sprintf("%.2f | %.2f | %.2f | %.0f", u.Wall.Seconds(), u.CPU.Seconds(), after-before, float64(u.Peak)/1e6), err
}

// start brings up both gateways and an engine that writes nothing.
func (s *stage) start(ctx context.Context) (err error) {
	if s.dir, err = s.lab.Folder("bench"); err != nil {
		return err
	}
	for name, gateway := range map[string]**lab.Gateway{"old": &s.from, "new": &s.to} {
		if *gateway, err = s.lab.Gateway(ctx, filepath.Join(s.dir, name)); err != nil {
			return err
		}
	}
	bucket, err := s.from.Bucket("snaps")
	if err != nil {
		return err
	}
	if err := repository(bucket); err != nil {
		return err
	}
	s.engine, err = s.lab.Start(ctx, lab.Spec{Engine: lab.ES710, Name: "old"})
	return err
}

// busy is the CPU time of both gateways so far, in seconds; on a machine with
// other work it says more than the clock.
func (s *stage) busy() (seconds float64, err error) {
	cpu, err := measure.Groups(s.from.PID(), s.to.PID())
	return cpu.Seconds(), err
}

// tool is what copies.
type tool struct {
	name string
	jobs func(target string) []job
}

// job is one command.
type job struct {
	what string
	argv []string
	env  []string
}

func (s *stage) tools(ctx context.Context, rclone string) ([]tool, error) {
	ferry := filepath.Join(s.dir, "esferry")
	if _, _, err := measure.Run(ctx, measure.Program{Argv: []string{"go", "build", "-trimpath", "-o", ferry, "./cmd/esferry"}}); err != nil {
		return nil, err
	}
	if rclone == "" {
		rclone = filepath.Join(s.dir, "rclone")
		build := measure.Program{Argv: []string{"go", "install", rcloneModule}, Env: []string{"GOBIN=" + s.dir, "GOFLAGS="}}
		if _, _, err := measure.Run(ctx, build); err != nil {
			return nil, err
		}
	}
	return []tool{
		{"esferry", func(target string) []job {
			argv := []string{ferry, "repo", "copy", "-c", s.config(target)}
			return []job{{"copy", argv, nil}, {"nothing to do", argv, nil}}
		}},
		{"rclone", func(target string) []job {
			argv := []string{rclone, "copy", "--config", "/dev/null", "old:snaps", "new:" + target}
			env := append(remote("OLD", s.from), remote("NEW", s.to)...)
			return []job{{"copy", argv, env}, {"nothing to do, --size-only", append(slices.Clip(argv), "--size-only"), env}}
		}},
	}, nil
}

func remote(name string, g *lab.Gateway) []string {
	prefix := "RCLONE_CONFIG_" + name + "_"
	return []string{
		prefix + "TYPE=s3", prefix + "PROVIDER=Other", prefix + "ENDPOINT=" + g.URL, prefix + "REGION=" + g.Region,
		prefix + "ACCESS_KEY_ID=" + g.AccessKey, prefix + "SECRET_ACCESS_KEY=" + g.SecretKey,
	}
}

// config writes the ferry.yaml of one target bucket; it is JSON, which is YAML.
func (s *stage) config(target string) string {
	path := filepath.Join(s.dir, target+".yaml")
	side := func(bucket string, g *lab.Gateway) string {
		return fmt.Sprintf(`{bucket: %s, endpoint: %q, region: %s, access_key_id: %s, secret_access_key: %s}`, bucket, g.URL, g.Region, g.AccessKey, g.SecretKey)
	}
	text := fmt.Sprintf(`name: bench
checkpoint: {path: %q}
source: {url: %q}
target: {url: %q}
snapshot:
  source: {type: fs, settings: {location: /snaps}}
  target: {type: fs, settings: {location: /snaps}}
  copy:
    from: %s
    to: %s
`, path+".db", s.engine.URL(), s.engine.URL(), side("snaps", s.from), side(target, s.to))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
	return path
}
