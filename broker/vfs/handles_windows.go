package vfs

import (
	"errors"

	"golang.org/x/sys/windows"
)

func outOfHandles(err error) bool {
	return errors.Is(err, windows.ERROR_TOO_MANY_OPEN_FILES) || errors.Is(err, windows.ERROR_NO_SYSTEM_RESOURCES)
}

func handleLimit() uint64 { return 0 }
