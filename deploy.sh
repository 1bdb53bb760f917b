#!/usr/bin/env bash
# Deploys an environment: ./deploy.sh ENV [--dry-run | --cost | --destroy [--purge]] [--no-wait] [--yes] [--help]
# The program is tools/deploy; this finds its Python, and makes it where there is none.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

if [[ ! -e .venv/.done || ! -e node_modules/.done || ! -e build/layer/.done || ! -e .venv-emulator/.done ]]; then
  make setup >&2
fi
export PATH="$PWD/.venv/bin:$PWD/node_modules/.bin:$PATH"
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=20
unset VIRTUAL_ENV PYTHONHOME PYTHONPATH
exec .venv/bin/python -m tools.deploy "$@"
