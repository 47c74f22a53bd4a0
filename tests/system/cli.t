#!/usr/bin/env bash
# The command line against the real suite in private folders: every verb, the
# exit codes of the interface, bad names, bad files, JSON shapes, terminals,
# interruption. TAP.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/system/aid/tap.sh

ROOT=$PWD
BIN=$ROOT/build/bin
vu=$BIN/jarvis-voice-unlock

work=$(mktemp -d "${TMPDIR:-/tmp}/vu-cli.XXXXXX")
for name in $(compgen -e); do
	case $name in VOICE_UNLOCK_*) unset "$name" ;; esac
done
export VOICE_UNLOCK_HOME=$work/home VOICE_UNLOCK_RUNTIME_DIR=$work/run VOICE_UNLOCK_HTTP_PORT=0
export VOICE_UNLOCK_CONFIG=$work/config.yaml XDG_CONFIG_HOME=$work/none NO_COLOR='' TERM=xterm LC_ALL=C.UTF-8
: >"$VOICE_UNLOCK_CONFIG"
unset NO_COLOR

out=$work/out
err=$work/err

why() {
	head -n 20 "$out" | cut -c1-400 | sed 's/^/out: /'
	head -n 20 "$err" | cut -c1-400 | sed 's/^/err: /'
}
skip() { # NAME REASON
	count=$((count + 1))
	echo "ok $count - $1 # SKIP $2"
}
check() { # NAME COMMAND…: ok when the command succeeds
	local name=$1
	shift
	"$@" >"$out" 2>"$err"
	ok $? "$name"
}
# NAME EXIT PATTERN ARGUMENT…: the command line ends with EXIT and says PATTERN ('' = anything) somewhere
says() {
	local name=$1 expected=$2 pattern=$3 status
	shift 3
	timeout 60 "$vu" "$@" >"$out" 2>"$err" </dev/null
	status=$?
	[ "$status" -eq "$expected" ] || echo "ended with $status, not $expected" >>"$err"
	[ "$status" -eq "$expected" ] && { [ -z "$pattern" ] || grep -qE -- "$pattern" "$out" "$err"; }
	ok $? "$name"
}
# NAME EXPRESSION: holds for the JSON object d that the last command printed
json() {
	python3 - "$out" "$2" >>"$err" 2>&1 <<-'END'
		import json, sys
		text = open(sys.argv[1]).read()
		d = json.loads(text, parse_constant=lambda x: sys.exit("not JSON: " + x))
		assert text.count("\n") == 1, "more than one line"
		sys.exit(0 if eval("(" + sys.argv[2] + ")") else "does not hold: " + sys.argv[2])
	END
	ok $? "$1"
}
pids() { "$vu" status --json 2>/dev/null | python3 -c 'import json,sys; print(*[s["pid"] for s in json.load(sys.stdin)["services"] if s["pid"]])'; }
pid_of() { "$vu" status --json 2>/dev/null | python3 -c 'import json,sys; print([s["pid"] for s in json.load(sys.stdin)["services"] if s["name"] == sys.argv[1]][0])' "$1"; }
tree() { (cd "$VOICE_UNLOCK_HOME" && find . -path ./log -prune -o -type f -print | sort); }

clean_up() {
	"$vu" stop >/dev/null 2>&1
	[ -d "$work/mic" ] && tests/system/virtual-mic stop "$work/mic" >/dev/null 2>&1
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

VERBS='start stop restart status enroll test identify list remove export configure history evaluate cleanup audit unlock-user rotate-key call doctor help version'

# ---- without a suite ----

says 'version' 0 '^jarvis-voice-unlock [0-9]+\.[0-9]+\.[0-9]+$' version
says '--version is the same' 0 '^jarvis-voice-unlock ' --version
says 'help lists the verbs' 0 '^  evaluate ' help
says 'nothing is usage' 2 'usage: jarvis-voice-unlock VERB'
for verb in $VERBS; do
	says "$verb --help" 0 "^usage: jarvis-voice-unlock $verb" "$verb" --help
	says "$verb with an unknown option" 2 "usage: jarvis-voice-unlock $verb" "$verb" --no-such-option
done
says 'a verb that there is not' 2 "there is no verb 'frobnicate'" frobnicate show
says 'an unknown verb gets the nearest' 2 'did you mean: status' statsu
says 'help of an unknown verb gets the nearest' 2 'did you mean: enroll' help enrol
says 'an unknown option gets the nearest' 2 'did you mean: --level' test --levle strict
says 'an option without its value' 2 'needs a value' test --user
says 'a number that is none' 2 "'ten' is not a number" test --timeout ten
says 'a level that is none' 2 'convenient' test --level lenient
says 'an anti-spoofing level that is none' 2 'maximum' test --anti-spoofing much
says 'an unexpected word' 2 "'maria' is unexpected" test maria
check 'the alias is the same program' cmp "$BIN/voice-unlock" "$vu"

says 'status without a suite' 7 'run: jarvis-voice-unlock start' status
says 'status --json without a suite' 7 '' status --json
json 'is an object all the same' 'd["ready"] is False and d["services"] == []'
says 'stop without a suite' 0 'not running' stop
says 'test without a suite' 7 'run: jarvis-voice-unlock start' test --user maria
says 'test --json without a suite' 7 '' test --user maria --json
json 'is an attempt' 'd["verdict"] == "unavailable" and d["score"] is None and "start" in d["reason"]'
says 'identify without a suite' 7 'start' identify
says 'enroll without a suite' 7 'start' enroll maria --from /dev/null
says 'list without a suite' 7 'start' list
says 'remove without a suite' 7 'start' remove maria
says 'history without a suite' 7 'start' history
says 'call without a suite' 7 'start' call models/Stats
says 'restart of a service without a suite' 7 'start' restart models
says 'doctor without a suite' 1 'problem +services' doctor

# ---- configuration ----

says 'configure lists everything in a pipe' 0 '^performance.max_memory_mb +400 ' configure
says 'configure shows a value' 0 '^400$' configure performance.max_memory_mb
says 'configure sets a value' 0 'next start' configure performance.max_memory_mb 380
says 'and it stays' 0 '^380$' configure performance.max_memory_mb
cp "$VOICE_UNLOCK_CONFIG" "$work/config.before"
says 'an unknown key gets the nearest' 8 'performance.max_memory_mb' configure performance.max_memroy_mb 300
says 'a value out of range' 8 '1' configure performance.max_cpu_percent 500
says 'a value that is none' 8 '' configure security.anti_spoofing plenty
check 'leave the file as it was' cmp "$VOICE_UNLOCK_CONFIG" "$work/config.before"
says 'an environment variable that hides the value is pointed out' 0 '' configure performance.max_memory_mb 390
VOICE_UNLOCK_MAX_MEMORY=500 says 'the environment beats the file' 0 '^500$' configure performance.max_memory_mb
VOICE_UNLOCK_MAX_MEMORY=500 says 'and configure says so' 0 'VOICE_UNLOCK_MAX_MEMORY is set' configure performance.max_memory_mb 400
printf 'performance:\n  max_memroy_mb: 400\n' >"$work/bad.yaml"
VOICE_UNLOCK_CONFIG=$work/bad.yaml says 'start with a bad configuration' 8 'bad.yaml.*max_memroy_mb' start
VOICE_UNLOCK_CONFIG=$work/bad.yaml says 'list with a bad configuration' 8 'max_memroy_mb' list
VOICE_UNLOCK_CONFIG=$work/bad.yaml says 'status asks all the same' 7 'not running' status
VOICE_UNLOCK_CONFIG=$work/bad.yaml says 'doctor names it' 1 'problem +configuration' doctor
VOICE_UNLOCK_CONFIG=$work/nowhere.yaml says 'a configuration that was named and is not there' 8 'nowhere.yaml' list
: >"$VOICE_UNLOCK_CONFIG"

# ---- start ----

says 'start' 0 'ready' start
says 'start again' 0 'already running' start
says 'status' 0 '^orchestrator +[0-9]+ +running +SERVING' status
says 'status --json' 0 '' status --json
json 'has the shape of the interface' 'list(d) == ["ready", "uptime_s", "services", "memory", "users", "lockouts", "expected"]
	and d["ready"] is True
	and [s["name"] for s in d["services"]][0] == "supervisor" and len(d["services"]) == 6
	and all(list(s) == ["name", "pid", "state", "health", "restarts", "rss_bytes", "limit_bytes", "uptime_s", "reason"] for s in d["services"])
	and list(d["memory"]) == ["model_server_rss_bytes", "max_bytes", "cache"]
	and all(list(d["memory"]["cache"][c]) == ["bytes", "items", "hits", "misses"] for c in ("models", "scalers", "pca"))
	and d["memory"]["max_bytes"] == 400 * 1024 * 1024 and d["users"] == 0' 
first_pids=$(pids)

# ---- people: those whom the suite itself tells apart best ----

build/tests/aid/utterances "$work/people" >"$out" 2>"$err" || { echo "Bail out! no utterances could be made"; exit 1; }
while read -r p; do
	for i in 1 2 3 4 5; do printf '%s\tpeople/%s/enroll-%s.wav\n' "$p" "$p" $i >>"$work/enroll.tsv"; done
	while read -r q; do
		for i in 1 2 3; do
			printf '%s\tpeople/%s/test-%s.wav\t%s\n' "$p" "$q" $i "$([ "$p" = "$q" ] && echo target || echo nontarget)"
		done
	done <"$work/people/people.txt" >>"$work/trials.tsv"
done <"$work/people/people.txt"
says 'evaluate' 0 '^speaker +EER ' evaluate --enroll "$work/enroll.tsv" --trials "$work/trials.tsv" --out "$work/scores.tsv"
check 'writes one row per trial, in order' python3 - "$work/trials.tsv" "$work/scores.tsv" <<'END'
import csv, math, sys
trials = list(csv.reader(open(sys.argv[1]), delimiter="\t"))
rows = list(csv.reader(open(sys.argv[2]), delimiter="\t"))
assert rows[0] == "user path label verdict score antispoof_score speech_ms fused_score".split(), rows[0]
assert [r[:3] for r in rows[1:]] == trials
for r in rows[1:]:
    assert r[3] in ("accept", "reject", "spoof", "no_speech"), r
    assert math.isfinite(float(r[4])) and math.isfinite(float(r[5])) and math.isfinite(float(r[7])) and int(r[6]) > 300, r
    fused = -math.log(0.5 * math.exp(-float(r[4])) + 0.5 * math.exp(-float(r[5])))
    assert abs(fused - float(r[7])) < 1e-3 * max(1, abs(fused)), r
END
read -r -a best < <(python3 - "$work/scores.tsv" <<'END'
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1]), delimiter="\t"))
people = {}
for r in rows:
    owner = r["path"].split("/")[1]
    own = people.setdefault(r["user"], [1e9, -1e9])
    if r["label"] == "target":
        own[0] = min(own[0], float(r["score"]) if r["verdict"] == "accept" else -1e9)
    else:
        own[1] = max(own[1], float(r["score"]) if r["verdict"] != "accept" else 1e9)
print(*sorted(people, key=lambda p: people[p][1] - people[p][0])[:4])
END
)
me=${best[0]} you=${best[1]} other=${best[2]} fourth=${best[3]}
speech() { echo "$work/people/$1/$2.wav"; }
samples() { echo "$work/people/$1/enroll-"{1,2,3,4,5}.wav; }
echo "# people: ${best[*]}"

# ---- names ----

long=$(printf 'a%.0s' $(seq 300))
before=$(tree)
for name in 'a/b' '..' '../x' $'a\nb' "$long" $'\xff\xfe' '' '.hidden' $'a\x1b[31m'; do
	shown=$(printf '%q' "${name:0:20}")
	says "enroll refuses the name $shown" 2 'the user name' enroll --from "$(speech "$me" enroll-1)" -- "$name"
	says "test refuses the name $shown" 2 'the user name' test "--user=$name" --from "$(speech "$me" test-1)"
	says "remove refuses the name $shown" 2 'the user name' remove -- "$name"
done
check 'messages carry no control characters' bash -c '! LC_ALL=C grep -q $'"'"'\x1b'"'"' "$0" "$1"' "$out" "$err"
[ "$before" = "$(tree)" ]
ok $? 'and nothing was written'

# ---- bad files ----

mkdir "$work/bad"
printf 'this is no sound' >"$work/bad/text.wav"
: >"$work/bad/empty.wav"
head -c 20000 "$(speech "$me" enroll-1)" >"$work/bad/cut.wav"
{ head -c 44 "$(speech "$me" enroll-1)"; head -c 4000 /dev/urandom; } >"$work/bad/corrupt.wav"
printf 'RIFF\377\377\377\377WAVEfmt \020\0\0\0\1\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0data\377\377\377\377' >"$work/bad/header.wav"
sox -n -r 16000 -c 1 -b 16 "$work/bad/silent.wav" trim 0 3
sox -n -r 16000 -c 1 -b 16 "$work/bad/noise.wav" synth 3 whitenoise vol 0.001
sox "$(speech "$me" enroll-1)" "$work/bad/short.wav" trim 0.4 0.15
sox -n -r 8000 -c 1 -b 8 "$work/bad/huge.wav" synth 700 sine 300
truncate -s 2G "$work/bad/sparse.wav"

says 'enroll says what is wrong with each file' 4 '1 of 12 recordings are good and 5 are needed' \
	enroll "$me" --from "$(speech "$me" enroll-1)" "$work"/bad/{text,empty,cut,corrupt,header,silent,noise,short,huge,sparse,missing}.wav
for file in text empty cut corrupt header silent noise short huge sparse missing; do
	grep -qE "^bad .*/bad/$file.wav .*[a-z]" "$out"
	ok $? "$file.wav is bad, with a reason"
done
says 'and nobody is enrolled' 0 'nobody is enrolled' list

# ---- enrolment ----

# shellcheck disable=SC2046
says 'enroll from files' 0 "enrolled $me from 5 samples" enroll "$me" --from $(samples "$me")
# shellcheck disable=SC2046
says 'enroll with the user last' 0 "enrolled $you from 5 samples" enroll --from $(samples "$you") "$you"
# shellcheck disable=SC2046
says 'a duplicate user' 2 '--replace' enroll "$me" --from $(samples "$me")
# shellcheck disable=SC2046
says 'unless replaced' 0 "enrolled $me" enroll "$me" --replace --from $(samples "$me")
says 'too few recordings' 4 '2 of 2 recordings are good and 5 are needed' enroll "$other" --from "$(speech "$other" enroll-1)" "$(speech "$other" enroll-2)"
says 'fewer samples than needed' 2 'less than the 5' enroll "$other" --samples 2 --from "$(speech "$other" enroll-1)"
says 'more samples than kept' 2 'more than the 10' enroll "$other" --samples 11 --from "$(speech "$other" enroll-1)"
says 'recordings without --from' 2 'with --from' enroll "$other" "$(speech "$other" enroll-1)"
says 'enroll without a user' 2 'needs a user' enroll --from "$(speech "$other" enroll-1)"
says 'list' 0 "^$me +5 .*intact" list
says 'list --json' 0 '' list --json
json 'has the shape of the interface' 'list(d) == ["users"] and len(d["users"]) == 2 and all(
	list(u) == ["user", "samples", "bytes", "path", "present", "verified", "last_used", "background"]
	and u["samples"] == 5 and u["bytes"] > 0 and u["present"] and u["verified"] for u in d["users"])'
says 'list --unused' 0 'nobody' list --unused 1
says 'list --unused with a number that is none' 2 'whole number' list --unused soon

# ---- one authentication ----

says 'the speaker is accepted' 0 "^accept: $me" test --user "$me" --from "$(speech "$me" test-1)"
says 'the same recording again is no live voice' 3 '^spoof' test --user "$me" --from "$(speech "$me" test-1)"
says 'somebody else is not' 1 "^reject: $you" test --user "$you" --from "$(speech "$other" test-1)"
says 'the speaker, with JSON' 0 '' test --user "$me" --from "$(speech "$me" test-2)" --json
json 'has the shape of the interface' 'list(d) == ["attempt_id", "user", "verdict", "reason", "score", "threshold", "speaker", "antispoof", "quality", "timing_ms"]
	and d["user"] == "'"$me"'" and d["verdict"] == "accept" and d["score"] >= d["threshold"] and len(d["attempt_id"]) == 32
	and list(d["speaker"]) == ["svm", "second", "fused"] and list(d["antispoof"]) == ["verdict", "score", "level", "detectors"]
	and all(list(x) == ["name", "score", "verdict"] for x in d["antispoof"]["detectors"]) and d["antispoof"]["level"] == "high"
	and list(d["quality"]) == ["speech_ms", "snr_db", "clipped_pct"] and d["quality"]["speech_ms"] > 500
	and list(d["timing_ms"]) == ["capture", "features", "antispoof", "score", "decision", "total"] and d["timing_ms"]["total"] > 0'
says 'nobody of that name' 5 '^not_enrolled: nemo' test --user nemo --from "$(speech "$other" test-2)"
says 'a file at level maximum' 3 '' test --user "$you" --anti-spoofing maximum --from "$(speech "$you" test-1)"
for file in text empty cut corrupt header silent noise short huge sparse missing; do
	says "test from $file.wav" 4 '^no_speech' test --user "$me" --from "$work/bad/$file.wav"
done
says 'a bad file, with JSON' 4 '' test --user "$me" --from "$work/bad/text.wav" --json
json 'names the file' 'd["verdict"] == "no_speech" and "text.wav" in d["reason"] and d["score"] is None'
says 'a bad file of somebody who is not enrolled' 5 '^not_enrolled' test --user nemo --from "$work/bad/text.wav"

# ---- identification ----

says 'identify' 0 "^accept: $me" identify --from "$(speech "$me" test-3)"
says 'identify a stranger' 1 '^reject: nobody' identify --from "$(speech "$fourth" test-1)"
says 'identify --json' 0 '' identify --from "$(speech "$you" test-2)" --json
json 'has the shape of the interface' 'list(d) == ["user", "score", "margin", "candidates"] and d["user"] == "'"$you"'"
	and d["candidates"][0]["user"] == d["user"] and all(list(c) == ["user", "score"] for c in d["candidates"])'
says 'identify from a bad file' 4 'text.wav' identify --from "$work/bad/text.wav"

# ---- lockout ----

# shellcheck disable=SC2046
"$vu" enroll "$other" --from $(samples "$other") >"$out" 2>"$err"
ok $? 'one more user'
for i in 1 2 3 4 5 6 7; do
	timeout 20 "$vu" test --user "$other" --from "$(speech "$fourth" "enroll-$((i % 5 + 1))")" >"$out" 2>"$err"
	status=$?
	[ $status -ne 6 ] || break
done
[ $status -eq 6 ] && [ "$i" -eq 6 ]
ok $? 'five failures lock, so that the sixth attempt ends with 6'
says 'the right voice waits as well' 6 '^locked' test --user "$other" --from "$(speech "$other" test-1)"
says 'a bad file too' 6 '^locked' test --user "$other" --from "$work/bad/empty.wav"
says 'others are not locked' 4 '' test --user "$you" --from "$work/bad/empty.wav"
says 'status shows it' 0 "locked +$other" status

# ---- history ----

says 'history' 0 "authenticate +$me +accept" history -l 100
says 'history of one user, with JSON' 0 '' history --user "$me" -l 3 --json
json 'is theirs, newest first' 'len(d["attempts"]) == 3 and all(a["user"] == "'"$me"'" for a in d["attempts"])
	and d["attempts"] == sorted(d["attempts"], key=lambda a: a["time"], reverse=True)'
says 'a limit that is none' 2 'whole number' history -l 0

# ---- any method ----

says 'call by a short name' 0 '"users": 3' call models/Stats
says 'call by the full name' 0 '"users": 3' call voiceunlock.v1.Models/Stats
says 'call of what all processes offer' 0 '"service": "capture"' call capture/Process.Info
says 'call with a request' 0 '"service": "models"' call supervisor/WhoIs "{\"pid\": $(pid_of models)}"
echo "{\"pid\": $(pid_of models)}" | "$vu" call supervisor/WhoIs - >"$out" 2>"$err"
grep -q '"service": "models"' "$out"
ok $? 'call with a request from standard input'
says 'call with a bad request' 2 'INVALID_ARGUMENT.*did you mean' call supervisor/WhoIs '{"pdi": 1}'
says 'call with no JSON' 2 'INVALID_ARGUMENT' call supervisor/WhoIs '{'
says 'call of an unknown method' 2 'did you mean Stats' call models/Stat
says 'call of an unknown process' 2 'did you mean models' call modles/Stats
says 'a list of methods' 0 '^voiceunlock.v1.Models/Score$' call models

"$vu" doctor --json >"$out" 2>"$err"
json 'doctor --json lists its checks' 'list(d) == ["ok", "checks"] and all(list(c) == ["name", "result", "detail", "remedy"] for c in d["checks"])
	and {c["name"]: c["result"] for c in d["checks"]}["orchestrator"] == "ok"'

# ---- applying configuration, restarting ----

says 'configure applies to the running suite' 0 'applied' configure enrollment.min_samples 6
# shellcheck disable=SC2046
says 'and is used at once' 4 '6 are needed' enroll "$fourth" --from $(samples "$fourth")
says 'and back' 0 'applied' configure enrollment.min_samples 5
models=$(pid_of models)
orchestrator=$(pid_of orchestrator)
says 'restart of one service' 0 'models is ready again' restart models
[ "$(pid_of models)" != "$models" ] && [ "$(pid_of orchestrator)" = "$orchestrator" ]
ok $? 'leaves the others alone'
says 'restart of an unknown service' 2 'did you mean: models' restart modles
says 'users outlive it' 0 "^$me +5 .*intact" list

# ---- removal ----

# shellcheck disable=SC2046
"$vu" enroll "$fourth" --from $(samples "$fourth") >"$out" 2>"$err"
ok $? 'one more user'
says 'remove' 0 "removed $fourth" remove "$fourth"
grep -q 'erased' "$out" && grep -qE '^  kept   past attempts .* until they are [0-9]+ days old' "$out"
ok $? 'says what is gone and what stays'
says 'remove again' 5 '' remove "$fourth"
says 'a removed user is not enrolled' 5 '^not_enrolled' test --user "$fourth" --from "$(speech "$fourth" test-1)"
says 'a locked user can be removed' 0 "removed $other" remove "$other"
says 'which does not lift the lockout' 6 '^locked' test --user "$other" --from "$(speech "$other" test-2)"

# ---- evaluation: bad files, bad lists, interruption ----

cp "$work/people/$me/enroll-1.wav" "$work/bad/good.wav"
{
	printf '%s\tpeople/%s/test-1.wav\ttarget\n' "$me" "$me"
	printf '%s\tbad/text.wav\ttarget\n' "$me"
	printf '%s\tbad/missing.wav\tnontarget\n' "$me"
	printf 'nemo\tpeople/%s/test-1.wav\tnontarget\n' "$me"
	printf '%s\tbad/short.wav\tspoof:cut\n' "$me"
	printf '%s\tpeople/%s/test-2.wav\t-\n' "$me" "$you"
} >"$work/few.tsv"
says 'evaluate goes on after bad files' 0 '2 files unreadable' evaluate --enroll "$work/enroll.tsv" --trials "$work/few.tsv" --out "$work/few.out"
check 'and tells them apart' python3 - "$work/few.out" <<'END'
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1]), delimiter="\t"))
verdicts = [r["verdict"] for r in rows]
assert verdicts[:5] == ["accept", "no_speech", "no_speech", "not_enrolled", "no_speech"], verdicts
assert rows[1]["score"] == rows[1]["antispoof_score"] == rows[1]["fused_score"] == rows[4]["score"] == "nan"
assert rows[3]["score"] == "nan" and rows[3]["antispoof_score"] != "nan"
assert rows[5]["label"] == "-" and rows[5]["score"] != "nan"
END
says 'the figures as JSON' 0 '' evaluate --enroll "$work/enroll.tsv" --trials "$work/trials.tsv" --out "$work/again.tsv" --level strict --anti-spoofing low --jobs 3 --json
json 'say what they count' 'd["trials"]["target"] == d["speaker"]["targets"] == d["decisions"]["targets"] > 20 and d["people_enrolled"] == d["people"]
	and 0 <= d["speaker"]["eer_low"] <= d["speaker"]["eer"] <= d["speaker"]["eer_high"] < 0.3 and d["decisions"]["level"] == "strict"'
check 'and the scores are the same again' python3 - "$work/scores.tsv" "$work/again.tsv" <<'END'
import csv, sys
a, b = ([r["score"] for r in csv.DictReader(open(f), delimiter="\t")] for f in sys.argv[1:])
assert a == b
END
says 'evaluate removes its users' 0 '' list --json
json 'and no others' 'sorted(u["user"] for u in d["users"]) == sorted(["'"$me"'", "'"$you"'"])'
[ -z "$(cd "$VOICE_UNLOCK_HOME" && find . -name 'evaluation-*')" ]
ok $? 'and leaves no files'
says 'evaluate without lists' 2 'needs --enroll' evaluate
says 'evaluate with a list that is not there' 2 'nowhere.tsv' evaluate --enroll "$work/nowhere.tsv" --trials "$work/few.tsv" --out "$work/x"
printf 'maria people/a.wav target\n' >"$work/bad.tsv"
says 'evaluate with a bad list' 2 'bad.tsv line 1: there are 1 columns' evaluate --enroll "$work/enroll.tsv" --trials "$work/bad.tsv" --out "$work/x"
says 'evaluate into a folder that is not there' 2 'unable to write' evaluate --enroll "$work/enroll.tsv" --trials "$work/few.tsv" --out "$work/nowhere/x"

says 'evaluate into a folder' 2 'Is a directory' evaluate --enroll "$work/enroll.tsv" --trials "$work/few.tsv" --out "$work"

"$vu" evaluate --enroll "$work/enroll.tsv" --trials "$work/trials.tsv" --out "$work/killed.tsv" --jobs 16 >"$out" 2>"$err" &
evaluating=$!
for service in features models capture antispoof orchestrator; do
	sleep 0.3
	kill -9 "$(pid_of $service)"
done
wait $evaluating && python3 - "$work/scores.tsv" "$work/killed.tsv" <<'END' >>"$out" 2>>"$err"
import csv, sys
a, b = ([r["score"] for r in csv.DictReader(open(f), delimiter="\t")] for f in sys.argv[1:])
assert a == b
END
ok $? 'services killed during an evaluation change nothing'

for i in $(seq 40); do sed "s/\$//" "$work/trials.tsv"; done | awk -F'\t' -v OFS='\t' '{print $1, "./" substr("././././././././././././././././././././././././././././././././././././././././", 1, 2 * int(NR / 500)) $2, $3}' >"$work/many.tsv"
"$vu" evaluate --enroll "$work/enroll.tsv" --trials "$work/many.tsv" --out "$work/many.out" >"$out" 2>"$err" &
evaluating=$!
for i in $(seq 100); do
	[ -z "$(find "$VOICE_UNLOCK_HOME" -name '*.vut' -path '*evaluation-*' 2>/dev/null | head -n 1)" ] || break
	sleep 0.05
done
[ "$i" -lt 100 ]
ok $? 'an evaluation is under way'
kill -INT $evaluating
wait $evaluating
[ $? -eq 130 ]
ok $? 'Ctrl-C ends it with 130'
[ -z "$(cd "$VOICE_UNLOCK_HOME" && find . -name '*.vut' -path '*evaluation-*')" ] && [ ! -e "$work/many.out" ]
ok $? 'and its users are removed'

# ---- the C API's example ----

# shellcheck disable=SC2046
check 'the example admits the speaker' "$BIN/voiceunlock-example" example $(samples "$fourth") -- "$(speech "$fourth" test-2)"
# shellcheck disable=SC2046
"$BIN/voiceunlock-example" example $(samples "$fourth") -- "$(speech "$you" test-3)" >"$out" 2>"$err"
[ $? -eq 1 ]
ok $? 'and nobody else'

# ---- somebody else's suite ----

if [ "$(id -u)" -eq 0 ] && setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$vu"; then
	chmod 711 "$work"
	for verb in status 'test --user x' list stop 'call models/Stats'; do
		# shellcheck disable=SC2086
		setpriv --reuid=65534 --regid=65534 --clear-groups env -u VOICE_UNLOCK_CONFIG "$vu" $verb >"$out" 2>"$err" </dev/null
		[ $? -eq 9 ] && grep -q 'belongs to\|run as' "$err"
		ok $? "$verb as another user ends with 9 and the remedy"
	done
else
	skip 'another user ends with 9' 'needs root and a build that others can read'
fi

# ---- terminals ----

# ARGUMENT…: runs the command line on a terminal of 70 columns, where $TYPED is typed; its output goes to $out
on_terminal() {
	python3 - "$vu" "$@" >"$out" 2>"$err" <<-'END'
		import fcntl, os, pty, struct, sys, termios
		pid, fd = pty.fork()
		if pid == 0:
		    os.execv(sys.argv[1], sys.argv[1:])
		fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 70, 0, 0))
		os.write(fd, os.environ.get("TYPED", "").encode())
		while True:
		    try:
		        data = os.read(fd, 4096)
		    except OSError:
		        break
		    if not data:
		        break
		    os.write(1, data)
		sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
	END
}
on_terminal status
grep -q $'\x1b\\[32mready' "$out"
ok $? 'colour on a terminal'
NO_COLOR=1 on_terminal status
! grep -q $'\x1b' "$out"
ok $? 'none with NO_COLOR'
TERM=dumb on_terminal status
! grep -q $'\x1b' "$out"
ok $? 'none on a dumb terminal'
"$vu" status >"$out" 2>"$err"
! grep -q $'\x1b' "$out"
ok $? 'none in a pipe'

TYPED=$'n\n' on_terminal remove "$me"
[ $? -eq 1 ] && grep -q 'nothing was removed' "$out"
ok $? 'remove asks on a terminal, and heeds the answer'
says 'the user is still there' 0 "^$me +5" list
TYPED=$'350\n\nvery high\nmedium\n\n' on_terminal configure
[ $? -eq 0 ] && grep -q 'applied to the running suite' "$out"
ok $? 'configure asks on a terminal'
says 'and takes the answers' 0 '^350$' configure performance.max_memory_mb
says 'even the second try of one' 0 '^medium$' configure security.anti_spoofing
says 'an empty answer keeps a value' 0 '^150$' configure performance.cache_size_mb
says 'back to what was' 0 'applied' configure security.anti_spoofing high
"$vu" list >/dev/full 2>"$err"
[ $? -eq 70 ] && grep -q 'unable to write' "$err"
ok $? 'an answer that cannot be written is an error'

# ---- a service that dies in the middle of an enrolment ----

# once_good COMMAND…: runs it as soon as the first sample was good
once_good() {
	local tries
	for ((tries = 0; tries < 500; tries++)); do
		grep -q '^good' "$out" && break
		sleep 0.01
	done
	"$@"
}
: >"$out"
# shellcheck disable=SC2046
"$vu" enroll survivor --from $(samples "$fourth") >"$out" 2>"$err" &
enrolling=$!
once_good kill -9 "$(pid_of orchestrator)"
wait $enrolling && grep -q '^enrolled survivor from 5 samples' "$out"
ok $? 'an enrolment from recordings outlives the orchestrator'
says 'its user can go' 0 '' remove survivor --yes

# ---- the microphone ----

mkdir "$work/mic"
if environment=$(tests/system/virtual-mic start "$work/mic" 2>"$err"); then
	eval "$environment"
	"$vu" restart >"$out" 2>"$err"
	ok $? 'restart of the suite, with a microphone now'
	says 'doctor is content' 0 'all is well' doctor
	says 'silence until the timeout' 4 '^no_speech' test --user "$me" --timeout 1
	(sleep 1; tests/system/virtual-mic play "$work/mic" "$(speech "$me" test-1)") >/dev/null 2>&1 &
	on_terminal test --user "$me" --anti-spoofing off
	status=$?
	wait $!
	[ $status -eq 0 ] && grep -q 'accept' "$out"
	ok $? 'the speaker is accepted through the microphone'
	grep -q 'speak now' "$out" && grep -q '█' "$out"
	ok $? 'with a prompt and a level meter'
	"$vu" test --user "$me" --timeout 20 >"$out" 2>"$err" &
	testing=$!
	sleep 0.7
	kill -INT $testing
	wait $testing
	[ $? -eq 130 ]
	ok $? 'Ctrl-C ends a test with 130'
	"$vu" enroll guided >"$out" 2>"$err" &
	enrolling=$!
	sleep 0.7
	kill -INT $enrolling
	wait $enrolling
	[ $? -eq 130 ] && grep -q 'nothing was stored' "$err"
	ok $? 'Ctrl-C ends an enrolment with 130'
	says 'and nobody is enrolled by it' 5 'not_enrolled' test --user guided --from "$(speech "$me" test-1)"
	(
		sleep 1
		for i in 1 2 3 4 5; do
			tests/system/virtual-mic play "$work/mic" "$(speech "$fourth" "enroll-$i")"
			sleep 2
		done
	) >/dev/null 2>&1 &
	on_terminal enroll guided
	status=$?
	wait $!
	[ $status -eq 0 ] && grep -q 'enrolled.* guided from 5 samples' "$out" && grep -q 'Sample 5 of 5' "$out"
	ok $? 'guided enrolment'
	"$vu" enroll cut-off >"$out" 2>"$err" &
	enrolling=$!
	sleep 1.5
	kill -9 "$(pid_of capture)"
	for ((tries = 0; tries < 500; tries++)); do
		[ "$(grep -c '^Sample 1 of 5' "$out")" -ge 2 ] && break
		sleep 0.01
	done
	kill -INT $enrolling
	wait $enrolling
	[ "$(grep -c '^Sample 1 of 5' "$out")" -ge 2 ] && grep -q 'say it again' "$err"
	ok $? 'a take that is cut off is asked for again'
else
	skip 'the microphone' 'no virtual microphone here'
fi

# ---- two at once ----

"$vu" stop >"$out" 2>"$err"
"$vu" start >"$work/first" 2>&1 &
first=$!
says 'two starts at once' 0 '' start
wait $first
ok $? 'are both content'

# ---- stop ----

last_pids=$(pids)
says 'stop' 0 'stopped' stop
gone=0
for pid in $first_pids $last_pids; do
	case $(ps -o stat= -p "$pid" 2>/dev/null) in '' | Z*) ;; *) gone=1 ;; esac
done
ok $gone 'all processes are gone'
says 'status afterwards' 7 'start' status

echo "1..$count"
[ "$failures" -eq 0 ]
