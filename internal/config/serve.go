package config

// Serve says where the live page is shown, and to whom.
type Serve struct {
	// Listen is the address.
	Listen string `json:"listen"`
	// Token lets whoever has it look and steer; without one the page is shown on
	// loopback only, and steers nothing.
	Token Secret `json:"token,omitzero"`
	// Hosts are names under which the page is asked for, such as a proxy's.
	Hosts []string `json:"hosts,omitempty"`
}

func (s *Serve) fields() []field {
	return []field{
		{name: "listen", into: text(&s.Listen, filled)},
		{name: "token", into: secret(&s.Token)},
		{name: "hosts", into: texts(&s.Hosts)},
	}
}
