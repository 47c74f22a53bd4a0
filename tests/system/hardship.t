#!/usr/bin/env bash
# A full disk, a state folder that cannot be written, restarts while people come,
# ten thousand requests at once, clients that never read: each gets a clear error or costs nothing,
# nothing is lost, and the suite goes on. TAP.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/system/aid/tap.sh

vu=$PWD/build/bin/jarvis-voice-unlock
ask=$PWD/build/tests/aid/ask_supervisor

work=$(mktemp -d /tmp/vu-hard.XXXXXX)
for name in $(compgen -e); do
	case $name in VOICE_UNLOCK_*) unset "$name" ;; esac
done
export VOICE_UNLOCK_HOME=$work/home VOICE_UNLOCK_RUNTIME_DIR=$work/run LC_ALL=C.UTF-8
[ -z "${TEST_MAX_MEMORY:-}" ] || export VOICE_UNLOCK_MAX_MEMORY=$TEST_MAX_MEMORY
export VOICE_UNLOCK_CONFIG=$work/config.yaml XDG_CONFIG_HOME=$work/none
: >"$VOICE_UNLOCK_CONFIG"
mounted=false
finish() {
	"$vu" stop >/dev/null 2>&1
	$mounted && umount -l "$VOICE_UNLOCK_HOME"
	rm -rf "$work"
}
trap finish EXIT

out=$work/out
pids() { "$ask" status | awk 'NF > 2 {print $1, $2}'; }
undisturbed() { [ "$(pids)" = "$before" ]; }
lets_in() { "$vu" test --user anna --from "$mine/test-1.wav" --anti-spoofing off; }
# The attempt cannot be recorded, so it is none.
is_unavailable() {
	lets_in >"$out" 2>&1
	[ $? -eq 7 ]
	ok $? "$1"
}
anna_is_whole() { "$vu" list --json | python3 -c 'import json,sys
users = {u["user"]: u for u in json.load(sys.stdin)["users"]}
assert sorted(users) == ["anna"] and users["anna"]["present"] and users["anna"]["verified"], users'; }
enrolls_nobody() { # NAME
	"$vu" enroll bert --from "$work/people/$other"/enroll-{1,2,3,4,5}.wav >"$out" 2>&1
	[ $? -ne 0 ] && grep -qiE "$2" "$out"
	ok $? "$1"
}

build/tests/aid/utterances "$work/people" >"$out" 2>&1 || {
	echo "1..0 # SKIP utterances cannot be made"
	exit 0
}
other=$(sed -n 2p "$work/people/people.txt")
mine=$work/people/$(head -n 1 "$work/people/people.txt")
mkdir -p "$VOICE_UNLOCK_HOME" && chmod 700 "$VOICE_UNLOCK_HOME"
if mount -t tmpfs -o size=12m,mode=700 none "$VOICE_UNLOCK_HOME" 2>/dev/null; then
	mounted=true
fi

check 'the suite starts' "$vu" start
check 'someone enrols' "$vu" enroll anna --from "$mine"/enroll-{1,2,3,4,5}.wav
check 'and is let in' lets_in
before=$(pids)

# ---- disk ----

if $mounted; then
	cat /dev/zero >"$VOICE_UNLOCK_HOME/filler" 2>/dev/null
	is_unavailable 'with a full disk nobody is let in'
	enrolls_nobody 'nor enrolled, and it says why' 'full|no space|space left|disk'
	check 'who is enrolled stays so' anna_is_whole
	undisturbed; ok $? 'no service ended over it'
	rm "$VOICE_UNLOCK_HOME/filler"
	check 'with room again people are let in' lets_in
	check 'and the audit log is whole' "$vu" audit verify

	# What is open for writing keeps a folder from being made read-only: the log files are.
	if mount -o remount,ro "$VOICE_UNLOCK_HOME" 2>/dev/null || mount -o remount,ro,bind "$VOICE_UNLOCK_HOME" 2>/dev/null; then
		enrolls_nobody 'where the state folder cannot be written nobody is enrolled' 'read-only'
		check 'and who is stays so' anna_is_whole
		undisturbed; ok $? 'no service ended over it'
		mount -o remount,rw "$VOICE_UNLOCK_HOME"
		check 'once it can, people are let in' lets_in
	else
		echo "# the state folder cannot be made read-only while it is in use: not tried"
		"$vu" stop >/dev/null 2>&1
		mount -o remount,ro "$VOICE_UNLOCK_HOME" 2>/dev/null
		"$vu" start >"$out" 2>&1
		status=$?
		[ $status -ne 0 ] && [ $status -ne 70 ] && grep -qi 'read-only' "$out"
		ok $? "a start with a read-only state folder fails and says so (exit $status)"
		mount -o remount,rw "$VOICE_UNLOCK_HOME"
		check 'once it can be written it starts' "$vu" start
		check 'and who was enrolled still is' anna_is_whole
		before=$(pids)
	fi
else
	echo "# no file system can be mounted here: a full disk is not tried"
fi

# ---- restarts while people come ----

for service in capture features models antispoof orchestrator; do
	: >"$work/attempts"
	for _ in 1 2 3; do
		lets_in >/dev/null 2>&1
		echo $? >>"$work/attempts"
	done &
	attempts=$!
	check "$service is restarted while people come" "$vu" restart $service
	wait $attempts
	[ "$(sort -u "$work/attempts")" = 0 ] && [ "$(grep -c . "$work/attempts")" -eq 3 ]
	ok $? 'and all of them are let in'
done
before=$(pids)

# ---- too many, too slow ----

cat >"$work/flood.py" <<'END'
"""10,000 requests for the status by 200 clients at once; each is answered, if only by a refusal."""
import collections, http.client, sys, threading
port, clients, each = int(open(sys.argv[1]).read()), 200, 50
outcomes = collections.Counter()
lock = threading.Lock()
def ask():
    mine = collections.Counter()
    for _ in range(each):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("GET", "/status.json")
            answer = connection.getresponse()
            answer.read()
            mine[answer.status] += 1
            connection.close()
        except (OSError, http.client.HTTPException) as error:
            mine["refused" if not isinstance(error, TimeoutError) else "silent"] += 1
    with lock:
        outcomes.update(mine)
threads = [threading.Thread(target=ask) for _ in range(clients)]
for t in threads: t.start()
for t in threads: t.join()
print(dict(outcomes))
assert sum(outcomes.values()) == clients * each
assert not set(outcomes) - {200, 503, 429, "refused"}, "not answered as it should be"
assert outcomes[200] > 0
END
cat >"$work/mute.py" <<'END'
"""Clients that ask and ask and never read an answer, on every socket and over HTTP, until they are shut out or full."""
import glob, os, socket, struct, sys, time
folder = sys.argv[1]
held = []
GREETING = b"\0SP\0\0\x30\0\0"
for path in glob.glob(folder + "/*.sock"):
    client = socket.socket(socket.AF_UNIX)
    client.connect(path)
    client.sendall(GREETING)
    client.settimeout(0.5)
    try:
        for n in range(20000):
            # A request whose header is nonsense: it is answered with an error.
            body = struct.pack(">I", 0x80000000 | n) + struct.pack("<I", 3) + b"xyz"
            client.sendall(b"\1" + struct.pack(">Q", len(body)) + body)
    except OSError:
        pass
    held.append(client)
port = int(open(folder + "/http.port").read())
web = socket.create_connection(("127.0.0.1", port))
web.settimeout(0.5)
try:
    for n in range(5000):
        web.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
except OSError:
    pass
held.append(web)
open(sys.argv[2], "w").write("mute")
while not os.path.exists(sys.argv[3]):
    time.sleep(0.05)
END
python3 "$work/flood.py" "$work/run/http.port" >"$out" 2>&1 &
flood=$!
lets_in >"$work/during" 2>&1
during=$?
wait $flood
ok $? '10,000 requests for the status at once are all answered'
sed 's/^/# /' "$out" | head -n 1
[ $during -eq 0 ]; ok $? 'while people are let in'
undisturbed; ok $? 'no service ended over it'
python3 "$work/mute.py" "$work/run" "$work/mute" "$work/enough" >"$out" 2>&1 &
mute=$!
for _ in $(seq 600); do [ -e "$work/mute" ] && break; sleep 0.1; done
[ -e "$work/mute" ]; ok $? 'clients ask on every socket and never read'
check 'people are let in all the same' lets_in
check 'and the status is told' "$vu" status
touch "$work/enough"
wait $mute
undisturbed; ok $? 'no service ended over it'
"$ask" status | awk 'NF > 2 {n++} NF > 2 && $7 > 0 && $6 > ($7 > 48 * 1024 ^ 2 ? $7 / 2 : 24 * 1024 ^ 2) {print; bad = 1} END {exit bad || n != 6}' >"$out"
ok $? 'nor holds much memory for it'
check 'the audit log is whole' "$vu" audit verify

echo "1..$count"
exit $((failures > 0))
