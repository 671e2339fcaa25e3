#!/usr/bin/env bash
# The step of action.yml: its inputs are in GATE_* variables, so that no input is ever a part of a program's text.
set -euo pipefail

arguments=(gate --output github --save "sarif=$GATE_SARIF")
if [ -n "${GATE_ACCOUNT:-}" ]; then arguments+=(--account "$GATE_ACCOUNT"); fi
if [ -n "${GATE_REGION:-}" ]; then arguments+=(--region "$GATE_REGION"); fi
if [ -n "${GATE_ORG:-}" ]; then arguments+=(--org "$GATE_ORG"); fi
if [ -n "${GATE_FAIL_ON:-}" ]; then arguments+=(--fail-on "$GATE_FAIL_ON"); fi
if [ -n "${GATE_BASELINE:-}" ]; then arguments+=(--baseline "$GATE_BASELINE"); fi
arguments+=(--)
while IFS= read -r path; do
  if [ -n "$path" ]; then arguments+=("$path"); fi
done <<< "$GATE_PATHS"

code=0
scangap "${arguments[@]}" || code=$?
# Also where the check fails: the next step uploads what was found.
{
  echo "sarif=$GATE_SARIF"
  echo "exit-code=$code"
} >> "$GITHUB_OUTPUT"
exit "$code"
