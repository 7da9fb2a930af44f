package vfs

import (
	"os"
	"strings"
)

// holderMax bounds what is read back from a lock file.
const holderMax = 256

func readHolder(f *os.File) string {
	buf := make([]byte, holderMax)
	n, _ := f.ReadAt(buf, 0) // best effort: the text only helps the reader of the message
	return strings.TrimSpace(string(buf[:n]))
}

func writeHolder(f *os.File, content string) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(content), 0)
	return err
}
