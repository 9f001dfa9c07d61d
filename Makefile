# The targets that people use. CI calls the same ones (.ci/run).
GO ?= go
PKGS ?= ./...
TOOL = $(GO) tool -modfile=.ci/tools/go.mod

.PHONY: demos race-labs drain-forecast crash elections all test unit race fuzz verdicts bench flood bench-dns bench-sip sim sim-long drain-calls runbook-long verify format tidy vet staticcheck vuln peers clean

all: ## build the program into ./sipsteer
	$(GO) build -o sipsteer ./cmd/sipsteer

test: peers ## every test, with the real peers where they are installed
	.ci/tests $(PKGS) | $(GO) run ./.ci/testreport

race-labs: ## the labs of cmd/sipsteer under the race detector, on a machine that does nothing else
	$(GO) test -race -count 1 -timeout 60m ./cmd/sipsteer

unit: ## only tests without real peers and processes
	$(GO) test -short $(PKGS)

sim: ## 10,000 random incidents in virtual time, every rule checked after every command
	$(GO) test ./pkg/steer -run 'TestNoDoubleAndNoStuckFailover|TestPolicyAgreesWithADumbOne' -count 1 -v
	$(GO) test ./pkg/sim -run TestRulesHoldInRandomIncidents -count 1 -timeout 30m -v -sim.seeds 10000

SEEDS ?= 1000000
FIRST ?= 1000000
sim-long: ## as many as SEEDS says, from the seed FIRST on
	$(GO) test ./pkg/sim -run TestRulesHoldInRandomIncidents -count 1 -timeout 0 -v -sim.seeds $(SEEDS) -sim.first $(FIRST)

fuzz: ## every fuzz target for a short time
	.ci/fuzz 20s

demos: ## the five outages live, one after the other, in real time
	SIPSTEER_DEMOS=1 $(GO) test -count 1 -v -timeout 20m -run TestDemoTellsTheOutages ./cmd/sipsteer

runbook-long: ## a runbook of thirty steps through ten deaths of its leader
	SIPSTEER_TEST_KILLS=10 $(GO) test -race -count 1 -v -run TestRunbookSurvivesItsLeaders ./cmd/sipsteer

verdicts: ## false moves in ten thousand hours of random loss; writes docs/verdicts.md
	$(GO) test -timeout 60m -run TestTraces ./probes/traces -update
	$(GO) test -timeout 60m -v -run TestRandomLoss ./probes/traces -long -update

leader-loss: ## ten thousand questions a second while the leader is killed: none unanswered
	SIPSTEER_DNS_RATE=10000 $(GO) test -count 1 -v -run TestNoQuestionUnansweredWithoutALeader ./cmd/sipsteer

elections: ## a week of virtual time with 1 % loss, LAN and WAN: no leader loses its office (half an hour)
	RAFTSTORE_CALM=168h $(GO) test -timeout 0 -count 1 -v -run TestNoFalseElection ./raftstore

crash: ## kill -9 agents and stores 500 times each and find every acknowledged change
	SIPSTEER_KILLS=500 $(GO) test -timeout 60m -run TestKilledAgentsLoseNothing ./cmd/sipsteer
	RAFTSTORE_KILLS=500 $(GO) test -timeout 30m -run TestKillLosesNothing ./raftstore

bench: ## every benchmark once
	$(GO) test -run '^$$' -bench . -benchmem -benchtime 1s $(PKGS)

bench-dns: ## the name server beside those that are installed (knot, nsd, gdnsd) and CoreDNS, which is built
	PATH="$$PATH:$$(.ci/coredns/build)" $(GO) test -run '^$$' -bench BenchmarkPeers -benchtime 1x ./dnsserver

FLOOD ?= 1h
flood: ## the name server under questions without end: its memory stays flat
	SIPSTEER_FLOOD=$(FLOOD) $(GO) test -count 1 -v -timeout 0 -run TestFlood ./dnsserver

.PHONY: bench-store leader-loss
bench-store: ## the store beside the bare library and Debian's etcd; issued to answered; a million tenants
	$(GO) test -run '^$$' -bench 'BenchmarkCommit|BenchmarkFollowerApply' -benchtime 2000x ./raftstore
	$(GO) test -run '^$$' -bench 'BenchmarkLeaderLost|BenchmarkPeersLeaderKilled' -benchtime 9x -timeout 20m ./raftstore
	$(GO) test -run '^$$' -bench BenchmarkAnswered -benchtime 500x ./pkg/agent
	$(GO) test -run '^$$' -bench BenchmarkMillion -benchtime 1x -timeout 20m ./pkg/agent

bench-sip: ## the gate beside Kamailio: 503 for each second of processor time
	$(GO) test -run '^$$' -bench 'BenchmarkPeers|BenchmarkStorm' -benchtime 1x ./pkg/gate

drain-calls: ## drain a site with 1000 calls of SIPp up, over UDP and TCP
	SIPSTEER_DRAIN_CALLS=1000 $(GO) test -count 1 -v -run TestDrainWithCalls ./pkg/gate

drain-forecast: ## drain a lab site with 10000 phones and 1000 calls: was the forecast right?
	SIPSTEER_DRAIN_PHONES=10000 $(GO) test -count 1 -v -timeout 20m -run TestDrainForecast ./cmd/sipsteer

verify: format vet staticcheck tidy vuln ## everything that CI checks beside the tests

format:
	@out=$$($(TOOL) gofumpt -l cmd pkg raftstore dnsserver probes examples .ci); \
	if [ -n "$$out" ]; then echo "not formatted (gofumpt -w):"; echo "$$out"; exit 1; fi

vet:
	$(GO) vet ./...
	GOOS=darwin $(GO) vet ./...

staticcheck:
	$(TOOL) staticcheck ./...

tidy: ## go.mod and go.sum are what the code needs
	$(GO) mod tidy -diff

vuln:
	.ci/vuln

peers:
	@.ci/peers

clean:
	rm -rf sipsteer sipsteer-lab
