package draft_test

import (
	"strings"
	"testing"

	"esferry/internal/draft"
)

// FuzzParseLogin: a login is by reference or refused, and no refusal holds what
// was given.
func FuzzParseLogin(f *testing.F) {
	for _, s := range []string{"basic:ferry:env:PASSWORD", "basic:ferry:hunter2", "api_key:${file:/run/x}", "bearer:credential:key", "sigv4:eu-west-1:aoss", "sigv4:eu:s3", "::::"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		login, err := draft.ParseLogin(s)
		if err != nil {
			if _, secret, _ := strings.Cut(s, ":"); len(secret) > 8 && strings.Contains(err.Error(), secret) {
				t.Errorf("%q: the error holds it: %v", s, err)
			}
			return
		}
		if login.Secret != "" && (!strings.HasPrefix(login.Secret, "${") || !strings.HasSuffix(login.Secret, "}") || strings.Count(login.Secret, "${") != 1) {
			t.Errorf("%q: got %q, which is no reference", s, login.Secret)
		}
	})
}
