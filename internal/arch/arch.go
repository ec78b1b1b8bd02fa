// Package arch is the architecture as a test: which package may import which,
// what may come from outside, and the rules of the house that a reviewer would
// otherwise repeat. Each failure says why the rule is there.
//
// There is no code here; the tests read the source of the whole repository,
// for every system and build tag at once.
package arch
