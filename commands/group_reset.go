package commands

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// resetView is one partition of --reset-offsets.
type resetView struct {
	Group     string `json:"group"`
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	NewOffset int64  `json:"new_offset"`
}

// offsetReset says how the offsets of a group are to change.
type offsetReset struct {
	IO  *IOStreams
	Now func() time.Time

	Scenario string // to-offset, to-datetime, ...: the option's name
	Value    string // the scenario's argument
}

// resetScenarios are the options that say where to, of which a tool may have fewer.
var resetScenarios = []string{"to-offset", "to-datetime", "by-duration", "to-earliest", "to-latest", "to-current", "shift-by", "from-file"}

// parse reads which of the scenarios is wanted.
func (o *offsetReset) parse(set *opt.Set, scenarios []string) error {
	for _, s := range scenarios {
		if !set.Has(s) {
			continue
		}
		v, err := set.Value(s)
		if err != nil {
			return err
		}
		o.Scenario, o.Value = s, v
		if s == "to-offset" || s == "shift-by" {
			if _, _, err := set.Long(s); err != nil {
				return err
			}
		}
	}
	return nil
}

// clientOn names a member of a group as people know it.
func clientOn(clientID, host string) string { return clientID + " on " + strings.TrimPrefix(host, "/") }

// refuseReset says why the offsets of a group in use stay as they are, and who uses it.
func (o *groupTool) refuseReset(group, state string, clients []string) {
	say(o.IO.Out, "\nError: Assignments can only be reset if the group '%s' is inactive, but the current state is %s.\n", group, state)
	o.nameMembers(group, clients)
}

func (o *groupTool) nameMembers(group string, clients []string) {
	if len(clients) > 0 {
		slices.Sort(clients)
		fmt.Fprintf(o.IO.ErrOut, "Members of the group '%s': %s. Stop them first.\n", group, quantity(len(clients), "client", clients))
	}
}

// printReset prints the new offsets, with --export as the file that --from-file reads.
func (o *groupTool) printReset(views []resetView) error {
	return o.Output.write(o.IO.Out, views, func(w io.Writer) error {
		rows := make([][]string, 0, len(views)+1)
		if !o.Export {
			rows = append(rows, []string{"GROUP", "TOPIC", "PARTITION", "NEW-OFFSET"})
		}
		for _, v := range views {
			rows = append(rows, []string{v.Group, v.Topic, strconv.Itoa(int(v.Partition)), strconv.FormatInt(v.NewOffset, 10)})
		}
		switch {
		case o.Export:
			return o.exportReset(w, rows)
		case o.kind.resetWidths != nil:
			fmt.Fprintln(w)
			printRows(w, o.kind.resetWidths, rows, " ", "")
		default:
			printColumns(w, []int{15, 15, 10, 0}, rows, "")
		}
		return nil
	})
}

func (o *groupTool) exportReset(w io.Writer, rows [][]string) error {
	out := csv.NewWriter(w)
	for _, row := range rows {
		if len(o.Groups) == 1 && !o.AllGroups {
			row = row[1:]
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	fmt.Fprintln(w)
	return out.Error()
}

func commitReset(ctx context.Context, cl *client.Client, group string, reset []resetView) error {
	offsets := make(kadm.Offsets)
	for _, r := range reset {
		offsets.AddOffset(r.Topic, r.Partition, r.NewOffset, -1)
	}
	if len(offsets) == 0 {
		return nil
	}
	return untilCoordinated(ctx, func() error { return cl.Admin.CommitAllOffsets(ctx, group, offsets) })
}

// plan computes the new offsets of a group's partitions. No partitions, no offsets.
func (o *offsetReset) plan(ctx context.Context, cl *client.Client, group string, committed kadm.OffsetResponses, keys []partitionKey) ([]resetView, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	b, err := readBounds(ctx, cl, keys)
	if err != nil {
		return nil, err
	}
	target, err := o.target(ctx, cl, committed, b, keys)
	if err != nil {
		return nil, err
	}
	return newOffsets(group, keys, target)
}

// newOffsets asks for the new offset of each partition.
func newOffsets(group string, keys []partitionKey, target func(partitionKey) (int64, error)) ([]resetView, error) {
	reset := make([]resetView, 0, len(keys))
	for _, k := range keys {
		offset, err := target(k)
		if err != nil {
			return nil, err
		}
		reset = append(reset, resetView{group, k.topic, k.partition, offset})
	}
	return reset, nil
}

// committedOffsets are the offsets that a group has committed.
func committedOffsets(ctx context.Context, cl *client.Client, group string) (committed kadm.OffsetResponses, err error) {
	err = untilCoordinated(ctx, func() (err error) {
		committed, err = cl.Admin.FetchOffsets(ctx, group)
		return err
	})
	return committed, err
}

// committedPartitions lists the partitions in which a group has committed an offset.
func committedPartitions(committed kadm.OffsetResponses) []partitionKey {
	var keys []partitionKey
	committed.Each(func(r kadm.OffsetResponse) { keys = append(keys, partitionKey{r.Topic, r.Partition}) })
	sortPartitions(keys)
	return keys
}

// namedPartitions lists the partitions that NAME and NAME:0,1,2 mean.
func namedPartitions(ctx context.Context, cl *client.Client, topics []string) ([]partitionKey, error) {
	var keys []partitionKey
	var whole []string
	for _, t := range topics {
		name, partitions, err := parseTopicPartitions(t)
		if err != nil {
			return nil, err
		}
		if partitions == nil {
			whole = append(whole, name)
		}
		for _, p := range partitions {
			keys = append(keys, partitionKey{name, p})
		}
	}
	if len(whole) > 0 {
		details, err := cl.Admin.ListTopicsWithInternal(ctx, whole...)
		if err != nil {
			return nil, err
		}
		for _, t := range details.Sorted() {
			if t.Err != nil {
				if kind, ok := errors.AsType[*kerr.Error](t.Err); ok {
					return nil, errors.New(kind.Description)
				}
				return nil, t.Err
			}
			for _, p := range t.Partitions.Numbers() {
				keys = append(keys, partitionKey{t.Topic, p})
			}
		}
	}
	sortPartitions(keys)
	return slices.Compact(keys), nil
}

func sortPartitions(keys []partitionKey) {
	slices.SortFunc(keys, func(a, b partitionKey) int { return comparePartitions(a.topic, a.partition, b.topic, b.partition) })
}

// comparePartitions orders partitions by topic, then by number.
func comparePartitions(topic string, partition int32, otherTopic string, otherPartition int32) int {
	return cmp.Or(strings.Compare(topic, otherTopic), cmp.Compare(partition, otherPartition))
}

// bounds are the first and the next offset of the logs.
type bounds struct{ start, end kadm.ListedOffsets }

func readBounds(ctx context.Context, cl *client.Client, keys []partitionKey) (bounds, error) {
	var topics []string
	for _, k := range keys {
		topics = append(topics, k.topic)
	}
	topics = slices.Compact(topics)
	var b bounds
	var err error
	if b.start, err = cl.Admin.ListStartOffsets(ctx, topics...); err != nil {
		return b, err
	}
	if b.end, err = cl.Admin.ListEndOffsets(ctx, topics...); err != nil {
		return b, err
	}
	var missing []string
	for _, k := range keys {
		end, ok := b.end.Lookup(k.topic, k.partition)
		if !ok || errors.Is(end.Err, kerr.UnknownTopicOrPartition) {
			missing = append(missing, fmt.Sprintf("%s-%d", k.topic, k.partition))
		} else if end.Err != nil {
			return b, end.Err
		}
	}
	if len(missing) > 0 {
		return b, fmt.Errorf(`The partitions "%s" do not exist`, strings.Join(missing, ","))
	}
	return b, nil
}

func (b bounds) of(k partitionKey) (start, end int64) {
	s, _ := b.start.Lookup(k.topic, k.partition)
	e, _ := b.end.Lookup(k.topic, k.partition)
	return s.Offset, e.Offset
}

// clamp keeps an offset within the log and says so when it has to change it.
func (o *offsetReset) clamp(b bounds, k partitionKey, offset int64) int64 {
	start, end := b.of(k)
	switch {
	case offset > end:
		say(o.IO.ErrOut, "WARN New offset (%d) is higher than latest offset for topic partition %s-%d. Value will be set to %d\n", offset, k.topic, k.partition, end)
		return end
	case offset < start:
		say(o.IO.ErrOut, "WARN New offset (%d) is lower than earliest offset for topic partition %s-%d. Value will be set to %d\n", offset, k.topic, k.partition, start)
		return start
	}
	return offset
}

// target returns the function that computes a partition's new offset.
func (o *offsetReset) target(ctx context.Context, cl *client.Client, committed kadm.OffsetResponses, b bounds, keys []partitionKey) (func(partitionKey) (int64, error), error) {
	current := func(k partitionKey) (int64, bool) {
		r, ok := committed.Lookup(k.topic, k.partition)
		return r.At, ok && r.Err == nil && r.At >= 0
	}
	number, _ := strconv.ParseInt(strings.TrimPrefix(o.Value, "+"), 10, 64)
	switch o.Scenario {
	case "to-offset":
		return func(k partitionKey) (int64, error) { return o.clamp(b, k, number), nil }, nil
	case "to-earliest":
		return func(k partitionKey) (int64, error) { start, _ := b.of(k); return start, nil }, nil
	case "to-latest":
		return func(k partitionKey) (int64, error) { _, end := b.of(k); return end, nil }, nil
	case "to-current":
		return func(k partitionKey) (int64, error) {
			if at, ok := current(k); ok {
				return at, nil
			}
			_, end := b.of(k)
			return end, nil
		}, nil
	case "shift-by":
		return func(k partitionKey) (int64, error) {
			at, ok := current(k)
			if !ok {
				return 0, opt.Usagef("Cannot shift offset for partition %s-%d since there is no current committed offset", k.topic, k.partition)
			}
			return o.clamp(b, k, at+number), nil
		}, nil
	}
	millis, err := o.timestamp()
	if err != nil {
		return nil, err
	}
	return offsetsSince(ctx, cl, o.IO, millis, b, keys)
}

// offsetsSince returns the function that finds a partition's first offset at or after a time.
func offsetsSince(ctx context.Context, cl *client.Client, streams *IOStreams, millis int64, b bounds, keys []partitionKey) (func(partitionKey) (int64, error), error) {
	var topics []string
	for _, k := range keys {
		topics = append(topics, k.topic)
	}
	after, err := cl.Admin.ListOffsetsAfterMilli(ctx, millis, slices.Compact(topics)...)
	if err != nil {
		return nil, err
	}
	return func(k partitionKey) (int64, error) {
		r, ok := after.Lookup(k.topic, k.partition)
		if ok && r.Err == nil && r.Timestamp >= 0 {
			return r.Offset, nil
		}
		say(streams.Out, "\nWarn: Partition %d from topic %s is empty. Falling back to latest known offset.\n", k.partition, k.topic)
		_, end := b.of(k)
		return end, nil
	}, nil
}

// timestamp reads --to-datetime or --by-duration.
func (o *offsetReset) timestamp() (int64, error) {
	if o.Scenario == "by-duration" {
		d, err := client.ParseDuration(o.Value)
		if err != nil {
			return 0, err
		}
		return o.Now().Add(-d).UnixMilli(), nil
	}
	return parseDateTime(o.Value)
}

// parseDateTime reads YYYY-MM-DDThh:mm:ss.sss with an optional zone, as milliseconds. Without a zone it is UTC.
func parseDateTime(text string) (int64, error) {
	if !strings.Contains(text, "T") {
		return 0, errors.New("java.text.ParseException: Error parsing timestamp. It does not contain a 'T' according to ISO8601 format")
	}
	for _, layout := range []string{"2006-01-02T15:04:05.000", "2006-01-02T15:04:05.000Z07:00", "2006-01-02T15:04:05.000Z0700", "2006-01-02T15:04:05.000Z07"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UnixMilli(), nil
		}
	}
	return 0, fmt.Errorf("java.text.ParseException: Unparseable date: \"%s\"", text)
}

// fromFile reads the offsets of a file, and keeps them within the logs.
func (o *offsetReset) fromFile(ctx context.Context, cl *client.Client, group string) ([]resetView, error) {
	rows, err := o.readFile(group)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	keys := make([]partitionKey, 0, len(rows))
	for _, r := range rows {
		keys = append(keys, partitionKey{r.Topic, r.Partition})
	}
	sortPartitions(keys)
	b, err := readBounds(ctx, cl, keys)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		rows[i].NewOffset = o.clamp(b, partitionKey{rows[i].Topic, rows[i].Partition}, rows[i].NewOffset)
	}
	return rows, nil
}

// readFile reads the offsets that --export has written: topic,partition,offset or group,topic,partition,offset.
func (o *offsetReset) readFile(group string) ([]resetView, error) {
	file, err := os.Open(o.Value)
	if err != nil {
		return nil, fmt.Errorf("java.io.IOException: Unable to read file %s", o.Value)
	}
	defer file.Close() //nolint:errcheck // only read
	reader := csv.NewReader(file)
	reader.FieldsPerRecord = -1
	reader.TrimLeadingSpace = true
	records, err := reader.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.Value, err)
	}
	var rows []resetView
	for i, r := range records {
		row := resetView{Group: group}
		switch {
		case len(r) == 4:
			if r[0] != group {
				continue
			}
			r = r[1:]
		case len(r) != 3:
			return nil, fmt.Errorf("%s: line %d: write topic,partition,offset or group,topic,partition,offset", o.Value, i+1)
		}
		partition, err1 := strconv.ParseInt(r[1], 10, 32)
		offset, err2 := strconv.ParseInt(r[2], 10, 64)
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", o.Value, i+1, err)
		}
		row.Topic, row.Partition, row.NewOffset = r[0], int32(partition), offset
		rows = append(rows, row)
	}
	return rows, nil
}
