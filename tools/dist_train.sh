#!/usr/bin/env bash
# Train with several processes.
#
#   bash tools/dist_train.sh CONFIG PROCESSES [flags of train.py]
#
# Over several machines, on each of them:
#   NNODES=2 NODE_RANK=0 MASTER_ADDR=first-machine PORT=29500 \
#       bash tools/dist_train.sh CONFIG PROCESSES_A_MACHINE
set -euo pipefail

if [ $# -lt 2 ]; then
    echo "usage: bash $0 CONFIG PROCESSES [flags of train.py]" >&2
    exit 2
fi
CONFIG=$1
PROCESSES=$2
HERE=$(dirname "${BASH_SOURCE[0]}")

exec "${PYTHON:-python}" -m mmbalance_plugin.cli.torchrun \
    --nnodes="${NNODES:-1}" \
    --node_rank="${NODE_RANK:-0}" \
    --nproc_per_node="$PROCESSES" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" \
    --master_port="${PORT:-29500}" \
    "$HERE/train.py" "$CONFIG" --launcher pytorch "${@:3}"
