package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"esferry/internal/config"
)

func TestAuthorizationIsSent(t *testing.T) {
	f := func(a config.Auth, want string) {
		t.Helper()
		got := ""
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get("Authorization") }))
		defer server.Close()
		authorize, err := authorization(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		transport := &http.Transport{}
		defer transport.CloseIdleConnections()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := authorize(transport).RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		if err := answer.Body.Close(); err != nil {
			t.Error(err)
		}
		if got != want || request.Header.Get("Authorization") != "" {
			t.Errorf("got %q, want %q, and the caller's request untouched", got, want)
		}
	}
	f(config.Auth{Basic: &config.Basic{Username: "ferry", Password: config.NewSecret("pass")}}, "Basic ZmVycnk6cGFzcw==")
	f(config.Auth{APIKey: config.NewSecret("aWQ6a2V5")}, "ApiKey aWQ6a2V5")
	f(config.Auth{Bearer: config.NewSecret("token")}, "Bearer token")
}
