#!/usr/bin/env bash
# The Debian package for real: installed with dpkg over a copy of this system
# that vanishes afterwards, its suites at work as their users, removed, purged,
# and nothing left but what it says. TAP. Needs root, dpkg-dev and overlayfs.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
# In the copy of the system it lies beside this.
tap=${0%/*}/tap.sh
[ -e "$tap" ] || tap=tests/system/aid/tap.sh
. "$tap"

skip_all() {
	echo "1..0 # SKIP $*"
	exit 0
}
if [ "${1:-}" != inside ]; then
	if [ "$(id -u)" -ne 0 ]; then skip_all 'only root can install'; fi
	if ! command -v dpkg-shlibdeps >/dev/null || ! command -v unshare >/dev/null; then skip_all 'no dpkg-dev or unshare'; fi
	if dpkg-query -W voice-unlock >/dev/null 2>&1; then skip_all 'the package is installed here already'; fi
	work=$(mktemp -d /tmp/vu-package.XXXXXX)
	trap 'rm -rf "$work"' EXIT
	make -s deb DEB="$work/package.deb" DEB_FOLDER="$work/deb" >"$work/out" 2>&1 || {
		echo 'not ok 1 - make deb'
		tail -n 20 "$work/out" | sed 's/^/# /'
		echo 1..1
		exit 1
	}
	mkdir "$work/over" "$work/root"
	build/tests/aid/utterances "$work/people" >"$work/out" 2>&1 || skip_all 'utterances cannot be made'
	# In a namespace of its own: nothing of what is mounted is seen outside, and all of it ends with the last process.
	# shellcheck disable=SC2016
	unshare -m -p -f --kill-child bash -c 'mount --make-rprivate / && mount -t tmpfs -o mode=755 none "$1/over" &&
		mkdir "$1/over/up" "$1/over/work" && chmod 755 "$1/over/up" &&
		mount -t overlay -o "lowerdir=/,upperdir=$1/over/up,workdir=$1/over/work" none "$1/root"' \
		bash "$work" >"$work/out" 2>&1 || skip_all "no overlay: $(tail -n 1 "$work/out")"
	# shellcheck disable=SC2016
	unshare -m -p -f --kill-child bash -c 'mount --make-rprivate / && mount -t tmpfs -o mode=755 none "$1/over" &&
		mkdir "$1/over/up" "$1/over/work" && chmod 755 "$1/over/up" &&
		mount -t overlay -o "lowerdir=/,upperdir=$1/over/up,workdir=$1/over/work" none "$1/root" &&
		mount -t proc proc "$1/root/proc" && mount --rbind /dev "$1/root/dev" && mount --rbind /sys "$1/root/sys" &&
		mount -t tmpfs -o mode=755 none "$1/root/run" && mount -t tmpfs -o mode=1777 none "$1/root/tmp" &&
		mkdir "$1/root/tmp/t" && cp -r "$1/package.deb" "$1/people" "$1/root/tmp/t" && cp "$0" "$1/root/tmp/t/test" && cp tests/system/aid/tap.sh "$1/root/tmp/t/" &&
		exec chroot "$1/root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
			bash /tmp/t/test inside' "$0" "$work"
	exit $?
fi

# ---- from here on inside ----

cd /tmp/t || exit 1
out=/tmp/t/out
trap 'exit 1' INT TERM
why() {
	tail -n 20 "$out" | cut -c1-300
}
traces() {
	find /bin /etc /lib /opt /run /sbin /srv /usr /var -xdev \( -iname '*voice*unlock*' -o -name 'vu-*' \) | sort
}

traces >before
check 'dpkg installs it' dpkg -i package.deb
check 'its files are as they were packed' dpkg -V voice-unlock
getent passwd _voiceunlock >"$out" && [ "$(id -u _voiceunlock)" -lt 1000 ] && id -nG _voiceunlock | grep -qw audio
ok $? 'the machine suite has a user of its own, who may hear'
[ "$(stat -c '%U %a' /var/lib/voice-unlock /var/lib/voice-unlock-keys | sort -u)" = '_voiceunlock 700' ]
ok $? 'and folders for templates and keys that nobody else sees'
# shellcheck disable=SC2016
check 'nothing that was installed may be written by others' \
	bash -c '! dpkg -L voice-unlock | while read -r f; do [ -L "$f" ] || find "$f" -maxdepth 0 -perm /022; done | grep .'
[ -f /etc/voice-unlock/config.yaml ] && gzip -t /usr/share/man/man1/jarvis-voice-unlock.1.gz >"$out" 2>&1
ok $? 'configuration and manual are there'

# A user's own suite, with what is in the package only.
me=$(head -n 1 people/people.txt)
other=$(sed -n 2p people/people.txt)
chmod -R a+rX /tmp/t
useradd -m vutester >"$out" 2>&1
as_user() { su vutester -s /bin/bash -c "cd && export XDG_RUNTIME_DIR=/tmp/vutester VOICE_UNLOCK_HTTP_PORT=0; $1"; }
install -d -m 700 -o vutester /tmp/vutester
check 'a user starts a suite' as_user 'jarvis-voice-unlock start'
check 'enrols' as_user "jarvis-voice-unlock enroll me --from /tmp/t/people/$me/enroll-{1,2,3,4,5}.wav"
check 'is let in' as_user "jarvis-voice-unlock test --user me --from /tmp/t/people/$me/test-1.wav --anti-spoofing off"
as_user "jarvis-voice-unlock test --user me --from /tmp/t/people/$other/test-1.wav --anti-spoofing off" >"$out" 2>&1
[ $? -eq 1 ]
ok $? 'and nobody else is'
as_user 'jarvis-voice-unlock doctor --json' >"$out" 2>&1
python3 - "$out" <<'EOF'
import json, sys
checks = json.load(open(sys.argv[1]))["checks"]
bad = [c for c in checks if c["result"] == "problem" and c["name"] != "microphone"]
assert not bad, bad
assert len(checks) > 12
EOF
ok $? 'doctor finds nothing wrong but that there is no microphone'
check 'it stops' as_user 'jarvis-voice-unlock stop'

# The machine suite as its unit would start it.
mapfile -t settings < <(sed -n 's/^Environment=//p' /lib/systemd/system/voice-unlock.service)
install -d -m 711 -o _voiceunlock -g _voiceunlock /run/voice-unlock
as_machine() { su _voiceunlock -s /bin/bash -c "cd /; export ${settings[*]} VOICE_UNLOCK_HTTP_PORT=0; $1"; }
check 'the machine suite starts as its user' as_machine 'jarvis-voice-unlock start'
check 'root enrols somebody there' jarvis-voice-unlock --machine enroll vutester --from /tmp/t/people/"$me"/enroll-{1,2,3,4,5}.wav
[ "$(find /var/lib/voice-unlock-keys -name master.key -user _voiceunlock -perm 600)" = /var/lib/voice-unlock-keys/master.key ]
ok $? 'its key lies apart from its templates'
jarvis-voice-unlock --machine start >"$out" 2>&1
[ $? -eq 2 ] && grep -q 'systemctl enable --now voice-unlock' "$out"
ok $? 'root starts none of his own in its place'
# doctor_finds RESULT NAME TEXT [OPTION…]: what root is told of the machine suite
doctor_finds() {
	local result=$1 name=$2 text=$3
	shift 3
	jarvis-voice-unlock --machine doctor --json "$@" >"$out" 2>&1
	python3 - "$out" "$result" "$name" "$text" 2>/dev/null <<-'EOF'
		import json, sys
		found = [c for c in json.load(open(sys.argv[1]))["checks"] if c["name"] == sys.argv[3]]
		assert any(c["result"] == sys.argv[2] and sys.argv[4] in c["detail"] for c in found), found
	EOF
}
as_it_should() {
	jarvis-voice-unlock --machine doctor --json >"$out" 2>&1
	python3 - "$out" <<-'EOF'
		import json, sys
		checks = json.load(open(sys.argv[1]))["checks"]
		bad = [c for c in checks if c["result"] == "problem" and c["name"] != "microphone"]
		assert not bad, bad
		missing = {"state folder", "socket folder", "sockets", "master key", "system unit", "PAM"} - {c["name"] for c in checks}
		assert not missing, missing
	EOF
}
as_it_should
ok $? 'doctor, asked by root, finds nothing wrong with it'
doctor_finds ok 'state folder' 'of _voiceunlock'
ok $? 'its folders are those of its user'
doctor_finds mind 'system unit' 'is not enabled'
ok $? 'its unit is not enabled yet'
ln -s /lib/systemd/system/voice-unlock.service /etc/systemd/system/multi-user.target.wants/voice-unlock.service
doctor_finds ok 'system unit' 'enabled'
ok $? 'then it is'
jarvis-voice-unlock doctor >"$out" 2>&1
grep -q 'system unit .* --machine doctor' "$out"
ok $? 'whoever forgets --machine is told of it'
chown root /var/lib/voice-unlock && chmod 755 /var/lib/voice-unlock-keys/master.key && chmod 666 /run/voice-unlock/models.sock
doctor_finds problem 'state folder' 'belongs to user 0, not to _voiceunlock' && doctor_finds problem 'master key' 'open to others' &&
	doctor_finds problem sockets 'models.sock is open to others'
ok $? 'a folder that became root'"'"'s, a key and a socket for all are found'
doctor_finds ok repaired '/var/lib/voice-unlock belongs to _voiceunlock' --repair && as_it_should &&
	[ "$(stat -c %a%U /run/voice-unlock/models.sock /var/lib/voice-unlock-keys/master.key | sort -u)" = 600_voiceunlock ]
ok $? 'and put right by doctor --repair'
sed -i 's/^@include common-auth/auth sufficient pam_voice_unlock.so timeout=8\n&/' /etc/pam.d/su
[ "$(grep -c pam_voice_unlock /etc/pam.d/su)" = 1 ] && doctor_finds ok 'PAM su' '/pam_voice_unlock.so' &&
	doctor_finds mind PAM 'system.mode is screensaver'
ok $? 'a line of PAM is looked at: the mode opens nothing'
jarvis-voice-unlock --machine configure system.mode pam >"$out" 2>&1 && [ "$(stat -c %a /etc/voice-unlock/config.yaml)" = 644 ] &&
	doctor_finds ok 'PAM su' '/pam_voice_unlock.so' && ! doctor_finds mind PAM ''
ok $? 'until it is set, which leaves the file for its user to read'
helper=$(dpkg -L voice-unlock | grep /vu-pam-helper)
chmod 775 "$helper"
doctor_finds problem 'PAM su' "$helper could have been changed"
ok $? 'a helper that others can change is found'
chmod 755 "$helper"
sed -i '/pam_voice_unlock/d' /etc/pam.d/su
jarvis-voice-unlock --machine configure system.mode screensaver >/dev/null 2>&1
rm /etc/systemd/system/multi-user.target.wants/voice-unlock.service
check 'and it stops' as_machine 'jarvis-voice-unlock stop'

# What scripts/install --key systemd-creds puts there, and what systemd would make of it.
dropin=/etc/systemd/system/voice-unlock.service.d
install -d -m 755 "$dropin"
printf '[Service]\nLoadCredentialEncrypted=voice-unlock-key:/etc/voice-unlock/master-key.cred\n' >"$dropin/master-key.conf"
echo 'of systemd-creds' >/etc/voice-unlock/master-key.cred
install -m 600 -o _voiceunlock <(echo systemd-creds+host) /var/lib/voice-unlock-keys/master.key.place
install -d -m 700 -o _voiceunlock /run/credentials-of-it
install -m 400 -o _voiceunlock <(head -c 32 /dev/urandom) /run/credentials-of-it/voice-unlock-key
check 'the machine suite starts with a credential' as_machine 'CREDENTIALS_DIRECTORY=/run/credentials-of-it jarvis-voice-unlock start'
jarvis-voice-unlock --machine list --json >"$out" 2>&1
grep -q '"verified": *true' "$out" && [ "$(stat -c %s /var/lib/voice-unlock-keys/master.key)" = 168 ]
ok $? 'which its key is sealed by from then on'
check 'and it stops again' as_machine 'jarvis-voice-unlock stop'
rm -rf /run/voice-unlock /run/credentials-of-it # as its unit does

check 'dpkg removes it' dpkg -r voice-unlock
dpkg -r voice-unlock >/dev/null 2>&1
grep -q '/var/lib/voice-unlock' "$out" && grep -q '/var/lib/voice-unlock-keys' "$out" && grep -q 'local/state/voice-unlock' "$out"
ok $? 'and says where templates and keys are'
! traces | comm -13 before - | grep -vE '^/(etc/voice-unlock(/.*)?|etc/systemd/system/voice-unlock.service.d|var/lib/voice-unlock(-keys)?(/.*)?|var/lib/dpkg/info/voice-unlock\..*)$' >"$out"
ok $? 'nothing else is left'
[ -n "$(find /var/lib/voice-unlock -name '*.vut')" ] && [ -n "$(find ~vutester/.local/state/voice-unlock -name '*.vut')" ]
ok $? 'the templates are'
check 'dpkg purges it' dpkg -P voice-unlock
{ traces | comm -13 before - && find /etc/systemd -path '*voice*unlock*'; } >"$out"
! grep -q . "$out"
ok $? 'and nothing of the machine suite is left at all'
[ -n "$(find ~vutester/.local/state/voice-unlock -name '*.vut')" ]
ok $? 'what users have is theirs'
echo "1..$count"
