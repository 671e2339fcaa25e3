#!/bin/bash
# Tests run.sh with a stand-in for the AWS CLI (a folder is the bucket) and one for scangap. Needs bash and tar, no network.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
box=$(mktemp -d)
trap 'rm -rf "$box"' EXIT
mkdir "$box/bin" "$box/bucket"

cp "$here/testing/aws" "$box/bin/aws"

cat >"$box/bin/scangap" <<'STUB'
#!/bin/bash
# Writes its arguments into a snapshot, and ends with FAKE_CODE (or RESUME_CODE). FAKE_WAIT: only a SIGTERM ends it, with 130.
printf '%s\n' "$*" >>"$FAKE_LOG"
case "$*" in
    *--resume*) out=$3 code=${RESUME_CODE:-0} ;;
    *) all="$* " out=${all#*--out } out=${out%% *} code=${FAKE_CODE:-0} ;;
esac
[[ -z ${AWS_BATCH_JOB_ARRAY_INDEX:-} ]] || exit 99
[[ -z ${FAKE_NOTHING:-} ]] || { rmdir "$out"; exit "$code"; }
mkdir -p "$out"
printf '%s\n' "$*" >"$out/snapshot.db"
printf 'ended with %s\n' "$code" >"$out/chat.md"
if [[ ${FAKE_WAIT:-} ]]; then
    trap 'exit 130' TERM
    : >"$FAKE_LOG.waiting"
    while :; do sleep 0.05; done
fi
exit "$code"
STUB
chmod +x "$box/bin/aws" "$box/bin/scangap"

export PATH=$box/bin:$PATH FAKE_BUCKET=$box/bucket FAKE_LOG=$box/log BUCKET=bucket
as_of=2026-11-23T00:00:00.123Z
shards=$box/bucket/shards/2026-11-23T00-00-00.123Z

# Runs run.sh in a new folder of work, as a new task has one. Sets `code`.
go() {
    rm -rf "$box/data"
    mkdir "$box/data"
    : >"$FAKE_LOG"
    code=0
    WORK=$box/data "$here/run.sh" "$@" 2>"$box/said" || code=$?
}
holds() {
    if [[ $2 != "$3" ]]; then
        printf 'FAILED: %s\n  expected: %s\n  found:    %s\n' "$1" "$3" "$2"
        cat "$box/said"
        exit 1
    fi
    printf 'ok: %s\n' "$1"
}
stored_code() { tar -xzOf "$shards/$1.tar.gz" exit-code; }

go shard "Ref::asOf"
holds "a placeholder that was not filled in is refused" "$code" 64

for scangap_code in 0 2 3 4; do
    FAKE_CODE=$scangap_code AWS_BATCH_JOB_ARRAY_INDEX=$scangap_code AWS_BATCH_JOB_ARRAY_SIZE=9 go shard "$as_of" --role-name r
    holds "exit code $scangap_code is work done" "$code" 0
    holds "... and its shard is stored" "$(stored_code "$((scangap_code + 1))-of-9")" "$scangap_code"
    holds "... of the array's index, from 1" "$(<"$FAKE_LOG")" \
        "audit --as-of $as_of --out $box/data/shard --shard $((scangap_code + 1))/9 --role-name r"
done

AWS_BATCH_JOB_ARRAY_INDEX=3 AWS_BATCH_JOB_ARRAY_SIZE=9 go shard "$as_of"
holds "a finished shard is not read again" "$code$(<"$FAKE_LOG")" 0

go shard "$as_of"
holds "without a shard, all is read" "$(<"$FAKE_LOG")" "audit --as-of $as_of --out $box/data/shard"
rm "$shards/1-of-1.tar.gz"

FAKE_CODE=1 SHARD=7/9 go shard "$as_of"
holds "exit code 1 is a failure" "$code" 1
holds "... whose shard is stored" "$(stored_code 7-of-9)" 1
SHARD=7/9 RESUME_CODE=3 go shard "$as_of" --role-name r
holds "... and resumed" "$code$(<"$FAKE_LOG")" "0audit --resume $box/data/shard --role-name r"
holds "... and stored again" "$(stored_code 7-of-9)" 3

FAKE_CODE=130 SHARD=8/9 go shard "$as_of"
RESUME_CODE=65 SHARD=8/9 go shard "$as_of"
holds "what cannot be resumed is read again" "$code $(tail -n 1 "$FAKE_LOG")" \
    "0 audit --as-of $as_of --out $box/data/shard --shard 8/9"

FAKE_NOTHING=1 FAKE_CODE=77 SHARD=9/9 go shard "$as_of"
holds "without credentials, it fails" "$code" 77
holds "... and stores nothing" "$([[ -e $shards/9-of-9.tar.gz ]] || echo nothing)" nothing

FAKE_WAIT=1 SHARD=9/9 WORK=$box/data2 "$here/run.sh" shard "$as_of" 2>"$box/said" &
task=$!
until [[ -e $FAKE_LOG.waiting ]]; do sleep 0.05; done
kill -TERM "$task"
code=0
wait "$task" || code=$?
holds "a stopped task hands the signal on" "$code" 130
holds "... and still stores its shard" "$(stored_code 9-of-9)" 130

AS_OF=$as_of go merge -
holds "the merge takes every shard that is there" "$code $(grep -o '[0-9]-of-9' "$FAKE_LOG" | tr '\n' ' ')" \
    "0 1-of-9 3-of-9 4-of-9 5-of-9 7-of-9 8-of-9 9-of-9 "
holds "... and stores the reports" "$(cd "$box/bucket/reports/2026-11-23T00-00-00.123Z" && echo ./*)" "./chat.md ./snapshot.db"
FAKE_CODE=130 go merge "$as_of"
holds "missing shards fail the merge" "$code" 130
go merge 2026-01-01T00:00:00Z
holds "without shards, the merge fails" "$code" 65

# A quarter.
export TOPIC_ARN=topic
runs=$box/bucket/runs/2026-11-23T00-00-00.123Z
unfinished=$box/bucket/unfinished/2026-11-23T00-00-00.123Z.tar.gz
posts() { cat "$FAKE_BUCKET.posts" 2>/dev/null || true; }
FAKE_CODE=130 go quarter "$as_of" --fail-on any
holds "a stopped quarter fails" "$code $(tail -n 1 "$box/said")" "130 run.sh: audit ended with exit code 130"
holds "... is no run yet, and is kept for the next attempt" "$(ls "$box/bucket/runs" 2>/dev/null)$(basename "$unfinished")" \
    "2026-11-23T00-00-00.123Z.tar.gz"
holds "... and posts nothing" "$(posts)" ""
RESUME_CODE=4 go quarter "$as_of" --fail-on any
holds "... is resumed" "$code $(<"$FAKE_LOG")" "0 audit --resume $box/data/runs/2026-11-23T00-00-00.123Z --quarter --chat --fail-on any"
holds "... and stored with its exit code" "$(<"$runs/exit-code")" 4
holds "... and posts what it came to" "$(posts)" "ended with 4"
go quarter "$as_of" --fail-on any
holds "a finished quarter is not audited again, nor posted" "$code$(<"$FAKE_LOG")$(posts)" "0ended with 4"

rm -r "$runs" "$unfinished" "$FAKE_BUCKET.posts"
FAKE_CODE=130 go quarter "$as_of"
RESUME_CODE=65 FAKE_CODE=3 go quarter "$as_of"
holds "a quarter that cannot be resumed is audited anew" "$code $(tail -n 1 "$FAKE_LOG")" \
    "0 audit --as-of $as_of --out $box/data/runs/2026-11-23T00-00-00.123Z --quarter --chat"
holds "... and stored" "$(<"$runs/exit-code") $(posts)" "3 ended with 3"

rm -r "$runs" "$unfinished" "$FAKE_BUCKET.posts"
FAKE_CODE=130 go quarter "$as_of" --age-recipient age1
holds "what is to be encrypted is not kept unencrypted" "$code$(ls "$box/bucket/unfinished" "$box/bucket/runs")" \
    "130$box/bucket/runs:

$box/bucket/unfinished:"
printf 'all passed\n'
