package batch

import (
	"bytes"
	"encoding/binary"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// gzipRatio is the most that DEFLATE can unfold one byte to.
const gzipRatio = 1032

var (
	gzipReaders sync.Pool
	gzipWriters [gzip.BestCompression + 1]sync.Pool // by level, 0 for the default
)

type gzipReader struct {
	src bytes.Reader
	gz  gzip.Reader
}

func compressGzip(dst, src []byte, level int) ([]byte, error) {
	if level < 0 || level > gzip.BestCompression {
		level = 0
	}
	out := bytes.NewBuffer(dst)
	w, ok := gzipWriters[level].Get().(*gzip.Writer)
	if ok {
		w.Reset(out)
	} else {
		l := level
		if l == 0 {
			l = gzip.DefaultCompression
		}
		var err error
		if w, err = gzip.NewWriterLevel(out, l); err != nil {
			return dst, err
		}
	}
	defer gzipWriters[level].Put(w)
	if _, err := w.Write(src); err != nil {
		return dst, err
	}
	if err := w.Close(); err != nil {
		return dst, err
	}
	return out.Bytes(), nil
}

func decompressGzip(dst, src []byte, limit int) ([]byte, error) {
	r, ok := gzipReaders.Get().(*gzipReader)
	if !ok {
		r = new(gzipReader)
	}
	defer func() {
		r.src.Reset(nil)
		gzipReaders.Put(r)
	}()
	r.src.Reset(src)
	if err := r.gz.Reset(&r.src); err != nil {
		return dst, err
	}
	// The last four bytes are the size before compression, if the sender is honest and wrote one member.
	hint := 4 * len(src)
	if len(src) >= 4 {
		if size := binary.LittleEndian.Uint32(src[len(src)-4:]); int64(size) <= int64(len(src))*gzipRatio {
			hint = int(size)
		}
	}
	return readLimited(dst, &r.gz, hint, limit)
}
