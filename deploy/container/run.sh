#!/bin/bash
# What a task of AWS Batch or of Step Functions runs:
#
#   run.sh shard AS_OF [arguments of `scangap audit`]   reads one shard and stores it in S3
#   run.sh merge AS_OF [arguments of `scangap merge`]   joins the shards that are in S3 and stores the reports there
#   run.sh quarter AS_OF [arguments of `scangap audit`] audits everything, compares with the quarters that are in S3, stores
#                                                       the reports there, and posts the summary
#
# AS_OF may be `-`: then the variable AS_OF holds it. BUCKET names the bucket. The shard is SHARD=K/N, or the child of an AWS
# Batch array job, or else the whole organization.
#
# A shard is one object, shards/<run>/<K>-of-<N>.tar.gz, with the audit's folder and its exit code: a task that is stopped while
# it stores leaves the object of the attempt before, and never half of a new one. It is stored whatever the exit code is. An
# attempt that finds the object of an interrupted audit resumes it; one that finds a finished shard has nothing to do.
#
# A quarter is the folder runs/<run>, once it is finished. Snapshots and workbooks of earlier quarters are fetched first: they are the
# history, and hold the notes. What an attempt leaves that was stopped is the object unfinished/<run>.tar.gz, which the next one
# resumes. TOPIC_ARN, where it is set, names the SNS topic that gets the summary of the finished audit. The last line says the exit
# code of scangap, for alarms: `audit ended with exit code 3`.
#
# Exit codes: 0 where the work is done, that is where scangap ended with 0, 2, 3 or 4. Every other code is scangap's own. What an
# audit found is in its reports, and not in the state of the job that ran it.
set -euo pipefail
umask 077

say() { printf 'run.sh: %s\n' "$*" >&2; }

if (($# < 2)); then
    say "usage: run.sh shard|merge|quarter AS_OF [arguments]"
    exit 64
fi
mode=$1 as_of=$2
shift 2
[[ $as_of != - ]] || as_of=${AS_OF:-}

# Also refuses a placeholder that the scheduler did not fill in.
if [[ ! $as_of =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z$ ]]; then
    say "the as-of time must look like 2026-11-23T00:00:00Z, not '$as_of'"
    exit 64
fi
: "${BUCKET:?BUCKET names the bucket}"

# A download turns the keys into file names, and not every file system allows colons in them.
run=${as_of//:/-}
work=${WORK:-/data}

finished() { [[ $1 == [0234] ]]; }

# An audit that ended and was to be encrypted leaves its snapshot under another name.
has_snapshot() { [[ -e $1/snapshot.db || -e $1/snapshot.db.age ]]; }

# Runs scangap and hands a SIGTERM on to it, so that it closes its snapshot. Sets `code`.
run_scangap() {
    local child again signalled=
    scangap "$@" &
    child=$!
    trap 'signalled=yes; kill -TERM "$child" 2>/dev/null || true' TERM INT
    code=0
    wait "$child" || code=$?
    # A signal interrupts `wait`: wait again for the program's own code. 127: it had ended already.
    while [[ $signalled ]]; do
        signalled=
        again=0
        wait "$child" || again=$?
        ((again == 127)) || code=$again
    done
    # From here on, what is there is stored: that must not end at the same signal.
    trap '' TERM INT
}

# An object that an attempt before has stored. Listed first: a missing object and a refused download must not be taken for each other.
is_stored() {
    local found
    found=$(aws s3api list-objects-v2 --bucket "$BUCKET" --prefix "$1" --max-items 1 --query 'Contents[0].Key' --output text)
    [[ $found == "$1"* ]]
}

read_shard() {
    local shard=${SHARD:-} arguments=() key before
    if [[ -z $shard && -n ${AWS_BATCH_JOB_ARRAY_INDEX:-} ]]; then
        # AWS Batch counts from 0, scangap from 1.
        shard=$((AWS_BATCH_JOB_ARRAY_INDEX + 1))/${AWS_BATCH_JOB_ARRAY_SIZE:?}
    fi
    if [[ $shard ]]; then
        [[ $shard =~ ^[0-9]+/[0-9]+$ ]] || { say "SHARD must look like 3/20, not '$shard'"; exit 64; }
        arguments=(--shard "$shard")
    fi
    # Named by the argument and by nothing else: a resumed audit knows its shard.
    unset AWS_BATCH_JOB_ARRAY_INDEX AWS_BATCH_JOB_ARRAY_SIZE
    shard=${shard:-1/1}
    key=shards/$run/${shard%/*}-of-${shard#*/}.tar.gz

    mkdir -p "$work/shard"
    code=
    if is_stored "$key"; then
        aws s3 cp --only-show-errors "s3://$BUCKET/$key" "$work/shard.tar.gz"
        tar -xzf "$work/shard.tar.gz" -C "$work"
        rm "$work/shard.tar.gz"
        before=$(<"$work/exit-code")
        if finished "$before"; then
            say "shard $shard was read already, with exit code $before"
            return
        fi
        if [[ -e $work/shard/snapshot.db ]]; then
            say "resuming shard $shard, which ended with exit code $before"
            run_scangap audit --resume "$work/shard" "$@"
            case $code in
                # This snapshot cannot be resumed: all of the shard is read again.
                64 | 65) code= ;;
            esac
        fi
    fi
    if [[ -z $code ]]; then
        rm -rf "$work/shard"
        mkdir "$work/shard"
        run_scangap audit --as-of "$as_of" --out "$work/shard" "${arguments[@]}" "$@"
    fi

    # scangap removes a folder in which it has left nothing.
    mkdir -p "$work/shard"
    if has_snapshot "$work/shard"; then
        printf '%s\n' "$code" >"$work/exit-code"
        tar -czf "$work/shard.tar.gz" -C "$work" exit-code shard
        aws s3 cp --only-show-errors "$work/shard.tar.gz" "s3://$BUCKET/$key"
        say "shard $shard ended with exit code $code and is in s3://$BUCKET/$key"
    else
        say "shard $shard ended with exit code $code and left no snapshot"
    fi
    ! finished "$code" || code=0
    exit "$code"
}

merge_shards() {
    local file shards=()
    mkdir -p "$work/stored"
    aws s3 cp --only-show-errors --recursive "s3://$BUCKET/shards/$run/" "$work/stored/"
    for file in "$work"/stored/*.tar.gz; do
        [[ -e $file ]] || break
        mkdir -p "${file%.tar.gz}"
        tar -xzf "$file" -C "${file%.tar.gz}" shard
        rm "$file"
        shards+=("${file%.tar.gz}/shard")
    done
    if ((${#shards[@]} == 0)); then
        say "there is no shard in s3://$BUCKET/shards/$run/"
        exit 65
    fi
    # Where shards are missing, scangap names them, writes what there is, and ends with 130.
    run_scangap merge "${shards[@]}" --out "$work/merged" "$@"
    if has_snapshot "$work/merged"; then
        aws s3 cp --only-show-errors --recursive "$work/merged/" "s3://$BUCKET/reports/$run/"
        say "${#shards[@]} shards merged with exit code $code, in s3://$BUCKET/reports/$run/"
    else
        say "the merge of ${#shards[@]} shards ended with exit code $code and left no snapshot"
    fi
    ! finished "$code" || code=0
    exit "$code"
}

# Posts the summary of a finished run, and stores that it was: the next attempt posts it where that could not be done.
post() {
    local out=$1
    [[ ${TOPIC_ARN:-} && -s $out/chat.md && ! -e $out/posted ]] || return 0
    if ! aws sns publish --topic-arn "$TOPIC_ARN" --subject "scangap: ECR and Amazon Inspector, $as_of" \
        --message "file://$out/chat.md" --output text --query MessageId >&2; then
        say "the summary was not posted to $TOPIC_ARN"
        return 1
    fi
    date -u +%FT%TZ >"$out/posted"
    aws s3 cp --only-show-errors --checksum-algorithm SHA256 "$out/posted" "s3://$BUCKET/runs/$run/posted"
}

audit_quarter() {
    local out=$work/runs/$run unfinished=unfinished/$run.tar.gz posted=yes
    mkdir -p "$work/runs"
    # The history, the notes, and this run itself where an attempt before has finished it.
    aws s3 cp --only-show-errors --recursive --exclude '*' --include '*/snapshot.db' --include '*/snapshot.db.age' \
        --include '*/audit.xlsx' --include '*/exit-code' --include "$run/chat.md" --include "$run/posted" "s3://$BUCKET/runs/" "$work/runs/"
    if [[ -e $out/exit-code ]] && has_snapshot "$out"; then
        say "the audit of $as_of was done already, with exit code $(<"$out/exit-code")"
        post "$out" || exit 1
        exit 0
    fi
    rm -rf "$out"
    code=
    if is_stored "$unfinished"; then
        say "resuming the audit of $as_of"
        aws s3 cp --only-show-errors "s3://$BUCKET/$unfinished" "$work/unfinished.tar.gz"
        tar -xzf "$work/unfinished.tar.gz" -C "$work/runs"
        rm "$work/unfinished.tar.gz"
        run_scangap audit --resume "$out" --quarter --chat "$@"
        case $code in
            # This snapshot cannot be resumed: all is read again.
            64 | 65) code= ;;
        esac
    fi
    if [[ -z $code ]]; then
        rm -rf "$out"
        run_scangap audit --as-of "$as_of" --out "$out" --quarter --chat "$@"
    fi
    if finished "$code" && has_snapshot "$out"; then
        # S3 refuses what does not arrive as it was sent.
        aws s3 cp --only-show-errors --recursive --checksum-algorithm SHA256 "$out/" "s3://$BUCKET/runs/$run/"
        # Last: what has an exit code is there as a whole.
        printf '%s\n' "$code" >"$out/exit-code"
        aws s3 cp --only-show-errors --checksum-algorithm SHA256 "$out/exit-code" "s3://$BUCKET/runs/$run/exit-code"
        say "the reports are in s3://$BUCKET/runs/$run/"
        post "$out" || posted=
    elif [[ " $*" == *" --age-recipient"* || ! -e $out/snapshot.db ]]; then
        # An unfinished snapshot is not encrypted: it is not stored where it is to be, and the next attempt begins anew.
        say "nothing is stored that the next attempt could go on with"
        ! finished "$code" || code=1
    else
        tar -czf "$work/unfinished.tar.gz" -C "$work/runs" "$run"
        aws s3 cp --only-show-errors --checksum-algorithm SHA256 "$work/unfinished.tar.gz" "s3://$BUCKET/$unfinished"
        say "the next attempt goes on with s3://$BUCKET/$unfinished"
    fi
    say "audit ended with exit code $code"
    ! finished "$code" || code=0
    [[ $posted || $code != 0 ]] || code=1
    exit "$code"
}

case $mode in
    quarter) audit_quarter "$@" ;;
    shard) read_shard "$@" ;;
    merge) merge_shards "$@" ;;
    *)
        say "unknown: $mode"
        exit 64
        ;;
esac
