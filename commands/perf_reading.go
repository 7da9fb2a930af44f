package commands

import (
	"fmt"
	"time"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// perfReading is what consumer-perf-test and share-consumer-perf-test have in common: what they read, and how they tell of it.
type perfReading struct {
	IO         *IOStreams
	Open       clientOpener
	Props      client.Properties
	Topic      string
	Records    int64
	Timeout    time.Duration // without a record for so long, stop
	Interval   time.Duration // between the lines of --show-detailed-stats
	Detailed   bool
	Header     bool
	Metrics    bool
	DateFormat string
	Wait       time.Duration // how long the cluster may stay unreachable
}

// parse reads the options that the two tools share, and returns --fetch-size.
func (o *perfReading) parse(f *Factory, set *opt.Set, clientID string) (fetchBytes int64, err error) {
	if err := excludes(set, "consumer.config", "command-config"); err != nil {
		return 0, err
	}
	for _, p := range [][2]string{{"messages", "num-records"}, {"consumer.config", "command-config"}} {
		if set.Has(p[0]) {
			say(f.IO.Out, "Warning: --%s is deprecated. Use --%s instead.\n", p[0], p[1])
		}
	}
	number := func(name string) (n int64) {
		if err == nil {
			n, _, err = set.Long(name)
		}
		return n
	}
	o.Records = number("num-records")
	if set.Has("messages") {
		o.Records = number("messages")
	}
	o.Timeout = time.Duration(number("timeout")) * time.Millisecond
	o.Interval = time.Duration(number("reporting-interval")) * time.Millisecond
	fetchBytes = number("fetch-size")
	if err != nil {
		return 0, err
	}
	o.Topic, o.DateFormat = set.String("topic"), first(set.String("date-format"), "yyyy-MM-dd HH:mm:ss:SSS")
	o.Detailed, o.Header, o.Metrics = set.Has("show-detailed-stats"), !set.Has("hide-header"), set.Has("print-metrics")
	if _, err := javaDate(o.DateFormat, time.Now()); err != nil {
		return 0, err
	}
	given, err := settingsOf(f, set, "", "command-property")
	if err != nil {
		return 0, err
	}
	o.Props, err = f.Properties(Connection{
		Bootstrap: set.String("bootstrap-server"), ConfigFile: first(set.String("command-config"), set.String("consumer.config")),
		ClientID: clientID, Override: given,
	})
	return fetchBytes, err
}

// checkRecords refuses a command line that does not say how many records to read.
func checkRecords(set *opt.Set) error {
	if count(set, "messages", "num-records") != 1 {
		return opt.Usagef("Exactly one of the following arguments is required: [messages], [num-records]")
	}
	return nil
}

func (o *perfReading) printHeader(columns string) {
	if o.Header {
		fmt.Fprintln(o.IO.Out, columns)
		_ = o.IO.Flush() // the same failure comes back at the end
	}
}

// warnExpired says that the records did not come.
func (o *perfReading) warnExpired() {
	say(o.IO.Out, "WARNING: Exiting before consuming the expected number of records: timeout (%d ms) exceeded. You can use the --timeout option to increase the timeout.\n",
		o.Timeout.Milliseconds())
}

func (o *perfReading) date(t time.Time) string {
	s, _ := javaDate(o.DateFormat, t) // the pattern was tried before
	return s
}

// per divides by seconds; nothing was measured in no time.
func per(n float64, d time.Duration) float64 {
	if d.Milliseconds() <= 0 {
		return 0
	}
	return n / (float64(d.Milliseconds()) / 1000)
}
