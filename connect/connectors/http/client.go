package http

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/kgo-project/kgo/connect"
)

// sender sends requests, again and again while that may help.
type sender struct {
	client  *http.Client
	log     *slog.Logger
	method  string
	header  http.Header
	retries int
	backoff time.Duration
	most    time.Duration
}

// statusError is an answer that was no success.
type statusError struct {
	status     int
	text       string        // the beginning of the answer's body
	retryAfter time.Duration // negative: not given
}

func (e *statusError) Error() string {
	text := "the server answered " + strconv.Itoa(e.status) + " " + http.StatusText(e.status)
	if e.text != "" {
		text += ": " + e.text
	}
	return text
}

// passes tells whether the same request may succeed later.
func (e *statusError) passes() bool {
	switch e.status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	}
	return e.status >= 500
}

// aboutRecords tells whether the answer is about what was sent, not about the address or the credentials.
func (e *statusError) aboutRecords() bool {
	switch e.status {
	case http.StatusBadRequest, http.StatusConflict, http.StatusGone, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return true
	}
	return false
}

func newSender(c connect.Config, log *slog.Logger) (*sender, error) {
	t, err := transport(c)
	if err != nil {
		return nil, err
	}
	s := &sender{
		client: &http.Client{Transport: t, Timeout: c.Duration("http.timeout.ms", 30*time.Second)}, log: log, method: c.Or("http.method", "POST"), header: http.Header{},
		retries: int(c.Int("max.retries", 10)), backoff: c.Duration("retry.backoff.ms", 500*time.Millisecond), most: c.Duration("retry.backoff.max.ms", 30*time.Second),
	}
	kind := "application/json"
	if c.Or("body.format", "json") == "raw" {
		kind = "text/plain; charset=utf-8"
	}
	s.header.Set("Content-Type", c.Or("http.content.type", kind))
	s.header.Set("User-Agent", "kgo-connect/"+connect.Version)
	for name, value := range c.Prefixed(headerPrefix) {
		s.header.Set(name, value)
	}
	switch c.Or("http.auth", "none") {
	case "basic":
		r := &http.Request{Header: http.Header{}}
		r.SetBasicAuth(c["http.auth.user"], c["http.auth.password"])
		s.header.Set("Authorization", r.Header.Get("Authorization"))
	case "bearer":
		s.header.Set("Authorization", "Bearer "+c["http.auth.token"])
	}
	return s, nil
}

func transport(c connect.Config) (*http.Transport, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	if path := c["http.tls.ca.file"]; path != "" {
		pem, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("http.tls.ca.file: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("http.tls.ca.file: %s has no certificate in PEM", path)
		}
		t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return t, nil
}

// send sends a request until it succeeds, cannot succeed, or has been retried often enough.
func (s *sender) send(ctx context.Context, method, url string, body []byte) error {
	for attempt := 0; ; attempt++ {
		err := s.once(ctx, method, url, body)
		if err == nil || ctx.Err() != nil {
			return err
		}
		answer, answered := errors.AsType[*statusError](err)
		if answered && !answer.passes() {
			return err
		}
		if attempt >= s.retries {
			return fmt.Errorf("%s %s failed %d times: %w", method, url, attempt+1, err)
		}
		delay := min(s.backoff<<min(attempt, 20), s.most)
		delay = delay/2 + time.Duration(rand.Int64N(int64(delay/2)+1))
		if answered && answer.retryAfter >= 0 {
			delay = answer.retryAfter
		}
		s.log.Warn("request failed, trying again", "url", url, "attempt", attempt+1, "wait", delay, "error", err)
		timer := time.NewTimer(delay)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

func (s *sender) once(ctx context.Context, method, url string, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header = s.header.Clone()
	resp, err := s.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if resp.StatusCode < 300 {
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)) // so that the connection can be used again
		return err
	}
	return &statusError{resp.StatusCode, strings.TrimSpace(string(text)), retryAfter(resp.Header.Get("Retry-After"), time.Now())}
}

// maxRetryAfter bounds the time for which a server can stop the sink.
const maxRetryAfter = 10 * time.Minute

// retryAfter reads a header: seconds, or a date.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseInt(text, 10, 32); err == nil && seconds >= 0 {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), maxRetryAfter)
	}
	return -1
}
