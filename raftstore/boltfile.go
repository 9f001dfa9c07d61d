package raftstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
)

// bbolt trusts its file: a damaged page makes it panic, partly in goroutines of
// its own where nobody can recover, or read outside of its mapping. So the file
// is walked here first, with every offset checked, before bbolt sees it. The
// format (bbolt's file version 2; integers in the byte order of the machine, of
// which only little endian is supported here):
//
//	page:   id u64, flags u16, count u16, overflow u32, then elements
//	meta:   magic u32, version u32, page size u32, flags u32, root bucket
//	        (page u64, sequence u64), free list u64, end u64, txid u64, FNV-1a u64
//	branch: pos u32, key size u32, page u64
//	leaf:   flags u32, pos u32, key size u32, value size u32
const (
	boltPageHead    = 16
	boltMetaSize    = 64
	boltElement     = 16
	boltBucketHead  = 16
	boltMagic       = 0xED0CDAED
	boltVersion     = 2
	boltBranch      = 1
	boltLeaf        = 2
	boltBucketEntry = 1
)

// boltFile is a file under inspection.
type boltFile struct {
	data     []byte
	pageSize uint64
	end      uint64 // first page that is not used
	seen     map[uint64]bool
}

// checkBoltFile reads the whole file and reports a *DamageError if its
// structure is not sound. A file that is missing or empty is sound: bbolt will
// make it.
func checkBoltFile(path string) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(data) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read log: %w", err)
	}
	if err := walkBolt(data); err != nil {
		return &DamageError{File: path, Reason: err.Error()}
	}
	return nil
}

// walkBolt walks everything that the newest valid meta page leads to.
func walkBolt(data []byte) error {
	f := &boltFile{data: data, seen: map[uint64]bool{0: true, 1: true}}
	root, err := f.newestMeta()
	if err != nil {
		return err
	}
	return f.tree(root, nil, nil, 0)
}

// newestMeta finds the meta page that bbolt will use. One of the two may be
// bad: that is how a transaction looks that a power cut has torn. Whether one
// was lost that had been acknowledged, the high water mark knows.
func (f *boltFile) newestMeta() (root uint64, err error) {
	if root, err = f.findMeta(); err != nil {
		return 0, err
	}
	if f.end > uint64(len(f.data))/f.pageSize {
		return 0, fmt.Errorf("file ends before page %d", f.end)
	}
	return root, nil
}

// findMeta reads the newest valid meta page.
func (f *boltFile) findMeta() (root uint64, err error) {
	var newest uint64
	found := false
	for shift := range 15 { // page sizes from 1 KiB, as bbolt itself tries them
		size := uint64(1024) << shift
		for page := range uint64(2) {
			meta, ok := f.meta(page*size, size)
			if !ok {
				continue
			}
			if txid := binary.LittleEndian.Uint64(meta[48:]); !found || txid > newest {
				found, newest = true, txid
				root = binary.LittleEndian.Uint64(meta[16:])
				f.end = binary.LittleEndian.Uint64(meta[40:])
				f.pageSize = size
			}
		}
		if found {
			return root, nil
		}
	}
	return 0, errors.New("no valid meta page")
}

// meta returns the meta page at offset if it is valid and for that page size.
func (f *boltFile) meta(offset, size uint64) ([]byte, bool) {
	from, to := offset+boltPageHead, offset+boltPageHead+boltMetaSize
	if to > uint64(len(f.data)) {
		return nil, false
	}
	m := f.data[from:to]
	sum := fnv.New64a()
	sum.Write(m[:56])
	return m, binary.LittleEndian.Uint32(m) == boltMagic &&
		binary.LittleEndian.Uint32(m[4:]) == boltVersion &&
		uint64(binary.LittleEndian.Uint32(m[8:])) == size &&
		binary.LittleEndian.Uint64(m[56:]) == sum.Sum64()
}

// tree walks a page and what is below it. Its keys lie in [low, high); nil is
// no limit.
func (f *boltFile) tree(id uint64, low, high []byte, depth int) error {
	if depth > 64 {
		return fmt.Errorf("page %d: tree too deep", id)
	}
	page, err := f.page(id)
	if err != nil {
		return err
	}
	switch flags := binary.LittleEndian.Uint16(page[8:]); flags {
	case boltBranch:
		return f.branch(id, page, low, high, depth)
	case boltLeaf:
		return f.leaf(id, page, low, high, depth, true)
	default:
		return fmt.Errorf("page %d: type %#x in a tree", id, flags)
	}
}

// page returns a page with what overflows from it.
func (f *boltFile) page(id uint64) ([]byte, error) {
	if id >= f.end {
		return nil, fmt.Errorf("page %d: beyond the end at %d", id, f.end)
	}
	head := f.data[id*f.pageSize:]
	if got := binary.LittleEndian.Uint64(head); got != id {
		return nil, fmt.Errorf("page %d: says that it is page %d", id, got)
	}
	overflow := uint64(binary.LittleEndian.Uint32(head[12:]))
	if id+overflow >= f.end {
		return nil, fmt.Errorf("page %d: overflows the end at %d", id, f.end)
	}
	for p := id; p <= id+overflow; p++ {
		if f.seen[p] {
			return nil, fmt.Errorf("page %d: used twice", p)
		}
		f.seen[p] = true
	}
	return head[:(overflow+1)*f.pageSize], nil
}

// branch walks the children.
func (f *boltFile) branch(id uint64, page, low, high []byte, depth int) error {
	count := int(binary.LittleEndian.Uint16(page[10:]))
	if count == 0 {
		return fmt.Errorf("page %d: branch without children", id)
	}
	keys := make([][]byte, count)
	for i := range count {
		var err error
		if keys[i], _, err = element(page, i, 0); err != nil {
			return fmt.Errorf("page %d: %w", id, err)
		}
	}
	if err := ordered(keys, low, high); err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	for i, key := range keys {
		above := high
		if i+1 < count {
			above = keys[i+1]
		}
		child := binary.LittleEndian.Uint64(page[boltPageHead+i*boltElement+8:])
		if err := f.tree(child, key, above, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// leaf checks the elements and walks the buckets among them.
func (f *boltFile) leaf(id uint64, page, low, high []byte, depth int, nested bool) error {
	count := int(binary.LittleEndian.Uint16(page[10:]))
	keys := make([][]byte, count)
	for i := range count {
		key, value, err := element(page, i, 4)
		if err != nil {
			return fmt.Errorf("page %d: %w", id, err)
		}
		keys[i] = key
		switch flags := binary.LittleEndian.Uint32(page[boltPageHead+i*boltElement:]); {
		case flags == 0:
		case flags == boltBucketEntry && nested:
			if err := f.bucket(id, value, depth); err != nil {
				return err
			}
		default:
			return fmt.Errorf("page %d: element %d has flags %#x", id, i, flags)
		}
	}
	if err := ordered(keys, low, high); err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	return nil
}

// bucket walks a bucket, which is a tree of its own or, when it is small, a
// leaf inside of the value.
func (f *boltFile) bucket(id uint64, value []byte, depth int) error {
	if len(value) < boltBucketHead {
		return fmt.Errorf("page %d: bucket of %d octets", id, len(value))
	}
	if root := binary.LittleEndian.Uint64(value); root != 0 {
		return f.tree(root, nil, nil, depth+1)
	}
	inline := value[boltBucketHead:]
	if len(inline) < boltPageHead || binary.LittleEndian.Uint16(inline[8:]) != boltLeaf {
		return fmt.Errorf("page %d: no leaf in an inline bucket", id)
	}
	return f.leaf(id, inline, nil, nil, depth+1, false)
}

// element returns key and value of an element. skip is 4 for a leaf's, which
// begins with flags and has a value, and 0 for a branch's.
func element(page []byte, i, skip int) (key, value []byte, err error) {
	at := boltPageHead + i*boltElement
	if at+boltElement > len(page) {
		return nil, nil, fmt.Errorf("element %d lies outside", i)
	}
	pos := uint64(at) + uint64(binary.LittleEndian.Uint32(page[at+skip:]))
	size := uint64(binary.LittleEndian.Uint32(page[at+skip+4:]))
	var valueSize uint64
	if skip != 0 {
		valueSize = uint64(binary.LittleEndian.Uint32(page[at+12:]))
	}
	if pos+size+valueSize > uint64(len(page)) {
		return nil, nil, fmt.Errorf("element %d reaches outside", i)
	}
	if size == 0 {
		return nil, nil, fmt.Errorf("element %d has no key", i)
	}
	return page[pos : pos+size], page[pos+size : pos+size+valueSize], nil
}

// ordered checks that keys grow within [low, high).
func ordered(keys [][]byte, low, high []byte) error {
	for i, key := range keys {
		switch {
		case i == 0 && low != nil && bytes.Compare(key, low) < 0,
			i > 0 && bytes.Compare(key, keys[i-1]) <= 0,
			high != nil && bytes.Compare(key, high) >= 0:
			return fmt.Errorf("key %d is out of order", i)
		}
	}
	return nil
}
