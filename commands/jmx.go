package commands

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kgo-project/kgo/commands/opt"
)

// jmxOptions is a parsed command line of kgo jmx.
type jmxOptions struct {
	IO         *IOStreams
	URL        string   // as it was given
	Names      []string // of the objects, patterns too; none: all
	Attributes []string // none: all
	DateFormat string   // empty: milliseconds
	Once, Wait bool
	Interval   time.Duration
	Report     string // original, properties, csv or tsv
	TLS        bool
	User, Pass string
	Limit      time.Duration // how long an answer and a --wait may take
}

const jmxLong = `Prints what a kgo broker measures, under the names that the values have in Kafka's JMX:

  kafka.server:type=BrokerTopicMetrics,name=MessagesInPerSec[,topic=...]
  kafka.server:type=ReplicaManager,name=UnderReplicatedPartitions
  kafka.network:type=RequestMetrics,name=TotalTimeMs,request=Produce
  kafka.log:type=Log,name=LogEndOffset,topic=...,partition=...

There is no JMX without a JVM: --jmx-url is the address at which the broker serves /metrics
(kgo.metrics.listener), http://HOST:PORT/metrics or, as scripts have it,
service:jmx:rmi:///jndi/rmi://HOST:PORT/jmxrmi. Names take * and ?. A rate has its Count and its
MeanRate since the start; --reporting-interval repeats the line. What kgo alone measures is under kgo:.`

const jmxExample = `  kgo jmx --jmx-url http://localhost:9999/metrics --one-time --object-name kafka.server:type=ReplicaManager,name=*
  kgo jmx --jmx-url http://localhost:9999/metrics --object-name kafka.server:type=BrokerTopicMetrics,name=MessagesInPerSec --attributes Count --reporting-interval 1000`

func newJmxCmd(f *Factory, runF func(*jmxOptions) error) *cobra.Command {
	t := &tool{
		spec: jmxSpec, short: "Print a broker's metrics under the names they have in Kafka's JMX",
		long: jmxLong, example: jmxExample, unlimited: true, plainErrors: true,
	}
	cmd := f.tableTool(t, func(ctx context.Context, set *opt.Set) error {
		o := &jmxOptions{IO: f.IO, Limit: defaultTimeout}
		if err := o.parse(set); err != nil {
			return err
		}
		if runF != nil {
			return runF(o)
		}
		return jmxRun(ctx, o)
	})
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 { // all objects at the default address
			args = []string{"--jmx-url", jmxSpec.Lookup("jmx-url").Default}
		}
		return run(cmd, args)
	}
	return cmd
}

func (o *jmxOptions) parse(set *opt.Set) error {
	var err error
	if o.URL, err = set.Value("jmx-url"); err != nil {
		return err
	}
	o.Names = set.Values("object-name")
	for _, n := range o.Names {
		if err := checkObjectName(n); err != nil {
			return err
		}
	}
	if list := set.String("attributes"); list != "" {
		o.Attributes = strings.Split(list, ",")
	}
	ms, _, err := set.Int("reporting-interval")
	if err != nil {
		return err
	}
	o.Interval = time.Duration(ms) * time.Millisecond
	o.Once, o.Wait = set.Has("one-time") || ms < 0, set.Has("wait")
	o.DateFormat = set.String("date-format")
	if o.DateFormat != "" {
		if _, err := javaDate(o.DateFormat, time.Now()); err != nil {
			return err
		}
	}
	o.Report = strings.ToLower(set.String("report-format"))
	o.TLS = strings.EqualFold(set.String("jmx-ssl-enable"), "true")
	o.User, o.Pass, _ = strings.Cut(set.String("jmx-auth-prop"), "=")
	return nil
}

// checkObjectName refuses what is no DOMAIN:KEY=VALUE,... .
func checkObjectName(name string) error {
	domain, properties, ok := strings.Cut(name, ":")
	switch {
	case !ok:
		return fmt.Errorf("javax.management.MalformedObjectNameException: Domain part must be specified (--object-name %s: write DOMAIN:KEY=VALUE,...)", name)
	case properties == "":
		return fmt.Errorf("javax.management.MalformedObjectNameException: Key properties cannot be empty (--object-name %s)", name)
	}
	for p := range strings.SplitSeq(properties, ",") {
		if p != "*" && !strings.Contains(p, "=") {
			return fmt.Errorf("javax.management.MalformedObjectNameException: Invalid key/value pair %q (--object-name %s:%s)", p, domain, properties)
		}
	}
	return nil
}

// address turns --jmx-url into the address of the metrics.
func (o *jmxOptions) address() (string, error) {
	scheme := "http://"
	if o.TLS {
		scheme = "https://"
	}
	if strings.HasPrefix(o.URL, "http://") || strings.HasPrefix(o.URL, "https://") {
		u, err := url.Parse(o.URL)
		if err != nil {
			return "", fmt.Errorf("--jmx-url %s: %w", o.URL, err)
		}
		if u.Path == "" || u.Path == "/" {
			u.Path = "/metrics"
		}
		return u.String(), nil
	}
	rest, ok := strings.CutPrefix(o.URL, "service:jmx:")
	if !ok {
		return "", fmt.Errorf("Service URL must start with service:jmx: (or with http://, kgo's metrics) but --jmx-url is %s", o.URL)
	}
	i := strings.LastIndex(rest, "rmi://")
	if i < 0 {
		return "", fmt.Errorf("--jmx-url %s: write http://HOST:PORT/metrics", o.URL)
	}
	host, _, _ := strings.Cut(rest[i+len("rmi://"):], "/")
	if strings.HasPrefix(host, ":") {
		host = "localhost" + host
	}
	return scheme + host + "/metrics", nil
}

func jmxRun(ctx context.Context, o *jmxOptions) error {
	address, err := o.address()
	if err != nil {
		return err
	}
	fmt.Fprintf(o.IO.ErrOut, "Trying to connect to JMX url: %s\n", o.URL)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	defer transport.CloseIdleConnections()
	j := &jmxReporter{jmxOptions: o, address: address, http: &http.Client{Timeout: o.Limit, Transport: transport}}
	if err := j.await(ctx); err != nil {
		return err
	}
	for {
		began := time.Now()
		if err := j.report(ctx); err != nil {
			return err
		}
		if o.Once {
			return nil
		}
		select {
		case <-ctx.Done():
			return &exitError{code: signalCode(ctx)}
		case <-time.After(max(o.Interval-time.Since(began), 0)):
		}
	}
}

// jmxReporter prints values again and again.
type jmxReporter struct {
	*jmxOptions
	address string
	http    *http.Client
	headed  bool
	columns int // of the header
}

// read fetches the values and keeps those that were asked for, sorted by name.
func (j *jmxReporter) read(ctx context.Context) ([]jmxValue, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, j.address, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("--jmx-url %s: %w", j.URL, err)
	}
	if j.User != "" {
		req.SetBasicAuth(j.User, j.Pass)
	}
	const hint = "a kgo broker serves its metrics at kgo.metrics.listener; the JMX of a Java process needs Apache Kafka's own tool and a JVM"
	resp, err := j.http.Do(req)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err
		}
		return nil, fmt.Errorf("Could not connect to JMX url: %s. Exception: %w (%s)", j.URL, err, hint)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("Could not connect to JMX url: %s. %s answers %s (%s)", j.URL, j.address, resp.Status, hint)
	}
	const maxMetrics = 256 << 20
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxMetrics))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", j.address, err)
	}
	values := slices.DeleteFunc(jmxValues(string(text), time.Now()), func(v jmxValue) bool { return !j.wanted(v) })
	slices.SortFunc(values, func(a, b jmxValue) int { return strings.Compare(a.key(), b.key()) })
	return values, nil
}

func (j *jmxReporter) wanted(v jmxValue) bool {
	if len(j.Names) == 0 {
		return true
	}
	return slices.ContainsFunc(j.Names, v.object.match)
}

// await waits until every object of --wait is there.
func (j *jmxReporter) await(ctx context.Context) error {
	if !j.Wait {
		return nil
	}
	if len(j.Names) == 0 || slices.ContainsFunc(j.Names, func(n string) bool { return strings.ContainsAny(n, "*?") }) {
		return nil // there is nothing that could be missing
	}
	began := time.Now()
	for {
		values, err := j.read(ctx)
		var missing []string
		for _, n := range j.Names {
			if !slices.ContainsFunc(values, func(v jmxValue) bool { return v.object.match(n) }) {
				missing = append(missing, n)
			}
		}
		if err == nil && len(missing) == 0 {
			return nil
		}
		if time.Since(began) >= j.Limit {
			if err != nil {
				return err
			}
			return fmt.Errorf("Could not find all requested object names after %d ms. Missing %s", time.Since(began).Milliseconds(), javaList(missing))
		}
		fmt.Fprintln(j.IO.ErrOut, "Could not find all object names, retrying")
		select {
		case <-ctx.Done():
			return &exitError{code: signalCode(ctx)}
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func (j *jmxReporter) report(ctx context.Context) error {
	values, err := j.read(ctx)
	if err != nil {
		return err
	}
	if len(values) == 0 && !j.headed {
		return fmt.Errorf("No matched attributes for the queried objects %s.", javaList(j.Names))
	}
	if len(j.Attributes) > 0 {
		values = slices.DeleteFunc(values, func(v jmxValue) bool { return !slices.Contains(j.Attributes, v.attribute) })
	}
	now := strconv.FormatInt(time.Now().UnixMilli(), 10)
	if j.DateFormat != "" {
		now, _ = javaDate(j.DateFormat, time.Now()) // the pattern was tried before
	}
	j.print(now, values)
	return j.IO.Flush()
}

func (j *jmxReporter) print(now string, values []jmxValue) {
	w := j.IO.Out
	switch j.Report {
	case "properties":
		fmt.Fprintf(w, "time=%s\n", now)
		for _, v := range values {
			fmt.Fprintf(w, "%s=%s\n", v.key(), v.text)
		}
	case "csv":
		fmt.Fprintf(w, "time,\"%s\"\n", now)
		for _, v := range values {
			fmt.Fprintf(w, "%s,\"%s\"\n", v.key(), v.text)
		}
	case "tsv":
		fmt.Fprintf(w, "time\t%s\n", now)
		for _, v := range values {
			fmt.Fprintf(w, "%s\t%s\n", v.key(), v.text)
		}
	default:
		if len(values) == 0 {
			return
		}
		if !j.headed || j.columns != len(values) { // objects that come and go make another header
			fmt.Fprint(w, `"time"`)
			for _, v := range values {
				fmt.Fprintf(w, ",\"%s\"", v.key())
			}
			fmt.Fprintln(w)
			j.columns = len(values)
		}
		fmt.Fprint(w, now)
		for _, v := range values {
			fmt.Fprint(w, ","+v.text)
		}
		fmt.Fprintln(w)
	}
	j.headed = true
}
