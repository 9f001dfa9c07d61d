package archive

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"
)

// Hash is a SHA-256.
type Hash [sha256.Size]byte

// Place is a record without its payload.
type Place struct {
	// Epoch and Index are the decision and the log entry that made it. Both
	// never go back from one record to the next; an epoch may come twice.
	Epoch, Index uint64
	// At is the leader's time stamp.
	At time.Time
	// Chain is the log's chain at Index.
	Chain Hash
	// Sum is the SHA-256 of the payload. Agents that hold the same past have
	// the same one at the same Index.
	Sum Hash
}

// Record is one State of the past.
type Record struct {
	Place
	Payload []byte
}

// A segment file is a head and records, integers big endian:
//
//	head:   magic "sRpa", version u8, 0 0 0, hash of the record before, CRC-32C
//	record: size of the body u32, CRC-32C of the size, body, hash
//	body:   epoch u64, index u64, time i64 (Unix, ns), chain, sum, payload (deflate)
//	hash:   SHA-256 of the hash before and the body
//
// The size has a checksum of its own, so that a record cut off by a crash is
// told from one whose size was damaged.
const (
	segmentMagic   = "sRpa"
	segmentVersion = 1
	segmentHead    = 8 + sha256.Size + 4
	recordHead     = 8
	bodyHead       = 24 + 2*sha256.Size
	maxBody        = 1 << 28
	maxPayload     = 1 << 30
)

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func encodeHead(before Hash) []byte {
	b := append(make([]byte, 0, segmentHead), segmentMagic...)
	b = append(b, segmentVersion, 0, 0, 0)
	b = append(b, before[:]...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli()))
}

func decodeHead(b []byte) (before Hash, err error) {
	end := segmentHead - 4
	switch {
	case string(b[:4]) != segmentMagic:
		return before, errors.New("not a segment of the past")
	case binary.BigEndian.Uint32(b[end:]) != crc32.Checksum(b[:end], castagnoli()):
		return before, errors.New("checksum of its head does not match")
	case b[4] != segmentVersion:
		return before, fmt.Errorf("version %d, this program knows %d", b[4], segmentVersion)
	}
	copy(before[:], b[8:])
	return before, nil
}

// encoder makes records. It keeps what is large from one to the next.
type encoder struct {
	compressor *flate.Writer
	body       bytes.Buffer
	whole      []byte
}

// record returns a record as it stands in a segment, until the next one is made,
// and its hash.
func (e *encoder) record(before Hash, r Record) ([]byte, Hash, error) {
	body := &e.body
	body.Reset()
	head := binary.BigEndian.AppendUint64(nil, r.Epoch)
	head = binary.BigEndian.AppendUint64(head, r.Index)
	head = binary.BigEndian.AppendUint64(head, uint64(r.At.UnixNano()))
	body.Write(append(append(head, r.Chain[:]...), r.Sum[:]...))
	if e.compressor == nil {
		w, err := flate.NewWriter(body, flate.BestSpeed)
		if err != nil {
			return nil, Hash{}, fmt.Errorf("make compressor: %w", err)
		}
		e.compressor = w
	}
	e.compressor.Reset(body)
	_, err := e.compressor.Write(r.Payload)
	if err := errors.Join(err, e.compressor.Close()); err != nil {
		return nil, Hash{}, fmt.Errorf("compress record: %w", err)
	}
	if body.Len() > maxBody {
		return nil, Hash{}, fmt.Errorf("a record of %d octets is too large", body.Len())
	}
	hash := link(before, body.Bytes())
	b := binary.BigEndian.AppendUint32(e.whole[:0], uint32(body.Len()))
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli()))
	b = append(b, body.Bytes()...)
	e.whole = append(b, hash[:]...)
	return e.whole, hash, nil
}

func link(before Hash, body []byte) (h Hash) {
	sum := sha256.New()
	sum.Write(before[:])
	sum.Write(body)
	sum.Sum(h[:0])
	return h
}

// errCut is returned for a record whose end is not there: a crash came between.
var errCut = errors.New("record ends early")

// readBody reads one record and checks its hash. io.EOF means that there is
// none.
func readBody(r io.Reader, before Hash) (body []byte, hash Hash, err error) {
	var head [recordHead]byte
	switch n, err := io.ReadFull(r, head[:]); {
	case n == 0 && errors.Is(err, io.EOF):
		return nil, hash, io.EOF
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, hash, errCut
	case err != nil:
		return nil, hash, fmt.Errorf("read record: %w", err)
	}
	size := binary.BigEndian.Uint32(head[:])
	if binary.BigEndian.Uint32(head[4:]) != crc32.Checksum(head[:4], castagnoli()) || size < bodyHead || size > maxBody {
		return nil, hash, errors.New("size of a record is damaged")
	}
	b := make([]byte, int(size)+len(hash))
	if _, err := io.ReadFull(r, b); errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return nil, hash, errCut
	} else if err != nil {
		return nil, hash, fmt.Errorf("read record: %w", err)
	}
	copy(hash[:], b[size:])
	if link(before, b[:size]) != hash {
		return nil, hash, errors.New("hash of a record does not match")
	}
	return b[:size], hash, nil
}

func decodePlace(body []byte) Place {
	p := Place{
		Epoch: binary.BigEndian.Uint64(body), Index: binary.BigEndian.Uint64(body[8:]),
		At: time.Unix(0, int64(binary.BigEndian.Uint64(body[16:]))).UTC(),
	}
	copy(p.Chain[:], body[24:])
	copy(p.Sum[:], body[24+sha256.Size:])
	return p
}

// decodeRecord unpacks the payload and checks its sum.
func decodeRecord(body []byte) (Record, error) {
	r := Record{Place: decodePlace(body)}
	payload, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(body[bodyHead:])), maxPayload))
	if err != nil {
		return Record{}, fmt.Errorf("unpack record of epoch %d: %w", r.Epoch, err)
	}
	if sha256.Sum256(payload) != r.Sum {
		return Record{}, fmt.Errorf("payload of epoch %d does not have its sum", r.Epoch)
	}
	r.Payload = payload
	return r, nil
}
