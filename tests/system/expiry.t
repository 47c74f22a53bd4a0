#!/usr/bin/env bash
# Templates that nobody uses: told of before they expire, refused after, erased
# later, and not because of a clock that jumped. TAP.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/system/aid/tap.sh

vu=$PWD/build/bin/jarvis-voice-unlock
work=$(mktemp -d "${TMPDIR:-/tmp}/vu-exp.XXXXXX")
for name in $(compgen -e); do
	case $name in VOICE_UNLOCK_*) unset "$name" ;; esac
done
export VOICE_UNLOCK_HOME=$work/home VOICE_UNLOCK_RUNTIME_DIR=$work/run LC_ALL=C.UTF-8 NO_COLOR=1
[ -z "${TEST_MAX_MEMORY:-}" ] || export VOICE_UNLOCK_MAX_MEMORY=$TEST_MAX_MEMORY
export VOICE_UNLOCK_CONFIG=$work/config.yaml XDG_CONFIG_HOME=$work/none VOICE_UNLOCK_HTTP_PORT=0
: >"$VOICE_UNLOCK_CONFIG"
chmod 600 "$VOICE_UNLOCK_CONFIG"

out=$work/out
within() { # SECONDS COMMAND…
	local until=$((SECONDS + $1))
	shift
	until "$@" >"$out" 2>&1; do
		[ $SECONDS -lt $until ] || return 1
		sleep 0.1
	done
}
trap '"$vu" stop >/dev/null 2>&1; rm -rf "$work"' EXIT
folder=$VOICE_UNLOCK_HOME/templates/users
# DAYS: as if nobody had used anna's template for so long
leave() { find "$folder" -name 'anna.*' -exec touch -d "$1 days ago" {} +; }
expires() { "$vu" list --json | python3 -c 'import json,sys; print([u.get("expires") for u in json.load(sys.stdin)["users"] if u["user"] == "anna"][0])'; }
try() { "$vu" test --user anna --anti-spoofing off --level convenient --from "$work/people/$person/test-$1.wav"; }
# Looks for what nobody uses when it begins, and every hour.
look() { "$vu" restart orchestrator >"$work/restart" 2>&1; }
seen() { [ -s "$folder/anna.expired" ]; }
seen_for() { [ "$(cat "$folder/anna.expired" 2>/dev/null || echo 0)" -ge "$1" ]; }
logged() { grep -q "$1" "$VOICE_UNLOCK_HOME/log/orchestrator.log"; }

build/tests/aid/utterances "$work/people" >"$out" 2>&1 || {
	echo "1..0 # SKIP utterances cannot be made"
	exit 0
}
person=$(head -n 1 "$work/people/people.txt")

check 'the suite starts' "$vu" start
check 'somebody enrols' "$vu" enroll anna --from "$work/people/$person"/enroll-{1,2,3,4,5}.wav
leave 300
[ "$(expires)" = None ]; ok $? 'unused for ten months: nothing is said'
leave 340
[ "$(expires)" = "$(date -u -d "25 days" +%Y-%m-%d)"T"$(expires | cut -dT -f2)" ]; ok $? 'unused for eleven: the list says when it expires'
check 'to people as well' bash -c '"$0" list | grep -qE "anna .* expires 20[0-9-]+ "' "$vu"
check 'and doctor, with the remedy' bash -c '"$0" doctor | grep -A 1 "that of anna, which nobody uses, expires on" | grep -q "test --user"' "$vu"
look
within 20 logged 'nobody uses the template of anna'; ok $? 'and the log'
check 'who comes is let in' try 1
[ "$(expires)" = None ]; ok $? 'which renews it'

leave 366
try 2 >"$out" 2>&1
[ $? -eq 5 ] && grep -q "Nobody used anna's template for a year: it has expired. .* enroll anna --replace" "$out"
ok $? 'unused for a year it lets nobody in, and says why'
"$vu" identify --from "$work/people/$person/test-2.wav" >"$out" 2>&1
[ $? -ne 0 ] && ! grep -q anna "$out"; ok $? 'nor is anybody recognized by it'
check 'doctor says so' bash -c '"$0" doctor | grep -q "that of anna, which nobody used for a year, has expired"' "$vu"
look
within 20 seen; ok $? 'that it has expired is counted'
leave 10
look
within 20 bash -c '[ ! -e "$0/anna.expired" ]' "$folder"; ok $? 'a clock that was wrong is forgotten when it is right again'
check 'and the template is as good as before' try 3

# Overdue: erased only when the suite itself has run with it for a week.
leave 400
look
within 20 seen; ok $? 'long overdue it is counted as well'
[ -e "$folder/anna.vut" ]; ok $? 'and not erased at once'
echo 604799 >"$folder/anna.expired"
sleep 1.1
look
within 20 bash -c '[ ! -e "$0/anna.vut" ] && [ ! -e "$0/anna.expired" ]' "$folder"; ok $? 'after a week it is erased'
check 'history says so' bash -c '"$0" history --user anna | grep -q "Nobody had used the template for a year"' "$vu"
check 'and so does the audit log' bash -c '"$0" audit show | grep -q "expired"' "$vu"
check 'which is intact' "$vu" audit verify
try 2 >"$out" 2>&1
[ $? -eq 5 ]; ok $? 'nobody of that name is enrolled'

check 'the suite stops' "$vu" stop
echo "1..$count"
exit $((failures > 0))
