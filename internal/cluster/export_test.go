package cluster

// Impatiently is how Dial opens connections.
func Impatiently(dial dialer) dialer { return impatiently(dial) }
