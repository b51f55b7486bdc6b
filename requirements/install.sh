#!/bin/sh
# Make .venv hold the locked versions and the project itself; do nothing when it does already.
# Uses uv where there is one, pip where not. PYTHON names the interpreter to build .venv with.
set -eu
cd "$(dirname "$0")/.."
venv=.venv
python=$venv/bin/python
stamp=$venv/tokenmill.lock

say() { echo "set-up: $*" >&2; }
new_enough() { "$1" -S -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

# What the stamp holds: a digest of the lock, of pyproject.toml, and of where this checkout stands
# (the project is installed by its path).
digest() {
    "$python" -S -c '
import hashlib, os, sys
state = hashlib.sha256(os.getcwd().encode())
for path in sys.argv[1:]:
    state.update(path.encode() + b"\0" + open(path, "rb").read())
print(state.hexdigest())' pyproject.toml requirements/*.txt requirements/install.sh
}

if new_enough "$python" && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(digest)" ]; then
    exit 0
fi

if ! new_enough "$python"; then
    rm -rf "$venv" # broken, if there at all; its bin folder may stand first on the PATH
    base=
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        if new_enough "$candidate"; then base=$candidate; break; fi
    done
    [ -n "$base" ] || { echo "error: no Python 3.11 or newer found; set PYTHON to one" >&2; exit 1; }
    say "making $venv with $("$base" --version)"
    if command -v uv >/dev/null; then
        uv venv --quiet --python "$(command -v "$base")" "$venv"
    else
        "$base" -m venv "$venv"
    fi
fi
rm -f "$stamp"

if command -v uv >/dev/null; then
    # Compiled as pip does it: else the first import takes 8 s longer, and where Python may not write
    # bytecode every one.
    install() { uv pip install --quiet --compile-bytecode --python "$python" "$@"; }
else
    "$python" -m pip --version >/dev/null 2>&1 || "$python" -m ensurepip >/dev/null
    install() { "$python" -m pip install --quiet --no-input --disable-pip-version-check "$@"; }
fi
locked() { install --require-hashes --no-deps -r "requirements/$1"; }

say "installing requirements/base.txt (minutes, the first time)"
locked base.txt

# Without an NVIDIA GPU the CPU build of torch saves gigabytes. Only some indexes and wheel folders
# carry it; where they do not, this fails at once and the general build follows.
if ! nvidia-smi >/dev/null 2>&1 && locked torch-cpu.txt >"$venv/torch-cpu.log" 2>&1; then
    say "installed torch, CPU build"
else
    say "installing requirements/torch.txt"
    locked torch.txt
fi

say "installing the project itself"
install --no-deps --no-build-isolation --editable .
digest >"$stamp"
