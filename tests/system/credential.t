#!/usr/bin/env bash
# A master key locked with a credential of the system: what is given to the
# suite, and to models alone, is needed to open any template. The folder that
# systemd would make is made by hand. TAP.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
[ "$(uname -s)" = Linux ] || {
	echo "1..0 # SKIP credentials come from systemd"
	exit 0
}

vu=$PWD/build/bin/jarvis-voice-unlock
work=$(mktemp -d /tmp/vu-credential.XXXXXX)
for name in $(compgen -e); do
	case $name in VOICE_UNLOCK_* | CREDENTIALS_DIRECTORY) unset "$name" ;; esac
done
export VOICE_UNLOCK_HOME=$work/home VOICE_UNLOCK_RUNTIME_DIR=$work/run VOICE_UNLOCK_HTTP_PORT=0
export XDG_CONFIG_HOME=$work/none LC_ALL=C.UTF-8
[ -z "${TEST_MAX_MEMORY:-}" ] || export VOICE_UNLOCK_MAX_MEMORY=$TEST_MAX_MEMORY
trap '"$vu" stop >/dev/null 2>&1; rm -rf "$work"' EXIT

count=0
out=$work/out
ok() { # STATUS NAME
	count=$((count + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $count - $2"
	else
		echo "not ok $count - $2"
		tail -n 15 "$out" 2>/dev/null | cut -c1-500 | sed 's/^/# /'
	fi
}
check() { # NAME COMMAND…
	local name=$1
	shift
	"$@" >"$out" 2>&1
	ok $? "$name"
}
lets_in() { "$vu" test --user anna --from "$mine/test-1.wav" --anti-spoofing off; }
is_locked() { [ "$(head -c 6 "$work/home.key")" = VUKEYG ]; }
start_with() { # FOLDER: what systemd sets for its unit
	CREDENTIALS_DIRECTORY=$1 "$vu" start
}

build/tests/aid/utterances "$work/people" >"$out" 2>&1 || {
	echo "1..0 # SKIP utterances cannot be made"
	exit 0
}
mine=$work/people/$(head -n 1 "$work/people/people.txt")
mkdir -m 700 "$work/given" "$work/other" "$work/empty"
head -c 32 /dev/urandom >"$work/given/voice-unlock-guard"
head -c 32 /dev/urandom >"$work/other/voice-unlock-guard"
chmod 400 "$work"/*/voice-unlock-guard

check 'a suite starts without a credential' start_with "$work/empty"
check 'somebody enrols' "$vu" enroll anna --from "$mine"/enroll-{1,2,3,4,5}.wav
! is_locked
ok $? 'the key is a plain file'
"$vu" doctor >"$out" 2>&1
grep -q 'master key .*not against who takes this disk' "$out"
ok $? 'of which doctor says what it does not protect against'
"$vu" stop >/dev/null 2>&1

check 'started with a credential' start_with "$work/given"
check 'she is let in' lets_in
is_locked && [ "$(stat -c %a "$work/home.key")" = 600 ] && [ ! -e "$work/home.key.plain" ]
ok $? 'and the key is locked from then on'
"$vu" doctor >"$out" 2>&1
grep -q 'ok .*master key .*locked with a credential' "$out"
ok $? 'which doctor says'
check 'a new master key can be made' "$vu" rotate-key
is_locked && lets_in >"$out" 2>&1
ok $? 'which is locked as well'
check 'the audit log can be verified without' "$vu" audit verify
"$vu" stop >/dev/null 2>&1

for place in empty other; do
	start_with "$work/$place" >"$out" 2>&1
	lets_in >"$out" 2>&1
	[ $? -eq 7 ]
	ok $? "nobody is let in with the credential of: $place"
	"$vu" stop >/dev/null 2>&1
done
grep -rq 'credential voice-unlock-guard' "$VOICE_UNLOCK_HOME/log"
ok $? 'and the log says why'
start_with "$work/given" >"$out" 2>&1
check 'with the right one everything is as before' lets_in
"$vu" stop >/dev/null 2>&1
echo "1..$count"
