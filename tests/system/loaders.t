#!/usr/bin/env bash
# Custom loaders in the running, confined suite: the example is activated over
# RPC and people are recognized with what it loads; loaders that fail, hang, lie,
# crash, want too much or are not the listed ones do no harm: the error says
# why, the model-server lives on with what it had, no process is left. TAP.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/system/aid/tap.sh

vu=$PWD/build/bin/jarvis-voice-unlock
work=$(mktemp -d "${TMPDIR:-/tmp}/vu-load.XXXXXX")
for name in $(compgen -e); do
	case $name in VOICE_UNLOCK_*) unset "$name" ;; esac
done
export VOICE_UNLOCK_HOME=$work/home VOICE_UNLOCK_RUNTIME_DIR=$work/run LC_ALL=C.UTF-8
[ -z "${TEST_MAX_MEMORY:-}" ] || export VOICE_UNLOCK_MAX_MEMORY=$TEST_MAX_MEMORY
export VOICE_UNLOCK_CONFIG=$work/config.yaml XDG_CONFIG_HOME=$work/none VOICE_UNLOCK_HTTP_PORT=0

out=$work/out
# OBJECT [KEY: VALUE]…: the one loader that is listed, and more keys of ml
list_loader() {
	local object=$PWD/build/tests/loaders/$1.so line
	shift
	{
		printf 'ml:\n  loaders:\n    - kind: background\n      object: %s\n      sha256: %s\n' "$object" \
			"${hash:-$(python3 -c 'import hashlib,sys; print(hashlib.sha256(open(sys.argv[1],"rb").read()).hexdigest())' "$object")}"
		for line in "$@"; do printf '%s\n' "$line"; done
	} >"$VOICE_UNLOCK_CONFIG"
}
models_pid() { "$vu" status --json | python3 -c 'import json,sys; print([s["pid"] for s in json.load(sys.stdin)["services"] if s["name"] == "models"][0])'; }
# No child of the model-server, and no host that outlived it.
no_process_left() {
	! pgrep -P "$(models_pid)" && ! pgrep -f "^$PWD/build/bin/vu-loader-host "
}
activate() { "$vu" call models/Activate '{"kind":"background"}'; }
# WORDS: it is refused, and the answer has them
refused() {
	! activate && grep -qF -- "$1" "$out"
}
recognized() {
	"$vu" test --user anna --anti-spoofing off --level convenient --from "$work/people/$person/test-1.wav" --json
	[ $? -le 1 ]
}
trap '"$vu" stop >/dev/null 2>&1; rm -rf "$work"' EXIT

build/tests/aid/utterances "$work/people" >"$out" 2>&1 || {
	echo "1..0 # SKIP utterances cannot be made"
	exit 0
}
person=$(head -n 1 "$work/people/people.txt")

list_loader example
check 'the suite starts' "$vu" start
check 'somebody enrols' "$vu" enroll anna --from "$work/people/$person"/enroll-{1,2,3,4,5}.wav
check 'the example is activated' activate
check 'and what it loaded is in use' bash -c '"$0" call models/Stats | grep -q "\"background\": *\"[^\"]*/loaded-background.vum\""' "$vu"
check 'with which people are recognized' recognized
check 'and no process is left' no_process_left

# BEHAVIOUR WORDS [CONFIGURATION…]
misbehaves() {
	local behaviour=$1 words=$2 pid
	shift 2
	list_loader "odd-$behaviour" "$@"
	check "$behaviour: the model-server takes the other list" "$vu" restart models
	pid=$(models_pid)
	check "$behaviour: the activation says why not" refused "$words"
	check "$behaviour: people are recognized all the same" recognized
	[ -n "$pid" ] && [ "$pid" = "$(models_pid)" ]
	ok $? "$behaviour: the model-server lives"
	check "$behaviour: no process is left" no_process_left
}
misbehaves FAILS 'it could not load'
check 'a second failure' refused 'it could not load'
check 'a third failure' refused 'it could not load'
check 'after three it is left alone, with the reason kept' refused 'could not load'
grep -qE 'again in|left alone|paused|minutes|not tried' "$out"
ok $? 'and says for how long'
misbehaves HANGS 'it took too long and was ended' '  load_timeout_ms: 2000'
misbehaves LIES 'it foretold 4096 bytes and made 40960'
misbehaves CRASHES 'it ended before all was there'
misbehaves GROWS 'it foretells 1099511627776 bytes'
misbehaves NONSENSE 'unable to'
misbehaves PRIES 'it could not load'
hash=$(printf '0%.0s' {1..64})
misbehaves FAILS 'another object than ml.loaders lists'
hash=
# The example's model is larger than what all caches together may hold.
list_loader example 'performance:' '  cache_size_mb: 4'
check 'the budget of the caches is lowered' "$vu" restart models
check 'what does not fit it is not loaded' refused 'bytes'
check 'and people are recognized all the same' recognized

check 'the suite stops' "$vu" stop
echo "1..$count"
exit $((failures > 0))
