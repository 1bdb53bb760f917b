#!/usr/bin/env bash
# Deploys an environment: ./deploy.sh ENV [--dry-run | --cost | --destroy [--purge]] [--no-wait] [--yes] [--help]
# The program is tools/deploy; this finds its Python, and makes it where there is none.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# Only the local cloud needs the embedded Personalize, its engine and the emulator.
made=(.venv/.deploy node_modules/.done build/layer/.done) target=setup-deploy
if [[ " $* " == *" local "* ]]; then
  made+=(.venv/.local .venv-emulator/.done) target=setup-local
fi
for one in "${made[@]}"; do
  if [[ ! -e $one ]]; then
    make "$target" >&2
    break
  fi
done
export PATH="$PWD/.venv/bin:$PWD/node_modules/.bin:$PATH"
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=20
unset VIRTUAL_ENV PYTHONHOME PYTHONPATH
exec .venv/bin/python -m tools.deploy "$@"
