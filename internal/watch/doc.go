// Package watch shows a live list in a terminal: a table whose rows light up
// when they change, or lines for pipes.
//
// What a row holds is never trusted: control characters are shown as signs, and
// text is cut by the width that it takes on the screen. Layout is pure (a table
// and a size give lines), so it is tested without a terminal; Run alone knows
// about time and keys.
//
// Pipeline: liveclient → [watch] → a person.
package watch
