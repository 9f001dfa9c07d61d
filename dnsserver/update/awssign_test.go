package update

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// The first case of Amazon's own test suite of signature version 4
// (get-vanilla), with its published key and result.
func TestSignatureVersion4(t *testing.T) {
	r, err := http.NewRequest(http.MethodGet, "https://example.amazonaws.com/", nil)
	if err != nil {
		t.Fatal(err)
	}
	k := awsKey{id: "AKIDEXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", region: "us-east-1", service: "service"}
	k.sign(r, nil, time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC))
	const want = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
	if got := r.Header.Get("Authorization"); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	k.session = "token"
	k.sign(r, nil, time.Now())
	if got := r.Header.Get("Authorization"); !strings.Contains(got, "x-amz-security-token") || strings.Contains(got, k.secret) {
		t.Error(got)
	}
}
