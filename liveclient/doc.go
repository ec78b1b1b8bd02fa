// Package liveclient is the client in Go: it holds lists of a server of Wakeful
// and keeps them true.
//
//	client, err := liveclient.New(liveclient.Config{URL: "https://api.example.com"})
//	go client.Run(ctx)
//
//	posts := liveclient.Live[Post](client, "/api/posts?author=7")
//	defer posts.Close()
//	for state := range posts.States(ctx) {
//		fmt.Println(state.Status, len(state.Items))
//	}
//
// One connection carries any number of lists: a WebSocket, and server-sent
// events where a network lets no WebSocket through. What it promises:
//
//   - A list is always one that the server held, order included; a change is
//     never missed. What does not fit (a gap, a frame that cannot be applied)
//     is healed by going on from where the list is, or by the whole list anew.
//   - Over a lost connection lists stay as they were, marked offline, and go on
//     from exactly there. It comes back by itself, after a wait with jitter, or
//     the wait that the server asks for.
//   - Lists that changed together become visible together: changes are held
//     until the server says how far all lists have come, and no longer than
//     Config.Hold.
//   - What went wrong is an *Error with the server's stable code; Retry says
//     whether the client tries again by itself.
//   - Everything is bounded: of each list one version is kept beside the one
//     that is shown. Who looks seldom skips versions and misses no change.
//
// Pipeline: gateway → wire → [liveclient].
package liveclient
