package config

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
)

// InvalidError says that a configuration can't be accepted. Its text is Kafka's, its protocol code INVALID_CONFIG, or INVALID_REQUEST where
// Apache Kafka takes it for that.
type InvalidError struct {
	Text string
	code *kerr.Error
}

func (e *InvalidError) Error() string { return e.Text }

// Unwrap gives the protocol's code.
func (e *InvalidError) Unwrap() error {
	if e.code != nil {
		return e.code
	}
	return kerr.InvalidConfig
}

func invalidValue(key, value, reason string) error {
	text := fmt.Sprintf("Invalid value %s for configuration %s", value, key)
	if reason != "" {
		text += ": " + reason
	}
	return &InvalidError{Text: text}
}

// Check tells whether value, as written in a file or sent by a client, can be k's.
func (k *Key) Check(value string) error {
	raw := value
	value = strings.TrimSpace(value)
	switch k.Type {
	case TypeBoolean:
		if !strings.EqualFold(value, "true") && !strings.EqualFold(value, "false") {
			return invalidValue(k.Name, raw, "Expected value to be either true or false")
		}
		return nil
	case TypeInt:
		return k.checkInteger(value, 32)
	case TypeShort:
		return k.checkInteger(value, 16)
	case TypeLong:
		return k.checkInteger(value, 64)
	case TypeDouble:
		return k.checkDouble(value)
	case TypeList:
		return k.checkList(splitList(value))
	default:
		return k.checkString(value)
	}
}

func (k *Key) checkInteger(value string, bits int) error {
	n, err := strconv.ParseInt(value, 10, bits)
	if err != nil {
		return invalidValue(k.Name, value, "Not a number of type "+k.Type.String())
	}
	if k.Valid == "[1,...,9] or -1" { // compression.gzip.level
		if n != -1 && (n < 1 || n > 9) {
			return invalidValue(k.Name, strconv.FormatInt(n, 10), "Value must be between 1 and 9 or equal to -1")
		}
		return nil
	}
	low, high, ok := k.bounds()
	switch {
	case !ok:
	case low != "" && n < mustInt(low):
		return invalidValue(k.Name, strconv.FormatInt(n, 10), "Value must be at least "+low)
	case high != "" && n > mustInt(high):
		return invalidValue(k.Name, strconv.FormatInt(n, 10), "Value must be no more than "+high)
	}
	return nil
}

func (k *Key) checkDouble(value string) error {
	v, err := strconv.ParseFloat(value, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) || strings.ContainsAny(value, "xX_") {
		return invalidValue(k.Name, value, "Not a number of type DOUBLE")
	}
	low, high, ok := k.bounds()
	switch {
	case !ok:
	case low != "" && v < float64(mustInt(low)):
		return invalidValue(k.Name, javaDouble(v), "Value must be at least "+low)
	case high != "" && v > mustFloat(high):
		return invalidValue(k.Name, javaDouble(v), "Value must be no more than "+high)
	}
	return nil
}

// bounds reads Kafka's notation of a range: "[0,...]", "[1,...,9]".
func (k *Key) bounds() (low, high string, ok bool) {
	inner, found := strings.CutPrefix(k.Valid, "[")
	low, rest, dots := strings.Cut(inner, ",...")
	if !found || !dots {
		return "", "", false
	}
	return low, strings.TrimPrefix(strings.TrimSuffix(rest, "]"), ","), true
}

// choices reads Kafka's notation of a set: "[compact, delete]".
func (k *Key) choices() []string {
	inner, found := strings.CutPrefix(k.Valid, "[")
	if !found || strings.Contains(k.Valid, "...") || k.Type != TypeString && k.Type != TypeList {
		return nil
	}
	return strings.Split(strings.TrimSuffix(inner, "]"), ", ")
}

const ignoreCase = "(case insensitive) "

func (k *Key) checkString(value string) error {
	if inner, ok := strings.CutPrefix(k.Valid, ignoreCase); ok {
		list := strings.Split(strings.Trim(inner, "[]"), ", ")
		if !slices.ContainsFunc(list, func(c string) bool { return strings.EqualFold(c, value) }) {
			return invalidValue(k.Name, value, "String must be one of (case insensitive): "+strings.Join(list, ", "))
		}
		return nil
	}
	switch {
	case k.Name == "share.auto.offset.reset":
		if value != "earliest" && value != "latest" && !isoDuration.MatchString(value) {
			return invalidValue(k.Name, value, fmt.Sprintf("Invalid value `%s` for configuration %s. The value must be either 'earliest', 'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'.", value, k.Name))
		}
		return nil
	case k.Valid == "non-empty string" && value == "":
		return invalidValue(k.Name, value, "String must be non-empty")
	}
	if list := k.choices(); list != nil && !slices.Contains(list, value) {
		return invalidValue(k.Name, value, "String must be one of: "+strings.Join(list, ", "))
	}
	return nil
}

var isoDuration = regexp.MustCompile(`^by_duration:P(?:\d+D)?(?:T(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?$`)

// replicaList is the form of the throttled replicas: partition:broker pairs.
var replicaList = regexp.MustCompile(`^(?:\d+:\d+)(?:,\d+:\d+)*$`)

// notEmpty are the lists that must have an entry.
var notEmpty = []string{
	"advertised.listeners", "controller.listener.names", "group.consumer.assignors", "group.coordinator.rebalance.protocols",
	"group.share.assignors", "listeners", "log.dir", "log.dirs", "process.roles",
}

func (k *Key) checkList(items []string) error {
	if strings.HasSuffix(k.Name, ".replication.throttled.replicas") {
		if joined := strings.Join(items, ","); joined != "" && joined != "*" && !replicaList.MatchString(joined) {
			return invalidValue(k.Name, "["+strings.Join(items, ", ")+"]", k.Name+" must be the literal '*' or a list of replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...")
		}
		return nil
	}
	switch k.Name {
	case "controller.quorum.voters":
		_, err := parseVoters(items)
		return err
	case "controller.quorum.bootstrap.servers":
		_, err := parseHostPorts(k.Name, items)
		return err
	}
	list := k.choices()
	if len(items) == 0 && slices.Contains(notEmpty, k.Name) {
		valid := "any non-empty value"
		if list != nil {
			valid = k.Valid
		}
		return &InvalidError{Text: fmt.Sprintf("Configuration '%s' must not be empty. Valid values include: %s", k.Name, valid)}
	}
	for i, item := range items {
		switch {
		case item == "" && list == nil:
			return &InvalidError{Text: fmt.Sprintf("Configuration '%s' values must not be empty.", k.Name)}
		case slices.Contains(items[:i], item):
			return &InvalidError{Text: fmt.Sprintf("Configuration '%s' values must not be duplicated.", k.Name)}
		}
	}
	for _, item := range items {
		switch {
		case list == nil || slices.Contains(list, item):
		case item == "":
			return &InvalidError{Text: fmt.Sprintf("Configuration '%s' values must not be empty.", k.Name)}
		default:
			return invalidValue(k.Name, item, "String must be one of: "+strings.Join(list, ", "))
		}
	}
	return nil
}

// Allowed describes the valid values in words, for an error about a file.
func (k *Key) Allowed() string {
	if low, high, ok := k.bounds(); ok {
		if high == "" {
			return fmt.Sprintf("%s, at least %s", k.kind(), low)
		}
		return fmt.Sprintf("%s from %s to %s", k.kind(), low, high)
	}
	if list := k.choices(); list != nil {
		if k.Type == TypeList {
			return "a comma-separated list of " + strings.Join(list, ", ")
		}
		return "one of " + strings.Join(list, ", ")
	}
	if inner, ok := strings.CutPrefix(k.Valid, ignoreCase); ok {
		return "one of " + strings.Trim(inner, "[]") + ", in any case"
	}
	switch k.Valid {
	case "", "version":
		if slices.Contains(notEmpty, k.Name) {
			return k.kind() + " that is not empty"
		}
		return k.kind()
	case "[1,...,9] or -1":
		return "an integer from 1 to 9, or -1 for the codec's default"
	}
	return k.Valid
}

// kind is the type in words.
func (k *Key) kind() string {
	switch k.Type {
	case TypeBoolean:
		return "true or false"
	case TypeInt, TypeLong, TypeShort:
		return "an integer"
	case TypeDouble:
		return "a number"
	case TypeList:
		return "a comma-separated list"
	case TypeClass:
		return "a class name"
	default:
		return "a string"
	}
}

// splitList takes a list value apart as Kafka does: at commas, with white space around them dropped.
func splitList(value string) []string {
	value = strings.TrimSpace(value)
	if value == "" {
		return nil
	}
	items := strings.Split(value, ",")
	for i := range items {
		items[i] = strings.TrimSpace(items[i])
	}
	return items
}

// mustInt reads a bound of the table.
func mustInt(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		panic("config: a bound in keys.tsv is no integer: " + s)
	}
	return n
}

func mustFloat(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		panic("config: a bound in keys.tsv is no number: " + s)
	}
	return v
}

// javaDouble writes a number as Java's Double.toString does, for Kafka's messages and DescribeConfigs.
func javaDouble(v float64) string {
	if math.IsInf(v, 0) || math.IsNaN(v) {
		return strings.NewReplacer("+Inf", "Infinity", "-Inf", "-Infinity").Replace(strconv.FormatFloat(v, 'g', -1, 64))
	}
	if a := math.Abs(v); a != 0 && (a < 1e-3 || a >= 1e7) {
		s := strconv.FormatFloat(v, 'E', -1, 64)
		mantissa, exp, _ := strings.Cut(s, "E")
		if !strings.Contains(mantissa, ".") {
			mantissa += ".0"
		}
		n, _ := strconv.Atoi(exp)
		return mantissa + "E" + strconv.Itoa(n)
	}
	s := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}
