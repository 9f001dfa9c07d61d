package exec

import (
	"regexp"
	"strconv"
	"strings"
)

// perfdatum is one number behind the bar of a plugin's output:
// 'label'=value[unit];warn;crit;min;max (monitoring-plugins guidelines §2.6).
var perfdatum = regexp.MustCompile(`(?:'((?:[^']|'')+)'|([^\s='|]+))=(-?[0-9.]+)(us|ms|s|%|c|[KMGTP]?B)?(?:;|\s|$)`)

// units are the factors to seconds and octets; the others count as they are.
var units = map[string]float64{"us": 1e-6, "ms": 1e-3, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40, "PB": 1 << 50}

// maxNumbers bounds what one command may tell.
const maxNumbers = 50

// perfdata reads the numbers for graphs: behind the bar of the first line, and
// behind that of the lines after it.
func perfdata(output string) map[string]float64 {
	first, rest, _ := strings.Cut(output, "\n")
	_, numbers, _ := strings.Cut(first, "|")
	_, more, _ := strings.Cut(rest, "|")
	var out map[string]float64
	for _, m := range perfdatum.FindAllStringSubmatch(numbers+"\n"+more, maxNumbers) {
		label := strings.ReplaceAll(m[1], "''", "'") + m[2]
		v, err := strconv.ParseFloat(m[3], 64)
		if err != nil || !printable(label) {
			continue
		}
		if factor, ok := units[m[4]]; ok {
			v *= factor
		}
		if out == nil {
			out = map[string]float64{}
		}
		out[label] = v
	}
	return out
}

func printable(label string) bool {
	return len(label) <= 64 && !strings.ContainsFunc(label, func(r rune) bool { return r < ' ' || r > '~' })
}
