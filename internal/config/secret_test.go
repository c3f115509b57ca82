package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"esferry/internal/config"
	"esferry/internal/lab/faultcase"
)

// planted is a secret of which no part may show.
const planted = "pl4nt3d-s3cr3t"

// everywhere plants the secret in each place that may hold one.
const everywhere = `
name: a
source:
  url: https://old.example:9200
  auth: {sigv4: {region: r, access_key_id: "${env:S}", secret_access_key: "${env:S}", session_token: "${env:S}"}}
target:
  url: https://new.example:9200
  auth: {basic: {username: ferry, password: pl4nt3d-s3cr3t}}
snapshot:
  source:
    type: azure
    settings:
      bucket: snaps
      client: default
      access_key: pl4nt3d-s3cr3t
      secret_key: pl4nt3d-s3cr3t
      sas_token: pl4nt3d-s3cr3t
      key: pl4nt3d-s3cr3t
      s3.client.default.session_token: pl4nt3d-s3cr3t
      credentials: {a: pl4nt3d-s3cr3t, b: [pl4nt3d-s3cr3t]}
      endpoint: "${env:S}"
  target: {type: s3, settings: {bucket: b, Client_Secret: pl4nt3d-s3cr3t}}
  copy:
    from: {bucket: b, access_key_id: "${env:S}", secret_access_key: "${env:S}"}
    to: {bucket: c, access_key_id: pl4nt3d-s3cr3t, secret_access_key: pl4nt3d-s3cr3t}
checkpoint: {store: etcd, endpoints: https://e.example:2379, username: u, password: "${env:S}"}
`

// shows gives each way in which a value may get out.
func shows(t *testing.T, v any) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		out[verb] = fmt.Sprintf(verb, v)
	}
	var text, lines bytes.Buffer
	slog.New(slog.NewTextHandler(&text, nil)).Info("seen", "v", v)
	slog.New(slog.NewJSONHandler(&lines, nil)).Info("seen", "v", v)
	out["slog text"], out["slog json"] = text.String(), lines.String()
	j, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	y, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out["json"], out["yaml"] = string(j), string(y)
	return out
}

func TestNothingShowsASecret(t *testing.T) {
	faultcase.Shows(t, 40, "secrets in whatever is printed, kept or reported")
	c := parse(t, everywhere, variables(map[string]string{"S": planted}))
	f := func(what string, v any) {
		t.Helper()
		for how, text := range shows(t, v) {
			if strings.Contains(text, planted) || strings.Contains(text, fmt.Sprintf("%x", planted)) {
				t.Errorf("%s by %s shows the secret: %s", what, how, text)
			}
		}
	}
	f("config", c)
	f("config value", *c)
	f("auth", c.Target.Auth)
	f("basic", *c.Target.Auth.Basic)
	f("sigv4", *c.Source.Auth.SigV4)
	f("password", c.Target.Auth.Basic.Password)
	f("settings", c.Snapshot.Source.Settings)
	f("settings as a map", map[string]any(c.Snapshot.Source.Settings))
	f("repository", c.Snapshot.Target)
	f("bucket", c.Snapshot.Copy.To)
	f("checkpoint", c.Checkpoint)
	// fmt asks no method of what lies in an unexported field.
	f("unexported", struct{ password config.Secret }{c.Target.Auth.Basic.Password})
	f("by hand", config.Settings{"nested": config.Settings{"secret_key": planted}, "list": []any{map[string]any{"password": planted}}})
}

func TestSecretsAreThere(t *testing.T) {
	c := parse(t, everywhere, variables(map[string]string{"S": planted}))
	settings := c.Snapshot.Source.Settings.Plain()
	inner, _ := settings["credentials"].(map[string]any)
	for what, got := range map[string]any{
		"password":      c.Target.Auth.Basic.Password.Reveal(),
		"session_token": c.Source.Auth.SigV4.SessionToken.Reveal(),
		"bucket key":    c.Snapshot.Copy.To.SecretAccessKey.Reveal(),
		"access_key":    settings["access_key"],
		"endpoint":      settings["endpoint"],
		"nested":        inner["a"],
	} {
		if got != planted {
			t.Errorf("%s: got %v", what, got)
		}
	}
	if got := fmt.Sprint(c.Snapshot.Source.Settings); !strings.Contains(got, `"bucket":"snaps"`) || !strings.Contains(got, `"client":"default"`) {
		t.Errorf("what is no secret should show: got %s", got)
	}
}

func TestZeroSecret(t *testing.T) {
	var s config.Secret
	if s.Reveal() != "" || !s.IsZero() || s.String() != "***" {
		t.Errorf("got %q, %t, %s", s.Reveal(), s.IsZero(), s)
	}
	if got := config.Settings(nil).Plain(); got != nil {
		t.Errorf("got %v, want nil", got)
	}
}

func TestCredentials(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "target"), []byte(planted+"\n"), 0o400); err != nil {
		t.Fatal(err)
	}
	const text = minimal + "snapshot: {repository: r, source: {type: s3, settings: {bucket: b, secret_key: \"${credential:target}\"}}}\n"
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	c, err := config.Parse("ferry.yaml", []byte(text), config.System("."))
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Snapshot.Source.Settings.Plain()["secret_key"]; got != planted {
		t.Errorf("got %v, want what the file holds", got)
	}
	f := func(reference, want string) {
		t.Helper()
		_, err := config.Parse("ferry.yaml", []byte(strings.Replace(text, "${credential:target}", reference, 1)), config.System("."))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", reference, err, want)
		}
	}
	f("${credential:other}", "does not exist")
	f("${credential:../target}", "neither ${env:NAME}")
	f("${credential:}", "neither ${env:NAME}")
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	f("${credential:target}", "CREDENTIALS_DIRECTORY, which is not set")
}
