#!/usr/bin/env bash
# Builds the program for every system into dist/, with SHA256SUMS. The same
# commit and Go release give the same bytes, whoever builds and wherever.
# TARGETS="linux/amd64 …" builds fewer.
set -euo pipefail
cd "$(dirname "$0")/.."

TARGETS=${TARGETS:-linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64}
VERSION=$(git describe --tags --always --dirty --match 'v*' --abbrev=12)
case $VERSION in v*) ;; *) VERSION=v0.0.0-$VERSION ;; esac

rm -rf dist && mkdir dist
for target in $TARGETS; do
	name=wakeful_${VERSION}_${target/\//_}
	case $target in windows/*) name=$name.exe ;; esac
	printf '%s\n' "$name"
	GOFLAGS='' GOAMD64=v1 GOARM64=v8.0 CGO_ENABLED=0 GOOS=${target%/*} GOARCH=${target#*/} \
		go build -trimpath -buildvcs=false -ldflags "-s -w -buildid= -X main.release=$VERSION" -o "dist/$name" ./cmd/wakeful
done
cd dist && sha256sum -- * >SHA256SUMS
