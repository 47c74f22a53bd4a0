#!/usr/bin/env bash
# What is known of a voice, and the keys, are looked for wherever a thief could: in all files
# of the state folder, in the memory of every process, and in core files, after an enrolment and attempts. A voice may
# be in the locked pool of models alone, and there no longer than it is kept; the master key there as well, that of
# the audit log in the locked memory of the orchestrator. TAP.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/system/aid/tap.sh

cli=$PWD/build/bin/jarvis-voice-unlock
search=$PWD/build/tests/aid/search_memory
work=$(mktemp -d /tmp/vu-search.XXXXXX)
export VOICE_UNLOCK_HOME=$work/state VOICE_UNLOCK_RUNTIME_DIR=$work/run VOICE_UNLOCK_HTTP_PORT=0 VOICE_UNLOCK_AGGRESSIVE_TIMEOUT=1 VOICE_UNLOCK_PREDICTIVE_LOADING=false
[ -z "${TEST_MAX_MEMORY:-}" ] || export VOICE_UNLOCK_MAX_MEMORY=$TEST_MAX_MEMORY
unset VOICE_UNLOCK_CONFIG VOICE_UNLOCK_KEY_FILE XDG_CONFIG_HOME
trap '"$cli" stop >/dev/null 2>&1; rm -rf "$work"' EXIT

why() {
	cat "$work/out"
}
bail() {
	echo "Bail out! $*"
	sed 's/^/# /' "$work/out" 2>/dev/null
	exit 1
}
pid_of() {
	"$cli" status --json | python3 -c 'import json,sys
print(next(s["pid"] for s in json.load(sys.stdin)["services"] if s["name"] == sys.argv[1]))' "$1"
}
# Whether what was found lies nowhere but where $1 allows ("locked", or nothing at all).
only_in() { # ALLOWED
	grep -q searched "$work/out" && ! grep -v searched "$work/out" | grep -qvE " ${1:-nowhere}\$"
}

build/tests/aid/utterances "$work/v" >"$work/out" 2>&1 || bail 'unable to make utterances; run scripts/bootstrap'
read -r voice <"$work/v/people.txt"
enrol() { "$cli" enroll ada "$@" --from "$work/v/$voice"/enroll-*.wav >"$work/out" 2>&1 || bail 'unable to enrol'; }

# The same voice enrolled in a suite that does not encrypt gives what is to be looked for.
VOICE_UNLOCK_ENCRYPT=false "$cli" start >"$work/out" 2>&1 || bail 'the suite did not start'
enrol
cp "$VOICE_UNLOCK_HOME/templates/users/ada.vut" "$work/known.vut"
"$search" "$work/known.vut" file "$VOICE_UNLOCK_HOME/templates/users/ada.vut" >"$work/out" 2>&1
[ "$(awk '{ print $2 }' "$work/out")" -gt 500 ]
ok $? 'a plain template would be found'
"$cli" stop >/dev/null 2>&1
rm -rf "$VOICE_UNLOCK_HOME"

"$cli" start >"$work/out" 2>&1 || bail 'the suite did not start again'
enrol
for n in 1 2; do
	"$cli" test --user ada --from "$work/v/$voice/test-$n.wav" --anti-spoofing off >"$work/out" 2>&1
done
"$cli" identify --from "$work/v/$voice/test-3.wav" >"$work/out" 2>&1
services='models features orchestrator antispoof capture'
declare -A pids
for service in $services supervisor; do
	pids[$service]=$(pid_of "$service")
done
find "$VOICE_UNLOCK_HOME" -type f -print0 | xargs -0 "$search" "$work/known.vut" file >"$work/out" 2>&1
[ "$(awk '{ n += $2 } END { print n + 0 }' "$work/out")" = 0 ] && [ "$(wc -l <"$work/out")" -gt 4 ]
ok $? 'no file of the state folder has any of it'

# NAME OWNER SEARCHED-WITH…: looks into all processes; the owner (or "nobody") has it in locked memory, and that is all
in_memory() {
	local name=$1 owner=$2 service pid
	shift 2
	"$search" "$@" memory "${pids[@]}" >"$work/hits" 2>&1
	for service in $services supervisor; do
		pid=${pids[$service]}
		grep "^$pid " "$work/hits" >"$work/out"
		if [ "$service" = "$owner" ]; then
			grep -q ' locked$' "$work/out"
			ok $? "$service has the $name in locked memory, left out of dumps"
			only_in locked
			ok $? 'and nowhere else'
		else
			only_in
			ok $? "$service has no $name"
		fi
	done
}
"$search" "$work/known.vut" memory "${pids[models]}" >"$work/out" 2>&1
if [ $? -eq 3 ]; then
	echo 'ok 3 # SKIP the system does not let this user read the memory of other processes'
	echo '1..3'
	exit "$failures"
fi
in_memory voice models "$work/known.vut"

# ---- keys ----

master=(--key "$VOICE_UNLOCK_HOME.key")
audit=(--key "$VOICE_UNLOCK_HOME.key.audit")
own=("${master[@]}" --of /ada "$VOICE_UNLOCK_HOME/templates/users/ada.vut")
{ "$search" "${master[@]}" file "$VOICE_UNLOCK_HOME.key" && "$search" "${audit[@]}" file "$VOICE_UNLOCK_HOME.key.audit"; } >"$work/out" 2>&1
[ "$(grep -c ' [1-9][0-9]* file' "$work/out")" = 2 ]
ok $? 'the keys would be found'
in_no_file() { # NAME SEARCHED-WITH…
	local name=$1
	shift
	find "$VOICE_UNLOCK_HOME" "$VOICE_UNLOCK_RUNTIME_DIR" -type f -print0 | xargs -0 "$search" "$@" file >"$work/out" 2>&1
	[ "$(awk '{ n += $2 } END { print n + 0 }' "$work/out")" = 0 ] && [ "$(wc -l <"$work/out")" -gt 4 ]
	ok $? "no file of the state folder has the $name"
}
in_no_file 'master key' "${master[@]}"
in_no_file 'audit key' "${audit[@]}"
in_no_file "template's key" "${own[@]}"
in_memory 'master key' models "${master[@]}"
in_memory 'audit key' orchestrator "${audit[@]}"
in_memory "template's key" nobody "${own[@]}"

# ---- core files ----

# As a debugger of root's writes one, which leaves out what is to be left out of dumps. One with everything has the
# voice, so there is something to be found. The supervisor is stopped meanwhile: it would kill what does not answer.
dump() { # FILE SETTING
	kill -STOP "${pids[supervisor]}"
	timeout 60 gdb -q -nx -batch -iex 'set debuginfod enabled off' -iex 'set auto-load off' -iex 'set auto-solib-add off' \
		-ex "set dump-excluded-mappings $2" -ex "attach ${pids[models]}" -ex "gcore $1" -ex detach >"$work/gdb" 2>&1
	kill -CONT "${pids[supervisor]}"
	[ -s "$1" ]
}
if [ "$(id -u)" = 0 ] && command -v gdb >/dev/null && dump "$work/whole.core" on; then
	"$search" "$work/known.vut" file "$work/whole.core" >"$work/out" 2>&1
	[ "$(awk '{ print $2 }' "$work/out")" -gt 500 ]
	ok $? 'a core file with all memory of models has the voice'
	rm -f "$work/whole.core"
	dump "$work/models.core" off && "$search" "$work/known.vut" file "$work/models.core" >"$work/out" 2>&1
	[ "$(awk '{ print $2 }' "$work/out")" = 0 ]
	ok $? 'an ordinary one has nothing of it'
	for key in master own; do
		declare -n searched=$key
		"$search" "${searched[@]}" file "$work/models.core" >"$work/out" 2>&1
		[ "$(awk '{ print $2 }' "$work/out")" = 0 ]
		ok $? "nor of the key ($key)"
	done
	rm -f "$work/models.core"
else
	ok 0 'core files by a debugger # SKIP needs root and gdb, which may attach'
fi

for service in models features orchestrator antispoof capture; do
	grep -qE '^Max core file size +0 +0 ' "/proc/${pids[$service]}/limits"
	ok $? "$service leaves no core dump"
done

# Not used for a second, and then given back: cleanup says when it is done, templates go when their time is over.
for _ in $(seq 60); do
	"$cli" cleanup --aggressive >"$work/cleanup" 2>&1
	"$search" "$work/known.vut" memory "${pids[models]}" >"$work/out" 2>&1
	! grep -qv searched "$work/out" && break
	sleep 0.5
done
only_in
ok $? 'after a cleanup models has none either'

# ---- a service that dies of a signal ----

# Where a process that may leave a core file would leave it: in its working folder.
mkdir "$work/crash"
"$cli" stop >/dev/null 2>&1
(cd "$work/crash" && ulimit -c unlimited && sh -c 'kill -SEGV $$') >/dev/null 2>&1
cores() { find "$work/crash" "$VOICE_UNLOCK_HOME" "$VOICE_UNLOCK_RUNTIME_DIR" -name 'core*' 2>/dev/null; }
if [ -n "$(cores)" ]; then
	rm -f "$work"/crash/*
	(cd "$work/crash" && ulimit -c unlimited && "$cli" start) >"$work/out" 2>&1
	ok $? 'the suite starts where core files are written'
	"$cli" test --user ada --from "$work/v/$voice/test-2.wav" --anti-spoofing off >"$work/out" 2>&1
	for service in $services; do
		pids[$service]=$(pid_of "$service")
	done
	for service in $services; do
		# Even without the limit (where root may lift it): it may not be dumped.
		[ "$(id -u)" != 0 ] || prlimit --pid "${pids[$service]}" --core=unlimited:unlimited 2>/dev/null
		kill -SEGV "${pids[$service]}"
		for _ in $(seq 200); do
			kill -0 "${pids[$service]}" 2>/dev/null || break
			sleep 0.05
		done
		! kill -0 "${pids[$service]}" 2>/dev/null && [ -z "$(cores)" ]
		ok $? "$service, killed by SIGSEGV, leaves no core file"
	done
	in_no_file voice "$work/known.vut"
else
	ok 0 "a service killed by SIGSEGV # SKIP core files go elsewhere: $(cat /proc/sys/kernel/core_pattern 2>/dev/null)"
fi

echo "1..$count"
[ "$failures" -eq 0 ]
