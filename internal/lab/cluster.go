package lab

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// startLimit bounds an engine's start when the context does not: 10 s is
// usual, and a machine that is busy with other engines takes a minute.
const startLimit = 5 * time.Minute

// Spec says which cluster to start. Only Engine is needed.
type Spec struct {
	// Engine is the product and version.
	Engine Engine
	// Name is the cluster's name; the engine's when empty.
	Name string
	// RepoDirs are the folders where fs repositories may be (path.repo). They
	// are made when missing and, where we are root, given to the user that
	// engines run as.
	RepoDirs []string
	// Nodes is how many nodes form the cluster; one when zero. The nodes of
	// ES710 and OS219 are in one process, those of others in one each.
	Nodes int
	// Heap of each process, such as "512m", which is the default.
	Heap string
	// Settings are further lines of the configuration; values are YAML. They
	// win over the lab's own.
	Settings map[string]string
	// Secure turns on passwords (ES68, ES717, ES819, ES90): see Cluster.Username.
	Secure bool
	// TLS, with Secure, turns on HTTPS with a certificate of the lab's own: see
	// Cluster.CAFile.
	TLS bool
	// Keys, with Secure on ES819, lets users make API keys.
	Keys bool
	// JVM are further options of Java, such as Optimized. They win over the lab's
	// own.
	JVM []string
	// S3 is where repositories of the type s3 lie, for ES24 and OS38: the engine
	// gets its plugin for them, with the gateway's address and keys. The client
	// is the one named default, so that a repository needs no more than a bucket.
	S3 *Gateway
}

// Cluster is an engine that runs. Safe for concurrent use.
type Cluster struct {
	// Engine and Name are those of the Spec.
	Engine Engine
	Name   string
	// Username and Password are those of a superuser, when the Spec said
	// Secure.
	Username, Password string
	// CAFile holds the certificate that clients have to trust, when the Spec
	// said TLS.
	CAFile string

	lab  *Lab
	spec Spec
	// home is where the engine was unpacked, dir what this cluster wrote.
	home, dir string
	java      java
	recipe    recipe
	nodes     []node

	mu        sync.Mutex
	processes []*process
	// upgraded are the nodes that run another version, each with the cluster as it
	// would be if all of it did.
	upgraded map[int]*Cluster
}

// node is one member of the cluster.
type node struct {
	name, dir string
	// http is the port for clients, internal the one between nodes.
	http, internal int
}

// Start fetches the engine where it is not cached, starts it and waits until
// it has a master. It runs until its Stop or the lab's Close, whatever happens
// to ctx, and dies with this process. When it does not come up the error holds
// the end of its log, and nothing is left.
func (l *Lab) Start(ctx context.Context, s Spec) (*Cluster, error) {
	c, err := l.prepare(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("prepare %s: %w", s.Engine, err)
	}
	began := time.Now()
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", s.Engine, err), c.Stop())
	}
	l.enter(c)
	l.logf("%s is up at %s after %.1f s", c.Name, c.URL(), time.Since(began).Seconds())
	return c, nil
}

// prepare fetches the engine and writes the cluster's folder.
func (l *Lab) prepare(ctx context.Context, s Spec) (*Cluster, error) {
	s.Nodes = max(s.Nodes, 1)
	if s.Heap == "" {
		s.Heap = "512m"
	}
	if s.Name == "" {
		s.Name = string(s.Engine)
	}
	c := &Cluster{Engine: s.Engine, Name: s.Name, lab: l, spec: s}
	if err := c.unpack(ctx); err != nil {
		return nil, err
	}
	var err error
	c.dir = filepath.Join(l.dir, l.unique(s.Name))
	for i, dir := range s.RepoDirs {
		if s.RepoDirs[i], err = filepath.Abs(dir); err != nil {
			return nil, fmt.Errorf("find the folder %s: %w", dir, err)
		}
		if err := l.share(s.RepoDirs[i]); err != nil {
			return nil, err
		}
	}
	if err := c.choosePorts(ctx); err != nil {
		return nil, err
	}
	if err := c.write(ctx); err != nil {
		return nil, fmt.Errorf("write its configuration: %w", err)
	}
	return c, nil
}

// unpack finds what runs the engine, and fetches what is not cached.
func (c *Cluster) unpack(ctx context.Context) (err error) {
	if c.recipe, err = c.Engine.recipe(); err != nil {
		return err
	}
	if c.java, err = c.lab.javaFor(ctx, c.Engine, c.recipe); err != nil {
		return err
	}
	home := c.lab.engineHome
	switch {
	case c.spec.S3 != nil:
		home = c.lab.s3Home
	case c.spec.Keys:
		home = c.keysHome
	}
	c.home, err = home(ctx, c.Engine, c.recipe)
	return err
}

// engineHome gives the folder of an engine in the cache.
func (l *Lab) engineHome(ctx context.Context, e Engine, r recipe) (string, error) {
	dir, err := l.Cached(ctx, string(e), func(ctx context.Context, dir string) error {
		home := filepath.Join(dir, "home")
		if r.start == byRunner {
			return l.fetchJars(ctx, r.coordinates, dir, filepath.Join(home, "lib"))
		}
		return l.fetchZip(ctx, r.coordinates, dir, home)
	})
	return filepath.Join(dir, "home"), err
}

func (c *Cluster) choosePorts(ctx context.Context) error {
	low, high, n := lowPort, highPort, c.spec.Nodes
	if c.recipe.start == byRunner {
		low, high = runnerLowPort, runnerHighPort
	}
	outer, err := c.lab.freePorts(ctx, low, high, n)
	if err != nil {
		return err
	}
	inner, err := c.lab.freePorts(ctx, lowPort, highPort, n)
	if err != nil {
		return err
	}
	for i := range n {
		name := fmt.Sprintf("node-%d", i+1)
		dir := filepath.Join(c.dir, name)
		if c.recipe.start == byRunner {
			// The runners choose these names themselves.
			name, dir = fmt.Sprintf("Node %d", i+1), c.dir
		}
		c.nodes = append(c.nodes, node{name: name, dir: dir, http: outer + i, internal: inner + i})
	}
	return nil
}

// URL is the address of the first node.
func (c *Cluster) URL() string { return c.URLs()[0] }

// URLs are the addresses of all nodes, also of those that were killed.
func (c *Cluster) URLs() []string {
	scheme := "http://"
	if c.spec.TLS {
		scheme = "https://"
	}
	urls := make([]string, len(c.nodes))
	for i, n := range c.nodes {
		urls[i] = scheme + loopback(n.http)
	}
	return urls
}

// Stop ends the cluster as an operator would and returns when no process of it
// is left. Its data stays until the lab closes. A second call does nothing.
func (c *Cluster) Stop() error {
	c.each((*process).stop)
	c.lab.leave(c)
	return nil
}

// Kill ends the cluster as a power cut would.
func (c *Cluster) Kill() { c.each((*process).kill) }

// KillNode does so with the process of one node, counted from 0. The nodes of
// ES710 and OS219 share one process, so that this is Kill.
func (c *Cluster) KillNode(i int) { c.process(i).kill() }

// Freeze stops the processes without ending them (SIGSTOP); Thaw lets them go
// on. The stop comes a moment after the return: an answer may still arrive.
func (c *Cluster) Freeze() { c.each((*process).freeze) }

// Thaw ends Freeze.
func (c *Cluster) Thaw() { c.each((*process).thaw) }

// Restart starts again, with the same data and addresses, what was stopped or
// killed, and waits until the cluster has a master.
func (c *Cluster) Restart(ctx context.Context) error {
	if err := c.start(ctx); err != nil {
		return errors.Join(fmt.Errorf("start %s again: %w", c.Engine, err), c.Stop())
	}
	c.lab.enter(c)
	return nil
}

// PIDs are the processes that the lab started for this cluster and that are
// still there. Each leads a process group of its own.
func (c *Cluster) PIDs() (pids []int) {
	for _, p := range c.running() {
		pids = append(pids, p.pid)
	}
	return pids
}

// Logs are the files with what each process said.
func (c *Cluster) Logs() (files []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.processes {
		files = append(files, p.log)
	}
	return files
}

func (c *Cluster) running() []*process {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(c.processes), func(p *process) bool { return p == nil || !p.running() })
}

// each ends or signals one process after the other.
func (c *Cluster) each(do func(*process)) {
	for _, p := range c.running() {
		do(p)
	}
}

func (c *Cluster) process(i int) *process {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.processes[min(i, len(c.processes)-1)]
}
