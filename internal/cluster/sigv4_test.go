package cluster_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"

	"esferry/internal/cluster"
	"esferry/internal/lab/aws"
	"esferry/internal/lab/faultcase"
	"esferry/internal/retry"
	"esferry/internal/shard"
)

const (
	region = "ap-northeast-1"
	ferry  = "arn:aws:iam::111111111111:user/ferry"
)

// signed is a service that verifies, an engine's stand-in behind it, and keys.
type signed struct {
	service  *aws.Service
	accounts *aws.Accounts
	key      aws.Key

	mu    sync.Mutex
	paths []string
}

// verifying starts a service in front of a stand-in that answers every request
// with an empty object.
func verifying(t *testing.T, name string) *signed {
	t.Helper()
	s := &signed{accounts: &aws.Accounts{}}
	s.key = s.accounts.User(ferry)
	engine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.paths = append(s.paths, r.URL.Path)
		s.mu.Unlock()
		if r.Header.Get("Authorization")+r.Header.Get("X-Amz-Security-Token") != "" {
			t.Errorf("credentials got through to the engine")
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{}`) //nolint:errcheck // the client may have left
	}))
	t.Cleanup(engine.Close)
	var err error
	s.service, err = aws.StartService(t.Context(), aws.ServiceOptions{Engine: engine.URL, Name: name, Region: region, Accounts: s.accounts})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.service.Close)
	return s
}

// keys gives what signs, renewed by fn.
func keys(fn func() aws.Key) awssdk.CredentialsProvider {
	return awssdk.NewCredentialsCache(awssdk.CredentialsProviderFunc(func(context.Context) (awssdk.Credentials, error) {
		k := fn()
		return awssdk.Credentials{
			AccessKeyID: k.ID, SecretAccessKey: k.Secret, SessionToken: k.Token, CanExpire: !k.Expires.IsZero(), Expires: k.Expires,
		}, nil
	}))
}

func dial(t *testing.T, url string, authorize cluster.Authorization, gzip bool) *cluster.Cluster {
	t.Helper()
	c, err := cluster.Dial(cluster.Options{URLs: []string{url}, Authorize: authorize, Gzip: gzip, Patience: retry.Policy{First: 1, Total: 1}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func (s *signed) dial(t *testing.T, service string, gzip bool) *cluster.Cluster {
	t.Helper()
	return dial(t, s.service.URL, cluster.SigV4(region, service, keys(func() aws.Key { return s.key })), gzip)
}

// verbs makes every call that has a name in it. The stand-in satisfies few of
// them: what they end with is given for the log.
func verbs(ctx context.Context, c *cluster.Cluster, name string) error {
	body := []byte(strings.Repeat(`{"index":{"_id":"ä +%2F"}}`+"\n"+`{"text":"=,&"}`+"\n", 100))
	return errors.Join(
		second(c.Bulk(ctx, name, "", body, 100)),
		second(c.Bulk(ctx, name, "typ e", body[:40], 1)),
		second(c.Versions(ctx, name, []cluster.Key{{ID: `"a/b"`, Routing: `"r,+"`}})),
		second(c.OpenScroll(ctx, cluster.Scan{Position: shard.Position{Shard: shard.ID{Index: name}, Node: "n+/="}})),
		second(c.NextPage(ctx, shard.Window{}, "id==+/", time.Minute)),
		c.CloseScroll(ctx, "id==+/"),
		second(c.Count(ctx, name, nil)),
		third(c.Index(ctx, name)),
		c.CreateIndex(ctx, name, []byte(`{}`)),
		c.PutSettings(ctx, []string{name, "b"}, map[string]any{"a": 1}),
		c.BlockWrites(ctx, []string{name}),
		c.UnblockWrites(ctx, []string{name}),
		second(c.Aliases(ctx, []string{name, "*"})),
		second(c.Definition(ctx, name)),
		c.PutMetadata(ctx, cluster.IndexTemplate, name, []byte(`{}`)),
		second(c.IndexHealth(ctx, name)),
		second(c.RecoveryProgress(ctx, name)),
		second(c.WhyUnassigned(ctx, name, 0)),
		second(c.Positions(ctx, name)),
		c.Refresh(ctx, name),
		c.Flush(ctx, name),
		third(c.Repository(ctx, name)),
		c.PutRepository(ctx, name, "fs", map[string]any{"location": name}),
		third(c.Snapshot(ctx, name, name)),
		second(c.SnapshotProgress(ctx, name, name)),
		c.CreateSnapshot(ctx, name, name, cluster.SnapshotRequest{Indices: []string{name}}),
		c.Restore(ctx, name, name, cluster.RestoreRequest{Index: name, As: name}),
		c.DeleteIndex(ctx, name),
	)
}

// nameless makes every call that names nothing of the user's.
func nameless(ctx context.Context, c *cluster.Cluster) error {
	return errors.Join(
		third(c.Watermarks(ctx)),
		second(c.Probe(ctx)),
		second(c.Indices(ctx)),
		second(c.Names(ctx)),
		second(c.Loads(ctx)),
		second(c.Disks(ctx)),
		second(c.DataNodes(ctx)),
		second(c.DataStreams(ctx)),
		second(c.Plugins(ctx)),
		second(c.Sight(ctx)),
		second(c.ListMetadata(ctx, cluster.IndexTemplate)),
		second(c.Repositories(ctx)),
		second(c.RunningSnapshots(ctx)),
		second(c.Healths(ctx, nil)),
		c.SwitchAliases(ctx, nil),
	)
}

func second[A any](_ A, err error) error { return err }

func third[A, B any](_ A, _ B, err error) error { return err }

// TestEveryVerbIsSignedRightly sends each verb, for names that break signers,
// through a verifier that was not written with the SDK.
func TestEveryVerbIsSignedRightly(t *testing.T) {
	names := []string{
		"plain", "with space", "a+b", "a,b", "a*b", "a=b&c", "x@y:z$!", "~til-de_.", "a%2Fb", "<logs-{now/d{yyyy.MM.dd|+12:00}}>",
		"grün-日本-🦆", "it's(1);", "per%cent", `quo"te\`,
	}
	f := func(service string, gzip bool) {
		t.Helper()
		s := verifying(t, service)
		c := s.dial(t, service, gzip)
		for _, name := range names {
			before := s.service.Let()
			ended := verbs(t.Context(), c, name)
			if s.service.Let() < before+28 {
				t.Errorf("%s: only %d requests came for %q: %v", service, s.service.Let()-before, name, ended)
			}
		}
		before := s.service.Let()
		if ended := nameless(t.Context(), c); s.service.Let() < before+14 {
			t.Errorf("%s: only %d requests came that name nothing: %v", service, s.service.Let()-before, ended)
		}
		if refused := s.service.Refused(); len(refused) > 0 {
			t.Errorf("%s, gzip %t: refused %v, the first: %s", service, gzip, refused, s.service.Said()[0])
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, name := range names {
			if !slices.Contains(s.paths, "/"+name+"/_bulk") {
				t.Errorf("the engine saw no index %q", name)
			}
		}
	}
	f(aws.Managed, false)
	f(aws.Managed, true)
	f(aws.Serverless, true)
}

// TestTheVerifierRefuses shows that the judge is one: what is wrong, and the
// next step for it.
func TestTheVerifierRefuses(t *testing.T) {
	s := verifying(t, aws.Managed)
	lent := aws.Key{ID: s.key.ID, Secret: s.key.Secret, Token: "a-token-nobody-lent"}
	wrongSecret := s.key
	wrongSecret.Secret = "not-the-secret"
	f := func(service, region string, k aws.Key, says ...string) {
		t.Helper()
		c := dial(t, s.service.URL, cluster.SigV4(region, service, keys(func() aws.Key { return k })), false)
		err := c.Refresh(t.Context(), "users")
		var e *cluster.Error
		if !errors.As(err, &e) || e.Status != http.StatusForbidden || e.Temporary() || cluster.Forbidden(err) {
			t.Errorf("got %v, want a lasting refusal of the signature", err)
			return
		}
		for _, word := range says {
			if !strings.Contains(e.Error()+" "+e.Hint, word) {
				t.Errorf("got %q with hint %q, want it to say %q", e, e.Hint, word)
			}
		}
		for _, secret := range []string{k.Secret, "a-token-nobody-lent", "Canonical"} {
			if strings.Contains(e.Error()+e.Hint, secret) {
				t.Errorf("%q is in %q", secret, e)
			}
		}
	}
	f("es", region, wrongSecret, "does not match", "secret access key")
	f("es", region, aws.Key{ID: "AKIAUNKNOWN", Secret: "some-secret"}, "token included in the request is invalid", "access key")
	f("es", region, lent, "token included in the request is invalid", "session token")
	f("es", "eu-west-1", s.key, "valid region", "auth.sigv4.region")
	f("aoss", region, s.key, "correct service", "auth.sigv4.service")
	c := dial(t, s.service.URL, nil, false)
	err := c.Refresh(t.Context(), "users")
	if e, ok := errors.AsType[*cluster.Error](err); !ok || !strings.Contains(e.Hint, "auth.sigv4") || !cluster.Forbidden(err) {
		t.Errorf("unsigned: got %v, want a hint about auth.sigv4", err)
	}
	if s.service.Let() != 0 {
		t.Errorf("%d requests were let through", s.service.Let())
	}
}

// TestAWrongClockIsCorrected: the refusal's date tells how wrong it is, the
// request is sent once more, and later ones are right at once.
func TestAWrongClockIsCorrected(t *testing.T) {
	faultcase.Shows(t, 9, "the clock is off: signed requests to an engine")
	s := verifying(t, aws.Managed)
	c := s.dial(t, aws.Managed, false)
	for i, skew := range []time.Duration{0, 10 * time.Minute, -3 * time.Hour, 0} {
		s.service.SetSkew(skew)
		for range 3 {
			if _, err := c.Bulk(t.Context(), "users", "", []byte("{}\n"), 0); err != nil {
				t.Fatalf("skew %s: %v", skew, err)
			}
		}
		if got := (c.ClockBehind() - skew).Abs(); got > 2*time.Second {
			t.Errorf("the clock is %s behind, got %s", skew, c.ClockBehind())
		}
		if got := s.service.Refused()[aws.InvalidSignature]; got != int64(i) {
			t.Errorf("after skew %s: got %d refusals, want %d", skew, got, i)
		}
	}
}

// TestExpiredKeysAreRenewed: those that end by themselves before they are
// used, those that were revoked when the service says so.
func TestExpiredKeysAreRenewed(t *testing.T) {
	faultcase.Shows(t, 8, "Amazon's keys end in mid-run")
	s := verifying(t, aws.Managed)
	s.accounts.Trust("role", ferry)
	tokens, err := aws.StartTokens(t.Context(), s.accounts, region)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tokens.Close)
	var made int
	c := dial(t, s.service.URL, cluster.SigV4(region, aws.Managed, keys(func() aws.Key {
		made++
		return assume(t, tokens.URL, s.key)
	})), true)
	body := bytes.Repeat([]byte(`{"index":{}}`+"\n{}\n"), 200)
	for range 3 {
		for range 3 {
			if _, err := c.Bulk(t.Context(), "users", "", body, 0); err != nil {
				t.Fatal(err)
			}
		}
		s.accounts.Revoke()
	}
	if made != 3 || s.accounts.Lent() != 3 || s.service.Refused()[aws.ExpiredToken] != 2 {
		t.Errorf("got %d keys and refusals %v, want 3 and 2 for expired ones", made, s.service.Refused())
	}
}

// assume asks the token service by hand, signed by the product's signer.
func assume(t *testing.T, url string, k aws.Key) aws.Key {
	t.Helper()
	form := "Action=AssumeRole&RoleArn=role&RoleSessionName=test"
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/", strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := cluster.SigV4(region, "sts", keys(func() aws.Key { return k }))(http.DefaultTransport).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("status %d, %v: %s", answer.StatusCode, err, text)
	}
	part := func(name string) string {
		_, rest, _ := strings.Cut(string(text), "<"+name+">")
		value, _, _ := strings.Cut(rest, "<")
		return value
	}
	return aws.Key{ID: part("AccessKeyId"), Secret: part("SecretAccessKey"), Token: part("SessionToken")}
}

// TestNoCredentials: nothing is sent, and the error is about credentials.
func TestNoCredentials(t *testing.T) {
	s := verifying(t, aws.Managed)
	none := awssdk.CredentialsProviderFunc(func(context.Context) (awssdk.Credentials, error) {
		return awssdk.Credentials{}, errors.New("no profile, no role")
	})
	err := dial(t, s.service.URL, cluster.SigV4(region, aws.Managed, none), false).Refresh(t.Context(), "users")
	var e *cluster.Error
	if !errors.As(err, &e) || e.Temporary() || !strings.Contains(e.Hint, "AWS_ACCESS_KEY_ID") || !strings.Contains(e.Error(), "no role") {
		t.Errorf("got %v, want an error about credentials that is not tried again", err)
	}
}
