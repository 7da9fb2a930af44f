package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
)

// Steps of reaching a broker.
const (
	stepResolve = "resolve the name"
	stepConnect = "connect"
	stepTLS     = "TLS handshake"
	stepSASL    = "SASL authentication"
	stepAnswer  = "answer"
)

// UnreachableError says which step towards the cluster failed.
type UnreachableError struct {
	Address    string
	Step       string
	Advertised bool // the address came from the cluster, not from the command line
	// Coordinator: the address is that of --zookeeper.
	Coordinator bool
	Err         error
}

func (e *UnreachableError) Error() string {
	who := "broker " + e.Address
	if e.Coordinator {
		who = "coordinator " + e.Address
	}
	if e.Advertised {
		who = "the cluster advertises " + e.Address + ", which this machine cannot reach"
	}
	switch e.Step {
	case stepResolve:
		return fmt.Sprintf("%s: the host name cannot be resolved (%s)", who, reason(e.Err))
	case stepConnect:
		if e.Coordinator && errors.Is(e.Err, syscall.ECONNREFUSED) {
			return who + ": cannot connect (connection refused: is a coordinator listening on this port?)"
		}
		return fmt.Sprintf("%s: cannot connect (%s)", who, reason(e.Err))
	case stepAnswer:
		if closedAtOnce(e.Err) {
			return who + ": it closes the connection at once: does this listener want TLS or SASL (security.protocol)?"
		}
		return who + ": it accepts the connection but does not answer in time: is this a broker's port, and not one with TLS?"
	}
	return fmt.Sprintf("%s: %s failed (%s)", who, e.Step, reason(e.Err))
}

func (e *UnreachableError) Unwrap() error { return e.Err }

// Refused tells whether the broker is there but one side does not accept who the other is, which waiting does not change.
func (e *UnreachableError) Refused() bool {
	switch e.Step {
	case stepSASL:
		return true
	case stepTLS:
		return !closedAtOnce(e.Err) && !isTimeout(e.Err) && !errors.Is(e.Err, context.DeadlineExceeded)
	}
	return false
}

// reason shortens a network error to what the address before it does not say yet.
func reason(err error) string {
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &dns):
		return dns.Err
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused: is a broker listening on this port?"
	case errors.Is(err, context.DeadlineExceeded) || isTimeout(err):
		return "no answer in time"
	case errors.As(err, &op) && op.Err != nil:
		return op.Err.Error()
	case errors.Is(err, io.EOF):
		return "the connection was closed: does the port speak this protocol?"
	}
	return strings.TrimPrefix(strings.TrimPrefix(err.Error(), "SASL_AUTHENTICATION_FAILED: "), "SASL Authentication failed.: ")
}

// closedAtOnce reports whether the other side has ended a connection instead of answering.
func closedAtOnce(err error) bool {
	_, first := errors.AsType[*kgo.ErrFirstReadEOF](err)
	return first || errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// startPatience is the most that a command waits for servers that refuse connections. A command with little time waits for a part of it.
const (
	startPatience = 2 * time.Second
	startRetry    = 50 * time.Millisecond
)

// dialer opens connections and remembers what went wrong. When every bootstrap address has failed before any connection was
// made it gives up at once: the answer would be the same after all of the client's retries. A lasting client's tells its log instead.
type dialer struct {
	net        net.Dialer
	tls        *tls.Config
	seeds      []string
	giveUp     context.CancelCauseFunc
	timeout    time.Duration // for one connection; it doubles with every failure of an address, up to timeoutMax
	timeoutMax time.Duration
	// sendBuffer and receiveBuffer are the sockets', in bytes; 0 or less: the system's choice.
	sendBuffer, receiveBuffer int
	// mechanism proves to a broker who the client is; nil: not asked for.
	mechanism sasl.Mechanism

	log *slog.Logger // nil: of a client that gives up

	// limit is when the command's time is over: no read waits longer. Zero means never.
	limit time.Time
	// patience is how long the bootstrap addresses may refuse connections: servers that a script has just started need a moment until they listen.
	patience time.Duration

	mu        sync.Mutex
	began     time.Time // the first refusal
	connected bool
	waiting   []waiting                    // what is under way, the latest last
	failed    map[string]*UnreachableError // by address
	last      *UnreachableError
	fatal     *UnreachableError
	failures  map[string]int  // to connect, in a row, by address
	missed    map[string]bool // addresses that could not be reached the last time
	hint      hint
}

// waiting is an address that has yet to take a step.
type waiting struct{ address, step string }

func newDialer(seeds []string, config *tls.Config, timeout time.Duration) *dialer {
	return &dialer{
		tls: config, seeds: seeds, timeout: timeout, patience: startPatience,
		failed: make(map[string]*UnreachableError), missed: make(map[string]bool), failures: make(map[string]int), giveUp: func(error) {},
	}
}

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if err := ctx.Err(); err != nil { // too late: nothing is wrong with this address
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, d.setupTimeout(address))
	defer cancel()
	d.awaits(address, stepConnect)
	conn, err := d.net.DialContext(ctx, network, address)
	for ; errors.Is(err, syscall.ECONNREFUSED) && d.mayBeStarting(address); conn, err = d.net.DialContext(ctx, network, address) {
		select {
		case <-ctx.Done():
		case <-time.After(startRetry):
		}
	}
	if err != nil {
		step := stepConnect
		if _, ok := errors.AsType[*net.DNSError](err); ok {
			step = stepResolve
		}
		return nil, d.fail(address, step, err)
	}
	d.sizeBuffers(conn)
	if d.tls != nil {
		config := d.tls
		if config.ServerName == "" {
			config = config.Clone()
			config.ServerName, _, _ = net.SplitHostPort(address)
		}
		d.awaits(address, stepTLS)
		secure := tls.Client(conn, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			conn.Close()
			return nil, d.fail(address, stepTLS, err)
		}
		conn = secure
	}
	d.reached(address)
	d.awaits(address, stepAnswer)
	return &watchedConn{Conn: conn, dialer: d, address: address}, nil
}

// setupTimeout is how long setting up a connection to an address may take this time (KIP-601).
func (d *dialer) setupTimeout(address string) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	limit := d.timeout
	for range min(d.failures[address], 20) {
		limit = min(2*limit, max(d.timeout, d.timeoutMax))
	}
	return limit
}

func (d *dialer) sizeBuffers(conn net.Conn) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	// A size that the system does not grant is a wish only, as it is to Java.
	if d.sendBuffer > 0 {
		_ = tcp.SetWriteBuffer(d.sendBuffer)
	}
	if d.receiveBuffer > 0 {
		_ = tcp.SetReadBuffer(d.receiveBuffer)
	}
}

// reached notes a connection.
func (d *dialer) reached(address string) {
	d.mu.Lock()
	d.connected = true
	delete(d.failures, address)
	back := d.missed[address]
	delete(d.missed, address)
	d.mu.Unlock()
	if back && d.log != nil {
		d.log.Info("the broker is there again", "broker", address)
	}
}

// watchedConn tells the dialer of the first answer, and lets no read wait beyond the end of the command's time: the client keeps
// to its own limits while it sets a connection up.
type watchedConn struct {
	net.Conn
	dialer  *dialer
	address string
	heard   atomic.Bool
}

func (c *watchedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && !c.heard.Swap(true) {
		c.dialer.awaits(c.address, "")
	}
	return n, err
}

// SetReadDeadline overrides the connection's, so that a read ends when the command's time does.
func (c *watchedConn) SetReadDeadline(t time.Time) error {
	if limit := c.dialer.limit; !limit.IsZero() && (t.IsZero() || t.After(limit)) {
		t = limit
	}
	return c.Conn.SetReadDeadline(t)
}

// awaits notes the step that an address has to take next, or none.
func (d *dialer) awaits(address, step string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if step == stepConnect && slices.Contains(d.waiting, waiting{address, stepAnswer}) {
		return // once more to an address that took a connection before: its silence is what matters
	}
	d.waiting = slices.DeleteFunc(d.waiting, func(w waiting) bool { return w.address == address })
	if step != "" {
		d.waiting = append(d.waiting, waiting{address, step})
	}
	d.hint.update(d.waiting)
}

func (d *dialer) fail(address, step string, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	if over := !d.limit.IsZero() && !time.Now().Before(d.limit); over && (errors.Is(err, context.DeadlineExceeded) || isTimeout(err)) {
		return err // the command's time is over: what it waits for is on record
	}
	e := &UnreachableError{Address: address, Step: step, Advertised: !slices.Contains(d.seeds, address), Err: err}
	if d.missing(e) && d.log != nil {
		d.log.Warn("waiting for a broker", "error", e)
	}
	return e
}

// missing takes note of an address that cannot be reached, and gives up if that was the last hope. It tells whether the address was
// not missed before.
func (d *dialer) missing(e *UnreachableError) (first bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = e
	d.failed[e.Address] = e
	d.failures[e.Address]++
	d.waiting = slices.DeleteFunc(d.waiting, func(w waiting) bool { return w.address == e.Address })
	d.hint.update(d.waiting)
	first = !d.missed[e.Address]
	d.missed[e.Address] = true
	switch {
	case d.fatal != nil || d.connected:
		return first
	case d.log != nil:
		if e.Refused() {
			d.fatal = e
			d.giveUp(e)
		}
		return first
	}
	for _, s := range d.seeds {
		if d.failed[s] == nil {
			return first
		}
	}
	d.fatal = d.failed[d.seeds[0]]
	d.giveUp(d.fatal)
	return first
}

// mayBeStarting reports whether it is worth trying an address again that has refused the connection: no other bootstrap address is any better, and the
// time for that isn't over.
func (d *dialer) mayBeStarting(address string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.connected || d.fatal != nil || !slices.Contains(d.seeds, address) {
		return false
	}
	for _, s := range d.seeds {
		if s != address && d.failed[s] == nil {
			return false
		}
	}
	if d.began.IsZero() {
		d.began = time.Now()
	}
	return time.Since(d.began) < d.patience
}

// Level and Log make the dialer the client's logger: franz-go keeps trying after a refused password, and only its log says so.
func (d *dialer) Level() kgo.LogLevel { return kgo.LogLevelWarn }

func (d *dialer) Log(_ kgo.LogLevel, msg string, keyvals ...any) {
	if !strings.Contains(msg, "unable to initialize sasl") && !strings.Contains(msg, "sasl") {
		return
	}
	var address string
	var cause error
	for i := 0; i+1 < len(keyvals); i += 2 {
		switch keyvals[i] {
		case "addr":
			address, _ = keyvals[i+1].(string)
		case "err":
			cause, _ = keyvals[i+1].(error)
		}
	}
	if cause == nil || errors.Is(cause, context.Canceled) {
		return
	}
	if address == "" {
		address = strings.Join(d.seeds, ",")
	}
	e := &UnreachableError{Address: address, Step: stepSASL, Err: cause}
	login, refused := errors.AsType[*LoginError](cause)
	if refused && login.Temporary && d.log != nil {
		d.log.Warn("waiting for a broker", "error", e)
		refused = false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = e
	if refused || errors.Is(cause, kerr.SaslAuthenticationFailed) || errors.Is(cause, kerr.UnsupportedSaslMechanism) {
		d.fatal = e
		d.giveUp(e)
	}
}

// cause replaces the errors by which franz-go reports the end of its patience by what made it wait.
func (d *dialer) cause(err error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fatal != nil {
		return d.fatal
	}
	var kafka *kerr.Error
	if errors.As(err, &kafka) && !kafka.Retriable {
		return err
	}
	if unheard := d.unheard(err); unheard != nil {
		return unheard
	}
	if mismatch := d.mismatch(err); mismatch != nil {
		return mismatch
	}
	if d.last != nil && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) ||
		errors.Is(err, kgo.ErrClientClosed) || errors.As(err, new(*UnreachableError)) || isTimeout(err)) {
		return d.last
	}
	if errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
		return fmt.Errorf("%s did not answer in time: raise --timeout if the cluster is slow", strings.Join(d.seeds, ","))
	}
	return err
}

// mismatch recognises what is seen when a broker was heard, but the two sides do not mean the same kind of connection.
func (d *dialer) mismatch(err error) error {
	seeds := strings.Join(d.seeds, ",")
	var op *net.OpError
	switch {
	case errors.As(err, &op) && op.Op == "remote error": // TLS 1.3 refuses a client's certificate after the handshake
		return &UnreachableError{Address: seeds, Step: stepTLS, Err: fmt.Errorf("the broker says %s: does it trust the certificate in ssl.keystore.location?", op.Err.Error())}
	case errors.As(err, new(*kgo.ErrFirstReadEOF)): // a listener with SASL answers ApiVersions before it closes
		return &UnreachableError{Address: seeds, Step: stepAnswer, Err: err}
	case strings.Contains(err.Error(), "appear to be a tls alert"): // franz-go has no type for it
		return fmt.Errorf("broker %s speaks TLS: set security.protocol=SSL or SASL_SSL", seeds)
	}
	return nil
}

// unheard blames an address that has not taken its step when the time was over.
//
// REQUIRES: d.mu.
func (d *dialer) unheard(err error) error {
	if len(d.waiting) == 0 {
		return nil
	}
	if !closedAtOnce(err) && !errors.Is(err, context.DeadlineExceeded) && !isTimeout(err) {
		return nil
	}
	w := d.waiting[len(d.waiting)-1]
	return &UnreachableError{Address: w.address, Step: w.step, Advertised: !slices.Contains(d.seeds, w.address), Err: err}
}

// Explain turns an error into one line.
func Explain(err error) string {
	if kafka, ok := errors.AsType[*kerr.Error](err); ok {
		if text := strings.TrimPrefix(err.Error(), kafka.Error()); text == "" {
			return kafka.Description + " (" + kafka.Message + ")"
		}
	}
	text := err.Error()
	if file, ok := errors.AsType[*fs.PathError](err); ok { // the tools say it as "cat" does
		why := file.Err.Error()
		if errors.Is(file, fs.ErrNotExist) {
			why = "no such file"
		}
		text = strings.Replace(text, file.Error(), file.Path+": "+why, 1)
	}
	if !strings.Contains(text, "broker is too old") {
		return text
	}
	return "the cluster does not serve requests of this kind: its brokers are too old for them, or leave them out"
}
