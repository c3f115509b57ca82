package config_test

import (
	"fmt"

	"esferry/internal/config"
)

func Example() {
	env := config.Environment{LookupEnv: func(string) (string, bool) { return "correct horse", true }}
	c, err := config.Parse("ferry.yaml", []byte(`
name: search-2026
source: {url: https://old.example:9200}
target:
  url: https://new.example:9200
  auth: {basic: {username: ferry, password: "${env:TARGET_PASSWORD}"}}
indices:
  include: ["logs-*", users]
  rename: {users: users-v2}
`), env)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Name, c.Stream.Memory, c.MaxDelete)
	fmt.Println(c.Indices.Match("logs-2026.11"), c.Indices.Match(".tasks"), c.Indices.TargetName("users"))
	fmt.Println(c.Target.Auth.Basic.Password)

	_, err = config.Parse("ferry.yaml", []byte("name: a\nstream:\n  memroy: 1GiB\n"), env)
	for _, fault := range config.Faults(err) {
		fmt.Println(fault)
	}
	// Output:
	// search-2026 48MiB 20%
	// true false users-v2
	// ***
	// ferry.yaml:1:1: source: is required
	// ferry.yaml:1:1: target: is required
	// ferry.yaml:3:3: stream.memroy: unknown key (did you mean memory?)
}
