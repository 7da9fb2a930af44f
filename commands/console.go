package commands

import (
	"context"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// What the tools that move records share.

// interruptedCode is the exit code after Ctrl-C.
const interruptedCode = 130

// clientOpener opens a client that produces or consumes.
type clientOpener func(context.Context, client.Properties, ...kgo.Opt) (*client.Client, error)

// reach makes sure that the cluster answers within a time: a client that produces or consumes would try for ever.
func reach(ctx context.Context, cl *client.Client, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return cl.Ping(ctx)
}

// openWith opens a client that produces or consumes.
func (f *Factory) openWith(ctx context.Context, p client.Properties, more ...kgo.Opt) (*client.Client, error) {
	cl, err := client.New(ctx, p, more...)
	if err == nil {
		f.keep(cl)
	}
	return cl, err
}

// deprecatedPairs refuses an old option beside its successor, and warns of old ones. The tools' warnings begin with different
// words, and the consumer names the old option first.
func deprecatedPairs(f *Factory, set *opt.Set, warning string, pairs [][2]string) error {
	for _, p := range pairs {
		if set.Has(p[0]) && set.Has(p[1]) {
			if warning == consumerWarning {
				return opt.Usagef("Options --%s and --%s cannot be specified together.", p[0], p[1])
			}
			return opt.Usagef("Options --%s and --%s cannot be specified together.", p[1], p[0])
		}
	}
	for _, p := range pairs {
		if set.Has(p[0]) {
			fmt.Fprintf(f.IO.Out, "%s --%s is deprecated and will be removed in a future version. Use --%s instead.\n", warning, p[0], p[1])
		}
	}
	return nil
}

const (
	producerWarning = "Warning:"
	consumerWarning = "Option"
)

// settingsOf collects key=value options over a properties file.
func settingsOf(_ *Factory, set *opt.Set, file string, options ...string) (map[string]string, error) {
	out := make(map[string]string)
	if file != "" && set.Has(file) {
		p, err := client.LoadFile(set.String(file))
		if err != nil {
			return nil, err
		}
		maps.Copy(out, p)
	}
	for _, name := range options {
		for _, kv := range set.Values(name) {
			key, value, _ := strings.Cut(kv, "=")
			out[key] = value
		}
	}
	return out, nil
}

// javaLog prints a line as the original's logging does.
func javaLog(w io.Writer, level, text, logger string) {
	s := unmarked
	switch level {
	case "ERROR":
		s = failure
	case "WARN":
		s = caution
	}
	fmt.Fprintf(w, "[%s] %s %s (%s)\n", time.Now().Format("2006-01-02 15:04:05,000"), paint(w, s, level), text, logger)
}
