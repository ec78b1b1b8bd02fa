// Package postgres makes a PostgreSQL database a source of changes and a
// recorder of reads. It sees every commit, whoever makes it.
//
//	db, source, err := postgres.Open("postgres://app@localhost/app")
//
// # Tables and values
//
// A table of the schema public is named by its name alone, any other as
// "schema.table"; a part that has a dot or a quote in it stands in double
// quotes. Images of changes have integers as int64, floating point as float64,
// booleans as bool, text types as string, bytea as []byte. A value of any other
// type is the text that the server writes for it with ISO dates, in UTC.
//
// Pipeline: database → [postgres] → affected; handler → [postgres] → database.
package postgres
