package batch

import (
	"errors"
	"math/bits"
	"sync"

	"github.com/klauspost/compress/zstd"
)

const (
	// zstdWindow is as far as the compressor looks back; batches are rarely longer, and its memory grows with it.
	zstdWindow = 1 << 20
	// zstdMaxWindow is the largest window that a frame may ask for: that of zstd's highest level.
	zstdMaxWindow = 128 << 20
)

// The library's encoders and decoders serve any number of goroutines at once, so one of each kind is enough. They are made on first use.
var (
	zstdEncoders [zstd.SpeedBestCompression + 1]struct {
		once sync.Once
		enc  *zstd.Encoder
		err  error
	}
	// zstdDecoders by the power of two of the most that they put out: the limit is an option of the decoder.
	zstdDecoders [bits.UintSize]struct {
		once sync.Once
		dec  *zstd.Decoder
		err  error
	}
)

func compressZstd(dst, src []byte, level int) ([]byte, error) {
	speed := zstd.SpeedDefault
	if level != 0 {
		speed = zstd.EncoderLevelFromZstd(level)
	}
	e := &zstdEncoders[speed]
	e.once.Do(func() {
		e.enc, e.err = zstd.NewWriter(nil, zstd.WithEncoderLevel(speed), zstd.WithWindowSize(zstdWindow),
			zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false), zstd.WithZeroFrames(true))
	})
	if e.err != nil {
		return dst, e.err
	}
	return e.enc.EncodeAll(src, dst), nil
}

func decompressZstd(dst, src []byte, limit int) ([]byte, error) {
	start := len(dst)
	class := bits.Len(uint(max(limit, 1)))
	d := &zstdDecoders[class]
	d.once.Do(func() {
		d.dec, d.err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxMemory(1<<class), zstd.WithDecoderMaxWindow(zstdMaxWindow))
	})
	if d.err != nil {
		return dst, d.err
	}
	out, err := d.dec.DecodeAll(src, dst)
	switch {
	case errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return dst[:start], ErrTooLarge
	case err != nil:
		return dst[:start], err
	case len(out)-start > limit:
		return out[:start], ErrTooLarge
	}
	return out, nil
}
