package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"filippo.io/age"
)

// writeSealingKey makes the key that opens the secrets of the lab's State, once:
// what was sealed stays readable.
func writeSealingKey(path string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return fmt.Errorf("make sealing key: %w", err)
	}
	if err := os.WriteFile(path, []byte(id.String()+"\n"), 0o600); err != nil {
		return fmt.Errorf("write lab file: %w", err)
	}
	return nil
}
