#!/bin/sh
# For /docker-entrypoint-initdb.d of the official image, with roles.sql in /etc/postgresql. The
# passwords are in OWNER_PASSWORD and APP_PASSWORD, or in the files that
# OWNER_PASSWORD_FILE and APP_PASSWORD_FILE name. Neither has a default.
# The image sources the script if it cannot run it: hence a shell of its own.
(
    set -eu
    for name in OWNER_PASSWORD APP_PASSWORD; do
        eval "file=\${${name}_FILE:-} value=\${$name:-}"
        if [ -n "$file" ]; then
            value=$(cat "$file")
        fi
        if [ -z "$value" ]; then
            echo "$name is not set, nor ${name}_FILE." >&2
            exit 1
        fi
        export "$name=$value"
    done
    psql -X --username "$POSTGRES_USER" --dbname "${POSTGRES_DB:-$POSTGRES_USER}" \
        --file "${ROLES:-/etc/postgresql/roles.sql}"
)
