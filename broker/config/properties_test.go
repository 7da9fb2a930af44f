package config

import (
	"strings"
	"testing"
)

func TestABadFileNamesItsLine(t *testing.T) {
	if _, err := ParseProperties("f", []byte("a=1\nlog.dirs=C:\\users")); err == nil || !strings.HasPrefix(err.Error(), "f:2: ") {
		t.Errorf("a broken escape: %v", err)
	}
}

func FuzzProperties(f *testing.F) {
	for _, seed := range []string{"a=b\\\n c", "\\u0041=\\ud83d", "a\\", "#\\\nx=y", "k\t:\tv\r\rz"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(_ *testing.T, text []byte) {
		settings, err := ParseProperties("f", text)
		if err != nil {
			return
		}
		layers := &Layers{Static: settings}
		_, _ = layers.Resolve()
		_ = layers.warnings()
		z := zooReader{given: settings, Coordinator: &Coordinator{}}
		z.read()
	})
}
