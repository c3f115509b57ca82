package journey_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"esferry/internal/lab"
	"esferry/internal/retry"
)

// grant is a role as Elasticsearch takes it.
type grant struct {
	Cluster []string     `json:"cluster"`
	Indices []indexGrant `json:"indices"`
}

type indexGrant struct {
	Names      []string `json:"names"`
	Privileges []string `json:"privileges"`
}

// documented reads the roles out of docs/privileges.md.
func documented(t *testing.T) map[string]grant {
	t.Helper()
	text, err := os.ReadFile("../../docs/privileges.md")
	if err != nil {
		t.Fatal(err)
	}
	roles := map[string]grant{}
	for _, block := range regexp.MustCompile("(?s)```json ((?:source|target)_\\w+)\n(.*?)```").FindAllSubmatch(text, -1) {
		var g grant
		d := json.NewDecoder(bytes.NewReader(block[2]))
		d.DisallowUnknownFields()
		if err := d.Decode(&g); err != nil {
			t.Fatalf("role %s: %v", block[1], err)
		}
		roles[string(block[1])] = g
	}
	if len(roles) != 7 {
		t.Fatalf("got %d roles, want 7", len(roles))
	}
	return roles
}

// without gives the role less one privilege.
func (g grant) without(t *testing.T, privilege string) grant {
	t.Helper()
	less := grant{Cluster: lacking(g.Cluster, privilege), Indices: []indexGrant{}}
	found := len(less.Cluster) < len(g.Cluster)
	for _, i := range g.Indices {
		privileges := lacking(i.Privileges, privilege)
		found = found || len(privileges) < len(i.Privileges)
		if len(privileges) > 0 {
			less.Indices = append(less.Indices, indexGrant{i.Names, privileges})
		}
	}
	if !found {
		t.Fatalf("the role %v has no %s", g, privilege)
	}
	return less
}

func lacking(list []string, one string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == one })
}

// guarded is a cluster with security, and what esferry's user there may do. Its
// users and roles are in the engine's files, which it reads again when they
// change: the lab's Elasticsearch 7.17 lacks a module that the index for users needs.
type guarded struct {
	*lab.Cluster
	client *http.Client
	// user is esferry's own, with the superuser's password, and with roles by the
	// documents' names.
	user  string
	roles map[string]grant
	// known says that the engine knows the user.
	known bool
}

// reread is how often the engines look whether their files have changed.
const reread = 100 * time.Millisecond

// guardedSpec is an engine with security, TLS, and little patience for files.
func guardedSpec(e lab.Engine) lab.Spec {
	return lab.Spec{Engine: e, Secure: true, TLS: true, Settings: map[string]string{"resource.reload.interval.high": reread.String()}}
}

// guard makes esferry's user on one side, with the documented roles of it.
func guard(t *testing.T, c *lab.Cluster, side string) *guarded {
	t.Helper()
	client, err := c.Client()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	g := &guarded{Cluster: c, client: client, user: side + "-ferry", roles: map[string]grant{}}
	var roles strings.Builder
	for name, role := range documented(t) {
		if strings.HasPrefix(name, side+"_") {
			g.roles[name] = role
		}
		// The other side's are for the way back; one that is not defined gives nothing.
		fmt.Fprintf(&roles, "%s:%s\n", name, g.user)
	}
	g.may(t, g.roles)
	_, hash, _ := strings.Cut(strings.TrimSpace(g.file(t, "users")), ":")
	g.write(t, "users", g.file(t, "users")+g.user+":"+hash+"\n")
	g.write(t, "users_roles", g.file(t, "users_roles")+roles.String())
	g.known = true
	g.await(t, g.roles)
	return g
}

// may gives the user these roles, and waits until the engine has read them.
func (g *guarded) may(t *testing.T, roles map[string]grant) {
	t.Helper()
	var file strings.Builder
	for name, role := range roles {
		text, err := json.Marshal(role)
		if err != nil {
			t.Fatal(err)
		}
		// JSON is YAML, but the engine cuts the file by its lines.
		fmt.Fprintf(&file, "%s: %s\n", name, text)
	}
	g.write(t, "roles.yml", file.String())
	if g.known {
		g.await(t, roles)
	}
}

// await asks, as the user, until the engine names these privileges and no others.
func (g *guarded) await(t *testing.T, roles map[string]grant) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	want, got := grant{}, ""
	for _, r := range roles {
		want.Cluster = append(want.Cluster, r.Cluster...)
		want.Indices = append(want.Indices, r.Indices...)
	}
	err := retry.Poll(ctx, "the user's new privileges", 50*time.Millisecond, func(ctx context.Context) (bool, error) {
		var has grant
		_, got = g.askAs(ctx, t, g.user, "GET", "/_security/user/_privileges", "")
		return json.Unmarshal([]byte(got), &has) == nil && has.list() == want.list(), nil
	})
	if err != nil {
		t.Fatalf("%v: got %s, want %s", err, got, want.list())
	}
}

// list gives all privileges in one text.
func (g grant) list() string {
	all := slices.Clone(g.Cluster)
	for _, i := range g.Indices {
		all = append(all, i.Privileges...)
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), " ")
}

// folder is where the engine keeps its certificate and the rest.
func (g *guarded) folder() string { return filepath.Dir(g.CAFile) }

func (g *guarded) file(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(g.folder(), name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// write replaces a file at once: the engine may be reading.
func (g *guarded) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(g.folder(), name)
	if err := os.WriteFile(path+".new", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// ask as the superuser; a status above 299 fails the test.
func (g *guarded) ask(t *testing.T, method, path, body string) string {
	t.Helper()
	status, text := g.askAs(t.Context(), t, g.Username, method, path, body)
	if status > 299 {
		t.Fatalf("%s %s: status %d: %s", method, path, status, text)
	}
	return text
}

func (g *guarded) askAs(ctx context.Context, t *testing.T, user, method, path, body string) (status int, answer string) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, g.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(user, g.Password)
	r.Header.Set("Content-Type", "application/json")
	a, err := g.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return a.StatusCode, string(text)
}

// lack is a privilege that a step is the first to need.
type lack struct{ role, privilege string }

func lacks(role string, privileges ...string) (l []lack) {
	for _, p := range privileges {
		l = append(l, lack{role, p})
	}
	return l
}

// step is a command, the kinds of roles that it needs, and which of their
// privileges no step before it did.
type step struct {
	command []string
	kinds   string
	lacks   []lack
}

// steps are a whole ferry. Each is tried without each of its privileges, and
// then with all of them: what failed for want of one goes on with it.
func steps() []step {
	const templates, pipelines = "indices:admin/template/get", "cluster:admin/ingest/pipeline/get"
	return []step{
		{[]string{"plan"}, "read snapshot", slices.Concat(
			lacks("source_read", "monitor", "read", "view_index_metadata"), lacks("target_read", "monitor"),
			lacks("source_snapshot", "cluster:admin/repository/get"), lacks("target_snapshot", "cluster:admin/repository/get"))},
		{[]string{"metadata", "diff"}, "read", slices.Concat(lacks("source_read", pipelines, templates, "read_ilm"), lacks("target_read", pipelines))},
		{[]string{"metadata", "apply"}, "read write", lacks("target_write", "manage_index_templates", "manage_pipeline")},
		{[]string{"repo", "register"}, "read snapshot", slices.Concat(lacks("source_snapshot", "cluster:admin/repository/put"), lacks("target_snapshot", "cluster:admin/repository/put"))},
		{[]string{"repo", "verify"}, "read snapshot", slices.Concat(lacks("source_snapshot", "cluster:admin/repository/verify"), lacks("target_snapshot", "cluster:admin/snapshot/get"))},
		{[]string{"snapshot", "list"}, "read snapshot", lacks("source_snapshot", "cluster:admin/snapshot/get")},
		{[]string{"run"}, "read write snapshot", slices.Concat(lacks("source_snapshot", "cluster:admin/snapshot/create"), lacks("target_snapshot", "cluster:admin/snapshot/restore"))},
		{[]string{"snapshot", "status"}, "read snapshot", lacks("source_snapshot", "cluster:admin/snapshot/status")},
		{[]string{"sync"}, "read write", slices.Concat(lacks("source_read", "indices:admin/refresh*", "indices:admin/flush*"), lacks("target_read", "read", "indices:admin/refresh*"))},
		{[]string{"verify"}, "read", nil},
		{[]string{"verify", "--level", "content"}, "read", nil},
		{[]string{"cutover"}, "read write cutover", slices.Concat(
			lacks("source_cutover", "indices:admin/settings/update"),
			lacks("target_read", "view_index_metadata"), lacks("target_cutover", "indices:admin/aliases*"))},
	}
}

// TestLeastPrivileges moves indices with users who may do what docs/privileges.md
// says and nothing else, and takes one privilege after the other away.
func TestLeastPrivileges(t *testing.T) {
	p := newPair(t, guardedSpec(lab.ES68), guardedSpec(lab.ES717))
	source, target := guard(t, p.source, "source"), guard(t, p.target, "target")
	source.fill(t, "users", `{"_doc":{"properties":{"n":{"type":"long"}}}}`)
	source.ask(t, "PUT", "/_template/later", `{"index_patterns":["zzz-*"],"settings":{"number_of_replicas":0}}`)
	source.ask(t, "PUT", "/_ingest/pipeline/plain", `{"processors":[]}`)
	yaml := p.guardedConfig(t, source, target)
	p.distrusts(t, yaml, source)
	for _, s := range steps() {
		s.try(t, yaml, source, target)
		if s.command[0] == "run" {
			source.ask(t, "DELETE", "/users/_doc/7", "")
			source.ask(t, "PUT", "/users/_doc/8", `{"n":88}`)
		}
	}
	goesBack(t, yaml, "users", source, target)
	carriesPolicies(t, source)

	// A source that blocks by a call of its own, and by stream alone.
	withKeys := guardedSpec(lab.ES819)
	withKeys.Keys = true
	newer := guard(t, lab.For(t).StartFor(t, withKeys), "source")
	newer.fill(t, "logs-9", `{"properties":{"n":{"type":"long"}}}`)
	newer.fill(t, "logs-closed", `{"properties":{"n":{"type":"long"}}}`)
	newer.ask(t, "POST", "/logs-closed/_close", "")
	p.bearer(t, newer)
	yaml = begun(t, newer, target)
	for _, s := range []step{
		{[]string{"plan"}, "read", nil},
		{[]string{"run"}, "read write", lacks("target_write", "create_index", "indices:admin/aliases*", "write")},
		{[]string{"cutover"}, "read write cutover", slices.Concat(
			lacks("source_cutover", "indices:admin/block/add*"), lacks("target_write", "indices:admin/settings/update"))},
	} {
		s.try(t, yaml, newer, target)
	}
	goesBack(t, yaml, "logs-9", newer, target)
	byKey(t, newer, target)
}

// bearer logs in with a token of one of the engine's own service accounts, which
// may look at the cluster and read no index: it is known, and refused that.
func (p *pair) bearer(t *testing.T, source *guarded) {
	t.Helper()
	const account = "elastic/fleet-server/lab:"
	_, hash, _ := strings.Cut(strings.Split(source.file(t, "users"), "\n")[0], ":")
	source.write(t, "service_tokens", account+hash+"\n")
	t.Setenv("SOURCE_TOKEN", base64.StdEncoding.EncodeToString([]byte("\x00\x01\x00\x01"+account+source.Password)))
	args := []string{
		"init", "-o", filepath.Join(t.TempDir(), "ferry.yaml"), "--source", source.URL(), "--source-auth", "bearer:env:SOURCE_TOKEN",
		"--source-ca", source.CAFile, "--target", p.from.URL,
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var o outcome
	err := retry.Poll(ctx, "the engine to read the token", 100*time.Millisecond, func(context.Context) (bool, error) {
		o = finished(t, theWorld.released, args...) //nolint:contextcheck // A command has a time limit of its own.
		return !strings.Contains(o.stderr, "status 401"), nil
	})
	if err != nil || !strings.Contains(o.stderr, "target: ") {
		t.Errorf("with a token: got %q (%v), want the source to be reached", o.stderr, err)
	}
}

// begun has init write the configuration, as one who may only read.
func begun(t *testing.T, source, target *guarded) string {
	t.Helper()
	source.may(t, source.of("read"))
	target.may(t, target.of("read"))
	t.Setenv("SOURCE_PASSWORD", source.Password)
	yaml := filepath.Join(t.TempDir(), "ferry.yaml")
	args := []string{
		"init", "-o", yaml, "--name", "begun",
		"--source", source.URL(), "--source-auth", "basic:" + source.user + ":env:SOURCE_PASSWORD", "--source-ca", source.CAFile,
		"--target", target.URL(), "--target-auth", "basic:" + target.user + ":${env:TARGET_PASSWORD}", "--target-ca", target.CAFile,
	}
	o := esferry(t, append(args, "--include", "logs-*", "--json")...).want(t, 0)
	var found struct {
		Type     string
		Indices  []struct{ Index string }
		Excluded []struct{ Index, Reason string }
	}
	decode(t, o.stdout, &found)
	if found.Type != "init" || len(found.Indices) != 1 || found.Indices[0].Index != "logs-9" || len(found.Excluded) != 1 || found.Excluded[0].Index != "logs-closed" {
		t.Errorf("got %s", o.stdout)
	}
	text, err := os.ReadFile(yaml)
	if err != nil || strings.Contains(string(text), source.Password) || strings.Contains(string(text), target.Password) {
		t.Errorf("the file holds a password, or cannot be read (%v): %s", err, text)
	}
	if o := esferry(t, args...).want(t, 2); !strings.Contains(o.stderr, "is there already") {
		t.Errorf("got %q, want it to refuse to overwrite", o.stderr)
	}
	return yaml
}

// fill makes an index of two hundred documents.
func (g *guarded) fill(t *testing.T, index, mappings string) {
	t.Helper()
	g.ask(t, "PUT", "/"+index, `{"settings":{"number_of_shards":2,"number_of_replicas":0},"mappings":`+mappings+`}`)
	kind := ""
	if g.Engine.Major() < 7 {
		kind = `"_type":"_doc",`
	}
	var bulk strings.Builder
	for n := range 200 {
		fmt.Fprintf(&bulk, `{"index":{%s"_id":"%d"}}`+"\n"+`{"n":%d}`+"\n", kind, n, n)
	}
	g.ask(t, "POST", "/"+index+"/_bulk?refresh=true", bulk.String())
}

// distrusts wants a certificate that nobody signed refused unless it is named,
// and the wrong scheme told from a server that is down.
func (p *pair) distrusts(t *testing.T, yaml string, source *guarded) {
	t.Helper()
	f := func(was, is, want string) {
		t.Helper()
		o := esferry(t, "plan", "-c", p.wrong(t, yaml, was, is)).want(t, 1)
		if !strings.Contains(o.stderr, want) || strings.Contains(o.stderr, source.Password) {
			t.Errorf("%s: got %q, want it to say %q", is, o.stderr, want)
		}
	}
	f(fmt.Sprintf(", tls: {ca_file: %q}, url: %s", source.CAFile, source.URL()), ", url: "+source.URL(), "name the file under tls.ca_file")
	f(source.URL(), strings.Replace(source.URL(), "https:", "http:", 1), "begin url with https://")
	f(source.URL(), strings.Replace(p.from.URL, "http:", "https:", 1), "begin url with http://")
}

// guardedConfig writes a ferry.yaml of both users.
func (p *pair) guardedConfig(t *testing.T, source, target *guarded) string {
	t.Helper()
	yaml := p.config(t, "old", `"users*"`, "stream: {page: {docs: 20}}\ncutover: {aliases: {people: users}}\n")
	text, err := os.ReadFile(yaml)
	if err != nil {
		t.Fatal(err)
	}
	with := string(text)
	for side, c := range map[string]*guarded{"source": source, "target": target} {
		t.Setenv(strings.ToUpper(side)+"_PASSWORD", c.Password)
		with = strings.Replace(with, side+": {url", fmt.Sprintf(`%s: {auth: {basic: {username: %s-ferry, password: "${env:%s_PASSWORD}"}}, tls: {ca_file: %q}, url`, side, side, strings.ToUpper(side), c.CAFile), 1)
	}
	yaml = filepath.Join(p.dir, "guarded.yaml")
	if err := os.WriteFile(yaml, []byte(with), 0o600); err != nil {
		t.Fatal(err)
	}
	return yaml
}

// try a step without each of what it needs, and then with all.
func (s step) try(t *testing.T, yaml string, source, target *guarded) {
	t.Helper()
	words := strings.Join(s.command, " ")
	command := append(slices.Clone(s.command), "-c", yaml)
	for _, l := range s.lacks {
		side := source
		if strings.HasPrefix(l.role, "target") {
			side = target
		}
		other := map[*guarded]*guarded{source: target, target: source}[side]
		other.may(t, other.of(s.kinds))
		less := side.of(s.kinds)
		less[l.role] = less[l.role].without(t, l.privilege)
		side.may(t, less)
		s.prepare(t, target)
		o := finished(t, theWorld.released, command...)
		t.Logf("%s without %s of %s: %d: %s", words, l.privilege, l.role, o.code, lastLines(o.stderr))
		name, _, _ := strings.Cut(l.role, "_")
		if want := fmt.Sprintf(`give the %s's user "%s"`, name, l.privilege); o.code == 0 || !strings.Contains(o.stdout+o.stderr, want) {
			t.Errorf("%s without %s of %s: got exit code %d, want it to say %q\n%s", words, l.privilege, l.role, o.code, want, tail(o.stderr))
		}
	}
	source.may(t, source.of(s.kinds))
	target.may(t, target.of(s.kinds))
	want := 0
	if words == "metadata diff" {
		// There is a difference.
		want = 3
	}
	if o := esferry(t, command...); o.code != want {
		t.Fatalf("%s with all documented privileges: got exit code %d\n%s", words, o.code, tail(o.stderr))
	}
}

// of gives the user's roles of these kinds.
func (g *guarded) of(kinds string) map[string]grant {
	roles := map[string]grant{}
	for name, role := range g.roles {
		if _, kind, _ := strings.Cut(name, "_"); slices.Contains(strings.Fields(kinds), kind) {
			roles[name] = role
		}
	}
	return roles
}

// prepare takes away what an earlier try may have made.
func (s step) prepare(t *testing.T, target *guarded) {
	t.Helper()
	if s.command[len(s.command)-1] == "apply" {
		for _, path := range []string{"/_template/later", "/_ingest/pipeline/plain"} {
			target.askAs(t.Context(), t, target.Username, "DELETE", path, "")
		}
	}
}

func lastLines(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-2):], " | ")
}
