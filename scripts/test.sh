#!/usr/bin/env bash
# Everything the tests need, then the tests. On Debian as root it installs the system packages that are missing:
# PostgreSQL (the store suite runs on it too), Chromium (the dashboard's test), Mosquitto and its clients (the other end of bridges,
# outside MQTT clients), OpenSSL (certificates).
# Without them "npm ci && npm test" passes as well and says what it skipped.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || missing+=(postgresql)
command -v chromium >/dev/null || missing+=(chromium)
command -v mosquitto_pub >/dev/null || missing+=(mosquitto-clients)
PATH="$PATH:/usr/sbin" command -v mosquitto >/dev/null || missing+=(mosquitto)
command -v openssl >/dev/null || missing+=(openssl)
if ((${#missing[@]} > 0)); then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${missing[@]}"
  else
    echo "not installed, their tests will be skipped: ${missing[*]}"
  fi
fi

# "npm ci" builds, so what was built before goes first, and the tests do not build once more as "npm test" does.
npm run --silent clean
npm ci --no-audit --no-fund
npm run test:built
