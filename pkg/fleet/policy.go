package fleet

import "time"

// Policy holds what automation may do and the limits for operators. The zero
// value of every field means its default, which WithDefaults fills in.
type Policy struct {
	// TTLNormal is the TTL of steered sets in peace. Default 60s.
	TTLNormal Duration `json:"ttl_normal,omitzero" yaml:"ttl_normal,omitempty" jsonschema_description:"TTL of steered record sets in peace. Default: 60s."`
	// TTLEvent is the TTL while anything is drained, out or down. Default 30s.
	TTLEvent Duration `json:"ttl_event,omitzero" yaml:"ttl_event,omitempty" jsonschema_description:"TTL while anything is drained, out or down. Default: 30s."`
	// TTLFloor is the least TTL that any set may have. Default 5s.
	TTLFloor Duration `json:"ttl_floor,omitzero" yaml:"ttl_floor,omitempty" jsonschema_description:"Least TTL that any record set may have; also the negative TTL. Default: 5s."`
	// MaxSitesOut is how many sites automation may take out at once. Default 1.
	MaxSitesOut int `json:"max_sites_out,omitempty" yaml:"max_sites_out,omitempty" jsonschema:"minimum=1" jsonschema_description:"How many sites automation may take out at once. Default: 1."`
	// MinSites is how many sites must stay in each answer. Default 1.
	MinSites int `json:"min_sites,omitempty" yaml:"min_sites,omitempty" jsonschema:"minimum=1" jsonschema_description:"How many sites must stay in each answer. Default: 1."`
	// Block is how long automation leaves a service alone after it moved it,
	// unless a person acknowledges. Default 1h.
	Block Duration `json:"block,omitzero" yaml:"block,omitempty" jsonschema_description:"How long automation leaves a service alone after it moved it; ends early by an operator's ack. Default: 1h."`
	// DrillBlocked are the times of the week at which no drill begins.
	DrillBlocked []string `json:"drill_blocked,omitzero" yaml:"drill_blocked,omitzero" jsonschema_description:"Times of the week, in UTC, at which no drill begins: mon-fri 13:00-23:00, daily 00:00-04:00. Default: none."`
	// Drills begin by themselves.
	Drills []Drill `json:"drills,omitempty" yaml:"drills,omitempty" jsonschema_description:"Drills that begin by themselves. Default: none."`
	// RecoveryTarget is how long it may take until nobody is left at a site that
	// is led out. A drill that takes longer has failed. Default: none.
	RecoveryTarget Duration `json:"recovery_target,omitzero" yaml:"recovery_target,omitempty" jsonschema_description:"How long it may take until no phone is left at a site that is led out; a drill that takes longer has failed. Default: none."`
	// TouchesAbove is the share of the names, in per cent, above which what a person
	// does to their answers needs their number. Default: never.
	TouchesAbove int `json:"touches_above,omitempty" yaml:"touches_above,omitempty" jsonschema:"minimum=1,maximum=99" jsonschema_description:"Per cent of the names (services and tenants) above which a drain, a failover, a return or a rollback is taken only from who has confirmed it at a terminal or says with --touches how many names it touches. Default: never asked; imports and fleet files have a limit of their own."`
	// MaxMovesPerHour is how often automation may take a site out in an hour.
	// Default 6.
	MaxMovesPerHour int `json:"max_moves_per_hour,omitempty" yaml:"max_moves_per_hour,omitempty" jsonschema:"minimum=1" jsonschema_description:"How often automation may take a site out in an hour. Default: 6."`
	// MaxFor bounds every drain, hold and force. Default 72h, also the most.
	MaxFor Duration `json:"max_for,omitzero" yaml:"max_for,omitempty" jsonschema_description:"Longest drain, hold or force. Default and most: 72h."`
	// CommonCauseWindow: the same check kind failing at two sites inside it
	// stops automation. Default 1m.
	CommonCauseWindow Duration `json:"common_cause_window,omitzero" yaml:"common_cause_window,omitempty" jsonschema_description:"The same check failing at two sites inside this window stops automation. Default: 1m."`
	// DrainPriority is the SRV priority offset of a site that is leaving.
	// Default 900.
	DrainPriority int `json:"drain_priority,omitempty" yaml:"drain_priority,omitempty" jsonschema:"minimum=900,maximum=60000" jsonschema_description:"SRV priority offset of a site that is leaving. Default: 900."`
	// DrainGrace is added to the old TTL before a drained site's record is
	// removed. Default 10s.
	DrainGrace Duration `json:"drain_grace,omitzero" yaml:"drain_grace,omitempty" jsonschema_description:"Added to the old TTL before a draining site's record is removed. Default: 10s."`
	// RegistrationPeriod is the longest registration interval of the phones:
	// the second drain phase and failback pacing wait for it. Default 60s.
	RegistrationPeriod Duration `json:"registration_period,omitzero" yaml:"registration_period,omitempty" jsonschema_description:"Longest registration interval of the phones; drains and failbacks are paced by it. Default: 60s."`
	// FailbackSteps are the shares in per cent by which traffic comes back.
	// Default 5, 25, 100.
	FailbackSteps []int `json:"failback_steps,omitempty" yaml:"failback_steps,omitempty" jsonschema_description:"Shares in per cent by which traffic comes back; ascending, the last is 100. Default: 5, 25, 100."`
	// FailbackInterval is the wait between two failback steps. Default:
	// RegistrationPeriod.
	FailbackInterval Duration `json:"failback_interval,omitzero" yaml:"failback_interval,omitempty" jsonschema_description:"Wait between two failback steps. Default: registration_period."`
	// Failback says how traffic comes back: by weights or by cohorts of tenants.
	Failback FailbackPolicy `json:"failback,omitzero" yaml:"failback,omitempty" jsonschema_description:"How traffic comes back. Default: by weights."`
	// Isolate says what becomes of a source that sends far more than others.
	Isolate Isolate `json:"isolate,omitzero" yaml:"isolate,omitempty" jsonschema_description:"What becomes of a source that sends far more to a gate than it usually does and than others do. Default: it is named, with the command that keeps it out."`
	// RetryAfterMin and RetryAfterMax bound the random Retry-After of a
	// refusal, in seconds. Default 5 and 10. A 503 without Retry-After loses
	// some phones for good.
	RetryAfterMin int `json:"retry_after_min,omitempty" yaml:"retry_after_min,omitempty" jsonschema:"minimum=1,maximum=3600" jsonschema_description:"Least Retry-After of a refusal, in seconds. Default: 5."`
	RetryAfterMax int `json:"retry_after_max,omitempty" yaml:"retry_after_max,omitempty" jsonschema:"minimum=1,maximum=3600" jsonschema_description:"Most Retry-After of a refusal, in seconds. Default: 10."`
	// EmergencyNumbers are dialled numbers that always pass. Default 911, 112.
	// The URN urn:service:sos (RFC 5031) passes in any case.
	EmergencyNumbers []string `json:"emergency_numbers,omitzero" yaml:"emergency_numbers,omitempty" jsonschema_description:"Dialled numbers that always pass, quoted. urn:service:sos passes in any case. Default: 911 and 112."`
	// EmergencyCountries add the numbers of these countries. Default: none.
	EmergencyCountries []string `json:"emergency_countries,omitempty" yaml:"emergency_countries,omitempty" jsonschema_description:"Countries whose emergency numbers always pass too, by ISO 3166 (CA, GB); docs/gate.md lists those that are known. Default: none."`
}

// MaxForLimit is the most that policy.max_for may be.
const MaxForLimit = 72 * time.Hour

// WithDefaults returns p with every unset field at its default.
func (p Policy) WithDefaults() Policy {
	def := func(d *Duration, v time.Duration) {
		if *d == 0 {
			*d = Duration(v)
		}
	}
	num := func(n *int, v int) {
		if *n == 0 {
			*n = v
		}
	}
	def(&p.TTLNormal, 60*time.Second)
	def(&p.TTLEvent, 30*time.Second)
	def(&p.TTLFloor, 5*time.Second)
	num(&p.MaxSitesOut, 1)
	num(&p.MinSites, 1)
	num(&p.MaxMovesPerHour, 6)
	def(&p.Block, time.Hour)
	def(&p.MaxFor, MaxForLimit)
	def(&p.CommonCauseWindow, time.Minute)
	num(&p.DrainPriority, 900)
	def(&p.DrainGrace, 10*time.Second)
	def(&p.RegistrationPeriod, 60*time.Second)
	if len(p.FailbackSteps) == 0 {
		p.FailbackSteps = []int{5, 25, 100}
	}
	def(&p.FailbackInterval, p.RegistrationPeriod.D())
	num(&p.RetryAfterMin, 5)
	if p.RetryAfterMax == 0 {
		p.RetryAfterMax = max(10, p.RetryAfterMin)
	}
	if p.DrillBlocked == nil {
		p.DrillBlocked = []string{}
	}
	if p.EmergencyNumbers == nil {
		p.EmergencyNumbers = []string{"911", "112"}
	}
	return p
}

// TTL returns the policy's lifetimes.
func (p Policy) TTL() TTL { return TTL{Normal: p.TTLNormal, Event: p.TTLEvent} }

// Checks says what is asked of the softswitches and when an answer counts.
type Checks struct {
	// Interval between two probes of one check. Default 5s.
	Interval Duration `json:"interval,omitzero" yaml:"interval,omitempty" jsonschema_description:"Between two probes of one check. Default: 5s."`
	// Timeout after which a probe has failed. It is the probe's own timer, not
	// SIP Timer F. Default 2/5 of Interval.
	Timeout Duration `json:"timeout,omitzero" yaml:"timeout,omitempty" jsonschema_description:"After which a probe has failed. Default: 2/5 of interval."`
	// Burst is the spacing of the re-probes after a first failure. Default
	// 250ms, at most Interval/4.
	Burst Duration `json:"burst,omitzero" yaml:"burst,omitempty" jsonschema_description:"Between the re-probes after a first failure. Default: 250ms, at most a quarter of interval."`
	// Fall is the number of failures in total that make a listener down. Default 3.
	Fall int `json:"fall,omitempty" yaml:"fall,omitempty" jsonschema:"minimum=1" jsonschema_description:"Failures in total that make a listener down. Default: 3."`
	// Reset is the number of successes in a row that forgets failures. Default 6.
	Reset int `json:"reset,omitempty" yaml:"reset,omitempty" jsonschema:"minimum=1" jsonschema_description:"Successes in a row that forget failures. Default: 6."`
	// Rise is the number of successes in a row that make it up again. Default 12.
	Rise int `json:"rise,omitempty" yaml:"rise,omitempty" jsonschema:"minimum=1" jsonschema_description:"Successes in a row that make it up again. Default: 12."`
	// MaxHold is the longest time that a check which was down again and again must
	// be well before it is up: the hold-down doubles with each fall, to 16 times
	// Rise, and no further than this. Default 30m; it is not written into what is
	// stored, so that logs of older programs lead to the same State.
	MaxHold Duration `json:"max_hold,omitzero" yaml:"max_hold,omitempty" jsonschema_description:"The longest time that a check which was down again and again must be well before it is up. The hold-down doubles with each fall, up to 16 times rise, and no further than this. Default: 30m."`
	// MinRemote is how many observers at other sites must agree. Default 1,
	// and 0 in a fleet of one site, where there is nobody else to ask.
	MinRemote *int `json:"min_remote,omitempty" yaml:"min_remote,omitempty" jsonschema_description:"How many observers at other sites must agree. Default: 1, and 0 in a fleet of one site."`
	// ExpectStatus lists SIP status codes that mean a living softswitch beside
	// 200: a core that answers 404, 405 or 483 to OPTIONS is alive.
	ExpectStatus []int `json:"expect_status,omitzero" yaml:"expect_status,omitempty" jsonschema_description:"SIP status codes beside 200 that mean a living softswitch. Default: 404, 405, 483."`
	// MaxForwards of OPTIONS. With 0 whoever is asked must answer itself, since it
	// may pass nothing on (RFC 3261 §16.3); some answer 483 then. Default 70.
	MaxForwards *int `json:"max_forwards,omitempty" yaml:"max_forwards,omitempty" jsonschema:"minimum=0,maximum=70" jsonschema_description:"Max-Forwards of OPTIONS. With 0 whoever is asked must answer itself and pass nothing on (RFC 3261 §16.3); some answer 483 then, which is life. Default: 70."`
	// TrustRoots is PEM text of certificate authorities for the TLS checks.
	// Default: those of the machine.
	TrustRoots string `json:"trust_roots,omitempty" yaml:"trust_roots,omitempty" jsonschema_description:"Certificate authorities for the TLS checks, in PEM. Default: those of the machine."`
	// Kinds changes these settings for single kinds of check.
	Kinds []CheckTimes `json:"kinds,omitempty" yaml:"kinds,omitempty" jsonschema_description:"Settings of single kinds of check where they differ."`
	// Canaries are test subscribers; without one there is no register check. With
	// several domains a fault of one tenant is told from one of the site.
	Canaries []Canary `json:"canaries,omitempty" yaml:"canaries,omitempty" jsonschema_description:"Test subscribers, as which the agents log in to prove that phones can. Without one there is no register check. One of each SIP domain is asked for: with several, a fault of one tenant is told from one of the site."`
	// Extra are further checks.
	Extra []Extra `json:"extra,omitempty" yaml:"extra,omitempty" jsonschema_description:"Further checks: tcp, http, dns, exec, storage, metrics, call, certificates."`
}

// WithDefaults returns c with every unset field at its default.
func (c Checks) WithDefaults() Checks {
	if c.Interval == 0 {
		c.Interval = Duration(5 * time.Second)
	}
	if c.Timeout == 0 {
		c.Timeout = c.Interval * 2 / 5
	}
	if c.Burst == 0 {
		c.Burst = min(Duration(250*time.Millisecond), c.Interval/4)
	}
	if c.Fall == 0 {
		c.Fall = 3
	}
	if c.Reset == 0 {
		c.Reset = 6
	}
	if c.Rise == 0 {
		c.Rise = 12
	}
	if c.MinRemote == nil {
		one := 1
		c.MinRemote = &one
	}
	if c.ExpectStatus == nil {
		c.ExpectStatus = []int{404, 405, 483}
	}
	return c
}

// WithDefaults returns f with every unset setting at its default. Names stay
// as they are; Validate refuses those that are not in lower case.
func (f Fleet) WithDefaults() Fleet {
	f.Policy = f.Policy.WithDefaults()
	if f.Checks.MinRemote == nil && len(f.Sites) < 2 {
		none := 0
		f.Checks.MinRemote = &none
	}
	f.Checks = f.Checks.WithDefaults()
	if f.Hostmaster == "" {
		f.Hostmaster = "hostmaster@" + f.Zone
	}
	return f
}
