package lab

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

// get asks once and reads the whole answer.
func get(ctx context.Context, by http.RoundTripper, url, user, password string) (status int, body []byte, err error) {
	// An engine that is just coming up can take a connection and sit on it.
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, fmt.Errorf("ask %s: %w", url, err)
	}
	if user != "" {
		request.SetBasicAuth(user, password)
	}
	answer, err := by.RoundTrip(request)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(answer.Body)
	return answer.StatusCode, body, err
}
