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

// zstdFloor is the exponent of the smallest output limit that a decoder is made with. The library takes the limit for one of the
// window as well, and a frame may ask for the window of its level (8 MiB at 19) however little it holds.
const zstdFloor = 23

// The library's encoders and decoders serve any number of goroutines at once, so one of each kind is enough. They are made on first use.
var (
	zstdEncoders [zstd.SpeedBestCompression + 1]lazyZstd[*zstd.Encoder]
	// zstdDecoders by the power of two of the most that they put out: the limit is an option of the decoder.
	zstdDecoders [bits.UintSize + 1]lazyZstd[*zstd.Decoder]
	// zstdCapped fills the memory it is given and no more. It is for windows larger than the limit.
	zstdCapped lazyZstd[*zstd.Decoder]
)

type lazyZstd[T any] struct {
	once sync.Once
	t    T
	err  error
}

func (l *lazyZstd[T]) get(make func() (T, error)) (T, error) {
	l.once.Do(func() { l.t, l.err = make() })
	return l.t, l.err
}

func compressZstd(dst, src []byte, level int) ([]byte, error) {
	speed := zstd.SpeedDefault
	if level != 0 {
		speed = zstd.EncoderLevelFromZstd(level)
	}
	enc, err := zstdEncoders[speed].get(func() (*zstd.Encoder, error) {
		return zstd.NewWriter(nil, zstd.WithEncoderLevel(speed), zstd.WithWindowSize(zstdWindow),
			zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false), zstd.WithZeroFrames(true))
	})
	if err != nil {
		return dst, err
	}
	return enc.EncodeAll(src, dst), nil
}

func decompressZstd(dst, src []byte, limit int) ([]byte, error) {
	class := max(bits.Len(uint(limit)), zstdFloor)
	dec, err := zstdDecoders[class].get(func() (*zstd.Decoder, error) {
		return zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxMemory(1<<class), zstd.WithDecoderMaxWindow(zstdMaxWindow))
	})
	if err != nil {
		return dst, err
	}
	start := len(dst)
	out, err := dec.DecodeAll(src, dst[start:]) // the library counts what is there already towards the limit
	if errors.Is(err, zstd.ErrWindowSizeExceeded) {
		if dec, err = zstdCapped.get(func() (*zstd.Decoder, error) {
			return zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderLowmem(true),
				zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderMaxWindow(zstdMaxWindow))
		}); err != nil {
			return dst, err
		}
		out, err = dec.DecodeAll(src, make([]byte, 0, limit))
	}
	switch {
	case errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return dst, ErrTooLarge
	case err != nil:
		return dst, err
	case len(out) > limit:
		return dst, ErrTooLarge
	case len(out) <= cap(dst)-start: // it lies there already, or fits
		copy(dst[start:start+len(out)], out)
		return dst[:start+len(out)], nil
	case start == 0:
		return out, nil
	default:
		return append(dst, out...), nil
	}
}
