// Package pgquery asks libpg_query, PostgreSQL's own grammar, about statements
// that package query has read. It is a module of its own: nobody who uses
// Wakeful needs that library.
package pgquery
