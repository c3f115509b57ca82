package layout

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/zstd"
)

const (
	// headerMagic opens every file that Lucene's codecs write, its complement
	// opens the footer.
	headerMagic = 0x3fd76c17
	footerMagic = 0xc02893e8
	// footerBytes are magic, algorithm (0: CRC-32) and an eight byte checksum.
	footerBytes = 16
	// maxBody bounds what is unpacked: a shard of 100,000 files needs 30 MB.
	maxBody = 256 << 20
)

// unframe verifies a Lucene file's checksum, takes header and footer off and
// unpacks what is between. what names the file in errors.
func unframe(what, codec string, data []byte) ([]byte, error) {
	corrupt := func(format string, args ...any) error {
		return &CorruptError{What: what, Reason: fmt.Sprintf(format, args...)}
	}
	// Magic, the codec's name behind its length in one byte, the version.
	header := 4 + 1 + len(codec) + 4
	if len(data) < 4 || binary.BigEndian.Uint32(data) != headerMagic {
		return nil, corrupt("it does not begin as such a file does")
	}
	if len(data) < header+footerBytes {
		return nil, corrupt("it ends after %d bytes", len(data))
	}
	footer := data[len(data)-footerBytes:]
	if binary.BigEndian.Uint32(footer) != footerMagic || binary.BigEndian.Uint32(footer[4:]) != 0 {
		return nil, corrupt("its end is missing")
	}
	want, got := binary.BigEndian.Uint64(footer[8:]), uint64(crc32.ChecksumIEEE(data[:len(data)-8]))
	if got != want {
		return nil, corrupt("its checksum is %08x, and its bytes give %08x", want, got)
	}
	if name := data[4:]; int(name[0]) != len(codec) || string(name[1:1+len(codec)]) != codec {
		return nil, &ShapeError{What: what, Reason: fmt.Sprintf("it is no file of the codec %q", codec)}
	}
	if version := binary.BigEndian.Uint32(data[header-4:]); version != 1 {
		return nil, &ShapeError{What: what, Reason: fmt.Sprintf("it has format version %d", version)}
	}
	body, err := unpack(data[header : len(data)-footerBytes])
	if err != nil {
		return nil, corrupt("%v", err)
	}
	return body, nil
}

// unpack undoes the engines' compression, which they name at the beginning.
func unpack(body []byte) ([]byte, error) {
	if deflated, ok := bytes.CutPrefix(body, []byte("DFL\x00")); ok {
		return limited(flate.NewReader(bytes.NewReader(deflated)))
	}
	packed, ok := bytes.CutPrefix(body, []byte("ZSTD\x00"))
	if !ok {
		return body, nil
	}
	r, err := zstd.NewReader(bytes.NewReader(packed), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBody))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return limited(r)
}

func limited(r io.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, maxBody+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxBody {
		return nil, errors.New("it unpacks to more than 256 MiB")
	}
	return body, nil
}
