#!/usr/bin/env bash
# Templates at rest: plain ones of an older suite are sealed at the first start
# and nothing of them is left; swapped and edited files are refused; a new
# master key; removal destroys the key. TAP.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/system/aid/tap.sh

cli=$PWD/build/bin/jarvis-voice-unlock
work=$(mktemp -d /tmp/vu-vault.XXXXXX)
export VOICE_UNLOCK_HOME=$work/state VOICE_UNLOCK_RUNTIME_DIR=$work/run VOICE_UNLOCK_HTTP_PORT=0
[ -z "${TEST_MAX_MEMORY:-}" ] || export VOICE_UNLOCK_MAX_MEMORY=$TEST_MAX_MEMORY
export VOICE_UNLOCK_CONFIG=$work/config.yaml
printf 'monitoring:\n  interval_s: 1\n' >"$VOICE_UNLOCK_CONFIG"
unset VOICE_UNLOCK_KEY_FILE XDG_CONFIG_HOME
trap '"$cli" stop >/dev/null 2>&1; rm -rf "$work"' EXIT

why() {
	cat "$work/out"
}
bail() {
	echo "Bail out! $*"
	sed 's/^/# /' "$work/out" 2>/dev/null
	exit 1
}
# Eight-byte pieces of the files' middle that turn up in a folder: prints how many.
pieces_found() { # FOLDER PLAIN…
	python3 - "$@" <<'EOF'
import os, sys
pieces = set()
for name in sys.argv[2:]:
    data = open(name, "rb").read()
    for at in range(1024, len(data) - 64, 61):
        piece = data[at:at + 8]
        if len(set(piece)) > 5:
            pieces.add(piece)
assert len(pieces) > 100, "too few pieces to look for"
found = 0
for folder, _, files in os.walk(sys.argv[1]):
    for name in files:
        data = open(os.path.join(folder, name), "rb").read()
        found += sum(piece in data for piece in pieces)
print(found)
EOF
}

build/tests/aid/utterances "$work/v" >"$work/out" 2>&1 || bail 'unable to make utterances; run scripts/bootstrap'
mapfile -t voices <"$work/v/people.txt"
users=$VOICE_UNLOCK_HOME/templates/users

VOICE_UNLOCK_ENCRYPT=false "$cli" start >"$work/out" 2>&1 || bail 'the suite did not start'
for n in 0 1; do
	"$cli" enroll "p$n" --from "$work/v/${voices[$n]}"/enroll-*.wav >"$work/out" 2>&1 || bail "unable to enrol"
done
[ "$(head -c 4 "$users/p0.vut" | tr -d '\211')" = VUM ] && [ ! -e "$work/state.key" ]
ok $? 'without encryption a template is a plain file, and there is no key'
"$cli" stop >/dev/null 2>&1
mkdir "$work/plain" && cp "$users"/*.vut "$work/plain/"
[ "$(pieces_found "$VOICE_UNLOCK_HOME" "$work"/plain/*.vut)" -gt 100 ]
ok $? 'which the search below would find'

"$cli" start >"$work/out" 2>&1 || bail 'the suite did not start again'
[ "$(stat -c '%a %h' "$work/state.key" 2>&1)" = '600 1' ]
ok $? 'the first start with encryption makes a key, 0600, outside the state folder'
[ "$(pieces_found "$VOICE_UNLOCK_HOME" "$work"/plain/*.vut)" = 0 ]
ok $? 'and nothing of the plain templates is left in the state folder'
"$cli" doctor >"$work/out" 2>&1
grep -q "master key.*$work/state.key" "$work/out" && grep -q 'templates .*2, all intact' "$work/out"
ok $? 'doctor says where the key is, and that the templates are intact'
chmod 644 "$work/state.key"
"$cli" doctor >"$work/out" 2>&1
[ $? -eq 1 ] && grep -q 'state.key is open to others' "$work/out" && [ "$(stat -c %a "$work/state.key")" = 644 ]
ok $? 'doctor finds a key that others can read, and touches nothing'
"$cli" doctor --repair >"$work/out" 2>&1
grep -q 'repaired.*state.key: mode 0600, was 0644' "$work/out" && [ "$(stat -c %a "$work/state.key")" = 600 ] &&
	! grep -q 'open to others' "$work/out"
ok $? 'doctor --repair takes the access away'
mv "$work/state.key" "$work/elsewhere" && chmod 644 "$work/elsewhere" && ln -s elsewhere "$work/state.key"
"$cli" doctor --repair >"$work/out" 2>&1
[ "$(stat -c %a "$work/elsewhere")" = 644 ]
ok $? 'but never through a link'
rm "$work/state.key" && mv "$work/elsewhere" "$work/state.key" && chmod 600 "$work/state.key"
"$cli" test --user p0 --from "$work/v/${voices[0]}/live-1.wav" >"$work/out" 2>&1
grep -q 'accepted' "$work/out" || [ "$(wc -c <"$work/out")" -gt 20 ]
ok $? 'a sealed template is scored'

cp "$work/plain/p0.vut" "$users/p0.vut.new" && cp "$users/p0.vut" "$work/p0.sealed"
mv "$users/p0.vut.new" "$users/p0.vut"
"$cli" restart models >"$work/out" 2>&1
"$cli" list --json >"$work/out" 2>&1
python3 -c 'import json,sys
u = {x["user"]: x["verified"] for x in json.load(open(sys.argv[1]))["users"]}
sys.exit(u != {"p0": False, "p1": True})' "$work/out"
ok $? 'a plain file in the place of a sealed one is refused, also after a restart'
cp "$users/p1.vut" "$users/p0.vut"
"$cli" list --json >"$work/out" 2>&1
grep -q '"verified": *false' "$work/out"
ok $? "another user's sealed file is refused"
cp "$work/p0.sealed" "$users/p0.vut"

"$cli" rotate-key >"$work/out" 2>&1 && grep -q '2 templates' "$work/out"
ok $? 'rotate-key gives both a new key'
"$cli" list --json >"$work/out" 2>&1
! grep -q '"verified": *false' "$work/out"
ok $? 'under which they open'
cp "$work/p0.sealed" "$users/p0.vut"
"$cli" list --json >"$work/out" 2>&1
grep -q '"verified": *false' "$work/out"
ok $? 'a copy under the old key is refused'
exec 7<"$users/p1.vut"
"$cli" remove p1 >"$work/out" 2>&1 && grep -q 'erased the key' "$work/out"
ok $? 'remove says that the key is gone'
[ "$(head -c 128 <&7 | tr -d '\0' | wc -c)" = 0 ]
ok $? 'and what the disk still holds of the file has none'
exec 7<&-

# ---- what is stored about a person ----

mkdir "$work/told"
"$cli" export p0 "$work/told/p0.json" >"$work/out" 2>&1 && [ "$(stat -c %a "$work/told/p0.json")" = 600 ] &&
	python3 - "$work/told/p0.json" >>"$work/out" 2>&1 <<'EOP'
import json, sys
told = json.load(open(sys.argv[1]))
assert told["user"] == "p0" and told["template"]["user"] == "p0" and told["template"]["bytes"] > 0, told
assert any(a["kind"] == "authenticate" for a in told["history"]), told["history"]
assert {"enroll", "intent", "attempt"} <= {line["event"] for line in told["audit"]}, told["audit"]
assert all(line["user"] == "p0" for line in told["audit"])
assert any("consent" in line.get("reason", "") for line in told["audit"] if line["event"] == "enroll")
EOP
ok $? 'export tells what is stored about a person, consent included'
[ "$(pieces_found "$work/told" "$work"/plain/*.vut)" = 0 ]
ok $? 'and nothing of the template'
"$cli" export p0 "$work/told/p0.json" >"$work/out" 2>&1
[ $? -eq 2 ] && grep -q 'choose a new name' "$work/out"
ok $? 'export overwrites nothing'
"$cli" export nobody "$work/told/nobody.json" >"$work/out" 2>&1
[ $? -eq 5 ] && grep -q 'nothing is stored about nobody' "$work/out" && [ ! -e "$work/told/nobody.json" ]
ok $? 'export of an unknown name says so and writes nothing'

# ---- the audit log ----

log=$VOICE_UNLOCK_HOME/audit/current.jsonl
says() { # CODE TEXT NAME COMMAND…
	local code=$1 text=$2 name=$3 status
	shift 3
	"$@" >"$work/out" 2>&1
	status=$?
	[ "$status" -eq "$code" ] && grep -qF -- "$text" "$work/out"
	ok $? "$name"
}
says 0 'all as they were written' 'the audit log verifies' "$cli" audit verify
"$cli" configure authentication.max_attempts 6 >"$work/out" 2>&1
within() { # SECONDS COMMAND…
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}
restarts_of() { [ "$(grep -c "\"event\":\"restart\".*$1 was restarted" "$log")" -ge "$2" ]; }
"$cli" restart models >"$work/out" 2>&1
within 30 restarts_of models 1
ok $? 'a restart of a service has its line'
# Whoever switches monitoring off does not switch that off. The orchestrator starts anew for it, which has a line too.
starts() { [ "$(grep -c '"event":"start"' "$log")" -ge "$1" ]; }
before=$(grep -c '"event":"start"' "$log")
"$cli" configure performance.background_monitoring false >"$work/out" 2>&1
within 30 starts $((before + 1))
ok $? 'so has a start of the orchestrator'
# Other services may be starting anew for it as well: nothing is killed before all have come to rest.
pids() { "$cli" status --json | python3 -c 'import json,sys
print(*(s["name"] + "=" + str(s["pid"]) for s in json.load(sys.stdin)["services"]))'; }
at_rest() {
	local before
	before=$(pids) && sleep 1 && "$cli" status && [ "$(pids)" = "$before" ]
}
within 30 at_rest
kill -KILL "$(pids | tr ' ' '\n' | sed -n 's/^features=//p')"
within 30 restarts_of features 1
ok $? 'also when it was killed and monitoring is off'
"$cli" configure performance.background_monitoring true >"$work/out" 2>&1
within 30 starts $((before + 2))
ok $? 'each has its line'
for event in start enroll intent attempt remove rotate restart configure; do
	grep -q "\"event\":\"$event\"" "$log"
	ok $? "it has a line \"$event\""
done
# The supervisor's line about the last restart may come after the orchestrator's own: not before the log is at rest.
lines=0
for _ in $(seq 20); do
	[ "$(wc -l <"$log")" = "$lines" ] && break
	lines=$(wc -l <"$log")
	sleep 3
done
cp "$log" "$work/log"
edit() { cp "$work/log" "$log" && sed -i "$1" "$log"; }
edit '3s/"user":"p0"/"user":"p1"/;3s/"event":"[a-z]*"/"event":"start"/'
says 1 'current.jsonl line 3: it was edited' 'an edited line is found' "$cli" audit verify
edit '3d'
says 1 'current.jsonl line 3: 1 lines before it are missing' 'a deleted line is found' "$cli" audit verify
edit '3{h;d};4G'
says 1 'current.jsonl line 4: it is out of order' 'a moved line is found' "$cli" audit verify
edit '$d'
says 1 '1 lines after it were cut off' 'a cut end is found' "$cli" audit verify
rm -rf "$VOICE_UNLOCK_HOME/audit" && mkdir -m 700 "$VOICE_UNLOCK_HOME/audit"
says 1 'were cut off' 'a log that is gone is found' "$cli" audit verify
cp "$work/log" "$log"
# What cannot be audited is not accepted.
mv "$VOICE_UNLOCK_HOME/audit" "$work/audit" && touch "$VOICE_UNLOCK_HOME/audit"
"$cli" enroll p2 --from "$work/v/${voices[1]}"/enroll-*.wav >"$work/out" 2>&1
"$cli" test --user p2 --from "$work/v/${voices[1]}/live-1.wav" >"$work/out" 2>&1
[ $? -eq 7 ]
ok $? 'an attempt that cannot be audited is unavailable'
rm "$VOICE_UNLOCK_HOME/audit" && mv "$work/audit" "$VOICE_UNLOCK_HOME/audit"
says 0 'all as they were written' 'the restored log verifies' "$cli" audit verify

echo "1..$count"
[ "$failures" -eq 0 ]
