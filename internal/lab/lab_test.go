package lab_test

import (
	"archive/zip"
	"context"
	"crypto/pbkdf2"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"esferry/internal/group"
	"esferry/internal/lab"
)

func TestChooseJava(t *testing.T) {
	f := func(e lab.Engine, want int, installed ...int) {
		t.Helper()
		if got := lab.Choose(e, installed...); got != want {
			t.Errorf("%s with Java %v: got %d, want %d", e, installed, got, want)
		}
	}
	f(lab.ES24, 17, 25, 17, 8)
	f(lab.ES68, 17, 25, 21, 17, 11)
	f(lab.ES68, 21, 25, 23, 21, 11)
	f(lab.ES68, 0, 8, 11, 25)
	f(lab.ES710, 11, 21, 11)
	f(lab.OS38, 25, 17, 21, 25)
	f(lab.OS38, 21, 17, 21, 24)
	f(lab.OS38, 0, 17)
	f(lab.ES819, 17, 17)
	f("elasticsearch-0.90", 0, 17)
}

func TestMajorOf(t *testing.T) {
	f := func(text string, want int) {
		t.Helper()
		if got := lab.MajorOf(text); got != want {
			t.Errorf("%q: got %d, want %d", text, got, want)
		}
	}
	f("IMPLEMENTOR=\"Debian\"\nJAVA_VERSION=\"17.0.15\"\nOS_ARCH=\"x86_64\"", 17)
	f("JAVA_RUNTIME_VERSION=\"25.0.3+9-LTS\"\nJAVA_VERSION=\"25.0.3\"", 25)
	f(`openjdk version "1.8.0_402"`, 8)
	f(`java version "21" 2023-09-19 LTS`, 21)
	f("no java here", 0)
	f("", 0)
}

func TestEngines(t *testing.T) {
	for _, e := range lab.Engines() {
		if e.Product() != "elasticsearch" && e.Product() != "opensearch" || e.Major() == 0 || string(e) != e.Product()+"-"+e.Version() {
			t.Errorf("%q: product %q, version %q, major %d", e, e.Product(), e.Version(), e.Major())
		}
	}
}

func TestCacheFillsOnce(t *testing.T) {
	dir := t.TempDir()
	var fills atomic.Int32
	broken := func(_ context.Context, dir string) error {
		return errors.Join(os.WriteFile(filepath.Join(dir, "half"), nil, 0o600), errors.New("the network is down"))
	}
	if _, err := lab.Cached(t.Context(), dir, "engine", broken); err == nil {
		t.Error("a broken fetch is no error")
	}
	g, _ := group.New(t.Context())
	for i := range 5 {
		g.Go(fmt.Sprint("test ", i), func(ctx context.Context) error {
			home, err := lab.Cached(ctx, dir, "engine", func(_ context.Context, dir string) error {
				fills.Add(1)
				return os.WriteFile(filepath.Join(dir, "whole"), nil, 0o600)
			})
			if err != nil {
				return err
			}
			_, err = os.Stat(filepath.Join(home, "whole"))
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	if got := fills.Load(); got != 1 {
		t.Errorf("got %d fetches, want 1", got)
	}
	if _, err := os.Stat(filepath.Join(dir, "engine", "half")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what the broken fetch left is still there (%v)", err)
	}
}

func TestUnzip(t *testing.T) {
	dir := t.TempDir()
	archive := func(names ...string) string {
		f, err := os.Create(filepath.Join(dir, "a.zip"))
		if err != nil {
			t.Fatal(err)
		}
		z := zip.NewWriter(f)
		for _, name := range names {
			h := &zip.FileHeader{Name: name}
			h.SetMode(0o700)
			w, err := z.CreateHeader(h)
			if err == nil && !strings.HasSuffix(name, "/") {
				_, err = w.Write([]byte(name))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(z.Close(), f.Close()); err != nil {
			t.Fatal(err)
		}
		return f.Name()
	}
	out := filepath.Join(dir, "out")
	if err := lab.Unzip(archive("top/", "top/bin/run", "top/plugins/"), out); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(out, "bin", "run"))
	if err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("got %v, %v, want a program that all may run", info, err)
	}
	if info, err := os.Stat(filepath.Join(out, "plugins")); err != nil || !info.IsDir() {
		t.Errorf("got %v, %v, want an empty folder", info, err)
	}
	if err := lab.Unzip(archive("flat", "lib/one.jar"), out); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"flat", "lib/one.jar"} {
		if _, err := os.Stat(filepath.Join(out, name)); err != nil {
			t.Errorf("an archive without a top folder: %v", err)
		}
	}
	if err := lab.Unzip(archive("top/../../evil"), out); err == nil {
		t.Error("a name that leads out was unpacked")
	}
}

func TestReachOpensTemporaryFolders(t *testing.T) {
	outer := filepath.Join(t.TempDir(), "closed")
	inner := filepath.Join(outer, "repo")
	if err := os.MkdirAll(inner, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := lab.Reach(inner); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(outer)
	if err != nil || info.Mode().Perm() != 0o711 {
		t.Errorf("got %v, %v, want a folder to walk through", info, err)
	}
	// Outside of the temporary folder nothing is changed, and it says which.
	t.Setenv("TMPDIR", filepath.Join(inner, "elsewhere"))
	if err := os.Chmod(outer, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := lab.Reach(inner); err == nil || !strings.Contains(err.Error(), outer) {
		t.Errorf("got %v, want %s named", err, outer)
	}
}

func TestSweepSparesTheLiving(t *testing.T) {
	temp := t.TempDir()
	folders := map[string]bool{"esferry-lab-living": true, "esferry-lab-dead": false, "esferry-lab-young": true, "other-dead": true}
	for name := range folders {
		dir := filepath.Join(temp, name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		unlock, err := lab.LockFolder(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "living") {
			defer func() {
				if err := unlock(); err != nil {
					t.Error(err)
				}
			}()
		} else if err := unlock(); err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(name, "young") {
			old := time.Now().Add(-time.Hour)
			if err := os.Chtimes(filepath.Join(dir, ".lock"), old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	lab.Sweep(temp, time.Now().Add(-time.Minute))
	for name, want := range folders {
		_, err := os.Stat(filepath.Join(temp, name))
		if got := err == nil; got != want {
			t.Errorf("%s: there is %v, want %v", name, got, want)
		}
	}
}

func TestPasswordHash(t *testing.T) {
	text, err := lab.PasswordHash("secret")
	if err != nil {
		t.Fatal(err)
	}
	var rounds int
	rest, ok := strings.CutPrefix(text, "{PBKDF2}")
	part := strings.Split(rest, "$")
	if _, err := fmt.Sscan(part[0], &rounds); !ok || err != nil || len(part) != 3 {
		t.Fatalf("got %q, want {PBKDF2}rounds$salt$hash", text)
	}
	salt, err := base64.StdEncoding.DecodeString(part[1])
	if err != nil {
		t.Fatal(err)
	}
	want, err := pbkdf2.Key(sha512.New, "secret", salt, rounds, 32)
	if err != nil {
		t.Fatal(err)
	}
	if part[2] != base64.StdEncoding.EncodeToString(want) {
		t.Errorf("got %q, which is not the hash of the password", text)
	}
}

func TestYML(t *testing.T) {
	f := func(e lab.Engine, nodes int, s lab.Spec, want ...string) {
		t.Helper()
		got := lab.YML(e, nodes, s)
		for _, line := range want {
			if !strings.Contains("\n"+got, "\n"+line+"\n") {
				t.Errorf("%s with %d nodes: no line %q in:\n%s", e, nodes, line, got)
			}
		}
	}
	f(lab.ES24, 1, lab.Spec{RepoDirs: []string{"/r"}}, "transport.tcp.port: 9300", `path.repo: ["/r"]`, `path.plugins: "/lab/test/node/plugins"`)
	f(lab.ES56, 1, lab.Spec{}, "transport.tcp.port: 9300", `discovery.zen.ping.unicast.hosts: ["127.0.0.1:9300"]`)
	f(lab.ES68, 1, lab.Spec{}, "discovery.type: single-node", "xpack.security.enabled: false")
	f(lab.ES68, 3, lab.Spec{Secure: true}, "discovery.zen.minimum_master_nodes: 2", "xpack.security.enabled: true")
	f(lab.ES717, 1, lab.Spec{RepoDirs: []string{"/a b", `/c"d`}}, "discovery.type: single-node", `path.repo: ["/a b", "/c\"d"]`)
	f(lab.OS38, 2, lab.Spec{}, `cluster.initial_master_nodes: ["node-1"]`, `discovery.seed_hosts: ["127.0.0.1:9300", "127.0.0.1:9301"]`, "http.port: 9200")
	f(lab.OS219, 2, lab.Spec{}, "transport.port: 9300-9301")
	s3 := lab.Spec{S3: &lab.Gateway{URL: "http://127.0.0.1:1", Region: "r", AccessKey: "key", SecretKey: "secret"}}
	f(lab.ES24, 1, s3, `cloud.aws.s3.endpoint: "127.0.0.1:1"`, `cloud.aws.secret_key: "secret"`)
	f(lab.OS38, 1, s3, `s3.client.default.endpoint: "http://127.0.0.1:1"`, "s3.client.default.region: r")
	f(lab.ES819, 1, lab.Spec{Settings: map[string]string{"network.host": "127.0.0.2", "x.y": "true"}}, "network.host: 127.0.0.2", "x.y: true")
}

func TestPortsAreGivenOnce(t *testing.T) {
	var config net.ListenConfig
	taken, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := taken.Addr().(*net.TCPAddr).Port
	f := func(why string, want bool) {
		t.Helper()
		held, ok := lab.Hold(t.Context(), port, 1)
		if ok != want {
			t.Errorf("%s: got %t, want %t", why, ok, want)
		}
		for _, h := range held {
			if err := h.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	f("somebody listens", false)
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	ours, ok := lab.Hold(t.Context(), port, 1)
	if !ok {
		t.Fatal("a free port is not given")
	}
	f("another lab has it", false)
	if err := ours[0].Close(); err != nil {
		t.Fatal(err)
	}
	f("it is given back", true)
}
