package client

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var isoDuration = regexp.MustCompile(`(?i)^([-+]?)P(?:([-+]?\d+)D)?(T(?:([-+]?\d+)H)?(?:([-+]?\d+)M)?(?:([-+]?\d+(?:[.,]\d{0,9})?)S)?)?$`)

// ParseDuration reads a duration of ISO 8601, PnDTnHnMnS, as Java does.
func ParseDuration(text string) (time.Duration, error) {
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
