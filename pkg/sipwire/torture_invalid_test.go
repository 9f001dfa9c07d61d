package sipwire

// req writes a request of RFC 4475's usual shape around the lines that matter.
func req(start, lines string) string {
	return start + "\n" + lines + "\n\n"
}

// invalidTorture are RFC 4475 §3.1.2 and what of §3.2 to §3.4 a stateless
// element can see.
var invalidTorture = []torture{
	{name: "badinv01", section: "3.1.2.1", want: BadVia, silent: true, text: req("INVITE sip:user@example.com SIP/2.0", `To: sip:j.user@example.com
From: sip:caller@example.net;tag=134161461246
Max-Forwards: 7
Call-ID: badinv01.0ha0isndaksdjasdf3234nas
CSeq: 8 INVITE
Via: SIP/2.0/UDP 192.0.2.15;;,;,,
Contact: "Joe" <sip:joe@example.org>;;;;
Content-Length: 0`), why: "the RFC would answer 400, but nobody knows what Via to copy"},
	{name: "clerr", section: "3.1.2.2", want: BodyTooShort, text: req("INVITE sip:user@example.com SIP/2.0", `Max-Forwards: 80
To: sip:j.user@example.com
From: sip:caller@example.net;tag=93942939o2
Contact: <sip:caller@hungry.example.net>
Call-ID: clerr.0ha0isndaksdjweiafasdk3
CSeq: 8 INVITE
Via: SIP/2.0/UDP host5.example.com;branch=z9hG4bK-39234-23523
Content-Type: application/sdp
Content-Length: 9999`)},
	{name: "ncl", section: "3.1.2.3", want: BadContentLength, text: req("INVITE sip:user@example.com SIP/2.0", `Max-Forwards: 254
To: sip:j.user@example.com
From: sip:caller@example.net;tag=32394234
Call-ID: ncl.0ha0isndaksdj2193423r542w35
CSeq: 0 INVITE
Via: SIP/2.0/UDP 192.0.2.53;branch=z9hG4bKkdjuw
Contact: <sip:caller@example53.example.net>
Content-Length: -999`)},
	{name: "scalar02", section: "3.1.2.4", want: BadCSeq, text: req("REGISTER sip:example.com SIP/2.0", `Via: SIP/2.0/TCP host129.example.com;branch=z9hG4bK342sdfoi3
To: <sip:user@example.com>
From: <sip:user@example.com>;tag=239232jh3
CSeq: 36893488147419103232 REGISTER
Call-ID: scalar02.23o0pd9vanlq3wnrlnewofjas9ui32
Max-Forwards: 300
Expires: 10000000000000000000000000000000000000000
Contact: <sip:user@host129.example.com>
  ;expires=280297596632815
Content-Length: 0`)},
	{name: "scalarlg", section: "3.1.2.5", want: BadCSeq, silent: true, text: req("SIP/2.0 503 Service Unavailable", `Via: SIP/2.0/TCP host129.example.com;branch=z9hG4bKzzxdiwo34sw;received=192.0.2.129
To: <sip:user@example.com>
From: <sip:other@example.net>;tag=2easdjfejw
CSeq: 9292394834772304023312 OPTIONS
Call-ID: scalarlg.noase0of0234hn2qofoaf0232aewf2394r
Retry-After: 949302838503028349304023988
Warning: 1812 overture "In Progress"
Content-Length: 0`)},
	{name: "quotbal", section: "3.1.2.6", want: BadAddress, text: req("INVITE sip:user@example.com SIP/2.0", `To: "Mr. J. User <sip:j.user@example.com>
From: sip:caller@example.net;tag=93334
Max-Forwards: 10
Call-ID: quotbal.aksdj
Contact: <sip:caller@host59.example.net>
CSeq: 8 INVITE
Via: SIP/2.0/UDP 192.0.2.59:5050;branch=z9hG4bKkdjuw39234
Content-Type: application/sdp
Content-Length: 0`)},
	{name: "ltgtruri", section: "3.1.2.7", want: BadStartLine, text: req("INVITE <sip:user@example.com> SIP/2.0", `To: sip:user@example.com
From: sip:caller@example.net;tag=39291
Max-Forwards: 23
Call-ID: ltgtruri.1@192.0.2.5
CSeq: 1 INVITE
Via: SIP/2.0/UDP 192.0.2.5
Contact: <sip:caller@host5.example.net>
Content-Length: 0`)},
	{name: "lwsruri", section: "3.1.2.8", want: BadStartLine, text: req("INVITE sip:user@example.com; lr SIP/2.0", `To: sip:user@example.com;tag=3xfe-9921883-z9f
From: sip:caller@example.net;tag=231413434
Max-Forwards: 5
Call-ID: lwsruri.asdfasdoeoi2323-asdfwrn23-asd834rk423
CSeq: 2130706432 INVITE
Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKkdjuw2395
Contact: <sip:caller@host1.example.net>
Content-Length: 0`)},
	{name: "lwsstart", section: "3.1.2.9", want: BadStartLine, text: req("INVITE  sip:user@example.com  SIP/2.0", `Max-Forwards: 8
To: sip:user@example.com
From: sip:caller@example.net;tag=8814
Call-ID: lwsstart.dfknq234oi243099adsdfnawe3@example.com
CSeq: 1893884 INVITE
Via: SIP/2.0/UDP host1.example.com;branch=z9hG4bKkdjuw3923
Contact: <sip:caller@host1.example.net>
Content-Length: 0`)},
	{name: "trws", section: "3.1.2.10", want: BadStartLine, text: req("OPTIONS sip:remote-target@example.com SIP/2.0  ", `Via: SIP/2.0/TCP host1.example.com;branch=z9hG4bK299342093
To: <sip:remote-target@example.com>
From: <sip:local-resource@example.com>;tag=329429089
Call-ID: trws.oicu34958239neffasdhr2345r
Accept: application/sdp
CSeq: 238923 OPTIONS
Max-Forwards: 70
Content-Length: 0`)},
	{name: "escruri", section: "3.1.2.11", text: req("INVITE sip:user@example.com?Route=%3Csip:example.com%3E SIP/2.0", `To: sip:user@example.com
From: sip:caller@example.net;tag=341518
Max-Forwards: 7
Contact: <sip:caller@host39923.example.net>
Call-ID: escruri.23940-asdfhj-aje3br-234q098w-fawerh2q-h4n5
CSeq: 149209342 INVITE
Via: SIP/2.0/UDP host-of-the-hour.example.com;branch=z9hG4bKkdjuw
Content-Length: 0`), why: "headers inside the Request-URI are for those who read the URI; passed on as it is"},
	{name: "baddate", section: "3.1.2.12", text: req("INVITE sip:user@example.com SIP/2.0", `To: sip:user@example.com
From: sip:caller@example.net;tag=2234923
Max-Forwards: 70
Call-ID: baddate.239423mnsadf3j23lj42--sedfnm234
CSeq: 1392934 INVITE
Via: SIP/2.0/UDP host.example.com;branch=z9hG4bKkdjuw
Date: Fri, 01 Jan 2010 16:00:00 EST
Contact: <sip:caller@host5.example.net>
Content-Length: 0`), why: "Date is none of ours"},
	{name: "regbadct", section: "3.1.2.13", text: req("REGISTER sip:example.com SIP/2.0", `To: sip:user@example.com
From: sip:user@example.com;tag=998332
Max-Forwards: 70
Call-ID: regbadct.k345asrl3fdbv@10.0.0.1
CSeq: 1 REGISTER
Via: SIP/2.0/UDP 135.180.130.133:5060;branch=z9hG4bKkdjuw
Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E
l: 0`), why: "for the registrar to refuse"},
	{name: "badaspec", section: "3.1.2.14", text: req("OPTIONS sip:user@example.org SIP/2.0", `Via: SIP/2.0/UDP host4.example.com:5060;branch=z9hG4bKkdju43234
Max-Forwards: 70
From: "Bell, Alexander" <sip:a.g.bell@example.com>;tag=433423
To: "Watson, Thomas" < sip:t.watson@example.org >
Call-ID: badaspec.sdf0234n2nds0a099u23h3hnnw009cdkne3
Accept: application/sdp
CSeq: 3923239 OPTIONS
l: 0`), why: "the RFC lets an element ignore the spaces"},
	{name: "baddn", section: "3.1.2.15", want: BadAddress, text: req("OPTIONS sip:t.watson@example.org SIP/2.0", `Via:     SIP/2.0/UDP c.example.com:5060;branch=z9hG4bKkdjuw
Max-Forwards:      70
From:    Bell, Alexander <sip:a.g.bell@example.com>;tag=43
To:      Watson, Thomas <sip:t.watson@example.org>
Call-ID: baddn.31415@c.example.com
Accept: application/sdp
CSeq:    3923239 OPTIONS
l: 0`)},
	{name: "badvers", section: "3.1.2.16", want: BadVersion, text: req("OPTIONS sip:t.watson@example.org SIP/7.0", `Via:     SIP/7.0/UDP c.example.com;branch=z9hG4bKkdjuw
Max-Forwards:     70
From:    A. Bell <sip:a.g.bell@example.com>;tag=qweoiqpe
To:      T. Watson <sip:t.watson@example.org>
Call-ID: badvers.31417@c.example.com
CSeq:    1 OPTIONS
l: 0`)},
	{name: "mismatch01", section: "3.1.2.17", want: MethodMismatch, text: req("OPTIONS sip:user@example.com SIP/2.0", `To: sip:j.user@example.com
From: sip:caller@example.net;tag=34525
Max-Forwards: 6
Call-ID: mismatch01.dj0234sxdfl3
CSeq: 8 INVITE
Via: SIP/2.0/UDP host.example.com;branch=z9hG4bKkdjuw
l: 0`)},
	{name: "mismatch02", section: "3.1.2.18", want: MethodMismatch, text: req("NEWMETHOD sip:user@example.com SIP/2.0", `To: sip:j.user@example.com
From: sip:caller@example.net;tag=34525
Max-Forwards: 6
Call-ID: mismatch02.dj0234sxdfl3
CSeq: 8 INVITE
Contact: <sip:caller@host.example.net>
Via: SIP/2.0/UDP host.example.net;branch=z9hG4bKkdjuw
Content-Type: application/sdp
l: 0`)},
	{name: "bigcode", section: "3.1.2.19", want: NotSIP, silent: true, text: req("SIP/2.0 4294967301 better not break the receiver", `Via: SIP/2.0/UDP 192.0.2.105;branch=z9hG4bK2398ndaoe
Call-ID: bigcode.asdof3uj203asdnf3429uasdhfas3ehjasdfas9i
CSeq: 353494 INVITE
From: <sip:user@example.com>;tag=39ansfi3
To: <sip:user@example.edu>;tag=902jndnke3
Content-Length: 0
Contact: <sip:user@host105.example.com>`)},
	{name: "badbranch", section: "3.2.1", text: req("OPTIONS sip:user@example.com SIP/2.0", `To: sip:user@example.com
From: sip:caller@example.org;tag=33242
Max-Forwards: 3
Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK
Accept: application/sdp
Call-ID: badbranch.sadonfo23i420jv0as0derf3j3n
CSeq: 8 OPTIONS
l: 0`), why: "handled as a client of RFC 2543"},
	{name: "insuf", section: "3.3.1", want: MissingHeader, silent: true, text: req("INVITE sip:user@example.com SIP/2.0", `CSeq: 193942 INVITE
Via: SIP/2.0/UDP 192.0.2.95;branch=z9hG4bKkdj.insuf
Content-Type: application/sdp
l: 0`), why: "no From, To and Call-ID to copy"},
	{name: "unkscm", section: "3.3.2", text: req("OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0", `To: sip:user@example.com
From: sip:caller@example.net;tag=384
Max-Forwards: 3
Call-ID: unkscm.nasdfasser0q239nwsdfasdkl34
CSeq: 3923423 OPTIONS
Via: SIP/2.0/TCP host9.example.com;branch=z9hG4bKkdjuw39234
Content-Length: 0`), why: "the softswitch answers 416"},
	{name: "multi01", section: "3.3.8", want: RepeatedHeader, text: req("INVITE sip:user@company.com SIP/2.0", `Contact: <sip:caller@host25.example.net>
Via: SIP/2.0/UDP 192.0.2.25;branch=z9hG4bKkdjuw
Max-Forwards: 70
CSeq: 5 INVITE
Call-ID: multi01.98asdh@192.0.2.1
CSeq: 59 INVITE
Call-ID: multi01.98asdh@192.0.2.2
From: sip:caller@example.com;tag=3413415
To: sip:user@example.com
To: sip:other@example.net
From: sip:caller@example.net;tag=2923420123
Content-Type: application/sdp
l: 0
Contact: <sip:caller@host36.example.net>
Max-Forwards: 5`)},
	{name: "mcl01", section: "3.3.9", want: RepeatedHeader, text: req("OPTIONS sip:user@example.com SIP/2.0", `Via: SIP/2.0/UDP host5.example.net;branch=z9hG4bK293423
To: sip:user@example.com
From: sip:other@example.net;tag=3923942
Call-ID: mcl01.fhn2323orihawfdoa3o4r52o3irsdf
CSeq: 15932 OPTIONS
Content-Length: 13
Max-Forwards: 60
Content-Length: 5
Content-Type: text/plain

There's no way to know how many octets are supposed to be here.`)},
	{name: "bcast", section: "3.3.10", silent: true, text: req("SIP/2.0 200 OK", `Via: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923
Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23
Call-ID: bcast.0384840201234ksdfak3j2erwedfsASdf
CSeq: 35 INVITE
From: sip:user@example.com;tag=11141343
To: sip:user@example.edu;tag=2229
Content-Length: 0
Contact: <sip:user@host28.example.com>`), why: "well formed; the gate drops it, since the Via is not its own"},
	{name: "zeromf", section: "3.3.11", text: req("OPTIONS sip:user@example.com SIP/2.0", `To: sip:user@example.com
From: sip:caller@example.net;tag=3ghsd41
Call-ID: zeromf.jfasdlfnm2o2l43r5u0asdfas
CSeq: 39234321 OPTIONS
Via: SIP/2.0/UDP host1.example.com;branch=z9hG4bKkdjuw2349i
Max-Forwards: 0
Content-Length: 0`), why: "well formed; the gate answers 483 instead of passing it on"},
	{name: "inv2543", section: "3.4.1", text: req("INVITE sip:UserB@example.com SIP/2.0", `Via: SIP/2.0/UDP iftgw.example.com
From: <sip:+13035551111@ift.client.example.net;user=phone>
Record-Route: <sip:UserB@example.com;maddr=ss1.example.com>
To: sip:+16505552222@ss1.example.net;user=phone
Call-ID: inv2543.1717@ift.client.example.com
CSeq: 56 INVITE
Content-Type: application/sdp
Content-Length: 0`)},
}
