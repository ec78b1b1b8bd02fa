// Package console holds the page of the console as it is served: HTML, CSS and
// modules, with no build. What the page gets from package console of the root, and
// what it may rely on, stands in README.md.
//
// Pipeline: beside it; [page] → people.
package console

import "embed"

// Files has the page in its folder page.
//
//go:embed page
var Files embed.FS
