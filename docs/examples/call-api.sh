#!/usr/bin/env bash
# Calls an API behind the M2M gateway, one path after the other, with one token request in all:
#   docs/examples/call-api.sh https://api.example.com /db/tables /db/jobs/42
# The identity is that of the environment, or of CREDVEND_ENV_FILE. Bodies go to standard output; a line a request, with the
# id that names it in the gateway's audit lines, goes to standard error. Exit code 1: some request did not succeed.
set -euo pipefail

if [ $# -lt 2 ]; then
  echo "usage: call-api.sh URL PATH..." >&2
  exit 2
fi
api=${1%/}
shift

credvend=(credvend)
if [ -n "${CREDVEND_ENV_FILE:-}" ]; then
  credvend+=(--env-file "$CREDVEND_ENV_FILE")
fi

failed=0
for path in "$@"; do
  # Through a pipe, since every user of the machine can read a program's arguments. Asked for anew for each call: the token
  # comes from the cache until it has to be replaced. curl waits as Retry-After says (429, 503), half a minute at most.
  "${credvend[@]}" token --output curl |
    curl --config - --silent --show-error --fail-with-body --retry 3 --retry-max-time 30 \
      --write-out '%{stderr}%{http_code} %header{x-request-id} %{url_effective}\n' "$api$path" || failed=1
done
exit "$failed"
