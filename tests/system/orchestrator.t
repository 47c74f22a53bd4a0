#!/usr/bin/env bash
# The orchestrator in the running suite: verdicts and exit codes, lockout over
# restarts, history, a damaged history, the HTTP pages. TAP.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/system/aid/tap.sh

bin=$PWD/build/bin
cli=$bin/jarvis-voice-unlock
ask=$PWD/build/tests/aid/ask_supervisor
PERSON=Zaphod-Beeblebrox

work=$(mktemp -d /tmp/vu-orc.XXXXXX)
export VOICE_UNLOCK_HOME=$work/state VOICE_UNLOCK_RUNTIME_DIR=$work/run VOICE_UNLOCK_CONFIG=$work/config.yaml
[ -z "${TEST_MAX_MEMORY:-}" ] || export VOICE_UNLOCK_MAX_MEMORY=$TEST_MAX_MEMORY
unset VOICE_UNLOCK_LEVEL VOICE_UNLOCK_ANTI_SPOOFING VOICE_UNLOCK_HTTP_PORT XDG_CONFIG_HOME
printf 'authentication:\n  max_attempts: 3\n  lockout_s: 600\n' >"$work/config.yaml"
chmod 600 "$work/config.yaml"
alone=
finish() {
	[ -n "$alone" ] && kill "$alone" 2>/dev/null
	"$cli" stop >/dev/null 2>&1
	rm -rf "$work"
}
trap finish EXIT

why() {
	cat "$work/out"
}
bail() {
	echo "Bail out! $*"
	exit 1
}
# The exit code of a command must be as said, and its output must contain a text.
expect() { # CODE TEXT NAME COMMAND…
	local code=$1 text=$2 name=$3 status
	shift 3
	"$@" >"$work/out" 2>&1
	status=$?
	echo "exit $status, expected $code with \"$text\"" >>"$work/out"
	[ "$status" -eq "$code" ] && head -n -1 "$work/out" | grep -qF -- "$text"
	ok $? "$name"
}
pid_of() { "$ask" status | awk -v s="$1" '$1 == s {print $2}'; }
wait_for() { # COMMAND…: until it succeeds, ten seconds at most
	for _ in $(seq 200); do "$@" >/dev/null 2>&1 && return 0; sleep 0.05; done
	return 1
}
is_ready() { [ "$("$ask" status 2>/dev/null | tail -n 1)" = ready ]; }
page() { curl -s -m 10 -w '\n%{http_code}' "http://localhost:$(cat "$VOICE_UNLOCK_RUNTIME_DIR/http.port")$1"; }
# 0 when the page has the status and contains the text.
page_says() { # PATH STATUS TEXT
	page "$1" >"$work/out" 2>&1
	[ "$(tail -n 1 "$work/out")" = "$2" ] && grep -qF -- "$3" "$work/out"
}

build/tests/aid/utterances "$work/v" >/dev/null || bail 'unable to make utterances; run scripts/bootstrap'
mapfile -t voices <"$work/v/people.txt"
mine=$work/v/${voices[0]}
other=$work/v/${voices[1]}
third=$work/v/${voices[2]}
"$cli" start >"$work/out" 2>&1 || bail "the suite did not start: $(cat "$work/out")"
"$cli" enroll "$PERSON" --from "$mine"/enroll-*.wav >"$work/out" 2>&1 || bail "unable to enrol: $(cat "$work/out")"

# ---- verdicts ----

expect 2 '--replace' 'enrolling the same name again is refused' "$cli" enroll "$PERSON" --from "$other"/enroll-*.wav
for n in 1 2 3; do
	"$cli" test --user "$PERSON" --from "$mine/test-$n.wav" >"$work/out" 2>&1 && good=$n && break
done
grep -qF 'never unlocks' "$work/out"
ok $? 'the enrolled voice is accepted, and told that a file never unlocks'
# Counts as a failure: one of three.
expect 3 '2 attempts are left' 'the same recording again is a spoof' \
	"$cli" test --user "$PERSON" --from "$mine/test-${good:-1}.wav"
sox -n -r 16000 -b 16 -c 1 "$work/silence.wav" trim 0 2
expect 4 'no_speech' 'silence is no speech and counts for nothing' "$cli" test --user "$PERSON" --from "$work/silence.wav"
expect 5 'jarvis-voice-unlock enroll' 'a stranger is not enrolled' "$cli" test --user nobody-here --from "$other/test-2.wav"
expect 1 '1 attempt is left' 'another voice is rejected' "$cli" test --user "$PERSON" --from "$other/test-1.wav"
"$cli" test --user "$PERSON" --from "$third/test-1.wav" --json >"$work/out" 2>&1
[ $? -eq 1 ] && grep -q '"verdict": *"reject"' "$work/out" && grep -qE '"fused": *-?[0-9]' "$work/out"
ok $? 'the JSON of a reject has the scores'

# ---- lockout ----

expect 6 'locked' 'the third failure locks out' "$cli" test --user "$PERSON" --from "$mine/live-1.wav"
"$cli" restart orchestrator >"$work/out" 2>&1 && wait_for is_ready
expect 6 'locked' 'a restart of the orchestrator does not unlock' "$cli" test --user "$PERSON" --from "$mine/test-3.wav"
kill -KILL "$(pid_of orchestrator)" && wait_for is_ready
expect 6 'locked' 'nor does killing it' "$cli" test --user "$PERSON" --from "$mine/test-3.wav"
"$cli" stop >/dev/null 2>&1
"$cli" start >"$work/out" 2>&1
expect 6 'try again in' 'nor does a new start of the suite' "$cli" test --user "$PERSON" --from "$mine/test-3.wav"
expect 0 "$PERSON" 'the status names who is locked out' "$cli" status --json

cp "$VOICE_UNLOCK_HOME/audit/current.jsonl" "$work/out"
grep -q "\"event\":\"lockout\",[^}]*\"user\":\"$PERSON\"" "$work/out" &&
	[ "$(grep -c '"event":"lockout"' "$work/out")" -eq 1 ] && grep -q '"verdict":"locked"' "$work/out"
ok $? 'the audit log has a line of the lockout, once, and of the attempts that it refused'
expect 0 'all as they were written' 'and verifies after restarts and a killed orchestrator' "$cli" audit verify

# ---- history ----

"$cli" history -l 100 >"$work/out" 2>&1
for word in enrolled accept spoof no_speech not_enrolled reject locked; do
	grep -qw "$word" "$work/out"
	ok $? "the history has an entry \"$word\""
done
[ "$(stat -c %a "$VOICE_UNLOCK_HOME/orchestrator/history.db" 2>/dev/null || stat -f %Lp "$VOICE_UNLOCK_HOME/orchestrator/history.db")" = 600 ]
ok $? 'the history is for its owner alone'

# ---- HTTP ----

page_says /healthz 200 '"alive":true'
ok $? '/healthz'
page_says /readyz 200 '"ready":true'
ok $? '/readyz of a running suite'
for s in capture features models antispoof orchestrator supervisor; do
	page_says "/healthz/$s" 200 SERVING
	ok $? "/healthz/$s"
done
page_says /status.json 200 '"lockouts":1' && ! grep -qi zaphod "$work/out"
ok $? '/status.json counts lockouts and names nobody'
if [ "$(id -u)" -eq 0 ]; then
	expect 0 'is no longer locked' 'root unlocks' "$cli" unlock-user "$PERSON"
	expect 0 'was not locked' 'and again' "$cli" unlock-user "$PERSON"
	"$cli" history -l 2 >"$work/out" 2>&1
	grep -qw unlocked "$work/out"
	ok $? 'which the history tells'
	grep -q "\"event\":\"unlock\",[^}]*\"user\":\"$PERSON\"" "$VOICE_UNLOCK_HOME/audit/current.jsonl"
	ok $? 'and the audit log'
fi
page_says /metrics 200 'voice_unlock_up{service="models"} 1' && ! grep -qi zaphod "$work/out"
ok $? '/metrics has every process and names nobody'
curl -s -m 10 -H 'Host: evil.example' -o "$work/out" -w '%{http_code}' \
	"http://localhost:$(cat "$VOICE_UNLOCK_RUNTIME_DIR/http.port")/status.json" | grep -q 403
ok $? 'another Host header is refused'
free_port=
for free_port in $(shuf -i 20000-30000 -n 50); do
	(exec 3<>"/dev/tcp/127.0.0.1/$free_port") 2>/dev/null || break # nobody answers there
done
cp "$work/config.yaml" "$work/config.before"
printf 'http:\n  port: %s\n' "$free_port" >>"$work/config.yaml"
kill -HUP "$(pid_of orchestrator)"
wait_for grep -qx "$free_port" "$VOICE_UNLOCK_RUNTIME_DIR/http.port"
page_says /healthz 200 '"alive":true'
ok $? 'SIGHUP moves HTTP to another port'
cp "$work/config.before" "$work/config.yaml"
printf 'http:\n  port: %s\n' "$(cat "$VOICE_UNLOCK_RUNTIME_DIR/http.port")" >"$work/taken.yaml"
chmod 600 "$work/taken.yaml"
VOICE_UNLOCK_CONFIG=$work/taken.yaml VOICE_UNLOCK_RUNTIME_DIR=$work/run2 VOICE_UNLOCK_HOME=$work/state2 \
	expect 8 'is taken' 'a configured port that is taken ends the start with 8' timeout 20 "$bin/vu-orchestrator"
(
	export VOICE_UNLOCK_RUNTIME_DIR=$work/run2 VOICE_UNLOCK_HOME=$work/state2
	exec "$bin/vu-orchestrator" 2>"$work/alone.log"
) &
alone=$!
VOICE_UNLOCK_RUNTIME_DIR=$work/run2
wait_for test -s "$work/run2/http.port"
! cmp -s "$work/run2/http.port" "$work/run/http.port"
ok $? 'where the default port is taken a free one is chosen'
page_says /readyz 503 '"service":"antispoof"'
ok $? '/readyz names what is missing'
page_says /status.json 200 '"ready":false'
ok $? '/status.json comes without the others'
VOICE_UNLOCK_RUNTIME_DIR=$work/run
kill "$alone" && wait "$alone"
[ ! -e "$work/run2/http.port" ]
ok $? 'http.port goes with the process'
alone=

# ---- a history that is damaged, or cannot be written ----

"$cli" stop >/dev/null 2>&1
rm -f "$VOICE_UNLOCK_HOME"/orchestrator/history.db*
head -c 20000 /dev/urandom >"$VOICE_UNLOCK_HOME/orchestrator/history.db"
chmod 600 "$VOICE_UNLOCK_HOME/orchestrator/history.db"
"$cli" start >"$work/out" 2>&1
expect 1 'reject' 'with a damaged history attempts go on' "$cli" test --user "$PERSON" --from "$other/test-3.wav"
ls "$VOICE_UNLOCK_HOME"/orchestrator/history.db.damaged-* >"$work/out" 2>&1
ok $? 'the damaged one was moved aside'
"$cli" stop >/dev/null 2>&1
rm -f "$VOICE_UNLOCK_HOME"/orchestrator/history.db*
ln -s /dev/null "$VOICE_UNLOCK_HOME/orchestrator/history.db"
"$cli" start >"$work/out" 2>&1
expect 7 'symbolic link' 'without a history nobody is let in' "$cli" test --user "$PERSON" --from "$mine/live-1.wav"
rm -f "$VOICE_UNLOCK_HOME/orchestrator/history.db"

# ---- removal ----

expect 0 '' 'the user is removed' "$cli" remove "$PERSON"
expect 5 'not enrolled' 'and is not enrolled any more' "$cli" test --user "$PERSON" --from "$mine/live-1.wav"

echo "1..$count"
[ "$failures" -eq 0 ]
