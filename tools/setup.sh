#!/usr/bin/env bash
# Build .venv from requirements.lock and put this checkout into it.
#
# Needs python3 (3.11 or newer; PYTHON names another one) and a package registry. uv does it in
# seconds: the one on PATH, else one that pip puts into .uv/. Where uv cannot be had, pip alone does
# it in minutes. LUMBAR_INSTALLER=uv or pip insists on one of them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=${PYTHON:-python3}
installer=${LUMBAR_INSTALLER:-any}
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore
unset VIRTUAL_ENV PYTHONHOME PYTHONPATH

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
  die "$python is not Python 3.11 or newer; install one and name it: make setup PYTHON=python3.11"

# Print the path of a uv that runs; fetch one where there is none.
find_uv() {
  local candidate
  for candidate in "$(command -v uv || true)" .uv/bin/uv; do
    if [ -n "$candidate" ] && "$candidate" --version >/dev/null 2>&1; then
      echo "$candidate"
      return
    fi
  done
  rm -rf .uv
  { "$python" -m pip install --quiet --target .uv uv || uv_by_venv; } >&2 || return 1
  .uv/bin/uv --version >/dev/null 2>&1 && echo .uv/bin/uv
}

# A python3 without pip of its own may still bring one for virtual environments.
uv_by_venv() {
  rm -rf .uv
  "$python" -m venv .uv && .uv/bin/python -m pip install --quiet uv
}

install_with_uv() {
  local uv=$1
  say "$("$uv" --version) with $("$python" --version)"
  "$uv" venv --quiet --allow-existing --python "$("$python" -c 'import sys; print(sys.executable)')" .venv
  "$uv" pip sync --quiet --python .venv/bin/python requirements.lock
  "$uv" pip install --quiet --python .venv/bin/python --no-deps --editable .
}

install_with_pip() {
  say "$("$python" -m pip --version 2>/dev/null | cut -d ' ' -f 1,2) alone: this takes minutes"
  "$python" -m venv .venv ||
    die "$python cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv"
  .venv/bin/python -m pip install --requirement requirements.lock
  .venv/bin/python -m pip install --no-deps --editable .
}

if [ "$installer" != pip ] && uv=$(find_uv); then
  install_with_uv "$uv"
elif [ "$installer" = uv ]; then
  die "uv is neither on PATH nor to be had from the registry (pip's message is above)"
else
  install_with_pip
fi
say "done: .venv ($(.venv/bin/python --version))"
