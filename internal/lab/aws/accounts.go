package aws

import (
	"crypto/rand"
	"slices"
	"sync"
	"time"
)

// Key is what requests are signed with.
type Key struct {
	// ID and Secret are the pair; Token goes with lent ones and is empty
	// otherwise.
	ID, Secret, Token string
	// Principal is the ARN of the user or assumed role.
	Principal string
	// Expires is when lent keys end; zero for a user's own.
	Expires time.Time
}

// Accounts know who may sign and who may assume which role. Safe for concurrent
// use; the zero value knows nobody.
type Accounts struct {
	mu   sync.Mutex
	keys map[string]Key
	// roles: who may assume a role; identities: web tokens that may.
	roles, identities map[string][]string
	lent              int
}

// User gives a user a pair of keys.
func (a *Accounts) User(principal string) Key {
	k := Key{ID: "AKIA" + rand.Text()[:16], Secret: rand.Text(), Principal: principal}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.enter(k)
	return k
}

// Trust lets principals assume a role.
func (a *Accounts) Trust(role string, principals ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.roles == nil {
		a.roles = map[string][]string{}
	}
	a.roles[role] = append(a.roles[role], principals...)
}

// TrustToken lets whoever shows a web identity's token assume a role.
func (a *Accounts) TrustToken(role, token string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.identities == nil {
		a.identities = map[string][]string{}
	}
	a.identities[role] = append(a.identities[role], token)
}

// Lent counts the keys that were lent.
func (a *Accounts) Lent() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lent
}

// Revoke ends all lent keys at once, whatever was said of their expiry.
func (a *Accounts) Revoke() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, k := range a.keys {
		if k.Token != "" {
			k.Expires = time.Unix(1, 0)
			a.keys[id] = k
		}
	}
}

func (a *Accounts) find(id string) (Key, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	k, ok := a.keys[id]
	return k, ok
}

func (a *Accounts) mayAssume(role, principal string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Contains(a.roles[role], principal)
}

func (a *Accounts) mayShow(role, token string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Contains(a.identities[role], token)
}

// lend makes keys for a role, for a time.
func (a *Accounts) lend(principal string, until time.Time) Key {
	k := Key{ID: "ASIA" + rand.Text()[:16], Secret: rand.Text(), Token: "lent+" + rand.Text() + "/==", Principal: principal, Expires: until}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lent++
	a.enter(k)
	return k
}

func (a *Accounts) enter(k Key) {
	if a.keys == nil {
		a.keys = map[string]Key{}
	}
	a.keys[k.ID] = k
}
