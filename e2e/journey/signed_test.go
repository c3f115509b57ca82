package journey_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"esferry/internal/lab"
	"esferry/internal/lab/aws"
)

// The accounts of the tests.
const (
	domainRegion = "ap-northeast-1"
	ferryUser    = "arn:aws:iam::111111111111:user/ferry"
	ferryRole    = "arn:aws:iam::111111111111:role/ferry"
	snapshotRole = "arn:aws:iam::111111111111:role/TheSnapshotRole"
)

// amazon is two clusters behind Amazon's rules: the source is entered by an
// assumed role, the target by a user's keys.
type amazon struct {
	*pair
	accounts       *aws.Accounts
	user           aws.Key
	source, target *aws.Service
	tokens         *aws.Tokens
}

func newAmazon(t *testing.T) *amazon {
	t.Helper()
	a := &amazon{pair: newPair(t, lab.Spec{Engine: lab.ES710}, lab.Spec{Engine: lab.OS219}), accounts: &aws.Accounts{}}
	a.user = a.accounts.User(ferryUser)
	a.accounts.Trust(ferryRole, ferryUser)
	assumed := "arn:aws:sts::111111111111:assumed-role/ferry/esferry"
	for _, side := range []struct {
		service  **aws.Service
		url      *string
		snapshot *aws.Snapshots
	}{
		{&a.source, &a.sourceURL, &aws.Snapshots{Region: domainRegion, Buckets: map[string]aws.Bucket{
			"old-snaps": {Region: "us-east-1", Folder: filepath.Join(a.from.Dir, "snaps")},
		}, Pass: map[string][]string{snapshotRole: {assumed, ferryUser}}}},
		{&a.target, &a.targetURL, &aws.Snapshots{Region: domainRegion, Buckets: map[string]aws.Bucket{
			"new-snaps": {Region: domainRegion, Folder: filepath.Join(a.to.Dir, "snaps")},
		}, Pass: map[string][]string{snapshotRole: {ferryUser}}}},
	} {
		var err error
		*side.service, err = aws.StartService(t.Context(), aws.ServiceOptions{
			Engine: *side.url, Name: aws.Managed, Region: domainRegion, Accounts: a.accounts, Snapshots: side.snapshot,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup((*side.service).Close)
		*side.url = (*side.service).URL
	}
	var err error
	if a.tokens, err = aws.StartTokens(t.Context(), a.accounts, domainRegion); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.tokens.Close)
	// Nothing of the machine's own accounts may be found.
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_STS": a.tokens.URL, "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_PROFILE": "", "AWS_WEB_IDENTITY_TOKEN_FILE": "", "AWS_ROLE_ARN": "", "AWS_ROLE_SESSION_NAME": "",
	} {
		t.Setenv(name, value)
	}
	a.enter(t, a.user)
	return a
}

// enter puts keys where the default chain looks first.
func (a *amazon) enter(t *testing.T, k aws.Key) {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", k.ID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", k.Secret)
	t.Setenv("AWS_SESSION_TOKEN", k.Token)
}

// config writes a ferry.yaml with repositories as Amazon wants them.
func (a *amazon) config(t *testing.T, name, include string) string {
	t.Helper()
	path := a.pair.config(t, name, include, "")
	plain, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(plain)
	for from, to := range map[string]string{
		"source: {url: " + a.sourceURL: fmt.Sprintf("source: {auth: {sigv4: {region: %s, role_arn: %q}}, url: %s", domainRegion, ferryRole, a.sourceURL),
		"target: {url: " + a.targetURL: fmt.Sprintf("target: {auth: {sigv4: {region: %s, access_key_id: %q, secret_access_key: %q}}, compress: true, url: %s", domainRegion, a.user.ID, a.user.Secret, a.targetURL),
		fmt.Sprintf("source: {type: fs, settings: {location: %q}}", filepath.Join(a.from.Dir, "snaps")): fmt.Sprintf(
			"source: {type: s3, settings: {bucket: old-snaps, region: us-east-1, role_arn: %q}}", snapshotRole),
		fmt.Sprintf("target: {type: fs, settings: {location: %q}}", filepath.Join(a.to.Dir, "snaps")): fmt.Sprintf(
			"target: {type: s3, settings: {bucket: new-snaps, region: %s, role_arn: %q, compress: true}}", domainRegion, snapshotRole),
	} {
		if !strings.Contains(text, from) {
			t.Fatalf("%q is not in the configuration", from)
		}
		text = strings.Replace(text, from, to, 1)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestSignedJourney moves live indices from one of Amazon's domains to another:
// every request of the binary is verified, the keys of the source's role end
// several times on the way, and the target's clock is ten minutes ahead.
func TestSignedJourney(t *testing.T) {
	a := newAmazon(t)
	a.load(t, logs("logs-a+b=c", 3000), library(t, 300), logs("streamed-1", 2000))
	a.tokens.SetLifetime(5 * time.Second)
	a.target.SetSkew(10 * time.Minute)
	yaml := a.config(t, "signed", `"logs-*", code, "streamed-*"`)
	a.credentials(t, yaml)

	stop := a.writing(t, 50, "logs-a+b=c", "code", "streamed-1")
	done := make(chan struct{})
	time.AfterFunc(8*time.Second, func() { stop(); close(done) })
	t.Cleanup(func() { <-done })
	o := esferry(t, "run", "--cutover", "-c", yaml, "--json").want(t, 0)
	<-done
	s := o.summary(t)
	if !s.Equal || len(s.Indices) != 3 || s.FreezeSeconds == nil {
		t.Errorf("got %+v, want three equal indices and a freeze", s)
	}
	for _, i := range s.Indices {
		if want := map[bool]string{true: "stream", false: "snapshot"}[i.Index == "streamed-1"]; i.Path != want {
			t.Errorf("index %s went by %s, want %s", i.Index, i.Path, want)
		}
	}
	a.mustBeEqual(t, "logs-a+b=c", "code", "streamed-1")
	// Less what an answer takes.
	if !regexp.MustCompile(`(59\d|600) s behind the service's`).MatchString(o.stdout) {
		t.Errorf("the clock is not named: %s", tail(o.stdout))
	}
	if refused := a.target.Refused(); refused[aws.InvalidSignature] == 0 || len(refused) != 1 {
		t.Errorf("the target refused %v, want only signatures by the wrong clock", refused)
	}
	if refused := a.source.Refused(); len(refused) > 1 || refused[aws.ExpiredToken] > int64(a.accounts.Lent()) {
		t.Errorf("the source refused %v: %v", refused, a.source.Said())
	}
	if len(a.source.Signers()) < 3 || a.accounts.Lent() < 3 {
		t.Errorf("only %d keys were lent", a.accounts.Lent())
	}
	a.sealed(t, o)
	a.managed(t, yaml)
	a.foreign(t)
}

// foreign has another cluster's root in the source's bucket, above the engine's
// own: engines go on below it without a word, and readers take the highest.
func (a *amazon) foreign(t *testing.T) {
	t.Helper()
	a.load(t, logs("later", 20))
	folder := filepath.Join(a.from.Dir, "snaps")
	roots, err := filepath.Glob(filepath.Join(folder, "index-*"))
	if err != nil || len(roots) == 0 {
		t.Fatalf("got roots %v, %v", roots, err)
	}
	root, err := os.ReadFile(roots[len(roots)-1])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "index-90"), root, 0o644); err != nil {
		t.Fatal(err)
	}
	o := esferry(t, "run", "-c", a.config(t, "foreign", "later")).want(t, 1)
	for _, word := range []string{"another cluster writes to this repository", "bucket snaps", "next: "} {
		if !strings.Contains(o.stderr, word) {
			t.Errorf("got %s, want it to say %q", tail(o.stderr), word)
		}
	}
	if status, _ := lab.Ask(t, "HEAD", a.pair.target.URL()+"/later", ""); status != 404 {
		t.Errorf("got status %d of the target's index, want none of it", status)
	}
}

// credentials walks the default chain, and its ends.
func (a *amazon) credentials(t *testing.T, yaml string) {
	t.Helper()
	file := func(name, text string) string {
		path := filepath.Join(a.dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	f := func(name string, env map[string]string, code int, says ...string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			for key, value := range env {
				t.Setenv(key, value)
			}
			began := time.Now()
			o := esferry(t, "repo", "list", "-c", yaml).want(t, code)
			for _, word := range append(says, map[bool]string{true: "source", false: "next: "}[code == 0]) {
				if !strings.Contains(o.stdout+o.stderr, word) {
					t.Errorf("got %q, want it to say %q", o.stdout+o.stderr, word)
				}
			}
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("it took %s", took)
			}
			a.sealed(t, o)
		})
	}
	none := map[string]string{"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": ""}
	with := func(more map[string]string) map[string]string {
		all := maps.Clone(none)
		maps.Copy(all, more)
		return all
	}
	a.accounts.TrustToken("arn:aws:iam::111111111111:role/pod", "the-pod's-token")
	a.accounts.Trust(ferryRole, "arn:aws:sts::111111111111:assumed-role/pod/test")
	f("environment", nil, 0)
	f("profile", with(map[string]string{
		"AWS_PROFILE":                 "ferry",
		"AWS_SHARED_CREDENTIALS_FILE": file("credentials", fmt.Sprintf("[ferry]\naws_access_key_id = %s\naws_secret_access_key = %s\n", a.user.ID, a.user.Secret)),
	}), 0)
	f("web identity", with(map[string]string{
		"AWS_ROLE_ARN": "arn:aws:iam::111111111111:role/pod", "AWS_ROLE_SESSION_NAME": "test", "AWS_WEB_IDENTITY_TOKEN_FILE": file("token", "the-pod's-token"),
	}), 0)
	f("wrong web identity", with(map[string]string{
		"AWS_ROLE_ARN": "arn:aws:iam::111111111111:role/pod", "AWS_ROLE_SESSION_NAME": "test", "AWS_WEB_IDENTITY_TOKEN_FILE": file("other", "another-token"),
	}), 1, "AssumeRoleWithWebIdentity", "trust policy")
	a.tokens.SetSkew(10 * time.Minute)
	f("a clock of the token service's own", nil, 0)
	a.tokens.SetSkew(0)
	f("nothing", none, 1, "AWS_ACCESS_KEY_ID", "source")
	f("wrong secret", map[string]string{"AWS_SECRET_ACCESS_KEY": "not-the-secret"}, 1, "SignatureDoesNotMatch", "keys")
	stranger := a.accounts.User("arn:aws:iam::222222222222:user/stranger")
	f("nobody trusts", map[string]string{"AWS_ACCESS_KEY_ID": stranger.ID, "AWS_SECRET_ACCESS_KEY": stranger.Secret}, 1,
		"AccessDenied", "sts:AssumeRole", ferryRole, "trust policy")
}

// managed: the service's own repositories are shown and never written to.
func (a *amazon) managed(t *testing.T, yaml string) {
	t.Helper()
	o := esferry(t, "repo", "list", "-c", yaml).want(t, 0)
	if !strings.Contains(o.stdout, "cs-automated-enc") || !strings.Contains(o.stdout, "the service's own") || !strings.Contains(o.stdout, "endpoint=s3.amazonaws.com") {
		t.Errorf("got %s, want Amazon's own repository and ours by its endpoint", o.stdout)
	}
	text, err := os.ReadFile(yaml)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(a.dir, "managed.yaml")
	changed := func(from, to, command string, says ...string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(strings.Replace(string(text), from, to, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		o := esferry(t, append(strings.Fields(command), "-c", path)...)
		for _, word := range append(says, "next: ") {
			if o.code == 0 || !strings.Contains(o.stderr, word) {
				t.Errorf("%s: got code %d and %q, want it to say %q", to, o.code, o.stderr, word)
			}
		}
	}
	changed("repository: ferry", "repository: cs-automated-enc", "repo register", "managed service's own")
	changed(fmt.Sprintf(", role_arn: %q}}", snapshotRole), "}}", "repo register", "role_arn", "missing")
	changed("bucket: old-snaps", "bucket: nobodys", "repo register", "another bucket")
	changed("repository: ferry", "repository: other\n  # ", "repo verify", "not registered", "repo register")
}

// sealed wants no secret in what a command printed.
func (a *amazon) sealed(t *testing.T, o outcome) {
	t.Helper()
	for _, secret := range []string{a.user.Secret, "lent+", "not-the-secret", "the-pod's-token", a.from.SecretKey} {
		if strings.Contains(o.stdout+o.stderr, secret) {
			t.Errorf("the secret %.6s... is in the output", secret)
		}
	}
}
