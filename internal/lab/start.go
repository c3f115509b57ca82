package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"esferry/internal/retry"
)

// start launches every process of the cluster that is not running and waits
// until the cluster answers as a whole.
func (c *Cluster) start(ctx context.Context) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, startLimit)
		defer cancel()
	}
	for i, command := range c.commands() {
		if err := c.startProcess(ctx, i, command); err != nil {
			return err
		}
	}
	return c.ready(ctx)
}

func (c *Cluster) startProcess(ctx context.Context, i int, command command) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i == len(c.processes) {
		c.processes = append(c.processes, nil)
	}
	if p := c.processes[i]; p != nil && p.running() {
		return nil
	}
	p, err := launch(ctx, command)
	if err != nil {
		return err
	}
	c.processes[i] = p
	return nil
}

// ready polls until all nodes have found each other and elected a master, or
// one of the processes has ended.
func (c *Cluster) ready(ctx context.Context) error {
	by, err := c.roundTripper()
	if err != nil {
		return err
	}
	defer by.CloseIdleConnections()
	last := error(nil)
	err = retry.Poll(ctx, "the engine at "+c.URL(), 100*time.Millisecond, func(ctx context.Context) (bool, error) {
		for i := range c.commands() {
			if p := c.process(i); !p.running() {
				return false, p.ended()
			}
		}
		var ok bool
		ok, last = c.whole(ctx, by)
		return ok, nil
	})
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%w (last answer: %w); %s", err, last, tail(c.process(0).log))
	}
	return err
}

// whole asks every node whether it sees all the others, and the cluster state that
// was kept: a master answers for its health before it has read that.
func (c *Cluster) whole(ctx context.Context, by http.RoundTripper) (bool, error) {
	for _, url := range c.URLs() {
		// Elasticsearch 8's stripped distribution has no root page, so health it is.
		var health struct {
			Status   string `json:"status"`
			TimedOut bool   `json:"timed_out"`
		}
		if err := c.ask(ctx, by, url+"/_cluster/health?timeout=1s&wait_for_nodes=%3E%3D"+strconv.Itoa(len(c.nodes)), &health); err != nil {
			return false, err
		}
		var state struct {
			Blocks struct {
				Global map[string]json.RawMessage `json:"global"`
			} `json:"blocks"`
		}
		if err := c.ask(ctx, by, url+"/_cluster/state/blocks", &state); err != nil {
			return false, err
		}
		_, unread := state.Blocks.Global[stateNotRecovered]
		if health.Status == "" || health.TimedOut || unread {
			return false, fmt.Errorf("health %+v, its state unread: %v", health, unread)
		}
	}
	return true, nil
}

// stateNotRecovered is the number of a block, in all versions (GatewayService of the
// engines).
const stateNotRecovered = "1"

// ask reads an answer into to.
func (c *Cluster) ask(ctx context.Context, by http.RoundTripper, url string, to any) error {
	status, body, err := get(ctx, by, url, c.Username, c.Password)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("status %d: %.300s", status, body)
	}
	if err := json.Unmarshal(body, to); err != nil {
		return fmt.Errorf("%w: %.300s", err, body)
	}
	return nil
}

// commands gives what to start: one process a node, or one for all.
func (c *Cluster) commands() []command {
	all := c.ofOneVersion()
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, newer := range c.upgraded {
		all[i] = newer.ofOneVersion()[i]
	}
	return all
}

func (c *Cluster) ofOneVersion() []command {
	switch c.recipe.start {
	case byRunner:
		return []command{c.command(c.nodes[0], c.javaPath(), append(c.jvm(c.nodes[0]),
			"-cp", filepath.Join(c.home, "lib", "*"), c.recipe.main,
			"-basePath", c.dir, "-confPath", c.confDir(c.nodes[0]), "-clusterName", c.Name,
			"-numOfNode", strconv.Itoa(len(c.nodes)),
			// The first node gets the port after this one.
			"-baseHttpPort", strconv.Itoa(c.nodes[0].http-1)))}
	case byJars:
		return c.perNode(func(n node) command {
			args := append(c.jvm(n), legacyJVM()...)
			args = append(args, "-Des.path.home="+c.home, "-Des.path.conf="+c.confDir(n))
			// Elasticsearch 2 takes all that begins with es. for a setting.
			if c.Engine != ES24 {
				args = append(args, "-Des.distribution.flavor=default", "-Des.distribution.type=zip")
			}
			args = append(args, "-cp", filepath.Join(c.home, "lib", "*"), c.recipe.main)
			return c.command(n, c.javaPath(), append(args, c.recipe.arguments...))
		})
	default:
		return c.perNode(func(n node) command {
			cmd := c.command(n, filepath.Join(c.home, "bin", c.Engine.Product()), nil)
			prefix := "ES_"
			cmd.env = append(cmd.env, "ES_JAVA_HOME="+c.java.home)
			if c.Engine.opensearch() {
				prefix = "OPENSEARCH_"
				cmd.env = append(cmd.env, "OPENSEARCH_JAVA_HOME="+c.java.home)
			}
			cmd.env = append(cmd.env, prefix+"PATH_CONF="+c.confDir(n), prefix+"TMPDIR="+filepath.Join(n.dir, "tmp"),
				prefix+"JAVA_OPTS="+strings.Join(c.jvm(n), " "),
				// For the small Java that launches the server of Elasticsearch 8.
				"CLI_JAVA_OPTS=-XX:-UsePerfData -Djava.io.tmpdir="+filepath.Join(n.dir, "tmp"))
			return cmd
		})
	}
}

func (c *Cluster) perNode(one func(node) command) []command {
	all := make([]command, len(c.nodes))
	for i, n := range c.nodes {
		all[i] = one(n)
	}
	return all
}

// command is what all manners share: an environment that says nothing of ours.
func (c *Cluster) command(n node, path string, args []string) command {
	return command{
		name: c.Name + " " + n.name,
		path: path,
		args: args,
		env:  []string{"PATH=" + os.Getenv("PATH"), "HOME=" + n.dir, "LANG=C.UTF-8"},
		dir:  n.dir,
		log:  filepath.Join(n.dir, "engine.log"),
		as:   c.lab.account,
	}
}

func (c *Cluster) javaPath() string { return filepath.Join(c.java.home, "bin", "java") }

// Optimized is for Spec.JVM: Java compiles as it does for an engine that runs
// long, where a test gives it much to do or compares times.
const Optimized = "-XX:TieredStopAtLevel=4"

// jvm gives the options that every engine takes: nothing is written outside of
// the node's folder, memory is taken as it is needed, code is compiled once, and
// not verified. An engine of a test lives for a minute: the second compiler takes
// half of what it computes, and the verifier a fifth of its start.
func (c *Cluster) jvm(n node) []string {
	options := []string{
		"-Xms" + c.spec.Heap, "-Xmx" + c.spec.Heap, "-XX:-AlwaysPreTouch", "-XX:-UsePerfData", "-XX:TieredStopAtLevel=1",
		"-XX:+UnlockDiagnosticVMOptions", "-XX:-BytecodeVerificationRemote",
		"-XX:ErrorFile=" + filepath.Join(n.dir, "logs", "crash.log"),
		"-Djava.io.tmpdir=" + filepath.Join(n.dir, "tmp"),
		"-Dlog4j2.formatMsgNoLookups=true",
	}
	if c.recipe.start == byRunner && c.java.major >= 17 {
		options = append(options, "-Djava.security.manager=allow")
	}
	return append(options, c.spec.JVM...)
}

// legacyJVM lets Elasticsearch 2, 5 and 6 run on Java 17.
func legacyJVM() []string {
	return []string{
		"-Djava.security.manager=allow",
		"--add-opens=java.base/java.lang=ALL-UNNAMED", "--add-opens=java.base/java.nio=ALL-UNNAMED", "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
		"-Djna.nosys=true", "-Dio.netty.noUnsafe=true", "-Dio.netty.noKeySetOptimization=true", "-Dlog4j2.disable.jmx=true",
		"-Dfile.encoding=UTF-8", "-Djava.awt.headless=true",
	}
}
