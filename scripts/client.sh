#!/usr/bin/env bash
# The TypeScript clients: types, tests, what is published of them, the size of
# @wakeful/client, and whether the bundles that Go embeds are those of the source.
#
#   scripts/client.sh            all of it
#   scripts/client.sh bundle     build the bundles that Go embeds, and no more
#
# Exit code 77: what it needs cannot be had here.
set -euo pipefail
cd "$(dirname "$0")/.."

LIMIT=10496 # bytes of @wakeful/client, minified and gzipped; 8192 is the aim, and not reached

have() { command -v "$1" >/dev/null 2>&1; }
have npm && [ -d client/node_modules ] || { echo "no npm, or no client/node_modules (scripts/setup.sh installs it)"; exit 77; }
export PATH=$PWD/client/node_modules/.bin:$PATH

# bundle FOLDER: builds what Go embeds, under the paths that it has in the repository.
bundle() {
	mkdir -p "$1/internal/webclient"
	esbuild client/core/src/script.ts --bundle --minify --format=esm --target=es2022 --legal-comments=none \
		--log-level=warning --outfile="$1/internal/webclient/wakeful.js"
	NODE_PATH=client/node_modules esbuild internal/demo/app/board.tsx --bundle --minify --format=esm --target=es2022 --jsx=automatic \
		--define:process.env.NODE_ENV='"production"' --alias:@wakeful/client=./client/core/src/index.ts --alias:@wakeful/react=./client/react/src/index.ts \
		--legal-comments=eof --log-level=warning --outfile="$1/internal/demo/page/board.js"
}

if [ "${1-}" = bundle ]; then
	bundle .
	exit
fi

for package in client/*/package.json; do
	folder=$(dirname "$package")
	printf -- '-- %s\n' "$folder"
	(
		cd "$folder"
		npm run --silent build
		npm run --silent types
		npm test --silent
		publint --strict
		attw --pack . --profile esm-only --format ascii
	)
done

printf -- '-- internal/demo/app\n'
tsc -p internal/demo/app

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
bundle "$fresh"
(cd "$fresh" && find . -type f) | while read -r file; do
	cmp -s "$fresh/$file" "$file" || { echo "$file is not what the source gives: run scripts/client.sh bundle"; exit 1; }
done

size=$(gzip -9nc internal/webclient/wakeful.js | wc -c)
printf '@wakeful/client: %d bytes gzipped, of %d; the aim is 8192\n' "$size" "$LIMIT"
[ "$size" -le "$LIMIT" ] || { echo "that is too much"; exit 1; }
