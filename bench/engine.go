package main

// engine lists the measurements of what a change costs between the commit and
// the diff.
var engine = []measurement{ownersMany, rangesMany, equalLookup, rangeLookup, parser, oneOfMany, sustained}
