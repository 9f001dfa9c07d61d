package update

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"
)

// awsKey signs requests to Amazon Web Services (signature version 4). The secret
// itself is never sent.
type awsKey struct {
	id, secret, session string // session is "" for keys that do not end
	region, service     string
}

const (
	awsDate      = "20060102"
	awsTime      = awsDate + "T150405Z"
	awsAlgorithm = "AWS4-HMAC-SHA256"
)

// sign adds the headers that prove who sends a request with that body. All
// headers set before are signed with it.
func (k awsKey) sign(r *http.Request, body []byte, now time.Time) {
	at := now.UTC()
	r.Header.Set("X-Amz-Date", at.Format(awsTime))
	if k.session != "" {
		r.Header.Set("X-Amz-Security-Token", k.session)
	}
	signed := map[string]string{"host": r.URL.Host}
	names := []string{"host"}
	for name := range r.Header {
		lower := strings.ToLower(name)
		names = append(names, lower)
		signed[lower] = strings.Join(strings.Fields(r.Header.Get(name)), " ")
	}
	slices.Sort(names)
	var headers strings.Builder
	for _, name := range names {
		headers.WriteString(name + ":" + signed[name] + "\n")
	}
	path := r.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	list := strings.Join(names, ";")
	canonical := strings.Join([]string{r.Method, path, r.URL.RawQuery, headers.String(), list, hexSum(body)}, "\n")
	scope := strings.Join([]string{at.Format(awsDate), k.region, k.service, "aws4_request"}, "/")
	text := strings.Join([]string{awsAlgorithm, at.Format(awsTime), scope, hexSum([]byte(canonical))}, "\n")

	key := []byte("AWS4" + k.secret)
	for part := range strings.SplitSeq(scope, "/") {
		key = mac(key, part)
	}
	r.Header.Set("Authorization", awsAlgorithm+" Credential="+k.id+"/"+scope+", SignedHeaders="+list+", Signature="+hex.EncodeToString(mac(key, text)))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
