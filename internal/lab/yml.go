package lab

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// logging sends everything to stdout, which is the node's log file.
const logging = `status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%-25c{1.}] %m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
`

// oldLogging does so for Elasticsearch 2, which knows nothing of log4j 2.
const oldLogging = `rootLogger: INFO, console
appender:
  console:
    type: console
    layout:
      type: consolePattern
      conversionPattern: "[%d{ISO8601}][%-5p][%-25c] %m%n"
`

func (c *Cluster) confDir(n node) string { return filepath.Join(n.dir, "conf") }

// write makes the folder of every node and gives it to the engine's user.
func (c *Cluster) write(ctx context.Context) error {
	access, err := c.makeAccess()
	if err != nil {
		return err
	}
	for _, n := range c.nodes {
		if err := c.writeNode(ctx, n, access); err != nil {
			return err
		}
	}
	return c.lab.share(c.dir)
}

func (c *Cluster) writeNode(ctx context.Context, n node, a access) error {
	conf := c.confDir(n)
	for _, dir := range []string{conf, filepath.Join(n.dir, "data"), filepath.Join(n.dir, "logs"), filepath.Join(n.dir, "tmp")} {
		if err := makeDir(dir); err != nil {
			return err
		}
	}
	files := a.files(c.Username)
	files[c.Engine.Product()+".yml"] = c.yml(n)
	files["log4j2.properties"] = logging
	if c.Engine == ES24 {
		files["logging.yml"] = oldLogging
	}
	for name, text := range files {
		if err := writeFile(filepath.Join(conf, name), text); err != nil {
			return err
		}
	}
	if err := c.writeJVMOptions(conf); err != nil {
		return err
	}
	return c.writeKeystore(ctx, n)
}

// writeJVMOptions keeps the distribution's options less those that write logs
// and dumps below its own folder, which all clusters share, or that ask for a
// module that small Javas lack.
func (c *Cluster) writeJVMOptions(conf string) error {
	if c.recipe.start != byScript {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(c.home, "config", "jvm.options"))
	if err != nil {
		return err
	}
	unwanted := []string{"Xlog:gc", "HeapDump", "ErrorFile", "Xms", "Xmx"}
	if _, err := os.Stat(filepath.Join(c.java.home, "jmods")); err != nil {
		unwanted = append(unwanted, "jdk.incubator.vector")
	}
	var kept []string
	for line := range strings.Lines(string(text)) {
		if !slices.ContainsFunc(unwanted, func(word string) bool { return strings.Contains(line, word) }) {
			kept = append(kept, line)
		}
	}
	return writeFile(filepath.Join(conf, "jvm.options"), strings.Join(kept, ""))
}

// yml is the configuration of one node.
func (c *Cluster) yml(n node) string {
	s := map[string]string{
		"network.host": "127.0.0.1",
		// The disk of a build machine is nobody's concern here, and a full one
		// would block writes.
		"cluster.routing.allocation.disk.threshold_enabled": "false",
	}
	if len(c.spec.RepoDirs) > 0 {
		s["path.repo"] = list(c.spec.RepoDirs)
	}
	if c.recipe.start != byRunner {
		s["cluster.name"], s["node.name"] = quote(c.Name), quote(n.name)
		s["path.data"], s["path.logs"] = quote(filepath.Join(n.dir, "data")), quote(filepath.Join(n.dir, "logs"))
		s["http.port"] = strconv.Itoa(n.http)
	}
	if c.Engine == ES24 {
		// It makes the folder where it is missing, and those of the distribution
		// are not its to change.
		s["path.plugins"] = quote(filepath.Join(n.dir, "plugins"))
	}
	maps.Copy(s, c.discovery(n))
	maps.Copy(s, c.modules())
	maps.Copy(s, c.security(n))
	maps.Copy(s, c.s3())
	maps.Copy(s, c.spec.Settings)
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(s)) {
		fmt.Fprintf(&b, "%s: %s\n", key, s[key])
	}
	return b.String()
}

// discovery says where the nodes find each other. A node never looks beyond
// its own cluster, since others may be running on this machine.
func (c *Cluster) discovery(n node) map[string]string {
	addresses := make([]string, len(c.nodes))
	for i, n := range c.nodes {
		addresses[i] = loopback(n.internal)
	}
	s := map[string]string{}
	port := strconv.Itoa(n.internal)
	if c.recipe.start == byRunner {
		// One file for all nodes: each takes the first that is free.
		port = fmt.Sprintf("%d-%d", n.internal, n.internal+len(c.nodes)-1)
	}
	switch {
	case !c.Engine.coordinated():
		s["transport.tcp.port"] = port
		s["discovery.zen.ping.unicast.hosts"] = list(addresses)
		s["discovery.zen.minimum_master_nodes"] = strconv.Itoa(len(c.nodes)/2 + 1)
		if len(c.nodes) == 1 && c.Engine.single() {
			s["discovery.type"] = "single-node"
		}
	case len(c.nodes) == 1 && c.recipe.start != byRunner:
		s["transport.port"] = port
		s["discovery.type"] = "single-node"
	default:
		s["transport.port"] = port
		s["discovery.seed_hosts"] = list(addresses)
		s["cluster.initial_master_nodes"] = list([]string{c.nodes[0].name})
	}
	return s
}

// modules opens what tests compare with (_reindex from remote) and switches
// off what only takes memory.
func (c *Cluster) modules() map[string]string {
	switch c.Engine {
	case ES56, ES710:
		return map[string]string{"reindex.remote.whitelist": `"127.0.0.1:*"`}
	case ES68:
		return map[string]string{
			"reindex.remote.whitelist": `"127.0.0.1:*"`,
			"xpack.ml.enabled":         "false",
			"xpack.watcher.enabled":    "false",
		}
	case OS219, OS38:
		return map[string]string{"reindex.remote.allowlist": `"127.0.0.1:*"`}
	default:
		return nil
	}
}

// quote makes a YAML string of any text; JSON's strings are YAML's.
func quote(s string) string { return strconv.Quote(s) }

func list(texts []string) string {
	quoted := make([]string, len(texts))
	for i, s := range texts {
		quoted[i] = quote(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
