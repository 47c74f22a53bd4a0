#!/usr/bin/env bash
# The real model-server near its ceiling, killed, and ahead of its users: a
# ballast in the process makes its memory what the test wants. TAP.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/system/aid/tap.sh

vu=$PWD/build/bin/jarvis-voice-unlock
ballast=$PWD/build/tests/ballast.so
work=$(mktemp -d "${TMPDIR:-/tmp}/vu-prs.XXXXXX")
for name in $(compgen -e); do
	case $name in VOICE_UNLOCK_*) unset "$name" ;; esac
done
export VOICE_UNLOCK_HOME=$work/home VOICE_UNLOCK_RUNTIME_DIR=$work/run LC_ALL=C.UTF-8
export XDG_CONFIG_HOME=$work/none VOICE_UNLOCK_HTTP_PORT=0 VOICE_UNLOCK_MAX_MEMORY=400
export BALLAST_PROGRAM=vu-models BALLAST_FILE=$work/home/models/ballast

[ -e "$ballast" ] || {
	echo "1..0 # SKIP the ballast is for Linux"
	exit 0
}
out=$work/out
trap '"$vu" stop >/dev/null 2>&1; rm -rf "$work"' EXIT
pid_of() { "$vu" status --json | python3 -c 'import json,sys; print([s["pid"] for s in json.load(sys.stdin)["services"] if s["name"] == sys.argv[1]][0])' "$1"; }
is_loaded() { "$vu" call models/States "{\"keys\":[{\"user\":\"$1\"}]}" | grep -q '"LOADED"'; }
refuses_loads() { "$vu" call models/Stats | grep -q '"refusing_loads": *true'; }
allows_loads() { "$vu" call models/Stats >"$out" && ! grep -q '"refusing_loads": *true' "$out"; }
# USER: one attempt; its exit code. The same recording again is refused as such, which has its score, too.
try() { "$vu" test --user "$1" --anti-spoofing off --from "${said[$1]}" --json >"$out" 2>&1; }

build/tests/aid/utterances "$work/people" >"$out" 2>&1 || {
	echo "1..0 # SKIP utterances cannot be made"
	exit 0
}
declare -A said
{ read -r first && read -r second; } <"$work/people/people.txt"
said[anna]=$work/people/$first/test-1.wav
said[bert]=$work/people/$second/test-1.wav

check 'the suite starts' env LD_PRELOAD="$ballast" "$vu" start
check 'anna enrols' "$vu" enroll anna --from "$work/people/$first"/enroll-{1,2,3,4,5}.wav
check 'bert enrols' "$vu" enroll bert --from "$work/people/$second"/enroll-{1,2,3,4,5}.wav

# ---- killed ----

# The supervisor asks for the list once a second: that it had no time to is no fault.
loaded_after_kill() {
	local old
	for _ in 1 2 3 4 5; do
		try anna || return 1
		sleep 1.5
		old=$(pid_of models)
		kill -KILL "$old"
		within 10 is_loaded anna && [ "$(pid_of models)" != "$old" ] && return 0
	done
	return 1
}
check 'a killed model-server is started again with what was hot' loaded_after_kill
check 'and with nothing else' bash -c "! \"$vu\" call models/States '{\"keys\":[{\"user\":\"bert\"}]}' | grep -q '\"LOADED\"'"

# ---- near the ceiling ----

models=$(pid_of models)
try anna; ok $? 'anna comes'
echo 366 >"$BALLAST_FILE"
within 20 refuses_loads; ok $? 'above 90 % it is told to load nothing new'
# As somebody does who tries again and again: what they need stays.
goes_on() {
	for _ in 1 2 3; do
		try anna || return 1
		refuses_loads || return 1
		sleep 2
	done
}
goes_on; ok $? 'who is loaded goes on'
try bert
[ $? -eq 7 ] && grep -q 'short of memory' "$out"; ok $? 'who is not is told why not'
check 'memory was asked back' grep -q 'models holds .* asking it to give memory back' "$VOICE_UNLOCK_HOME/log/supervisor.log"
"$vu" status --json >"$work/status"
check 'it did not get past its ceiling' python3 -c 'import json,sys; m=json.load(open(sys.argv[1]))["memory"]; assert 360 << 20 <= m["model_server_rss_bytes"] < m["max_bytes"] == 400 << 20, m' "$work/status"
echo 0 >"$BALLAST_FILE"
within 20 allows_loads; ok $? 'loads are allowed again when there is room'
try bert; ok $? 'and bert comes in'
[ "$(pid_of models)" = "$models" ]; ok $? 'by the same process'

# ---- expected ----

"$vu" stop >/dev/null
# Only what a microphone heard is learned from, so habits are written as they are kept (services/models/habit_store.c).
# Anna has come about half an hour from now on each of the last 14 days.
check 'habits are written' python3 - "$VOICE_UNLOCK_HOME/models/prediction.db" <<'END'
import datetime, sqlite3, sys
now = datetime.datetime.now()
day = (now.date() - datetime.date(1970, 1, 1)).days
quarter = now.hour * 4 + now.minute // 15 + 2
db = sqlite3.connect(sys.argv[1])
db.executescript("""
    PRAGMA application_id = 0x56557072;
    PRAGMA user_version = 1;
    CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, first_day INTEGER NOT NULL,
        last_day INTEGER NOT NULL, last_minute INTEGER NOT NULL, last_us INTEGER NOT NULL, visits REAL NOT NULL,
        returns REAL NOT NULL);
    CREATE TABLE slot (quarter INTEGER NOT NULL, person INTEGER NOT NULL, base INTEGER NOT NULL,
        days0 INTEGER NOT NULL, days1 INTEGER NOT NULL, PRIMARY KEY (quarter, person)) WITHOUT ROWID;
    CREATE INDEX slot_of_person ON slot (person);""")
db.execute("INSERT INTO person VALUES (1, 'anna', ?, ?, 0, 0, 14, 0)", (day - 14, day - 1))
db.execute("INSERT INTO slot VALUES (?, 1, ?, ?, 0)", (quarter % 96, day - 1 + quarter // 96, 0x3FFF))
db.commit()
END
check 'the suite starts again' "$vu" start
is_loaded anna; [ $? -ne 0 ]; ok $? 'nobody is loaded at first'
"$vu" status | grep -q '^expected'; [ $? -ne 0 ]; ok $? 'nor expected'
within 60 is_loaded anna; ok $? 'who is expected is loaded before they come'
check 'which the status explains' bash -c "\"$vu\" status | grep -E '^expected +anna \([0-9]+ %\): came on [0-9]+ of [0-9]+ .* between [0-9:]+ and [0-9:]+'"
check 'in JSON as well' bash -c "\"$vu\" status --json | python3 -c 'import json,sys; e=json.load(sys.stdin)[\"expected\"]; assert len(e)==1 and e[0][\"user\"]==\"anna\" and 0.7 <= e[0][\"p\"] <= 1 and e[0][\"reason\"], e'"
is_loaded bert; [ $? -ne 0 ]; ok $? 'who is not, is not'

check 'the suite stops' "$vu" stop
echo "1..$count"
exit $((failures > 0))
