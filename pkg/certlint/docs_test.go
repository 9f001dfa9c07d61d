package certlint

import (
	"os"
	"strings"
	"testing"
)

// TestEveryRuleIsDocumented compares the rules with docs/certificates.md.
func TestEveryRuleIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/certificates.md")
	if err != nil {
		t.Fatal(err)
	}
	all := []string{
		ruleFile, rulePEM, ruleDER, ruleParse, ruleKey, ruleP12, ruleLive, "encoding", "key-match", "key-weak", "expired", "not-yet-valid", "expires-soon",
		"name", "signature", "chain", "order", "trial-go", "trial-openssl",
	}
	for _, l := range lints {
		all = append(all, l.rule)
	}
	for _, rule := range all {
		if !strings.Contains(string(text), "`"+rule+"`") {
			t.Errorf("docs/certificates.md has no word about %s", rule)
		}
	}
}
