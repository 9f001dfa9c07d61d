package agent

// heapRoom is how much memory one agent lets become garbage before the collector
// runs, if less than that is alive.
const heapRoom = 64 << 20

// HeapRoom returns memory that a process holds, and never touches, while it runs
// so many agents: the kernel gives none of it away, and Go's collector counts it
// as alive. An agent has some 10 MiB alive and makes 0.2 MiB of garbage with each
// decision, so the collector would run in every fortieth, and its work, on a
// machine of two processors, would be what the slowest in a hundred wait for. With
// a million tenants it changes little, which a GOGC that is as good would not:
// that would be a multiple of what they take.
func HeapRoom(agents int) []byte { return make([]byte, agents*heapRoom) }
