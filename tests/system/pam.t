#!/usr/bin/env bash
# The PAM module in a real PAM stack (pamtester under pam_wrapper, nothing in
# /etc is touched) before the real suite, which runs as the machine suite under
# a uid of its own and hears a virtual microphone. As root and as another uid.
# TAP.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/system/aid/tap.sh

ROOT=$PWD
out=
why() {
	[ -z "$out" ] || sed 's/^/# /' <<<"$out" | head -n 20
	[ ! -f "$work/suite.log" ] || tail -n 5 "$work/suite.log" | sed 's/^/suite: /'
}
skip() {
	echo "1..0 # SKIP $1"
	echo "ok 1 - PAM # SKIP $1"
	exit 0
}

wrapper=$(ls /usr/lib/*/libpam_wrapper.so /usr/lib/libpam_wrapper.so 2>/dev/null | head -n 1)
[ -f build/pam/pam_voice_unlock.so ] || skip 'the module was not built: no PAM headers'
[ -n "$wrapper" ] && command -v pamtester >/dev/null || skip 'no pam_wrapper or pamtester'
[ "$(id -u)" -eq 0 ] || skip 'another uid for the suite needs root'

# Accounts that every Debian has: the suite's, and somebody with a voice.
machine=proxy
person=games
work=$(mktemp -d /tmp/vu-pam.XXXXXX)
chmod 755 "$work"
mkdir -m 755 "$work/bin" "$work/pam.d" "$work/module" "$work/share"
mkdir -m 700 "$work/home"
# Where the suite's folder lies others may not put another: in a folder of root's.
install -d -m 711 -o "$machine" "$work/run"
chown "$machine" "$work/home"
for name in $(compgen -e); do
	case $name in VOICE_UNLOCK_* | SSH_* | XDG_*) unset "$name" ;; esac
done

suite() { # COMMAND…: as the machine suite's user, with its environment
	setpriv --reuid="$machine" --regid="$machine" --clear-groups \
		env -i PATH=/usr/bin:/bin HOME="$work/home" LC_ALL=C.UTF-8 "${sound[@]}" \
		VOICE_UNLOCK_HOME="$work/home/state" VOICE_UNLOCK_RUNTIME_DIR="$work/run" \
		VOICE_UNLOCK_CONFIG="$work/config.yaml" VOICE_UNLOCK_MACHINE=true \
		${TEST_MAX_MEMORY:+VOICE_UNLOCK_MAX_MEMORY="$TEST_MAX_MEMORY"} "$@"
}
clean_up() {
	suite "$work/bin/jarvis-voice-unlock" stop >/dev/null 2>&1
	[ ! -d "$work/mic" ] || "$ROOT/tests/system/virtual-mic" stop "$work/mic" >/dev/null 2>&1
	rm -rf "$work"
}
sound=()
trap clean_up EXIT
trap 'exit 1' INT TERM

# The programs where that user can read them, and module and helper for these places.
cp build/bin/vu-{supervisor,capture,features,models,antispoof,orchestrator} build/bin/jarvis-voice-unlock "$work/bin"
cp -r build/share/. "$work/share"
chmod -R go-w,a+rX "$work/bin" "$work/share"
printf 'http:\n  port: 0\nsystem:\n  mode: pam\nsecurity:\n  anti_spoofing: "off"\nauthentication:\n  max_attempts: 50\n' \
	>"$work/config.yaml"
chmod 644 "$work/config.yaml"
make -s pam PAM_OUT="$work/module" PAM_HELPER_PATH="$work/module/vu-pam-helper" PAM_RUNTIME_FOLDER="$work/run" \
	PAM_CONFIG="$work/config.yaml" PAM_USER="$machine" >"$work/make.log" 2>&1
out=$(cat "$work/make.log")
[ -x "$work/module/vu-pam-helper" ] && [ -f "$work/module/pam_voice_unlock.so" ]
ok $? 'module and helper are built for these places'
! ldd "$work/module/pam_voice_unlock.so" | grep -qE 'nng|pthread|uv|protobuf|jemalloc'
ok $? 'the module links libpam and libc alone'

stack() { # SERVICE OPTIONS…
	local service=$1
	shift
	echo "auth required $work/module/pam_voice_unlock.so $*" >"$work/pam.d/$service"
	printf 'account required pam_permit.so\nsession required pam_permit.so\n' >>"$work/pam.d/$service"
	chmod 644 "$work/pam.d/$service"
}
stack voice timeout=8
stack quiet timeout=8 quiet
stack tries timeout=8 tries=2
stack brief timeout=1
stack strict timeout=8 level=convenient
stack prompted timeout=8 user_prompt
stack wrong timeout=x
stack sudo timeout=8
stack su-l timeout=1 anti_spoofing=off
stack runuser timeout=8 quiet
stack sshd timeout=8

# ask UID SERVICE USER [PAMTESTER OPTION…]: sets out
ask() {
	local uid=$1 service=$2 user=$3
	shift 3
	out=$(timeout 60 setpriv --reuid="$uid" --clear-groups env LD_PRELOAD="$wrapper" PAM_WRAPPER=1 \
		PAM_WRAPPER_SERVICE_DIR="$work/pam.d" LC_ALL=C.UTF-8 "${remote[@]}" \
		pamtester "$@" "$service" "$user" authenticate 2>&1 </dev/null)
}
remote=()
UNAVAILABLE='cannot retrieve authentication info'
FAILED='Authentication failure'
unavailable() { grep -q "$UNAVAILABLE" <<<"$out" && ! grep -q 'Speak now' <<<"$out"; }

# ---- nobody there ----

rm -rf "$work/run"
ask root voice "$person"
unavailable
ok $? 'no suite: straight on to the password'
install -d -m 711 -o "$machine" "$work/run"
python3 -c 'import os, socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1]); os.chown(sys.argv[1], int(sys.argv[2]), -1)' \
	"$work/run/orchestrator.sock" "$(id -u "$machine")"
began=$(date +%s%N)
ask root voice "$person"
unavailable && [ $((($(date +%s%N) - began) / 1000000)) -lt 5000 ]
ok $? 'a dead suite: straight on to the password'
rm -f "$work/run/orchestrator.sock"

# ---- a suite that is not the machine's ----

mkdir -m 777 "$work/mic"
chown "$machine" "$work/mic"
chmod 755 "$work/mic"
if exports=$(setpriv --reuid="$machine" --regid="$machine" --clear-groups env HOME="$work/home" \
	"$ROOT/tests/system/virtual-mic" start "$work/mic" 2>"$work/mic.log"); then
	eval "$exports"
	for name in PULSE_SERVER PULSE_COOKIE PULSE_CLIENTCONFIG PULSE_SINK PULSE_SOURCE ALSA_CONFIG_PATH JACK_NO_START_SERVER; do
		sound+=("$name=${!name}")
	done
else
	out=$(cat "$work/mic.log")
	ok 1 'a virtual microphone'
	exit 1
fi
mkdir -m 755 "$work/voices"
build/tests/aid/utterances "$work/voices" >/dev/null || { echo 'Bail out! no utterances could be made'; exit 1; }
chmod -R a+rX "$work/voices"
mapfile -t people <"$work/voices/people.txt"
mine=$work/voices/${people[0]}
# Somebody quite different: how alike people are told apart is measured by the evaluation, not here.
theirs=$work/voices/${people[-2]}

suite "$work/bin/jarvis-voice-unlock" start >"$work/suite.log" 2>&1
status=$?
out=$(cat "$work/suite.log")
ok $status 'the machine suite starts under a uid of its own'
[ "$(stat -c %a "$work/run")" = 711 ] && [ "$(stat -c %a "$work/run/orchestrator.sock")" = 666 ] &&
	[ "$(stat -c %a "$work/run/models.sock")" = 600 ] && [ "$(stat -c %a "$work/run/supervisor.sock")" = 600 ]
ok $? 'others reach its front and nothing else'
# Not dumpable: even its own user may not look into it, and so neither may whoever takes over another process of his.
out=
for service in supervisor capture features models antispoof orchestrator; do
	pid=$(suite "$work/bin/jarvis-voice-unlock" status --json | python3 -c 'import json,sys
print(next(s["pid"] for s in json.load(sys.stdin)["services"] if s["name"] == sys.argv[1]))' "$service")
	[ "$(stat -c %U "/proc/$pid/mem")" = root ] || out+="$service: $(stat -c %U "/proc/$pid/mem") "
	for file in mem maps environ; do
		! suite head -c 1 "/proc/$pid/$file" >/dev/null 2>&1 || out+="$service: $file can be read "
	done
	! suite ls "/proc/$pid/fd" >/dev/null 2>&1 || out+="$service: its open files can be seen "
done
[ -z "$out" ]
ok $? 'its own user may not look into its processes'
out=$(suite "$work/bin/jarvis-voice-unlock" enroll "$person" --from "$mine"/enroll-*.wav 2>&1)
ok $? 'somebody is enrolled'

play() { "$ROOT/tests/system/virtual-mic" play "$work/mic" "$1" >/dev/null 2>&1; }
# speak FILE UID SERVICE USER OPTION…: asks while FILE is spoken
speak() {
	local file=$1 player
	shift
	(
		sleep 0.7
		play "$file"
		[ -z "${again:-}" ] || { sleep 1.5; play "$file"; }
	) &
	player=$!
	ask "$@"
	wait "$player"
}
# Sound cannot wait: on a machine too busy some of it is skipped, so what fails is said a second time.
accepted() { # NAME UID SERVICE
	local name=$1
	shift
	speak "$mine/test-1.wav" "$@" "$person" -v
	grep -q 'successfully authenticated' <<<"$out" || speak "$mine/test-2.wav" "$@" "$person" -v
	grep -q 'successfully authenticated' <<<"$out"
	ok $? "$name"
}

accepted 'root asks, the right voice opens' root voice
grep -q 'Speak now' <<<"$out"
ok $? 'and was asked to speak'
accepted 'the user himself asks (a screen locker), the right voice opens' "$person" quiet
! grep -q 'Speak now' <<<"$out"
ok $? 'quietly'

speak "$theirs/test-1.wav" root voice "$person" -I tty=/dev/pts/77
grep -q "$FAILED" <<<"$out" || speak "$theirs/test-3.wav" root voice "$person" -I tty=/dev/pts/77
grep -q "$FAILED" <<<"$out" && grep -q 'Not recognized' <<<"$out"
ok $? 'another voice is an authentication failure'
audit=$work/home/state/audit/current.jsonl
out=$(tail -n 3 "$audit")
grep -q '"event":"attempt".*"verdict":"reject".*"door":"voice:pts/77"' "$audit"
ok $? 'which the audit log has with the door: service and terminal'
! grep '"verdict":"accept"' "$audit" | tail -n 1 | grep -q '"door"'
ok $? 'the door of who asks for himself is not believed'
again=yes speak "$theirs/test-2.wav" root tries "$person"
grep -qiE 'maximum number|exhausted' <<<"$out" || again=yes speak "$theirs/test-2.wav" root tries "$person"
grep -qiE 'maximum number|exhausted' <<<"$out" && grep -q 'Once more' <<<"$out"
ok $? 'twice another voice is too many tries'
ask root brief "$person"
grep -q "$UNAVAILABLE" <<<"$out"
ok $? 'silence leaves it to the password'

# ---- who need not speak ----

ask root voice root
unavailable
ok $? 'not enrolled: straight on to the password'
ask news voice "$person"
unavailable
ok $? 'another user asks for somebody else: not even listened to'
out=$(setpriv --reuid=news --clear-groups env VOICE_UNLOCK_RUNTIME_DIR="$work/run" VOICE_UNLOCK_CONFIG="$work/config.yaml" \
	HOME=/nonexistent "$work/bin/jarvis-voice-unlock" list 2>&1)
[ $? -eq 9 ]
ok $? 'another user may not list who is enrolled'
# Another user learns nothing of who is enrolled: of every other name the same, and nothing is done for any.
stranger() { # USER: what the helper hears, run by somebody else
	setpriv --reuid=news --clear-groups env -i "$work/module/vu-pam-helper" "$1" voice pts/5 8 1 - - 2>&1 <&9
}
mkfifo "$work/silent" && exec 9<>"$work/silent" # its end would say that nobody waits any more
# What was done so far: sessions opened, speech described, templates looked up, attempts.
work_done() {
	local service
	for service in capture features orchestrator; do
		suite "$work/bin/jarvis-voice-unlock" call "$service/Process.Counters" '{}' |
			python3 -c 'import json,sys
for c in json.load(sys.stdin)["counters"]:
    if c["name"] in ("voice_unlock_capture_sessions_total", "voice_unlock_features_extractions_total", "voice_unlock_attempts_total"):
        print(c["name"], c.get("label_value", ""), c.get("value", 0))'
	done
	suite "$work/bin/jarvis-voice-unlock" call models/Stats '{}' | python3 -c 'import json,sys
print(sum(int(c.get("hits", 0)) + int(c.get("misses", 0)) for c in json.load(sys.stdin).get("caches", [])), "templates looked up")'
}
before=$(work_done)
known=$(stranger "$person")
unknown=$(stranger nobody-at-all)
account=$(stranger root)
after=$(work_done)
out="$known"$'\n'"$unknown"$'\n'"$account"
grep -q 'this suite answers you for yourself only' <<<"$known" && grep -q '^verdict unavailable' <<<"$known" &&
	[ "$known" = "$unknown" ] && [ "$known" = "$account" ]
ok $? 'another user is told the same of who is enrolled, who is not, and who does not exist'
out="$before"$'\n'"$after"
[ "$(wc -l <<<"$before")" -ge 3 ] && [ "$before" = "$after" ]
ok $? 'and for none of them is anything done'
own=$(stranger news)
out=$own
[ "$own" = 'verdict unavailable' ]
ok $? 'for himself he may ask'
exec 9<&-
speak "$mine/test-1.wav" root strict "$person"
grep -q "$UNAVAILABLE" <<<"$out" && grep -q 'Speak now' <<<"$out"
ok $? 'a level below the configured one opens nothing'
ask root wrong "$person"
unavailable
ok $? 'options that are not understood: nothing is listened to'
ask root sudo "$person"
unavailable && grep -q "enroll $person --replace" <<<"$out"
ok $? 'sudo wants the challenge, which cannot be put to who has no phrases: at once on to the password, with the remedy'
ask root runuser "$person"
unavailable && ! grep -q 'enroll' <<<"$out"
ok $? 'nor where nothing is shown'
ask root su-l "$person"
grep -q 'Speak now' <<<"$out"
ok $? 'a privileged service that is told to do without it listens'
ask root sshd "$person"
unavailable
ok $? 'sshd: straight on to the password'
ask root voice "$person" -I rhost=198.51.100.7
unavailable
ok $? 'a remote host: straight on to the password'
remote=(SSH_CONNECTION='198.51.100.7 1 198.51.100.8 22')
ask root voice "$person"
unavailable
ok $? 'a session by ssh: straight on to the password'
remote=()

# ---- the challenge of a privileged service ----

pairs=()
for i in 1 2 3 4 5; do pairs+=("phrase number $i" "$mine/enroll-$i.wav"); done
cp build/tests/aid/enroll_phrases "$work/bin"
out=$(suite "$work/bin/enroll_phrases" "$person" "${pairs[@]}" 2>&1)
ok $? 'the same person is enrolled with phrases'
play "$theirs/test-1.wav" &
player=$!
ask root sudo "$person"
wait $player
[ "$(grep -c '^    *phrase number [1-5]$' <<<"$out")" -eq 2 ] && grep -A9 'one after the other' <<<"$out" | grep -q 'Speak now' &&
	! grep -q 'successfully' <<<"$out"
ok $? 'sudo shows what has to be said; something else opens nothing'

# ---- a prompt of its own ----

out=$(printf 'hunter2\n' | timeout 60 env LD_PRELOAD="$wrapper" PAM_WRAPPER=1 PAM_WRAPPER_SERVICE_DIR="$work/pam.d" \
	pamtester prompted "$person" authenticate 2>&1)
grep -q 'Press Enter' <<<"$out" && unavailable
ok $? 'a password typed at the prompt is left to the next module'

# ---- the configuration, and a suite of somebody else's ----

sed -i 's/mode: pam/mode: screensaver/' "$work/config.yaml"
ask root voice "$person"
unavailable
ok $? 'mode screensaver: PAM opens nothing'
sed -i 's/mode: screensaver/mode: pam/' "$work/config.yaml"
chmod 666 "$work/config.yaml"
ask root voice "$person"
unavailable
ok $? 'a configuration that others may write to is not believed'
chmod 644 "$work/config.yaml"
chmod 733 "$work/run"
ask root voice "$person"
unavailable
ok $? 'a socket folder that others may write to is not believed'
chmod 711 "$work/run"
chown news "$work/run"
ask root voice "$person"
unavailable
ok $? 'a socket folder of another user is not believed'
chown "$machine" "$work/run"

# The folder is right, the one who answers in it is not: root's own process, even.
suite "$work/bin/jarvis-voice-unlock" stop >/dev/null 2>&1
rm -f "$work/run/orchestrator.sock"
python3 - "$work/run/orchestrator.sock" "$(id -u "$machine")" <<'END' &
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
os.chown(sys.argv[1], int(sys.argv[2]), -1)
os.chmod(sys.argv[1], 0o666)
s.listen(8)
s.settimeout(60)
kept = []
try:
    while True:
        c, _ = s.accept()
        kept.append(c)
        c.sendall(b"\0SP\0\x00\x31\0\0")
except OSError:
    pass
END
impostor=$!
for ((i = 0; i < 200; i++)); do [ -S "$work/run/orchestrator.sock" ] && break; sleep 0.05; done
ask root voice "$person"
unavailable
ok $? 'a process of another uid behind the socket is not believed'
kill "$impostor" 2>/dev/null
[ -z "$(ps -eo args | grep "$work/module/vu-pam-helper" | grep -v grep)" ]
ok $? 'no helper is left behind'
echo "1..$count"
