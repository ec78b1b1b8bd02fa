package wakeful

import (
	"net/http"

	"github.com/wakeful-dev/wakeful/internal/webclient"
)

// Script serves @wakeful/client as one script, for pages without a build:
//
//	mux.Handle("GET /wakeful.js", wakeful.Script())
//
//	<script type="module">
//	  import { createClient } from '/wakeful.js';
//	  const posts = createClient().live('/posts');
//	  posts.subscribe(() => show(posts.get().items));
//	</script>
func Script() http.Handler { return webclient.Handler() }
