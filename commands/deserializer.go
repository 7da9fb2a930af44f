package commands

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A deserializer turns bytes into what the original would print of the object they stand for. nil stands for the bytes as they are.
type deserializer func(b []byte) (string, error)

// deserializationError is Java's SerializationException.
type deserializationError struct{ text string }

func (e *deserializationError) Error() string {
	return "org.apache.kafka.common.errors.SerializationException: " + e.text
}

// newDeserializer makes the deserializer of a class name, nil for none and for those that print bytes.
func newDeserializer(class string) (deserializer, error) {
	name, ok := strings.CutPrefix(class, "org.apache.kafka.common.serialization.")
	if class == "" {
		return nil, nil
	}
	if !ok {
		return nil, unknownClassError(class)
	}
	switch name {
	case "ByteArrayDeserializer", "BytesDeserializer", "ByteBufferDeserializer":
		return nil, nil
	case "StringDeserializer":
		return func(b []byte) (string, error) { return strings.ToValidUTF8(string(b), string(utf8.RuneError)), nil }, nil
	case "IntegerDeserializer":
		return sized(4, name, func(b []byte) string { return strconv.Itoa(int(int32(binary.BigEndian.Uint32(b)))) }), nil
	case "LongDeserializer":
		return sized(8, name, func(b []byte) string { return strconv.FormatInt(int64(binary.BigEndian.Uint64(b)), 10) }), nil
	case "ShortDeserializer":
		return sized(2, name, func(b []byte) string { return strconv.Itoa(int(int16(binary.BigEndian.Uint16(b)))) }), nil
	case "FloatDeserializer":
		return sized(4, "Deserializer", func(b []byte) string {
			return javaFloat(float64(math.Float32frombits(binary.BigEndian.Uint32(b))), 32)
		}), nil
	case "DoubleDeserializer":
		return sized(8, "Deserializer", func(b []byte) string {
			return javaFloat(math.Float64frombits(binary.BigEndian.Uint64(b)), 64)
		}), nil
	case "BooleanDeserializer":
		return boolean, nil
	case "UUIDDeserializer":
		return uuidText, nil
	case "VoidDeserializer":
		return func([]byte) (string, error) {
			return "", &deserializationError{"Data should be null for a VoidDeserializer."}
		}, nil
	}
	return nil, unknownClassError(class)
}

func sized(n int, name string, text func([]byte) string) deserializer {
	return func(b []byte) (string, error) {
		if len(b) != n {
			return "", &deserializationError{fmt.Sprintf("Size of data received by %s is not %d", name, n)}
		}
		return text(b), nil
	}
}

func boolean(b []byte) (string, error) {
	switch {
	case len(b) != 1:
		return "", &deserializationError{"Size of data received by BooleanDeserializer is not 1"}
	case b[0] == 1:
		return "true", nil
	case b[0] == 0:
		return "false", nil
	}
	return "", &deserializationError{fmt.Sprintf("Unexpected byte received by BooleanDeserializer: %d", int8(b[0]))}
}

// uuidText reads a UUID in its text form, as Kafka's serializer writes it.
func uuidText(b []byte) (string, error) {
	s := string(b)
	if len(s) == 36 && strings.Count(s, "-") == 4 && strings.Trim(strings.ToLower(s), "0123456789abcdef-") == "" {
		return strings.ToLower(s), nil
	}
	return "", &deserializationError{"Error parsing data into UUID"}
}

// javaFloat writes a number as Java's Double.toString and Float.toString do.
func javaFloat(v float64, bits int) string {
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 1):
		return "Infinity"
	case math.IsInf(v, -1):
		return "-Infinity"
	case v == 0 || math.Abs(v) >= 1e-3 && math.Abs(v) < 1e7:
		s := strconv.FormatFloat(v, 'f', -1, bits)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'e', -1, bits), "e")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	n, _ := strconv.Atoi(exponent)
	return mantissa + "E" + strconv.Itoa(n)
}
