// Package orm holds tests of what programs reach PostgreSQL through: each must
// keep the context of a request, so that what it reads is noted and its lists
// are live. It is a module of its own, for none of these is needed by anybody
// who uses Wakeful.
package orm
