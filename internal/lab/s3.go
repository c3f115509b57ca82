package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// The plugins that give an engine repositories of the type s3.
const (
	cloudAWS     = "org.elasticsearch.plugin:cloud-aws:2.4.6:zip"
	repositoryS3 = "org.opensearch.plugin:repository-s3:3.8.0"
	// jaxb is what Java has no longer and the SDK in cloud-aws asks for.
	jaxb = "javax.xml.bind:jaxb-api:2.3.1"
)

// repositoryS3Files gives what lies in the plugin's own archive and not in
// Maven Central, which has its jars.
func repositoryS3Files() map[string]string {
	return map[string]string{
		"plugin-descriptor.properties": `name=repository-s3
description=repositories on S3
version=3.8.0
opensearch.version=3.8.0
java.version=21
classname=org.opensearch.repositories.s3.S3RepositoryPlugin
`,
		"plugin-security.policy": `grant {
  permission java.net.SocketPermission "*", "connect,resolve";
};
`,
	}
}

// s3Home gives the folder of an engine with its plugin for S3 in the cache: a
// copy of the engine's own, since all that lies in plugins is loaded.
func (l *Lab) s3Home(ctx context.Context, e Engine, r recipe) (string, error) {
	if e != ES24 && e != OS38 {
		return "", fmt.Errorf("the lab has no plugin for S3 repositories on %s; %s and %s have one", e, ES24, OS38)
	}
	plain, err := l.engineHome(ctx, e, r)
	if err != nil {
		return "", err
	}
	dir, err := l.Cached(ctx, string(e)+"-s3", func(ctx context.Context, dir string) error {
		home := filepath.Join(dir, "home")
		if err := os.CopyFS(home, os.DirFS(plain)); err != nil {
			return err
		}
		if err := openTree(home); err != nil {
			return err
		}
		if e == ES24 {
			return l.fetchCloudAWS(ctx, dir, filepath.Join(home, "plugins", "cloud-aws"))
		}
		return l.fetchRepositoryS3(ctx, dir, filepath.Join(home, "plugins", "repository-s3"))
	})
	return filepath.Join(dir, "home"), err
}

func (l *Lab) fetchCloudAWS(ctx context.Context, dir, plugin string) error {
	if err := l.fetchZip(ctx, cloudAWS, dir, plugin); err != nil {
		return err
	}
	return l.maven(ctx, dir, mavenPlugin+"copy", "-Dartifact="+jaxb, "-DoutputDirectory="+plugin)
}

// fetchRepositoryS3 puts the plugin's jars into its folder, less those that
// the engine has: a class in two jars keeps it from starting.
func (l *Lab) fetchRepositoryS3(ctx context.Context, dir, plugin string) error {
	if err := l.fetchJars(ctx, repositoryS3, dir, plugin); err != nil {
		return err
	}
	own, err := filepath.Glob(filepath.Join(dir, "home", "lib", "*.jar"))
	if err != nil {
		return err
	}
	for _, jar := range own {
		if err := os.RemoveAll(filepath.Join(plugin, filepath.Base(jar))); err != nil {
			return err
		}
	}
	for name, text := range repositoryS3Files() {
		if err := writeFile(filepath.Join(plugin, name), text); err != nil {
			return err
		}
	}
	return nil
}

// s3 points the plugin at the gateway.
func (c *Cluster) s3() map[string]string {
	g := c.spec.S3
	switch {
	case g == nil:
		return nil
	case c.Engine == ES24:
		return map[string]string{
			"path.plugins":         quote(filepath.Join(c.home, "plugins")),
			"cloud.aws.access_key": quote(g.AccessKey), "cloud.aws.secret_key": quote(g.SecretKey),
			"cloud.aws.s3.endpoint": quote(strings.TrimPrefix(g.URL, "http://")), "cloud.aws.s3.protocol": "http",
			"cloud.aws.s3.signer": "AWSS3V4SignerType",
			// One bucket a host name is what a gateway on loopback has not.
			"repositories.s3.path_style_access": "true",
		}
	default:
		return map[string]string{
			"s3.client.default.endpoint": quote(g.URL), "s3.client.default.region": g.Region, "s3.client.default.path_style_access": "true",
		}
	}
}

// writeKeystore puts the gateway's keys where OpenSearch takes them from.
func (c *Cluster) writeKeystore(ctx context.Context, n node) error {
	if c.spec.S3 == nil || c.Engine != OS38 {
		return nil
	}
	tool := filepath.Join(c.home, "bin", "opensearch-keystore")
	add := exec.CommandContext(ctx, tool, "add", "--force", "--stdin", "s3.client.default.access_key", "s3.client.default.secret_key") //nolint:gosec // The lab starts what it fetched itself.
	add.Dir = n.dir
	add.Env = slices.Concat(c.command(n, tool, nil).env, []string{"OPENSEARCH_JAVA_HOME=" + c.java.home, "OPENSEARCH_PATH_CONF=" + c.confDir(n)})
	add.Stdin = strings.NewReader(c.spec.S3.AccessKey + "\n" + c.spec.S3.SecretKey + "\n")
	if out, err := add.CombinedOutput(); err != nil {
		return fmt.Errorf("run opensearch-keystore: %w: %s", err, out)
	}
	return nil
}
