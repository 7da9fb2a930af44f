package javatime

import (
	"testing"
	"time"
)

// What Java writes and reads is compared in connect/transforms; here is what its cases leave out.
func TestWhatIsFormattedIsParsed(t *testing.T) {
	at := time.Date(2024, 2, 29, 23, 59, 58, 7e6, time.UTC)
	for _, pattern := range []string{"yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "EEEE, d MMMM yyyy hh:mm:ss.S a Z", "yyyyMMddHHmmssSSS", "yyyy DDD kk:mm:ss,SSS z", "yy.M.d K:m:s.S a"} {
		f := Must(pattern)
		got, err := f.Parse(f.Format(at))
		if err != nil || !got.Equal(at) {
			t.Errorf("%s: %q is %v, %v", pattern, f.Format(at), got, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("yyyy-MM-dd", "2024-01-02")
	f.Add("EEE, d MMM yyyy HH:mm:ss Z", "Tue, 14 Nov 2023 22:13:20 +0100")
	f.Fuzz(func(_ *testing.T, pattern, text string) {
		if p, err := New(pattern); err == nil {
			if at, err := p.Parse(text); err == nil {
				_ = p.Format(at)
			}
		}
	})
}
