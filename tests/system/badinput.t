#!/usr/bin/env bash
# Sound that is none, or none as it should be, through the running suite: each
# gets a clear verdict or error, nothing crashes, nothing is let in that is not
# the enrolled voice. TAP.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/system/aid/tap.sh

cli=$PWD/build/bin/jarvis-voice-unlock
ask=$PWD/build/tests/aid/ask_supervisor
PERSON=Ford-Prefect

work=$(mktemp -d /tmp/vu-bad.XXXXXX)
export VOICE_UNLOCK_HOME=$work/state VOICE_UNLOCK_RUNTIME_DIR=$work/run VOICE_UNLOCK_CONFIG=$work/config.yaml
[ -z "${TEST_MAX_MEMORY:-}" ] || export VOICE_UNLOCK_MAX_MEMORY=$TEST_MAX_MEMORY
export VOICE_UNLOCK_HTTP_PORT=0
unset VOICE_UNLOCK_LEVEL VOICE_UNLOCK_ANTI_SPOOFING XDG_CONFIG_HOME
printf 'authentication:\n  max_attempts: 10\n' >"$work/config.yaml"
chmod 600 "$work/config.yaml"
finish() {
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
pids() { "$ask" status | awk '{print $1, $2}' | grep -E '^(supervisor|capture|features|models|antispoof|orchestrator) '; }
# The exit code is one of those allowed, and something is said that is no empty line.
gives() { # "CODES" NAME FILE
	local status
	"$cli" test --user "$PERSON" --from "$3" >"$work/out" 2>&1
	status=$?
	echo "exit $status, expected one of $1" >>"$work/out"
	[[ " $1 " == *" $status "* ]] && [ "$(grep -c '[a-z]' "$work/out")" -ge 2 ] && ! grep -qiE ', -?nan|internal' "$work/out"
	ok $? "$2"
}

build/tests/aid/utterances "$work/v" >/dev/null || bail 'unable to make utterances; run scripts/bootstrap'
mapfile -t voices <"$work/v/people.txt"
mine=$work/v/${voices[0]}
other=$work/v/${voices[1]}/test-1.wav

python3 - "$work" <<'PY' || bail 'unable to make files'
import math, struct, sys
folder = sys.argv[1]

def wav(name, values, rate=16000, channels=1, floating=False):
    data = b"".join(struct.pack("<f" if floating else "<h", v) for v in values)
    width = 4 if floating else 2
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 3 if floating else 1,
                       channels, rate, rate * channels * width, channels * width, 8 * width, b"data", len(data))
    open(f"{folder}/{name}.wav", "wb").write(head + data)

tone = [0.3 * math.sin(0.05 * i) for i in range(48000)]
wav("one", [1234])
wav("none", [])
wav("zero", [0] * 48000)
wav("dc", [16000] * 48000)
wav("not-numbers", [float("nan")] * 48000, floating=True)
wav("some-not-numbers", [float("nan") if i % 1000 == 7 else v for i, v in enumerate(tone)], floating=True)
wav("infinite", [float("inf") if i % 500 == 3 else v for i, v in enumerate(tone)], floating=True)
wav("huge", [1e30 * v for v in tone], floating=True)
wav("square", [32767 if i // 40 % 2 else -32768 for i in range(48000)])
open(f"{folder}/text.wav", "w").write("no sound, only words\n" * 50)
open(f"{folder}/empty.wav", "w").close()
PY
head -c 30 "$other" >"$work/cut.wav"
sox "$other" "$work/clipped.wav" gain 60 2>/dev/null
sox "$other" -r 192000 "$work/192k.wav"
sox "$other" -r 8000 "$work/8k.wav"
sox "$other" "$work/dead.wav" remix 1 0
sox "$other" "$work/offset.wav" gain -12 dcshift 0.6
sox "$mine/test-1.wav" "$work/mine-clipped.wav" gain 60 2>/dev/null

"$cli" start >"$work/out" 2>&1 || bail "the suite did not start: $(cat "$work/out")"
"$cli" enroll "$PERSON" --from "$mine"/enroll-*.wav >"$work/out" 2>&1 || bail "unable to enrol: $(cat "$work/out")"
pids >"$work/pids"
[ "$(wc -l <"$work/pids")" -eq 6 ] || bail 'unable to see the six processes'

for name in one none zero dc not-numbers infinite text empty cut; do
	gives 4 "$name is no speech" "$work/$name.wav"
done
for name in some-not-numbers huge square clipped mine-clipped; do
	gives '1 3 4' "$name is not let in" "$work/$name.wav"
	"$cli" unlock-user "$PERSON" >/dev/null 2>&1
done
for name in 192k 8k dead offset; do
	gives '1 3 4' "another voice, $name, is not let in" "$work/$name.wav"
	"$cli" unlock-user "$PERSON" >/dev/null 2>&1
done
gives 4 'a folder is no sound' "$work"

# At every other entrance: the strictest level, the question who it is, enrolment.
for name in one zero not-numbers square; do
	"$cli" test --user "$PERSON" --anti-spoofing maximum --from "$work/$name.wav" >"$work/out" 2>&1
	status=$?
	[ $status -eq 3 ] || [ $status -eq 4 ]
	ok $? "$name is not let in at level maximum"
	"$cli" identify --from "$work/$name.wav" >"$work/out" 2>&1
	status=$?
	[[ " 1 3 4 " == *" $status "* ]] && ! grep -qF "$PERSON" "$work/out"
	ok $? "$name is nobody"
done
bad=()
for name in one none zero dc not-numbers infinite text empty cut square; do bad+=("$work/$name.wav"); done
"$cli" enroll nobody --from "${bad[@]}" >"$work/out" 2>&1
[ $? -eq 4 ] && ! grep -qiE ', -?nan|internal' "$work/out" && ! "$cli" list | grep -qw nobody
ok $? 'none of it enrols anybody'
for name in zero not-numbers square; do
	grep -F "$name" "$work/out" | grep -q '[a-z]: *[a-zA-Z]'
	ok $? "and of $name it is said why"
done
sox "$mine/enroll-1.wav" -r 8000 "$work/e1.wav"
sox "$mine/enroll-2.wav" -r 192000 "$work/e2.wav"
sox "$mine/enroll-3.wav" "$work/e3.wav" remix 1 0
sox "$mine/enroll-4.wav" "$work/e4.wav" gain -12 dcshift 0.3
"$cli" enroll mixed --from "$work"/e[1-4].wav "$work/zero.wav" "$mine/enroll-5.wav" "$mine/test-3.wav" >"$work/out" 2>&1
status=$?
if [ $status -eq 0 ]; then
	"$cli" test --user mixed --from "$other" >"$work/out" 2>&1
	! grep -q accept "$work/out"
	ok $? 'enrolled from rates, a dead channel and an offset, another voice is still not let in'
else
	[ $status -eq 4 ] && ! "$cli" list | grep -qw mixed
	ok $? 'what was recorded too badly enrols nobody, and says so'
fi

pids >"$work/pids-after"
diff "$work/pids" "$work/pids-after" >"$work/out" 2>&1
ok $? 'no process ended over it'
for n in 2 3; do
	"$cli" test --user "$PERSON" --from "$mine/test-$n.wav" >"$work/out" 2>&1 && break
done
grep -qF 'never unlocks' "$work/out"
ok $? 'the enrolled voice is still accepted'

echo "1..$count"
exit $((failures > 0))
