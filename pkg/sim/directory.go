package sim

import (
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/srv"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// directory is what is asked of the name servers: the SRV set of each service
// and transport, and the address of each service.
type directory struct {
	keys  []question
	hosts map[string]int // SRV target -> site
}

type question struct {
	service   fleet.ServiceID
	transport fleet.Transport // 0: the address
	bucket    int             // of the tenant whose name is asked; fleet.OwnName for the service's
}

// answer is what a name server says to one question.
type answer struct {
	ttl     time.Duration
	targets []srv.SRV
	order   []int8 // sites in order, where the order leaves no choice
	choice  bool   // several targets share a priority
}

// published is what one State makes name servers and gates do.
type published struct {
	epoch   uint64
	answers []*answer // by key
	gates   [][transports]steer.GateRule
}

func (w *World) buildDirectory() {
	w.names.hosts = map[string]int{}
	for i := range w.fleet.Sites {
		w.names.hosts[w.fleet.HostName(&w.fleet.Sites[i])] = i
	}
	for i := range w.fleet.Services {
		svc := &w.fleet.Services[i]
		w.names.keys = append(w.names.keys, question{service: svc.Name, bucket: fleet.OwnName})
		for _, t := range svc.Transports {
			w.names.keys = append(w.names.keys, question{svc.Name, t, fleet.OwnName})
		}
	}
	w.askByTenants()
}

// publish derives what is served from a State, by the functions that serve it
// in truth. old is reused where the epoch is the same.
func (w *World) publish(s steer.State, old *published) *published {
	if old != nil && old.epoch == s.Epoch {
		return old
	}
	zone := steer.Records(s)
	p := &published{epoch: s.Epoch}
	for _, k := range w.names.keys {
		p.answers = append(p.answers, w.lookup(&zone, k))
	}
	gates := steer.GateStates(s)
	for i := range w.sites {
		var rules [transports]steer.GateRule
		for _, r := range gates[w.sites[i].id].Rules {
			rules[r.Transport] = r
		}
		p.gates = append(p.gates, rules)
	}
	return p
}

func (w *World) lookup(z *srv.Zone, k question) *answer {
	name := w.ownerOf(z, k)
	if k.transport == 0 {
		return w.address(z, name)
	}
	set, ok := z.Lookup(k.transport.Label()+"."+name, srv.TypeSRV)
	if !ok {
		return nil
	}
	a := &answer{ttl: time.Duration(set.TTL) * time.Second}
	for i, d := range set.Data {
		r, ok := d.(srv.SRV)
		if !ok {
			continue
		}
		a.choice = a.choice || i > 0 && a.targets[i-1].Priority == r.Priority
		a.targets = append(a.targets, r)
		a.order = append(a.order, int8(w.names.hosts[r.Target]))
	}
	return a
}

func (w *World) address(z *srv.Zone, name string) *answer {
	set, ok := z.Lookup(name, srv.TypeA)
	if !ok {
		if set, ok = z.Lookup(name, srv.TypeAAAA); !ok {
			return nil
		}
	}
	for i := range w.fleet.Sites {
		for _, addr := range w.fleet.Sites[i].Addresses {
			if addr.String() == set.Data[0].String() {
				return &answer{ttl: time.Duration(set.TTL) * time.Second, order: []int8{int8(i)}}
			}
		}
	}
	return nil
}

// serve makes an agent's name server and gate follow what it has applied. They
// never go back.
func (w *World) serve(i int) {
	q := &w.quorum
	old := q.served[i]
	s := q.log[q.applied[i]-1]
	if old != nil && s.Epoch <= old.epoch {
		w.setGates(i) // verdicts may allow or end a reflex
		return
	}
	var same *published
	for _, p := range q.served {
		if p != nil && p.epoch == s.Epoch {
			same = p
		}
	}
	q.served[i] = w.publish(s, same)
	w.changed()
	w.setGates(i)
}

// resolver is one cache.
type resolver struct {
	cache   []cached
	minTTL  time.Duration
	noStale bool
}

type cached struct {
	answer *answer
	until  time.Duration
	rate   float64 // questions in a second, by the phones that ask it
}

// resolve answers from the cache, else from one of the name servers that can be
// reached, else with what has run out.
func (w *World) resolve(r *resolver, key int) *answer {
	c := &r.cache[key]
	if w.now < c.until {
		return c.answer
	}
	from := w.rnd.IntN(len(w.observers))
	for n := range w.observers {
		i := (from + n) % len(w.observers)
		if w.observers[i].dead || w.sites[i].cut {
			continue
		}
		a := w.quorum.served[i].answers[key]
		if a == nil {
			return nil
		}
		c.answer, c.until = a, w.now+max(a.ttl, r.minTTL)
		return a
	}
	if r.noStale {
		return nil
	}
	return c.answer
}

func (w *World) key(service fleet.ServiceID, t fleet.Transport) int {
	return slices.Index(w.names.keys, question{service, t, fleet.OwnName})
}
