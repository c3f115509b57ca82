package boltstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// bbolt trusts its pages: a damaged one sends it through wrong memory, where a
// fault or an endless walk cannot always be caught. So each page is read here
// first, with every bound checked. The format is bbolt's version 2; its numbers
// are in the machine's own order.

const (
	metaMagic, metaVersion = 0xED0CDAED, 2
	// metaBytes of a meta page are under its checksum, after the header.
	metaBytes    = 56
	headerBytes  = 16
	elementBytes = 16
	bucketBytes  = 16

	branchPage, leafPage, freelistPage = 0x01, 0x02, 0x10
	// manyFree in a freelist's count says that its first number is the count.
	manyFree = 0xFFFF
	// bucketElement marks a leaf's element whose value is a bucket.
	bucketElement = 0x01
)

// root is what a meta page says.
type root struct {
	pageSize                            int64
	bucket, freelist, high, transaction uint64
}

// inspect returns what is wrong with a file of so many bytes, or nil.
func inspect(r io.ReaderAt, size int64) error {
	m, err := newest(r, size)
	if err != nil {
		return err
	}
	if m.high > uint64(size/m.pageSize) { //nolint:gosec // a size is not negative
		return fmt.Errorf("it has %d bytes and should have %d pages of %d", size, m.high, m.pageSize)
	}
	p := &pages{file: r, size: m.pageSize, seen: make([]bool, m.high)}
	if err := p.claim(0, 2); err != nil {
		return err
	}
	if err := p.freelist(m.freelist); err != nil {
		return err
	}
	if err := p.tree(m.bucket, nil, nil, true); err != nil {
		return err
	}
	for id, seen := range p.seen {
		if !seen {
			return fmt.Errorf("page %d is neither used nor free", id)
		}
	}
	return nil
}

// newest gives the newer of the two meta pages, or the one that is whole: a
// power cut may have torn the other, and bbolt goes back to this one.
func newest(r io.ReaderAt, size int64) (root, error) {
	first, ok := readRoot(r, 0)
	if !ok {
		// The page size is in the page that is torn; it is a power of two.
		for at := int64(1024); at <= 16<<20 && at < size; at *= 2 {
			if second, ok := readRoot(r, at); ok && second.pageSize == at {
				return second, nil
			}
		}
		return root{}, errors.New("it does not begin as a bbolt database does")
	}
	second, ok := readRoot(r, first.pageSize)
	if ok && second.pageSize == first.pageSize && second.transaction > first.transaction {
		return second, nil
	}
	return first, nil
}

// readRoot reads the meta page at an offset, if there is a whole one.
func readRoot(r io.ReaderAt, at int64) (root, bool) {
	var page [headerBytes + metaBytes + 8]byte
	if _, err := r.ReadAt(page[:], at); err != nil {
		return root{}, false
	}
	m, order := page[headerBytes:], binary.NativeEndian
	sum := fnv.New64a()
	_, _ = sum.Write(m[:metaBytes]) // a hash never fails
	if order.Uint32(m) != metaMagic || order.Uint32(m[4:]) != metaVersion || order.Uint64(m[metaBytes:]) != sum.Sum64() {
		return root{}, false
	}
	found := root{
		pageSize: int64(order.Uint32(m[8:])), bucket: order.Uint64(m[16:]), freelist: order.Uint64(m[32:]),
		high: order.Uint64(m[40:]), transaction: order.Uint64(m[48:]),
	}
	return found, found.pageSize >= int64(len(page))
}

// pages walks a file and notes which pages it has seen, so that none is used
// twice and the walk ends.
type pages struct {
	file io.ReaderAt
	size int64
	seen []bool
}

// bytes is the size of so many pages, of which there are no more than the file
// has.
func (p *pages) bytes(n uint64) int64 { return int64(n) * p.size } //nolint:gosec // see above

func (p *pages) claim(id, n uint64) error {
	for i := id; i < id+n; i++ {
		if i >= uint64(len(p.seen)) {
			return fmt.Errorf("page %d is beyond the last one", i)
		}
		if p.seen[i] {
			return fmt.Errorf("page %d is used twice", i)
		}
		p.seen[i] = true
	}
	return nil
}

// read gives a page with those that continue it, and its kind.
func (p *pages) read(id uint64) (page []byte, kind uint16, err error) {
	if id >= uint64(len(p.seen)) {
		return nil, 0, fmt.Errorf("page %d is beyond the last one", id)
	}
	var header [headerBytes]byte
	if _, err := p.file.ReadAt(header[:], p.bytes(id)); err != nil {
		return nil, 0, fmt.Errorf("read page %d: %w", id, err)
	}
	if is := binary.NativeEndian.Uint64(header[:]); is != id {
		return nil, 0, fmt.Errorf("page %d says that it is page %d", id, is)
	}
	n := 1 + uint64(binary.NativeEndian.Uint32(header[12:]))
	if err := p.claim(id, n); err != nil {
		return nil, 0, err
	}
	page = make([]byte, p.bytes(n))
	if _, err := p.file.ReadAt(page, p.bytes(id)); err != nil {
		return nil, 0, fmt.Errorf("read page %d: %w", id, err)
	}
	return page, binary.NativeEndian.Uint16(page[8:]), nil
}

// freelist claims the free pages.
func (p *pages) freelist(id uint64) error {
	page, kind, err := p.read(id)
	if err != nil {
		return fmt.Errorf("the list of free pages: %w", err)
	}
	if kind != freelistPage {
		return fmt.Errorf("page %d is of kind %#x, not a list of free pages", id, kind)
	}
	count, list := uint64(binary.NativeEndian.Uint16(page[10:])), page[headerBytes:]
	if count == manyFree && len(list) >= 8 {
		count, list = binary.NativeEndian.Uint64(list), list[8:]
	}
	if count > uint64(len(list)/8) {
		return fmt.Errorf("page %d lists %d free pages, more than it can hold", id, count)
	}
	for ; count > 0; count-- {
		if err := p.claim(binary.NativeEndian.Uint64(list), 1); err != nil {
			return fmt.Errorf("the list of free pages: %w", err)
		}
		list = list[8:]
	}
	return nil
}

// tree walks the pages below id, whose keys must lie in [low, high); nil is no
// bound. Only the top bucket holds buckets.
func (p *pages) tree(id uint64, low, high []byte, top bool) error {
	page, kind, err := p.read(id)
	if err != nil {
		return err
	}
	elements, err := parse(page, kind, low, high)
	if err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	for i, e := range elements {
		switch {
		case kind == branchPage:
			end := high
			if i+1 < len(elements) {
				end = elements[i+1].key
			}
			err = p.tree(e.child, e.key, end, top)
		case e.bucket && top:
			err = p.bucket(e.value)
		case e.bucket:
			err = fmt.Errorf("page %d: a bucket is where a record should be", id)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// bucket walks a bucket: its own pages, or the page inside its value.
func (p *pages) bucket(value []byte) error {
	if len(value) < bucketBytes {
		return errors.New("a bucket is cut short")
	}
	if id := binary.NativeEndian.Uint64(value); id != 0 {
		return p.tree(id, nil, nil, false)
	}
	page := value[bucketBytes:]
	if len(page) < headerBytes || binary.NativeEndian.Uint16(page[8:]) != leafPage {
		return errors.New("a small bucket holds no records")
	}
	elements, err := parse(page, leafPage, nil, nil)
	for _, e := range elements {
		if e.bucket {
			return errors.New("a bucket is where a record should be")
		}
	}
	return err
}

// element is one entry of a page.
type element struct {
	key, value []byte
	child      uint64
	bucket     bool
}

// parse gives the elements of a leaf or a branch, in order and in their bounds.
func parse(page []byte, kind uint16, low, high []byte) ([]element, error) {
	count := int(binary.NativeEndian.Uint16(page[10:]))
	if kind != leafPage && (kind != branchPage || count == 0) {
		return nil, fmt.Errorf("it is of kind %#x and has %d elements", kind, count)
	}
	if headerBytes+count*elementBytes > len(page) {
		return nil, fmt.Errorf("it has %d elements, more than it can hold", count)
	}
	elements := make([]element, count)
	for i := range elements {
		e, err := parseOne(page[headerBytes+i*elementBytes:], kind)
		if err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
		if low != nil && bytes.Compare(e.key, low) < 0 || high != nil && bytes.Compare(e.key, high) >= 0 {
			return nil, fmt.Errorf("element %d: %q is out of order", i, e.key)
		}
		// The next key must be above this one: at least this one and a zero.
		low = append(bytes.Clone(e.key), 0)
		elements[i] = e
	}
	return elements, nil
}

// parseOne reads the element at the beginning of rest; its key and value lie
// somewhere behind it.
func parseOne(rest []byte, kind uint16) (e element, err error) {
	order := binary.NativeEndian
	var at, keyBytes, valueBytes uint64
	if kind == branchPage {
		at, keyBytes = uint64(order.Uint32(rest)), uint64(order.Uint32(rest[4:]))
		e.child = order.Uint64(rest[8:])
	} else {
		e.bucket = order.Uint32(rest)&bucketElement != 0
		at, keyBytes, valueBytes = uint64(order.Uint32(rest[4:])), uint64(order.Uint32(rest[8:])), uint64(order.Uint32(rest[12:]))
	}
	if keyBytes == 0 || at+keyBytes+valueBytes > uint64(len(rest)) {
		return e, errors.New("it points out of its page")
	}
	e.key, e.value = rest[at:at+keyBytes], rest[at+keyBytes:at+keyBytes+valueBytes]
	return e, nil
}
