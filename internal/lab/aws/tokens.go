package aws

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// Tokens stands in for the security token service: it lends keys for a role.
// Safe for concurrent use.
type Tokens struct {
	// URL is the endpoint.
	URL string

	verifier       verifier
	lifetime, skew atomic.Int64
	end            func()
}

// StartTokens listens until ctx ends or Close. Requests are signed for region.
func StartTokens(ctx context.Context, accounts *Accounts, region string) (*Tokens, error) {
	t := &Tokens{verifier: verifier{accounts: accounts, region: region, service: "sts"}}
	t.SetLifetime(time.Hour)
	var err error
	t.URL, t.end, err = listen(ctx, t)
	return t, err
}

// Close ends it.
func (t *Tokens) Close() { t.end() }

// SetLifetime says how long keys that are lent from now on last.
func (t *Tokens) SetLifetime(d time.Duration) { t.lifetime.Store(int64(d)) }

// SetSkew sets the service's clock before (or, negative, behind) the machine's.
func (t *Tokens) SetSkew(d time.Duration) { t.skew.Store(int64(d)) }

// ServeHTTP implements http.Handler.
func (t *Tokens) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		t.refuse(w, &refusal{http.StatusBadRequest, "MalformedQueryString", err.Error()})
		return
	}
	now := time.Now().UTC().Add(time.Duration(t.skew.Load()))
	w.Header().Set("Date", now.Format(http.TimeFormat))
	switch form.Get("Action") {
	case "AssumeRole":
		key, no := t.verifier.verify(r, body, now)
		if no == nil && !t.verifier.accounts.mayAssume(form.Get("RoleArn"), key.Principal) {
			no = refuse("AccessDenied", "User: %s is not authorized to perform: sts:AssumeRole on resource: %s", key.Principal, form.Get("RoleArn"))
		}
		t.lend(w, "AssumeRole", form, now, no)
	case "AssumeRoleWithWebIdentity":
		var no *refusal
		if !t.verifier.accounts.mayShow(form.Get("RoleArn"), form.Get("WebIdentityToken")) {
			no = refuse("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
		}
		t.lend(w, "AssumeRoleWithWebIdentity", form, now, no)
	default:
		t.refuse(w, &refusal{http.StatusBadRequest, "InvalidAction", "Could not find operation " + form.Get("Action") + " for version 2011-06-15"})
	}
}

// lent is the part of both answers that says what was lent.
type lent struct {
	Credentials struct {
		AccessKeyID     string `xml:"AccessKeyId"`
		SecretAccessKey string
		SessionToken    string
		Expiration      string
	}
	AssumedRoleUser struct{ Arn, AssumedRoleID string }
}

func (t *Tokens) lend(w http.ResponseWriter, action string, form url.Values, now time.Time, no *refusal) {
	if no == nil && form.Get("RoleSessionName") == "" {
		no = &refusal{http.StatusBadRequest, "ValidationError", "1 validation error detected: Value null at 'roleSessionName' failed to satisfy constraint: Member must not be null"}
	}
	if no != nil {
		t.refuse(w, no)
		return
	}
	principal := strings.Replace(strings.Replace(form.Get("RoleArn"), ":iam:", ":sts:", 1), ":role/", ":assumed-role/", 1) + "/" + form.Get("RoleSessionName")
	until := now.Add(time.Duration(t.lifetime.Load()))
	k := t.verifier.accounts.lend(principal, until)
	var result lent
	result.Credentials.AccessKeyID, result.Credentials.SecretAccessKey, result.Credentials.SessionToken = k.ID, k.Secret, k.Token
	result.Credentials.Expiration = until.Format("2006-01-02T15:04:05.000Z")
	result.AssumedRoleUser.Arn, result.AssumedRoleUser.AssumedRoleID = principal, "AROALAB:"+form.Get("RoleSessionName")
	var b bytes.Buffer
	if err := xml.NewEncoder(&b).EncodeElement(result, xml.StartElement{Name: xml.Name{Local: action + "Result"}}); err != nil {
		t.refuse(w, &refusal{http.StatusInternalServerError, "InternalFailure", err.Error()})
		return
	}
	w.Header().Set("Content-Type", "text/xml")
	_, _ = fmt.Fprintf(w, `<%[1]sResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">%[2]s<ResponseMetadata><RequestId>lab</RequestId></ResponseMetadata></%[1]sResponse>`, action, b.String())
}

func (t *Tokens) refuse(w http.ResponseWriter, no *refusal) {
	var message bytes.Buffer
	if err := xml.EscapeText(&message, []byte(no.message)); err != nil {
		return
	}
	kind := map[string]string{InvalidSignature: "SignatureDoesNotMatch", UnrecognizedClient: "InvalidClientTokenId", ExpiredToken: "ExpiredToken", MissingToken: "MissingAuthenticationToken"}[no.kind]
	if kind == "" {
		kind = no.kind
	}
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(no.status)
	_, _ = fmt.Fprintf(w, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>lab</RequestId></ErrorResponse>`, kind, message.String()) //nolint:gosec // XML, escaped above, to a client of tests
}
