//go:build planted

package postgres

import "os"

// The bugs of this package, which a build with the tag "planted" carries when
// the environment variable WAKEFUL_PLANT names them.
const (
	keyIncomplete = "key_incomplete" // a statement that leaves out a part of the key is taken to have it
	rowsLeft      = "rows_left"      // the keys are those of the rows that a view takes before it closes them
)

func keyInPart() bool { return os.Getenv("WAKEFUL_PLANT") == keyIncomplete }

func keysLeft() bool { return os.Getenv("WAKEFUL_PLANT") == rowsLeft }
