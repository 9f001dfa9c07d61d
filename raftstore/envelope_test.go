package raftstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"
)

func TestEnvelopeSeesEveryFlippedBit(t *testing.T) {
	whole := seal([]byte("failover calgary"))
	for i := range whole {
		for bit := range 8 {
			b := bytes.Clone(whole)
			b[i] ^= 1 << bit
			if _, data, err := unseal(9, b); !errors.Is(err, ErrDamaged) {
				t.Fatalf("octet %d, bit %d: %q, %v", i, bit, data, err)
			}
		}
	}
	for i := range whole {
		if _, _, err := unseal(9, whole[:i]); !errors.Is(err, ErrDamaged) {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
}

func TestEnvelopeOfNewerProgramIsFatalNotDamaged(t *testing.T) {
	b := seal([]byte("x"))
	b[2]++
	binary.BigEndian.PutUint32(b[4:], crc32.Update(crc32.Checksum(b[:4], castagnoli()), castagnoli(), b[8:]))
	_, _, err := unseal(9, b)
	var fatal *Fatal
	if !errors.As(err, &fatal) || errors.Is(err, ErrDamaged) {
		t.Errorf("error %v", err)
	}
}

func FuzzEnvelope(f *testing.F) {
	f.Add([]byte(nil))
	f.Add([]byte("sR\x01\x00\x00\x00\x00\x00"))
	f.Add(seal([]byte("drain calgary")))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, data, err := unseal(1, seal(b)); err != nil || !bytes.Equal(data, b) {
			t.Errorf("sealed %q came back as %q, %v", b, data, err)
		}
		kind, data, err := unseal(1, b)
		if err == nil && !bytes.Equal(sealAs(kind, data), b) {
			t.Errorf("%q was accepted, but is not what seal makes", b)
		}
	})
}
