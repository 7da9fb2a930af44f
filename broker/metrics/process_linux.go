package metrics

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"syscall"
)

func registerSystem(reg *Registry) {
	reg.Collect("process_cpu_seconds_total", "CPU time in user and system mode, in seconds.", KindCounter, func(emit Emit) {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err == nil {
			emit(seconds(u.Utime) + seconds(u.Stime))
		}
	})
	reg.Collect("process_resident_memory_bytes", "Resident memory in bytes.", KindGauge, func(emit Emit) {
		if text, err := os.ReadFile("/proc/self/statm"); err == nil {
			if f := strings.Fields(string(text)); len(f) > 1 {
				if pages, err := strconv.ParseFloat(f[1], 64); err == nil {
					emit(pages * float64(os.Getpagesize()))
				}
			}
		}
	})
	reg.Collect("process_open_fds", "Open file descriptors.", KindGauge, func(emit Emit) {
		if dir, err := os.Open("/proc/self/fd"); err == nil {
			names, _ := dir.Readdirnames(-1)
			_ = dir.Close()
			emit(float64(max(len(names)-1, 0))) // without the one that lists
		}
	})
	reg.Collect("process_max_fds", "The limit of open file descriptors.", KindGauge, func(emit Emit) {
		var l syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err == nil {
			emit(float64(l.Cur))
		}
	})
	disk := func(name, help, field string) {
		reg.Collect(name, help, KindGauge, func(emit Emit) {
			if text, err := os.ReadFile("/proc/self/io"); err == nil {
				if n, ok := ioField(text, field); ok {
					emit(n)
				}
			}
		})
	}
	disk("kafka_server_kafkaserver_linux_disk_read_bytes", "Bytes this process caused to be read from disks.", "read_bytes:")
	disk("kafka_server_kafkaserver_linux_disk_write_bytes", "Bytes this process caused to be written to disks.", "write_bytes:")
}

func seconds(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }

// ioField finds a number in /proc/self/io, where "write_bytes:" is also the end of "cancelled_write_bytes:".
func ioField(text []byte, field string) (float64, bool) {
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte(field)); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(string(rest)), 64)
			return n, err == nil
		}
	}
	return 0, false
}
