package live

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// cookie is what a browser shows after it has given the token.
	cookie = "esferry"
	// signedIn is for how long: a cutover's night.
	signedIn = 12 * time.Hour
	// leastToken is the shortest token: no number of tries finds one of these.
	leastToken = 16
)

// guard decides who may look and who may steer.
type guard struct {
	// token is empty where nobody may steer, and whoever reaches the page may look.
	// Where there is one, it is wanted for both: a proxy on this machine may show
	// the page to others.
	token string
	// hosts are the names under which the page may be asked for.
	hosts []string
	// key signs cookies; it is of this process alone.
	key []byte
}

func newGuard(o Options) *guard {
	hosts := append(slices.Clone(o.Hosts), "localhost")
	for i := range hosts {
		hosts[i] = strings.ToLower(hosts[i])
	}
	return &guard{token: o.Token, hosts: hosts, key: []byte(rand.Text())}
}

// known refuses requests under a name that is none of ours. A page of somebody
// else whose name is made to lead here (DNS rebinding) asks under that name; an
// address cannot be somebody else's.
func (g *guard) known(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		_, err := netip.ParseAddr(strings.Trim(host, "[]"))
		if err != nil && !slices.Contains(g.hosts, strings.ToLower(host)) {
			http.Error(w, "this page is not known under the name of this request; esferry serve --host adds a name", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// looking lets those through who may look.
func (g *guard) looking(next http.HandlerFunc) http.HandlerFunc {
	return g.only(g.shows, next)
}

// steering lets those through who have given the token.
func (g *guard) steering(next http.HandlerFunc) http.HandlerFunc { return g.only(g.trusts, next) }

func (*guard) only(may func(r *http.Request) bool, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !may(r) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="esferry"`)
			http.Error(w, "this wants the token of esferry serve", http.StatusUnauthorized)
			return
		}
		next(w, r)
	}
}

func (g *guard) shows(r *http.Request) bool { return g.token == "" || g.trusts(r) }

// trusts reports whether the request brings the token, or a cookie that was given
// for it.
func (g *guard) trusts(r *http.Request) bool {
	if given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return g.isToken(given)
	}
	c, err := r.Cookie(cookie)
	if err != nil || g.token == "" {
		return false
	}
	until, _, _ := strings.Cut(c.Value, ".")
	seconds, err := strconv.ParseInt(until, 10, 64)
	return err == nil && time.Now().Unix() < seconds && subtle.ConstantTimeCompare([]byte(c.Value), []byte(g.signed(seconds))) == 1
}

// isToken compares in a time that does not tell how much of it was right, nor how
// long the token is.
func (g *guard) isToken(given string) bool {
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(g.token))
	return g.token != "" && subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// signed is a cookie that is good until a time, in seconds since 1970.
func (g *guard) signed(until int64) string {
	text := strconv.FormatInt(until, 10)
	mac := hmac.New(sha256.New, g.key)
	mac.Write([]byte(text))
	return text + "." + hex.EncodeToString(mac.Sum(nil))
}

// signIn gives whoever has the token a cookie, which no script can read and no
// other site's page can send.
func (g *guard) signIn(w http.ResponseWriter, r *http.Request) {
	if !g.isToken(r.PostFormValue("token")) {
		http.Redirect(w, r, "/?refused", http.StatusSeeOther)
		return
	}
	until := time.Now().Add(signedIn)
	http.SetCookie(w, g.crumb(r, g.signed(until.Unix()), until))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// signOut takes the cookie back.
func (g *guard) signOut(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, g.crumb(r, "", time.Unix(1, 0)))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// crumb makes the cookie; a proxy that speaks TLS says so.
func (*guard) crumb(r *http.Request, value string, until time.Time) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure where TLS is: through a tunnel to loopback there is none
		Name: cookie, Value: value, Path: "/", Expires: until, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: r.Header.Get("X-Forwarded-Proto") == "https",
	}
}
