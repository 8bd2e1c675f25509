package zstd

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// samples are data of several kinds: compressible in various ways, and not at all.
func samples(t testing.TB) map[string][]byte {
	rnd := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 300_000)
	skewed := make([]byte, 200_000)
	words := make([]byte, 0, 1<<20)
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	for i := range skewed {
		skewed[i] = byte(rnd.ExpFloat64() * 9)
	}
	for len(words) < 900_000 {
		at := rnd.IntN(len(noise) - 20)
		words = append(words, noise[at%500:at%500+rnd.IntN(12)]...)
	}
	self, err := os.ReadFile("zstd.go")
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{
		"empty": nil, "byte": {7}, "short": []byte("hello, hello, hello"), "zeros": make([]byte, 500_000), "noise": noise,
		"skewed": skewed, "words": words, "text": self, "mixed": append(append(bytes.Clone(self), noise...), bytes.Repeat(self, 40)...),
	}
}

var levels = []zstd.EncoderLevel{zstd.SpeedFastest, zstd.SpeedDefault, zstd.SpeedBetterCompression, zstd.SpeedBestCompression}

func pack(t testing.TB, data []byte, o ...zstd.EOption) []byte {
	e, err := zstd.NewWriter(nil, append(o, zstd.WithEncoderConcurrency(1))...)
	if err != nil {
		t.Fatal(err)
	}
	return e.EncodeAll(data, nil)
}

func TestUnpack(t *testing.T) {
	for name, data := range samples(t) {
		for _, level := range levels {
			packed := pack(t, data, zstd.WithEncoderLevel(level), zstd.WithEncoderCRC(true))
			got, err := io.ReadAll(NewReader(packed))
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%s, %v: %d bytes of %d, %v", name, level, len(got), len(data), err)
			}
		}
	}
}

func TestSeveralFramesAndSmallWindow(t *testing.T) {
	data := samples(t)["words"]
	packed := pack(t, data, zstd.WithWindowSize(1<<14), zstd.WithSingleSegment(false))
	skip := []byte{0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 'x', 'y', 'z'}
	all := append(append(bytes.Clone(packed), skip...), packed...)
	got, err := io.ReadAll(NewReader(all))
	if err != nil || !bytes.Equal(got, append(bytes.Clone(data), data...)) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestDamage(t *testing.T) {
	packed := pack(t, samples(t)["text"], zstd.WithEncoderCRC(true))
	for n := range packed {
		if _, err := io.ReadAll(NewReader(packed[:n])); err == nil && n > 0 {
			t.Fatalf("cut to %d of %d bytes: no error", n, len(packed))
		}
	}
	wrong := bytes.Clone(packed)
	wrong[len(wrong)-1] ^= 1
	if _, err := io.ReadAll(NewReader(wrong)); !errors.Is(err, errChecksum) {
		t.Errorf("a wrong checksum: %v", err)
	}
	for i := range packed {
		wrong := bytes.Clone(packed)
		wrong[i] ^= 0x10
		if got, err := io.ReadAll(NewReader(wrong)); err == nil && !bytes.Equal(got, samples(t)["text"]) {
			t.Errorf("byte %d changed: no error", i)
		}
	}
}

func FuzzReader(f *testing.F) {
	for _, data := range samples(f) {
		if len(data) < 10_000 {
			f.Add(pack(f, data))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := io.Copy(io.Discard, io.LimitReader(NewReader(data), 1<<24))
		if err == nil && n == 0 && len(data) > 100_000 {
			t.Skip()
		}
	})
}

func BenchmarkReader(b *testing.B) {
	data := samples(b)["mixed"]
	packed := pack(b, data)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := io.Copy(io.Discard, NewReader(packed)); err != nil {
			b.Fatal(err)
		}
	}
}
