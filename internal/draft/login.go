package draft

import (
	"fmt"
	"regexp"
	"strings"
)

// Login is how to enter a cluster: a section of ferry.yaml. The zero value is
// none.
type Login struct {
	// Method is basic, api_key, bearer or sigv4.
	Method string
	// User belongs to basic.
	User string
	// Secret is a reference, such as ${env:NAME}.
	Secret string
	// Region and Service belong to sigv4.
	Region, Service string
}

// LoginError says what is wrong with a login. It never holds what was given: it
// may be a secret.
type LoginError struct{ reason string }

// Error says what is wrong.
func (e *LoginError) Error() string { return e.reason }

// NextStep shows how a login is given.
func (*LoginError) NextStep() string {
	return "give basic:USER:env:NAME, api_key:env:NAME, bearer:file:/path or sigv4:REGION; env:NAME, file:/path and credential:NAME say where the secret is"
}

// ParseLogin reads METHOD:..., as in basic:ferry:env:SOURCE_PASSWORD. A secret
// itself is refused: command lines are seen by every user of a machine.
func ParseLogin(s string) (Login, error) {
	if s == "" {
		return Login{}, nil
	}
	method, rest, _ := strings.Cut(s, ":")
	switch method {
	case "basic":
		user, secret, _ := strings.Cut(rest, ":")
		if user == "" {
			return Login{}, &LoginError{"basic names no user"}
		}
		reference, err := referenceOf(secret)
		return Login{Method: method, User: user, Secret: reference}, err
	case "api_key", "bearer":
		reference, err := referenceOf(rest)
		return Login{Method: method, Secret: reference}, err
	case "sigv4":
		region, service, _ := strings.Cut(rest, ":")
		if region == "" || service != "" && service != "es" && service != "aoss" {
			return Login{}, &LoginError{"sigv4 wants a region, and may name a service, es or aoss"}
		}
		return Login{Method: method, Region: region, Service: service}, nil
	default:
		return Login{}, &LoginError{"a login begins with basic:, api_key:, bearer: or sigv4:"}
	}
}

// referenceOf gives env:NAME and its like the form that they have in ferry.yaml.
func referenceOf(s string) (string, error) {
	inner := s
	if braced := strings.HasPrefix(s, "${") && strings.HasSuffix(s, "}"); braced {
		inner = s[2 : len(s)-1]
	}
	if !regexp.MustCompile(`^(env:[A-Za-z_][A-Za-z0-9_]*|file:[^{}\s]+|credential:[^{}/\s]+)$`).MatchString(inner) {
		return "", &LoginError{"a secret is given by where it is, never itself: command lines are seen by every user of the machine"}
	}
	return "${" + inner + "}", nil
}

// yaml gives the value of the key auth.
func (l Login) yaml() string {
	switch l.Method {
	case "basic":
		return fmt.Sprintf("{basic: {username: %q, password: %q}}", l.User, l.Secret)
	case "sigv4":
		if l.Service != "" {
			return fmt.Sprintf("{sigv4: {region: %q, service: %s}}", l.Region, l.Service)
		}
		return fmt.Sprintf("{sigv4: {region: %q}}", l.Region)
	default:
		return fmt.Sprintf("{%s: %q}", l.Method, l.Secret)
	}
}
