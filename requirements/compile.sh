#!/bin/sh
# Make the lock anew from pyproject.toml, for every platform that the dependencies support.
#
#   sh requirements/compile.sh             keeps the locked versions that still fit pyproject.toml
#   sh requirements/compile.sh --upgrade   takes the newest that fit
#
# base.txt       everything but torch and its GPU libraries
# torch.txt      torch, with its GPU libraries on Linux
# torch-cpu.txt  torch's CPU build for Linux, which only some indexes carry
set -eu
cd "$(dirname "$0")/.."
command -v uv >/dev/null || { echo "error: requirements/compile.sh needs uv on the PATH" >&2; exit 1; }

# A local folder of wheels must not decide what the lock says.
unset PIP_FIND_LINKS UV_FIND_LINKS
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat requirements/base.txt requirements/torch.txt >"$work/all.txt" 2>/dev/null || true
gpu='^(torch|triton|nvidia-[a-z0-9-]*|cuda-[a-z0-9-]*)=='

uv pip compile --quiet --no-config --universal --generate-hashes --no-emit-index-url --no-header --no-annotate \
    --all-extras "$@" --output-file "$work/all.txt" pyproject.toml

# A requirement is a line that starts at the margin, with the indented lines of hashes after it.
awk -v gpu="$gpu" '/^[^ ]/ { skip = ($0 ~ gpu) } !skip' "$work/all.txt" >requirements/base.txt
awk -v gpu="$gpu" '/^[^ ]/ { skip = ($0 !~ gpu) } !skip' "$work/all.txt" >requirements/torch.txt

version=$(sed -n 's/^torch==\([^ ;]*\).*/\1/p' requirements/torch.txt)
echo "torch==$version" >"$work/torch.in"
if uv pip compile --quiet --no-config --no-deps --generate-hashes --no-emit-index-url --no-header --no-annotate \
    --torch-backend cpu --python-platform x86_64-unknown-linux-gnu \
    --output-file "$work/cpu.txt" "$work/torch.in" 2>"$work/cpu.log" && grep -q '+cpu' "$work/cpu.txt"; then
    cp "$work/cpu.txt" requirements/torch-cpu.txt
elif grep -q "^torch==$version+cpu" requirements/torch-cpu.txt; then
    echo "torch's CPU index is out of reach; torch-cpu.txt has the right version and stays as it is" >&2
else
    cat "$work/cpu.log" >&2
    echo "error: torch is now $version, and requirements/torch-cpu.txt could not be made for it" >&2
    exit 1
fi
