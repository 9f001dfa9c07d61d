#!/bin/sh
# Makes a certificate authority and one certificate for each site, for a fleet on
# one machine: ca.pem, ca.key, SITE.pem and SITE.key in pki/ beside this script.
# The certificates name the SIP domains, not the hosts, since that is what phones
# verify (RFC 5922 section 7). What exists is kept. In production use your own
# authority.
set -eu
umask 077
cd "$(dirname "$0")"
mkdir -p pki
cd pki
days=825
if [ ! -e ca.pem ]; then
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days $days \
		-subj "/CN=three sites" -addext "keyUsage=critical,keyCertSign" \
		-keyout ca.key -out ca.pem 2>/dev/null
fi
for site in calgary ottawa vancouver; do
	[ -e $site.pem ] && continue
	cat >$site.ext <<EXT
subjectAltName=DNS:west.voice.example.net,DNS:east.voice.example.net
extendedKeyUsage=serverAuth
keyUsage=critical,digitalSignature
EXT
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
		-subj "/CN=$site" -keyout $site.key -out $site.csr 2>/dev/null
	openssl x509 -req -in $site.csr -CA ca.pem -CAkey ca.key -CAcreateserial \
		-days $days -extfile $site.ext -out $site.pem 2>/dev/null
	rm -f $site.csr $site.ext ca.srl
done
