package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/config"
)

// ageMagic is how a sealed file begins.
const ageMagic = "age-encryption.org/"

// sealing says how a backup is encrypted or opened. The keys never leave this
// machine: agents give backups in clear, over their own channel.
type sealing struct {
	recipients []string
	passphrase string // file with it
	identity   string // file with an age identity
}

func (s *sealing) sealFlags(c *cobra.Command) {
	c.Flags().StringSliceVar(&s.recipients, "recipient", nil, "encrypt to this age recipient (age1…); repeatable")
	c.Flags().StringVar(&s.passphrase, "passphrase-file", "", "encrypt with the passphrase in this file, mode 0600")
}

func (s *sealing) openFlags(c *cobra.Command) {
	c.Flags().StringVar(&s.identity, "identity", "", "age identity file that opens the backup")
	c.Flags().StringVar(&s.passphrase, "passphrase-file", "", "file with the passphrase that opens the backup")
}

// readPassphrase returns the first line of the file.
func (s *sealing) readPassphrase() (string, error) {
	if err := config.CheckPrivate(s.passphrase); err != nil {
		return "", &usageError{err.Error(), privateHint(err, s.passphrase)}
	}
	text, err := os.ReadFile(s.passphrase)
	if err != nil {
		return "", &usageError{err.Error(), ""}
	}
	line, _, _ := strings.Cut(string(text), "\n")
	if line = strings.TrimRight(line, "\r"); line == "" {
		return "", &usageError{s.passphrase + " begins with an empty line", "write the passphrase into its first line"}
	}
	return line, nil
}

// seal returns a writer that encrypts to w, or w itself. Close ends it.
func (s *sealing) seal(w io.Writer) (io.WriteCloser, error) {
	var to []age.Recipient
	for _, text := range s.recipients {
		r, err := age.ParseX25519Recipient(text)
		if err != nil {
			return nil, &usageError{fmt.Sprintf("--recipient %q: %v", text, err), "age-keygen -y FILE prints the recipient of an identity"}
		}
		to = append(to, r)
	}
	if s.passphrase != "" {
		if len(to) > 0 {
			return nil, &usageError{"--recipient and --passphrase-file exclude each other", "choose one"}
		}
		phrase, err := s.readPassphrase()
		if err != nil {
			return nil, err
		}
		r, err := age.NewScryptRecipient(phrase)
		if err != nil {
			return nil, fmt.Errorf("use passphrase: %w", err)
		}
		to = append(to, r)
	}
	if len(to) == 0 {
		return clear{w}, nil
	}
	sealed, err := age.Encrypt(w, to...)
	if err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	return sealed, nil
}

// clear is a file that is not encrypted.
type clear struct{ io.Writer }

// Close implements io.Closer.
func (clear) Close() error { return nil }

// open returns what a file holds, decrypted if it is sealed.
func (s *sealing) open(f io.Reader) (io.Reader, error) {
	r := bufio.NewReader(f)
	start, err := r.Peek(len(ageMagic))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if string(start) != ageMagic {
		return r, nil
	}
	keys, err := s.keys()
	if err != nil {
		return nil, err
	}
	plain, err := age.Decrypt(r, keys...)
	var wrong *age.NoIdentityMatchError
	if errors.As(err, &wrong) {
		return nil, &usageError{"the backup is not encrypted to this key", "give the identity or passphrase that it was made for"}
	}
	if err != nil {
		return nil, fmt.Errorf("decrypt: %w", err)
	}
	return plain, nil
}

func (s *sealing) keys() ([]age.Identity, error) {
	switch {
	case s.identity != "":
		f, err := os.Open(s.identity)
		if err != nil {
			return nil, &usageError{err.Error(), ""}
		}
		defer f.Close()
		ids, err := age.ParseIdentities(f)
		if err != nil {
			return nil, &usageError{fmt.Sprintf("%s: %v", s.identity, err), "age-keygen makes one"}
		}
		return ids, nil
	case s.passphrase != "":
		phrase, err := s.readPassphrase()
		if err != nil {
			return nil, err
		}
		id, err := age.NewScryptIdentity(phrase)
		if err != nil {
			return nil, fmt.Errorf("use passphrase: %w", err)
		}
		return []age.Identity{id}, nil
	}
	return nil, &usageError{"the backup is encrypted", "give --identity FILE or --passphrase-file FILE"}
}

// privateHint is the way out when a file with a secret is refused.
func privateHint(err error, path string) string {
	if errors.Is(err, fs.ErrNotExist) {
		return "look at the name; the file is read here, on this machine"
	}
	return "chmod 600 " + path
}
