package lab

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"esferry/internal/retry"
)

const gatewayModule = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"

// GatewayDomain is where a gateway serves buckets by host name, beside by path:
// BUCKET.GatewayDomain, as Alibaba's service does. No name server knows it: a
// client reaches it with the gateway, or what stands before it, as its proxy.
const GatewayDomain = "oss-cn-hangzhou.aliyuncs.com"

// Gateway is an S3 server in front of a folder: the folders in it are buckets,
// the files below them objects. An fs repository of an engine whose location
// is such a folder is at the same time a bucket. Safe for concurrent use.
type Gateway struct {
	// URL is the endpoint; buckets are addressed by path.
	URL string
	// Region, AccessKey and SecretKey are what requests are signed with. No two
	// gateways take the same keys.
	Region, AccessKey, SecretKey string
	// Dir is the folder it serves.
	Dir string

	lab     *Lab
	process *process
}

// Gateway starts an S3 server in front of dir, which is made when missing and,
// where we are root, given to the user that engines run as. It serves until
// its Stop or the lab's Close.
func (l *Lab) Gateway(ctx context.Context, dir string) (*Gateway, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find the folder %s: %w", dir, err)
	}
	program, err := l.gatewayProgram(ctx)
	if err != nil {
		return nil, err
	}
	if err := l.share(dir); err != nil {
		return nil, err
	}
	port, err := l.freePorts(ctx, lowPort, highPort, 1)
	if err != nil {
		return nil, err
	}
	name := l.unique("gateway")
	g := &Gateway{
		URL: "http://" + loopback(port), Region: "us-east-1", AccessKey: "esferry-" + name, SecretKey: rand.Text(), Dir: dir, lab: l,
	}
	g.process, err = launch(ctx, command{
		name: name,
		path: program,
		// Connections are kept open as the big providers do.
		args: []string{"--port", loopback(port), "--region", g.Region, "--virtual-domain", GatewayDomain, "--quiet", "--keep-alive", "posix", dir},
		env:  []string{"PATH=" + os.Getenv("PATH"), "ROOT_ACCESS_KEY=" + g.AccessKey, "ROOT_SECRET_KEY=" + g.SecretKey},
		dir:  l.dir,
		log:  filepath.Join(l.dir, name+".log"),
		as:   l.account,
	})
	if err != nil {
		return nil, err
	}
	l.enter(g)
	if err := g.ready(ctx); err != nil {
		return nil, errors.Join(err, g.Stop())
	}
	l.logf("%s serves %s at %s", name, dir, g.URL)
	return g, nil
}

// Bucket makes a bucket, usable by engines as a folder, and gives its path.
// S3 wants names of three characters or more.
func (g *Gateway) Bucket(name string) (string, error) {
	dir := filepath.Join(g.Dir, name)
	return dir, g.lab.share(dir)
}

// Stop ends the server; the folder stays. A second call does nothing.
func (g *Gateway) Stop() error {
	g.process.stop()
	g.lab.leave(g)
	return nil
}

// Kill ends the server without letting it finish a request.
func (g *Gateway) Kill() {
	g.process.kill()
	g.lab.leave(g)
}

// PID is the server's process.
func (g *Gateway) PID() int { return g.process.pid }

func (g *Gateway) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	by := &http.Transport{DisableKeepAlives: true}
	err := retry.Poll(ctx, "the gateway at "+g.URL, 50*time.Millisecond, func(ctx context.Context) (bool, error) {
		if !g.process.running() {
			return false, g.process.ended()
		}
		// Unsigned, so it is refused; any answer will do.
		status, _, err := get(ctx, by, g.URL+"/", "", "")
		return err == nil && status > 0, nil
	})
	if err != nil && g.process.running() {
		return fmt.Errorf("%w; %s", err, tail(g.process.log))
	}
	return err
}

// gatewayProgram builds the server once, outside of any module.
func (l *Lab) gatewayProgram(ctx context.Context) (string, error) {
	dir, err := l.Cached(ctx, "versitygw-v1.8.0", func(ctx context.Context, dir string) error {
		if l.goCmd == "" {
			return errors.New("the gateway is built by go, which is not in PATH (see go.dev/dl)")
		}
		env := append(os.Environ(), "GOBIN="+dir, "GOFLAGS=", "GOWORK=off", "GO111MODULE=on")
		if err := run(ctx, dir, env, l.goCmd, "install", gatewayModule); err != nil {
			return err
		}
		return openTree(dir)
	})
	return filepath.Join(dir, "versitygw"), err
}
