package config

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// ByteSize is a number of bytes. As a text it is "8MiB" (1024 based), "8MB"
// (1000 based) or a plain number.
type ByteSize int64

// UnmarshalText reads a size. The error does not hold the text.
func (b *ByteSize) UnmarshalText(text []byte) error {
	digits := strings.TrimRight(string(text), "BKMGTki ")
	number, ok := whole(digits)
	factor, known := byteFactor(strings.TrimLeft(string(text[len(digits):]), " "))
	if !ok || !known || number > math.MaxInt64/factor {
		return errors.New("wants a size such as 8MiB")
	}
	*b = ByteSize(number * factor)
	return nil
}

// MarshalText gives the size as String does.
func (b ByteSize) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// String gives the size in the largest unit that keeps it exact.
func (b ByteSize) String() string {
	for _, unit := range []string{"TiB", "TB", "GiB", "GB", "MiB", "MB", "KiB", "KB"} {
		factor, _ := byteFactor(unit)
		if b != 0 && int64(b)%factor == 0 {
			return strconv.FormatInt(int64(b)/factor, 10) + unit
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

func byteFactor(unit string) (factor int64, ok bool) {
	switch unit {
	case "", "B":
		return 1, true
	case "KB", "kB":
		return 1e3, true
	case "MB":
		return 1e6, true
	case "GB":
		return 1e9, true
	case "TB":
		return 1e12, true
	case "KiB":
		return 1 << 10, true
	case "MiB":
		return 1 << 20, true
	case "GiB":
		return 1 << 30, true
	case "TiB":
		return 1 << 40, true
	default:
		return 1, false
	}
}

// Duration is a time.Duration that is a text such as "10m" in the file.
type Duration time.Duration

// UnmarshalText reads a duration. The error does not hold the text.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil || v < 0 {
		return errors.New("wants a duration such as 10m")
	}
	*d = Duration(v)
	return nil
}

// MarshalText gives the duration as String does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// String gives the duration without units that are zero: "10m", not "10m0s".
func (d Duration) String() string {
	text := time.Duration(d).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// Percent is a share from 0 to 100; a text such as "20%" in the file.
type Percent float64

// UnmarshalText reads a percentage. The error does not hold the text.
func (p *Percent) UnmarshalText(text []byte) error {
	number, found := strings.CutSuffix(string(text), "%")
	v, err := strconv.ParseFloat(number, 64)
	// ParseFloat also takes exponents, hexadecimals and the word "nan".
	if !found || err != nil || strings.Trim(number, "0123456789.") != "" || v > 100 {
		return errors.New("wants a percentage such as 20%")
	}
	*p = Percent(v)
	return nil
}

// MarshalText gives the percentage as String does.
func (p Percent) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// String gives a text such as "20%".
func (p Percent) String() string { return strconv.FormatFloat(float64(p), 'f', -1, 64) + "%" }

// Of gives that share of n, rounded down.
func (p Percent) Of(n int64) int64 { return int64(float64(n) * float64(p) / 100) }

// AutoInt is a number from 1, or 0 for "auto".
type AutoInt int

// UnmarshalText reads "auto" or a number. The error does not hold the text.
func (a *AutoInt) UnmarshalText(text []byte) error {
	if string(text) == "auto" {
		*a = 0
		return nil
	}
	n, ok := whole(string(text))
	if !ok || n < 1 || n > math.MaxInt32 {
		return errors.New("wants auto or a number from 1")
	}
	*a = AutoInt(n)
	return nil
}

// MarshalText gives the number as String does.
func (a AutoInt) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// String gives "auto" or the number.
func (a AutoInt) String() string {
	if a == 0 {
		return "auto"
	}
	return strconv.Itoa(int(a))
}

// Auto reports whether the number is left to the program.
func (a AutoInt) Auto() bool { return a == 0 }

// Or gives the number, or n for "auto".
func (a AutoInt) Or(n int) int {
	if a == 0 {
		return n
	}
	return int(a)
}

// whole reads a number written with decimal digits only: neither a sign nor
// YAML's 0x1F and 1_000, nor 010, which is 8 to some readers and 10 to others.
func whole(text string) (int64, bool) {
	if text == "" || strings.Trim(text, "0123456789") != "" || len(text) > 1 && text[0] == '0' {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}
