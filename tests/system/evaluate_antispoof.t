#!/usr/bin/env bash
# scripts/evaluate-antispoof where it cannot measure: it says so, within its
# limit, and never leaves a list that reads as if all had been detected. TAP.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
. tests/system/aid/tap.sh

work=$(mktemp -d "${TMPDIR:-/tmp}/vu-evaluate.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
for name in $(compgen -e); do
	case $name in VOICE_UNLOCK_* | EVALUATION_* | ATTACKS*) unset "$name" ;; esac
done
export EVALUATION_OUT=$work/out VOICE_UNLOCK_DATA=$work/data ATTACKS=$work/attacks
log=$work/log

why() {
	tail -n 20 "$log" | cut -c1-300
}

scripts/evaluate-antispoof >"$log" 2>&1
[ $? -eq 4 ] && grep -q "unable to find recordings in $work/data: set VOICE_UNLOCK_DATA" "$log"
ok $? 'without recordings it says where it looked'

mkdir -p "$work/data/background"
for limit in 0 -1 1.5 ten 08; do
	EVALUATION_LIMIT=$limit scripts/evaluate-antispoof >"$log" 2>&1
	[ $? -eq 2 ] && grep -q "unable to stop after '$limit': EVALUATION_LIMIT takes whole seconds" "$log"
	ok $? "no limit: $limit"
done

# Elsewhere, where there is nothing to build the trainer from; what is in build/ stays as it is.
mkdir -p "$work/scripts" "$work/attacks"
cp scripts/evaluate-antispoof scripts/train-detector "$work/scripts/"
"$work/scripts/evaluate-antispoof" >"$log" 2>&1
[ $? -eq 1 ] && [ "$(cat "$work/out/not-detected.txt")" = "synthetic: not measured
loudspeaker: not measured" ] && ! grep -q 'making attacks' "$log"
ok $? 'no detectors to measure: listed as not measured, and attacks that are there are not made'

# A process that outlives its limit, with a child of its own.
printf '#!/usr/bin/env bash\nsleep 600 &\necho $! >"%s/child"\nwait\n' "$work" >"$work/scripts/make-attacks"
chmod 755 "$work/scripts/make-attacks"
rmdir "$work/attacks"
EVALUATION_LIMIT=2 "$work/scripts/evaluate-antispoof" >"$log" 2>&1
[ $? -eq 1 ] && grep -q 'unable to finish making attacks: 2 s are over; set EVALUATION_LIMIT to more' "$log"
ok $? 'stops at its limit, naming what it did'
for _ in $(seq 100); do
	kill -0 "$(cat "$work/child")" 2>/dev/null || break
	sleep 0.1
done
[ -s "$work/child" ] && ! kill -0 "$(cat "$work/child")" 2>/dev/null
ok $? 'and nothing that it started goes on'

echo "1..$count"
exit $((failures > 0))
