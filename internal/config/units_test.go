package config_test

import (
	"encoding"
	"fmt"
	"testing"
	"time"

	"esferry/internal/config"
)

func TestUnits(t *testing.T) {
	f := func(unit encoding.TextUnmarshaler, text string, value any, again string) {
		t.Helper()
		if err := unit.UnmarshalText([]byte(text)); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		// Each unit is a pointer to a type with its own String.
		var got any
		switch u := unit.(type) {
		case *config.ByteSize:
			got = *u
		case *config.Duration:
			got = *u
		case *config.Percent:
			got = *u
		case *config.AutoInt:
			got = *u
		}
		if got != value {
			t.Errorf("%q: got %v, want %v", text, got, value)
		}
		if s := fmt.Sprint(got); s != again {
			t.Errorf("%q: prints as %q, want %q", text, s, again)
		}
	}
	size, duration, percent, number := new(config.ByteSize), new(config.Duration), new(config.Percent), new(config.AutoInt)
	f(size, "0", config.ByteSize(0), "0")
	f(size, "8MiB", config.ByteSize(8<<20), "8MiB")
	f(size, "8 MB", config.ByteSize(8e6), "8MB")
	f(size, "1024", config.ByteSize(1024), "1KiB")
	f(size, "17B", config.ByteSize(17), "17")
	f(size, "1kB", config.ByteSize(1000), "1KB")
	f(size, "2TiB", config.ByteSize(2<<40), "2TiB")
	f(duration, "10m", config.Duration(10*time.Minute), "10m")
	f(duration, "60m", config.Duration(time.Hour), "1h")
	f(duration, "90s", config.Duration(90*time.Second), "1m30s")
	f(duration, "10s", config.Duration(10*time.Second), "10s")
	f(duration, "0", config.Duration(0), "0s")
	f(percent, "20%", config.Percent(20), "20%")
	f(percent, "0.5%", config.Percent(0.5), "0.5%")
	f(percent, "100%", config.Percent(100), "100%")
	f(number, "auto", config.AutoInt(0), "auto")
	f(number, "12", config.AutoInt(12), "12")
}

func TestUnitsFailure(t *testing.T) {
	f := func(unit encoding.TextUnmarshaler, want string, texts ...string) {
		t.Helper()
		for _, text := range texts {
			if err := unit.UnmarshalText([]byte(text)); err == nil || err.Error() != want {
				t.Errorf("%q: got %v, want %s", text, err, want)
			}
		}
	}
	f(new(config.ByteSize), "wants a size such as 8MiB",
		"", "MiB", "-1", "8mib", "8MiBB", "1.5GiB", "8388608TiB", "9223372036854775808", "08", "1_000", "0x1F")
	f(new(config.Duration), "wants a duration such as 10m", "", "10", "-1m", "1y")
	f(new(config.Percent), "wants a percentage such as 20%", "", "20", "%", "101%", "-1%", "nan%", "1e1%", "20%%", "1.2.3%")
	f(new(config.AutoInt), "wants auto or a number from 1", "", "0", "-1", "Auto", "1.5", "99999999999")
}

func TestPercentOf(t *testing.T) {
	f := func(p config.Percent, n, want int64) {
		t.Helper()
		if got := p.Of(n); got != want {
			t.Errorf("%s of %d: got %d, want %d", p, n, got, want)
		}
	}
	f(20, 1000, 200)
	f(20, 4, 0)
	f(100, 29, 29)
	f(0, 1000, 0)
	f(0.5, 1000, 5)
}

func TestAutoIntOr(t *testing.T) {
	if got := config.AutoInt(0).Or(7); got != 7 {
		t.Errorf("auto: got %d, want 7", got)
	}
	if got := config.AutoInt(3).Or(7); got != 3 || config.AutoInt(3).Auto() {
		t.Errorf("3: got %d, want 3", got)
	}
}
