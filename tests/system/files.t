#!/usr/bin/env bash
# Folders, sockets and files of a suite against another local user, and the
# files that a suite must not trust. As another uid where this runs as root. TAP.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/system/aid/tap.sh

BUILD=$PWD/build
vu=$BUILD/bin/jarvis-voice-unlock
work=$(mktemp -d "${TMPDIR:-/tmp}/vu-files.XXXXXX")
unset VOICE_UNLOCK_MAX_MEMORY XDG_CONFIG_HOME VOICE_UNLOCK_KEY_FILE
export VOICE_UNLOCK_HOME=$work/home VOICE_UNLOCK_RUNTIME_DIR=$work/run VOICE_UNLOCK_HTTP_PORT=0
[ -z "${TEST_MAX_MEMORY:-}" ] || export VOICE_UNLOCK_MAX_MEMORY=$TEST_MAX_MEMORY
export VOICE_UNLOCK_CONFIG=$work/config.yaml
: >"$VOICE_UNLOCK_CONFIG"
chmod 755 "$work"

out=$work/out
why() {
	tail -n 20 "$work/out"
}
# CODE TEXT NAME COMMAND…: ends so and says so
says() {
	local code=$1 text=$2 name=$3 status
	shift 3
	"$@" >"$work/out" 2>&1
	status=$?
	[ "$status" -eq "$code" ] && grep -qF -- "$text" "$work/out"
	ok $? "$name"
}
trap '"$vu" stop >/dev/null 2>&1; rm -rf "$work"' EXIT
mode() { stat -c %a "$1" 2>/dev/null || stat -f %Lp "$1"; }

build/tests/aid/utterances "$work/v" >"$work/out" 2>&1 || { echo '1..0 # SKIP utterances cannot be made'; exit 0; }
person=$(head -n 1 "$work/v/people.txt")
check 'the suite starts' "$vu" start
check 'somebody is enrolled' "$vu" enroll anna --from "$work/v/$person"/enroll-{1,2,3,4,5}.wav

# ---- what there is: for its owner alone ----

others_get_nothing() { # FOLDER: no folder or file in it gives others anything
	local found
	found=$(find "$1" \( -type d -o -type f -o -type s \) -perm /077)
	echo "$found"
	[ -z "$found" ]
}
check 'the state folder is for its owner alone' others_get_nothing "$work/home"
check 'so is that of the sockets' others_get_nothing "$work/run"
for name in capture features models antispoof orchestrator supervisor; do
	check "the socket of $name is 0600" test "$(mode "$work/run/$name.sock")" = 600
done
check 'the master key is 0600' test "$(mode "$work/home.key")" = 600

# ---- another user ----

if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	other() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
	fails() { ! "$@"; }
	check 'another user can use this machine' other true
	check 'but not list the state folder' fails other ls "$work/home"
	check 'nor that of the sockets' fails other ls "$work/run"
	check 'nor read the master key' fails other cat "$work/home.key"
	check 'nor the log' fails other cat "$work/home/log/models.log"
	template=$(find "$work/home/templates" -type f | head -n 1)
	check 'there is a template' test -n "$template"
	check 'which another user cannot read' fails other cat "$template"
	# Not even where the folders let him pass: the sockets and files by themselves.
	chmod 711 "$work/run" "$work/home" "$work/home/templates"
	find "$work/home/templates" -type d -exec chmod 711 {} +
	check 'nor through open folders' fails other cat "$template"
	check 'nor connect to a socket there' fails other python3 -c \
		'import socket,sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])' "$work/run/models.sock"
	chmod 666 "$work/run/models.sock"
	says 9 'another' 'and where the socket is open, too, he is refused' \
		other env HOME=/nonexistent "$vu" call models/Stats
	chmod 600 "$work/run/models.sock"
	find "$work/home" -type d -exec chmod 700 {} +
	chmod 700 "$work/run"
	check 'the suite serves on' "$vu" call models/Stats
fi
check 'the suite stops' "$vu" stop

# ---- what a suite does not trust ----

refused() { # NAME TEXT [CODE]: the suite does not start, and says why
	says "${3:-9}" "$2" "$1" "$vu" start
	"$vu" stop >/dev/null 2>&1
}
chmod 770 "$work/home"
refused 'a state folder that others can write to' 'others can write to it'
chmod 700 "$work/home"
chmod 777 "$work/run"
refused 'a socket folder that others can write to' 'others can write to it'
chmod 700 "$work/run"
mv "$work/home" "$work/real" && ln -s "$work/real" "$work/home"
refused 'a state folder behind a symbolic link' 'symbolic link'
rm "$work/home" && mv "$work/real" "$work/home"
chmod 666 "$VOICE_UNLOCK_CONFIG"
refused 'a configuration that others can write' 'others can write'
chmod 600 "$VOICE_UNLOCK_CONFIG"
mv "$VOICE_UNLOCK_CONFIG" "$work/real.yaml" && ln -s "$work/real.yaml" "$VOICE_UNLOCK_CONFIG"
refused 'a configuration behind a symbolic link' 'symbolic link'
rm "$VOICE_UNLOCK_CONFIG" && mv "$work/real.yaml" "$VOICE_UNLOCK_CONFIG"
if [ "$(id -u)" = 0 ]; then
	chown 65534 "$work/home"
	refused 'a state folder of another user' 'another user'
	chown 0 "$work/home"
	chown 65534 "$VOICE_UNLOCK_CONFIG"
	refused 'a configuration of another user' 'another user'
	chown 0 "$VOICE_UNLOCK_CONFIG"
fi

# A model: the suite starts, and lets nobody in by it.
cp "$BUILD/share/voice-unlock/background.vum" "$work/background.vum"
printf 'ml:\n  background_model: %s\n' "$work/background.vum" >"$VOICE_UNLOCK_CONFIG"
chmod 600 "$VOICE_UNLOCK_CONFIG"
chmod 666 "$work/background.vum"
"$vu" start >"$work/out" 2>&1
says 7 'others can write' 'a model that others can write lets nobody in' \
	"$vu" test --user anna --from "$work/v/$person/test-1.wav"
if [ "$(id -u)" = 0 ]; then
	chmod 644 "$work/background.vum"
	chown 65534 "$work/background.vum"
	"$vu" restart >"$work/out" 2>&1
	says 7 'another user' 'nor does a model of another user' \
		"$vu" test --user anna --from "$work/v/$person/test-1.wav"
	chown 0 "$work/background.vum"
fi
chmod 600 "$work/home.key"
: >"$VOICE_UNLOCK_CONFIG"
chmod 644 "$work/home.key"
"$vu" restart >"$work/out" 2>&1
says 7 '' 'a master key that others can read opens nothing' "$vu" test --user anna --from "$work/v/$person/test-1.wav"
chmod 600 "$work/home.key"

echo "1..$count"
exit $((failures > 0))
