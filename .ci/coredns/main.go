// Command coredns is CoreDNS with the plugins that the benchmark beside it
// needs, put together as its manual says for programs of one's own. What it
// answers with is the library's, as it is.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/file"
)

func main() {
	dnsserver.Directives = []string{"bind", "file"}
	coremain.Run()
}
