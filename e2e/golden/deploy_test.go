package golden_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// tool runs one, fails the test unless it ends with 0, and gives what it said.
func tool(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// understood checks that esferry knows the command and each flag of a command
// line: with --help it looks at all of them and does nothing.
func understood(t *testing.T, args ...string) {
	t.Helper()
	help := tool(t, t.TempDir(), binary, append(slices.Clone(args), "--help")...)
	if !strings.HasPrefix(args[0], "-") && !strings.Contains(help, "Usage:\n  esferry "+args[0]+" ") {
		t.Errorf("esferry %s: there is no such command", strings.Join(args, " "))
	}
}

func TestUnits(t *testing.T) {
	dir := t.TempDir()
	names, err := filepath.Glob(root + "/deploy/systemd/*")
	if err != nil || len(names) != 3 {
		t.Fatalf("got %v (%v), want three units", names, err)
	}
	verify := []string{"verify", "--man=no"}
	for _, name := range names {
		base := filepath.Base(name)
		text := read(t, filepath.Join("deploy/systemd", base))
		for line := range strings.SplitSeq(text, "\n") {
			if command, ok := strings.CutPrefix(line, "ExecStart=/usr/bin/esferry "); ok {
				understood(t, strings.Fields(command)...)
			}
		}
		text = strings.ReplaceAll(text, "/usr/bin/esferry", binary)
		if err := os.WriteFile(filepath.Join(dir, base), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		verify = append(verify, "./"+base)
	}
	// It ends with 0 over keys that it ignores, and says so.
	if said := tool(t, dir, "systemd-analyze", verify...); said != "" {
		t.Errorf("systemd-analyze: %s", said)
	}
	for _, unit := range []string{"./esferry-sync@.service", "./esferry-follow@.service"} {
		// What is left open is the network, which is the unit's work.
		tool(t, dir, "systemd-analyze", "security", "--offline=yes", "--threshold=15", unit)
	}
}

func TestShell(t *testing.T) {
	tool(t, root, "shellcheck", "deploy/chat/tell", "deploy/package/postinstall.sh", ".ci/run")
	jobs := 0
	for line := range strings.SplitSeq(read(t, "deploy/cron/esferry"), "\n") {
		if line == "" || strings.HasPrefix(line, "#") || regexp.MustCompile(`^[A-Z_]+=`).MatchString(line) {
			continue
		}
		jobs++
		fields := strings.Fields(line)
		if !regexp.MustCompile(`^[0-9]+ [0-9]+ \* \* \* esferry esferry `).MatchString(line) || strings.Contains(line, "%") {
			t.Errorf("got %q, want a time, a user and a command without %%, which cron takes for the end of a line", line)
		}
		command, _, _ := strings.Cut(strings.Join(fields[7:], " "), " >>")
		understood(t, strings.Fields(command)...)
	}
	if jobs != 1 {
		t.Errorf("got %d jobs, want 1", jobs)
	}
}

func TestTell(t *testing.T) {
	messages := make(chan []byte, 1)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
		}
		messages <- body
	}))
	defer hook.Close()
	dir := t.TempDir()
	address := filepath.Join(dir, "webhook")
	if err := os.WriteFile(address, []byte(hook.URL+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(code int, stdout, stderr string, want ...string) {
		t.Helper()
		// Stands in for esferry: prints what it would, and ends as it would.
		cmd := exec.CommandContext(t.Context(), filepath.Join(root, "deploy/chat/tell"), address,
			"sh", "-c", `printf '%s' "$1"; printf '%s' "$2" >&2; exit "$3"`, "sh", stdout, stderr, string(rune('0'+code)))
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		err := cmd.Run()
		if got := cmd.ProcessState.ExitCode(); got != code || out.String() != stdout || errs.String() != stderr {
			t.Errorf("got exit code %d (%v), stdout %q and stderr %q", got, err, &out, &errs)
		}
		var posted []byte
		select {
		case posted = <-messages:
		default:
			t.Fatal("nothing was posted")
		}
		var message struct{ Text string }
		if err := json.Unmarshal(posted, &message); err != nil {
			t.Fatalf("posted %q: %v", posted, err)
		}
		for _, w := range want {
			if !strings.Contains(message.Text, w) {
				t.Errorf("got the message %q, want it to hold %q", message.Text, w)
			}
		}
	}
	const run = `"this_run":{"applied":7,"deleted":2,"rejected":0,"seconds":61.4}`
	f(0, `{"type":"round_ended"}`+"\n"+`{"type":"summary","equal":true,"indices":[],`+run+"}\n", "", "done and equal", "7 applied, 2 deleted, 0 rejected in 61 s")
	f(3, `{"type":"summary","equal":false,"indices":[{"index":"users","source_docs":5,"target_docs":4,"equal":false,"moving":false}],`+run+"}\n",
		`{"type":"error","code":3,"message":"index users: it \"differs\"","hint":""}`+"\n", "exit code 3", `it "differs"`, "users: 5 documents on the source, 4 on the target")
	f(1, "", `{"type":"error","code":1,"message":"no answer","hint":"start it"}`+"\n", "no answer", "next: start it")
}

// decode reads YAML into a type of Kubernetes, without a field that it lacks.
func decode[T any](t *testing.T, name string) T {
	t.Helper()
	var v T
	if err := yaml.UnmarshalStrict([]byte(read(t, "deploy/kubernetes/"+name)), &v); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	return v
}

func TestManifests(t *testing.T) {
	var kustomization struct {
		APIVersion, Kind   string
		Resources          []string
		ConfigMapGenerator []struct {
			Name  string
			Files []string
		}
		GeneratorOptions struct{ DisableNameSuffixHash bool }
		Images           []struct{ Name, NewTag string }
	}
	if err := yaml.UnmarshalStrict([]byte(read(t, "deploy/kubernetes/kustomization.yaml")), &kustomization); err != nil {
		t.Fatal(err)
	}
	if want := []string{"state.yaml", "baseline.yaml", "sync.yaml"}; !slices.Equal(kustomization.Resources, want) {
		t.Errorf("got resources %v, want %v", kustomization.Resources, want)
	}
	claim := decode[corev1.PersistentVolumeClaim](t, "state.yaml")
	night := decode[batchv1.CronJob](t, "sync.yaml")
	once := decode[batchv1.Job](t, "baseline.yaml")
	if night.Spec.ConcurrencyPolicy != batchv1.ForbidConcurrent {
		t.Errorf("got concurrency policy %q", night.Spec.ConcurrencyPolicy)
	}
	for name, job := range map[string]batchv1.JobSpec{"sync.yaml": night.Spec.JobTemplate.Spec, "baseline.yaml": once.Spec} {
		t.Run(name, func(t *testing.T) { checkJob(t, job, claim.Name, kustomization.ConfigMapGenerator[0].Name) })
	}
	// The configuration that goes with them must be one.
	dir := t.TempDir()
	for _, secret := range []string{"source-password", "target-password"} {
		if err := os.WriteFile(filepath.Join(dir, secret), []byte("x"), 0o400); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, "status", "--config", filepath.Join(root, "deploy/kubernetes/ferry.yaml"))
	cmd.Env = append(os.Environ(), "CREDENTIALS_DIRECTORY="+dir)
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "ferry search-2026: not running") {
		t.Errorf("status of the ferry: %v\n%s", err, out)
	}
}

func checkJob(t *testing.T, job batchv1.JobSpec, claim, config string) {
	t.Helper()
	pod := job.Template.Spec
	// A pod failure policy is refused with any other.
	if pod.RestartPolicy != corev1.RestartPolicyNever {
		t.Errorf("got restart policy %q", pod.RestartPolicy)
	}
	if rules := job.PodFailurePolicy.Rules; !slices.Equal(rules[0].OnExitCodes.Values, []int32{2, 3, 4}) || rules[0].Action != batchv1.PodFailurePolicyActionFailJob ||
		rules[0].OnExitCodes.Operator != batchv1.PodFailurePolicyOnExitCodesOpIn || rules[1].Action != batchv1.PodFailurePolicyActionIgnore || rules[1].OnPodConditions[0].Type != corev1.DisruptionTarget {
		t.Errorf("got rules %+v", rules)
	}
	volumes := map[string]corev1.VolumeSource{}
	for _, v := range pod.Volumes {
		volumes[v.Name] = v.VolumeSource
	}
	if v := volumes["state"].PersistentVolumeClaim; v == nil || v.ClaimName != claim {
		t.Errorf("the state's volume is not the claim %s", claim)
	}
	if v := volumes["config"].ConfigMap; v == nil || v.Name != config {
		t.Errorf("the configuration's volume is not %s", config)
	}
	// Every user may read what has another mode than this, and esferry refuses that.
	if v := volumes["secrets"].Secret; v == nil || v.DefaultMode == nil || *v.DefaultMode&0o007 != 0 {
		t.Error("the secrets are readable by every user")
	}
	if len(pod.InitContainers) != 1 || pod.InitContainers[0].Args[0] != "plan" || len(pod.Containers) != 1 {
		t.Fatal("want plan, then one command")
	}
	for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
		understood(t, c.Args...)
		for _, m := range c.VolumeMounts {
			if _, ok := volumes[m.Name]; !ok {
				t.Errorf("container %s mounts %s, which is no volume", c.Name, m.Name)
			}
		}
		if c.SecurityContext == nil || c.SecurityContext.ReadOnlyRootFilesystem == nil || !*c.SecurityContext.ReadOnlyRootFilesystem {
			t.Errorf("container %s may write to its image", c.Name)
		}
	}
}

func TestDAG(t *testing.T) {
	text := read(t, "deploy/airflow/esferry_sync.py")
	commands := regexp.MustCompile(`ESFERRY\.format\(command="([^"]*)"\)`).FindAllStringSubmatch(text, -1)
	if len(commands) != 2 || !strings.Contains(text, "skip_on_exit_code=99") {
		t.Fatalf("got commands %q", commands)
	}
	for _, c := range commands {
		understood(t, append(strings.Fields(c[1]), "--json", "--config", "x")...)
	}
}

// TestAlerts holds the rules against what a job's file really has in it.
func TestAlerts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "esferry.prom")
	cmd := exec.CommandContext(t.Context(), binary, "sync", "--config", "absent.yaml", "--metrics-file", file)
	if err := cmd.Run(); cmd.ProcessState.ExitCode() != 2 {
		t.Fatalf("got %v, want exit code 2", err)
	}
	figures, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	// Of indices there are none in that file; these are held in the report's own tests.
	known := string(figures) + read(t, "internal/report/metrics_test.go")
	var rules struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr         string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.UnmarshalStrict([]byte(read(t, "deploy/prometheus/esferry.rules.yml")), &rules); err != nil {
		t.Fatal(err)
	}
	for _, r := range rules.Groups[0].Rules {
		names := regexp.MustCompile(`esferry_\w+`).FindAllString(r.Expr, -1)
		for _, name := range names {
			if !strings.Contains(known, name+"{") {
				t.Errorf("alert %s: there is no metric %s", r.Alert, name)
			}
		}
		if len(names) == 0 || r.Annotations["summary"] == "" {
			t.Errorf("alert %s: got %+v", r.Alert, r)
		}
	}
}

// TestPackages holds the list of what packages carry against what there is.
func TestPackages(t *testing.T) {
	var release struct {
		Archives []struct{ Files []json.RawMessage }
		NFPMs    []struct {
			Contents []struct{ Src, Dst, Type string }
			Scripts  map[string]string
		} `json:"nfpms"`
	}
	if err := yaml.Unmarshal([]byte(read(t, ".goreleaser.yaml")), &release); err != nil {
		t.Fatal(err)
	}
	var sources []string
	for _, raw := range release.Archives[0].Files {
		var name string
		if err := json.Unmarshal(raw, &name); err == nil {
			// Two stars are any number of folders, none among them.
			sources = append(sources, strings.ReplaceAll(name, "**/", ""))
		}
	}
	for _, c := range release.NFPMs[0].Contents {
		if c.Type != "dir" {
			sources = append(sources, c.Src)
		}
		if !strings.HasPrefix(c.Dst, "/") {
			t.Errorf("%s goes to %q, which is not below /", c.Src, c.Dst)
		}
	}
	for _, script := range release.NFPMs[0].Scripts {
		sources = append(sources, script)
	}
	if len(sources) < 20 {
		t.Errorf("got %v, want all that is packed", sources)
	}
	for _, source := range sources {
		if strings.HasPrefix(source, "dist/share/") {
			// Made by `make dist/share` when a package is.
			continue
		}
		if found, err := filepath.Glob(filepath.Join(root, source)); err != nil || len(found) == 0 {
			t.Errorf("there is no %s (%v)", source, err)
		}
	}
}
