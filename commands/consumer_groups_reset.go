package commands

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// resetView is one partition of kgo consumer-groups --reset-offsets.
type resetView struct {
	Group     string `json:"group"`
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	NewOffset int64  `json:"new_offset"`
}

// offsetReset says how the offsets of a group are to change; streams-groups shares it.
type offsetReset struct {
	IO  *IOStreams
	Now func() time.Time

	Scenario string // to-offset, to-datetime, ...: the option's name
	Value    string // the scenario's argument
}

func (o *consumerGroupsOptions) resetOffsets(ctx context.Context, cl *client.Client) error {
	groups, err := o.selected(ctx, cl)
	if err != nil {
		return err
	}
	described, err := describeGroups(ctx, cl, groups)
	if err != nil {
		return err
	}
	views := []resetView{}
	refused := false
	for i := range described {
		g := &described[i]
		if g.err != nil && !errors.Is(g.err, kerr.GroupIDNotFound) {
			return errors.New(javaError(g.err))
		}
		if g.err == nil && g.State != "Empty" && g.State != "Dead" {
			o.refuseReset(g)
			refused = true
			continue
		}
		reset, err := o.planReset(ctx, cl, g.Group)
		if err != nil {
			return err
		}
		if o.Execute {
			if err := commitReset(ctx, cl, g.Group, reset); err != nil {
				return err
			}
		}
		views = append(views, reset...)
	}
	if err := o.Output.write(o.IO.Out, views, func(w io.Writer) error { return o.printReset(w, views) }); err != nil {
		return err
	}
	if refused {
		return ErrSilent
	}
	return nil
}

// refuseReset says why the offsets of a group in use stay as they are, and who uses it.
func (o *consumerGroupsOptions) refuseReset(g *groupView) {
	fmt.Fprintf(o.IO.Out, "\nError: Assignments can only be reset if the group '%s' is inactive, but the current state is %s.\n", g.Group, g.State)
	members := make([]string, 0, len(g.Members))
	for _, m := range g.Members {
		members = append(members, m.ClientID+" on "+strings.TrimPrefix(m.Host, "/"))
	}
	slices.Sort(members)
	if len(members) > 0 {
		fmt.Fprintf(o.IO.ErrOut, "Members of the group '%s': %s. Stop them first.\n", g.Group, quantity(len(members), "client", members))
	}
}

func (o *consumerGroupsOptions) printReset(w io.Writer, views []resetView) error {
	if o.Export {
		out := csv.NewWriter(w)
		for _, v := range views {
			row := []string{v.Group, v.Topic, strconv.Itoa(int(v.Partition)), strconv.FormatInt(v.NewOffset, 10)}
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
	rows := [][]string{{"GROUP", "TOPIC", "PARTITION", "NEW-OFFSET"}}
	for _, v := range views {
		rows = append(rows, []string{v.Group, v.Topic, strconv.Itoa(int(v.Partition)), strconv.FormatInt(v.NewOffset, 10)})
	}
	printColumns(w, []int{15, 15, 10, 0}, rows, "")
	return nil
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

// planReset computes the new offsets of a group.
func (o *consumerGroupsOptions) planReset(ctx context.Context, cl *client.Client, group string) ([]resetView, error) {
	if o.Scenario == "from-file" {
		return o.fromFile(ctx, cl, group)
	}
	var committed kadm.OffsetResponses
	err := untilCoordinated(ctx, func() (err error) {
		committed, err = cl.Admin.FetchOffsets(ctx, group)
		return err
	})
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return nil, err
	}
	partitions, err := o.partitionsToReset(ctx, cl, committed)
	if err != nil || len(partitions) == 0 {
		return nil, err
	}
	b, err := readBounds(ctx, cl, partitions)
	if err != nil {
		return nil, err
	}
	target, err := o.target(ctx, cl, committed, b, partitions)
	if err != nil {
		return nil, err
	}
	var reset []resetView
	for _, p := range partitions {
		offset, err := target(p)
		if err != nil {
			return nil, err
		}
		reset = append(reset, resetView{group, p.topic, p.partition, offset})
	}
	return reset, nil
}

// partitionsToReset lists the partitions in scope: those the group has committed, or those named.
func (o *consumerGroupsOptions) partitionsToReset(ctx context.Context, cl *client.Client, committed kadm.OffsetResponses) ([]partitionKey, error) {
	var keys []partitionKey
	if o.AllTopics {
		committed.Each(func(r kadm.OffsetResponse) { keys = append(keys, partitionKey{r.Topic, r.Partition}) })
		sortPartitions(keys)
		return keys, nil
	}
	return namedPartitions(ctx, cl, o.Topics)
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
	slices.SortFunc(keys, func(a, b partitionKey) int {
		if c := strings.Compare(a.topic, b.topic); c != 0 {
			return c
		}
		return int(a.partition - b.partition)
	})
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
		fmt.Fprintf(o.IO.ErrOut, "WARN New offset (%d) is higher than latest offset for topic partition %s-%d. Value will be set to %d\n", offset, k.topic, k.partition, end)
		return end
	case offset < start:
		fmt.Fprintf(o.IO.ErrOut, "WARN New offset (%d) is lower than earliest offset for topic partition %s-%d. Value will be set to %d\n", offset, k.topic, k.partition, start)
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
		fmt.Fprintf(streams.Out, "\nWarn: Partition %d from topic %s is empty. Falling back to latest known offset.\n", k.partition, k.topic)
		_, end := b.of(k)
		return end, nil
	}, nil
}

// timestamp reads --to-datetime or --by-duration.
func (o *offsetReset) timestamp() (int64, error) {
	if o.Scenario == "by-duration" {
		d, err := parseISODuration(o.Value)
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

var isoDuration = regexp.MustCompile(`(?i)^([-+]?)P(?:([-+]?\d+)D)?(T(?:([-+]?\d+)H)?(?:([-+]?\d+)M)?(?:([-+]?\d+(?:[.,]\d{0,9})?)S)?)?$`)

// parseISODuration reads PnDTnHnMnS.
func parseISODuration(text string) (time.Duration, error) {
	m := isoDuration.FindStringSubmatch(text)
	if m == nil || m[2]+m[4]+m[5]+m[6] == "" || strings.EqualFold(m[3], "T") {
		return 0, errors.New("Text cannot be parsed to a Duration")
	}
	var total float64
	for i, seconds := range map[int]float64{2: 86400, 4: 3600, 5: 60, 6: 1} {
		if v, err := strconv.ParseFloat(strings.ReplaceAll(m[i], ",", "."), 64); err == nil {
			total += v * seconds
		}
	}
	if m[1] == "-" {
		total = -total
	}
	return time.Duration(total * float64(time.Second)), nil
}

// fromFile reads the offsets that --export has written: topic,partition,offset or group,topic,partition,offset.
func (o *offsetReset) fromFile(ctx context.Context, cl *client.Client, group string) ([]resetView, error) {
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
	keys := make([]partitionKey, 0, len(rows))
	for _, r := range rows {
		keys = append(keys, partitionKey{r.Topic, r.Partition})
	}
	sortPartitions(keys)
	if len(keys) == 0 {
		return nil, nil
	}
	b, err := readBounds(ctx, cl, keys)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		rows[i].NewOffset = o.clamp(b, partitionKey{rows[i].Topic, rows[i].Partition}, rows[i].NewOffset)
	}
	return rows, nil
}
