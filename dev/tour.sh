#!/usr/bin/env bash
# A tour of a running service with curl: each request, its answer, and whether it is the expected one.
# URL says where the service is; PYTHON prints the JSON.
set -euo pipefail

url=${URL:-http://localhost:${PORT:-3001}}
python=${PYTHON:-python3}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
email="ada.$(date +%s).$$@example.com"
token=

title() { printf '\n# %s\n' "$*"; }

# field NAME... prints what is at that path in the last answer.
field() {
  "$python" -c 'import json, sys
value = json.load(sys.stdin)
for name in sys.argv[1:]: value = value[name]
print(value)' "$@" <"$folder/body"
}

# call STATUS METHOD PATH [BODY] sends a request with the cookies and the token at hand.
call() {
  local expected=$1 method=$2 path=$3 body=${4-} status
  local options=(--silent --request "$method" --output "$folder/body"
    --cookie "$folder/cookies" --cookie-jar "$folder/cookies" --write-out '%{http_code}')
  [ -z "$token" ] || options+=(--header "Authorization: Bearer $token")
  [ -z "$body" ] || options+=(--header 'Content-Type: application/json' --data "$body")
  printf '\n> %s %s%s\n' "$method" "$path" "${body:+ $body}"
  : >"$folder/body"
  status=$(curl "${options[@]}" "$url$path") || {
    echo "Nobody answers at $url: start the service with 'make run', or say where it is with URL=…" >&2
    exit 1
  }
  echo "< $status"
  [ ! -s "$folder/body" ] || "$python" -m json.tool --no-ensure-ascii "$folder/body"
  if [ "$status" != "$expected" ]; then
    echo "The tour ends here: $method $path should have answered $expected." >&2
    exit 1
  fi
}

title 'Is anybody there?'
call 200 GET /health
call 200 GET /health/live

title 'Sign up, and sign in again'
call 201 POST /auth/signup "{\"name\": \"Ada\", \"email\": \"$email\", \"password\": \"correct horse battery\"}"
call 409 POST /auth/signup "{\"name\": \"Ada\", \"email\": \"$email\", \"password\": \"correct horse battery\"}"
call 401 POST /auth/login "{\"email\": \"$email\", \"password\": \"wrong\"}"
call 200 POST /auth/login "{\"email\": \"$email\", \"password\": \"correct horse battery\"}"
token=$(field accessToken)
call 200 GET /me

title 'Make a list'
call 201 POST /movies '{"title": "Seven Samurai", "year": "1954"}'
call 201 POST /movies '{"title": "Heat", "year": "1995", "imageUrl": "https://example.com/heat.jpg"}'
call 201 POST /movies '{"title": "Coming Home"}'
movie=/movies/$(field id)
call 400 POST /movies '{"title": " ", "year": 1995}'

title 'Read it page by page'
call 200 GET '/movies?page=1&limit=2'
call 200 GET '/movies?page=2&limit=2'

title 'Change one, clear a field, delete it'
call 200 PUT "$movie" '{"title": "Coming Home", "year": "1978"}'
call 200 PATCH "$movie" '{"year": null}'
call 204 DELETE "$movie"
call 404 GET "$movie"

title 'Refresh, by the cookie that curl keeps'
call 200 POST /auth/refresh
token=$(field accessToken)
call 200 GET /movies

title 'Log out: the token is good for nothing from now on'
call 204 POST /auth/logout
call 401 GET /movies
call 401 POST /auth/refresh

title 'That was all: every answer was the expected one.'
