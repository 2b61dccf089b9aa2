#!/bin/sh
# Measure training and labeling with ResNet-101 at 800 × 1333 pixels in bfloat16 on one GPU, in less than 8 minutes.
set -e
cd "$(dirname "$0")/.."
exec python -m benchmarks.gpu "$@"
