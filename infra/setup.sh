#!/bin/sh
# Make the virtual environment, for `make`: setup.sh PYTHON VENV. One at a time: a second one waits and says so.
set -eu
python=$1 venv=$2 bin=$2/bin ready=$2/.ready

"$python" -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 12) else
  f"Python 3.11 or 3.12 is needed, this is {v[0]}.{v[1]}. Name another one: make PYTHON=python3.12 …")'
mkdir -p "$venv"

wait_for_turn() {  # flock lets go when its holder dies; macOS has none, there a folder with a process id stands for it
  if command -v flock >/dev/null; then
    exec 9>"$venv/.setup.lock"  # not `.lock`: uv holds that one itself
    flock -n 9 || { echo "Another make is setting up $venv: waiting for it …"; flock 9; }
    return
  fi
  told=
  until mkdir "$venv/.locked" 2>/dev/null; do
    holder=$(cat "$venv/.locked/pid" 2>/dev/null || true)
    if [ -n "$holder" ] && ! kill -0 "$holder" 2>/dev/null; then rm -rf "$venv/.locked"; continue; fi
    [ -n "$told" ] || echo "Another make (process ${holder:-unknown}) is setting up $venv: waiting for it …"
    told=yes
    sleep 1
  done
  echo $$ > "$venv/.locked/pid"
  trap 'rm -rf "$venv/.locked"' EXIT
  trap 'exit 130' INT TERM
}

wait_for_turn
if [ "$ready" -nt requirements.lock ] && [ "$ready" -nt pyproject.toml ]; then exit 0; fi  # the other one did it

echo "Setting up $venv from requirements.lock (once, about a minute) …"
"$python" -m venv "$venv"
# The installer comes hashed from the same lock. Where it cannot reach a package index that only pip is set up for, pip does
# its work; --no-deps, because the lock is complete and pip cannot match extras (`gql[requests]`) against hashed names.
# Bytecode is made now: else every process of a user who may not write here would compile what it imports.
sed -n '/^uv==/,/[^\\]$/p' requirements.lock > "$venv/uv.txt"
pip="$bin/pip install -q --disable-pip-version-check --no-deps"
uv="$bin/uv pip install -q --no-deps"
export VIRTUAL_ENV="$venv" UV_HTTP_TIMEOUT=60 UV_HTTP_RETRIES=5 UV_COMPILE_BYTECODE_TIMEOUT=0  # a stalled line is asked anew, a busy machine waited for
$pip --require-hashes -r "$venv/uv.txt"
$uv --compile-bytecode --require-hashes -r requirements.lock || {
  echo "uv could not install the packages (it says why above): pip does, which takes some minutes …"
  $pip --require-hashes -r requirements.lock
}
$uv --editable . || { echo "uv could not install this checkout (it says why above): pip does …"; $pip --editable .; }
touch "$ready"
