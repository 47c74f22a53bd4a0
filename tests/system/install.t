#!/usr/bin/env bash
# Installing into a folder, the suite at work from there, uninstalling; units,
# property lists, manual pages, completions and the Debian package. TAP.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/system/aid/tap.sh

work=$(mktemp -d /tmp/vu-install.XXXXXX)
out=$work/out
for name in $(compgen -e); do
	case $name in VOICE_UNLOCK_*) unset "$name" ;; esac
done
unset DESTDIR PREFIX MAKEFLAGS MFLAGS
trap '"$bin/jarvis-voice-unlock" stop >/dev/null 2>&1; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
why() {
	tail -n 15 "$out" | cut -c1-300
}
skip() {
	count=$((count + 1))
	echo "ok $count - $1 # SKIP $2"
}
check() {
	local name=$1
	shift
	"$@" >"$out" 2>&1
	ok $? "$name"
}

root=$work/root
prefix=$root/opt/vu
bin=$prefix/bin
check 'make install into DESTDIR' make -s install DESTDIR="$root" PREFIX=/opt/vu PAM_OUT="$work/pam" PAGES="$work/pages"
all_there() {
	local file missing=0
	for file in bin/{jarvis-voice-unlock,voice-unlock,vu-supervisor,vu-capture,vu-features,vu-models,vu-antispoof,vu-orchestrator} \
		libexec/voice-unlock/vu-pam-helper lib/libvoiceunlock.so include/voiceunlock.h share/voice-unlock/config.yaml \
		share/man/man1/{jarvis-voice-unlock,voice-unlock}.1 share/man/man5/voice-unlock.yaml.5 \
		share/man/man8/{pam_voice_unlock,vu-supervisor,vu-pki}.8 share/bash-completion/completions/{jarvis-voice-unlock,voice-unlock,vu-pki} bin/vu-pki \
		share/zsh/site-functions/_jarvis-voice-unlock lib/systemd/{system,user}/voice-unlock.service lib/sysusers.d/voice-unlock.conf; do
		[ -e "$prefix/$file" ] || { echo "missing: $file"; missing=1; }
	done
	return $missing
}
check 'everything is there' all_there
check 'nothing may be written by others' bash -c '! find "$0" \( -type f -o -type d \) -perm /022 | grep .' "$root"
if [ ! -e "$work/pam/pam_voice_unlock.so" ]; then
	skip 'the PAM module is installed' 'no PAM headers'
else
	check 'the helper is where the module looks for it' grep -q /opt/vu/libexec/voice-unlock/vu-pam-helper \
		"$work/pam/pam_voice_unlock.so"
	check 'the PAM module is installed' test -e "$prefix/lib/security/pam_voice_unlock.so"
fi

# ---- the suite from where it was installed ----

export VOICE_UNLOCK_HOME=$work/home VOICE_UNLOCK_RUNTIME_DIR=$work/run VOICE_UNLOCK_HTTP_PORT=0
export VOICE_UNLOCK_CONFIG=$work/config.yaml
install -m 600 "$prefix/share/voice-unlock/config.yaml" "$VOICE_UNLOCK_CONFIG"
check 'the installed suite starts with the installed configuration' "$bin/jarvis-voice-unlock" start
"$bin/jarvis-voice-unlock" doctor --json >"$out" 2>&1
for name in configuration 'state folder' 'socket folder' models; do
	grep -qE "\"name\": ?\"$name\", ?\"result\": ?\"ok\"" "$out"
	ok $? "doctor: $name"
done

# ---- pages that cannot drift ----

verbs=$("$bin/jarvis-voice-unlock" help | sed -nE 's/^  ([a-z][a-z-]*) +.*/\1/p' | xargs)
page=$prefix/share/man/man1/jarvis-voice-unlock.1
documents_all() {
	local verb missing=0
	for verb in $verbs; do grep -qF -- ".SS ${verb//-/\\-}" "$page" || { echo "$verb"; missing=1; }; done
	return $missing
}
check 'the manual has every verb' documents_all
if command -v mandoc >/dev/null; then
	check 'the manual pages are without errors' mandoc -Tlint -Wwarning "$prefix"/share/man/man[158]/*
else
	skip 'the manual pages are without errors' 'no mandoc'
fi

# complete WORD…: what bash offers for the last word
complete_bash() {
	env PATH="$bin:$PATH" bash -c 'source "$0"
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_jarvis_voice_unlock
		printf "%s\n" "${COMPREPLY[@]}"' "$prefix/share/bash-completion/completions/jarvis-voice-unlock" "$@"
}
[ "$(complete_bash jarvis-voice-unlock '' 2>"$out" | sort | xargs)" = "$(xargs -n1 <<<"$verbs" | sort | xargs)" ]
ok $? 'bash: the verbs'
options_agree() {
	local verb wanted got bad=0
	for verb in $verbs; do
		wanted=$("$bin/jarvis-voice-unlock" "$verb" --help | sed -nE 's/^  -[A-Za-z], (--[a-z-]+).*/\1/p' | sort | xargs)
		got=$(complete_bash jarvis-voice-unlock "$verb" -- | grep -v '^--help$' | sort | xargs)
		[ "$wanted" = "$got" ] || { echo "$verb: '$got', not '$wanted'"; bad=1; }
	done
	return $bad
}
check 'bash: the options of each verb' options_agree
pki_agrees() {
	local wanted got
	wanted=$("$bin/vu-pki" --help | grep -oE '^       vu-pki [a-z]+|^usage: vu-pki [a-z]+|^  --[a-z]+' | awk '{print $NF}' | sort | xargs)
	got=$(for words in 'vu-pki' 'vu-pki issue x'; do
		bash -c 'source "$0"; COMP_WORDS=('"$words"' ""); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _vu_pki; printf "%s\n" "${COMPREPLY[@]}"' \
			"$prefix/share/bash-completion/completions/vu-pki"
	done | sort | xargs)
	[ "$wanted" = "$got" ] || { echo "'$got', not '$wanted'"; return 1; }
}
check 'bash: the words of vu-pki' pki_agrees
[ "$(complete_bash jarvis-voice-unlock test --level s 2>"$out" | xargs)" = 'standard strict' ]
ok $? 'bash: values of an option'
[ "$(complete_bash jarvis-voice-unlock restart mo 2>"$out" | xargs)" = models ]
ok $? 'bash: services'
[ "$(complete_bash jarvis-voice-unlock -- 2>"$out" | xargs)" = '--machine' ] &&
	[ "$(complete_bash jarvis-voice-unlock --machine unl 2>"$out" | xargs)" = unlock-user ] &&
	[ "$(complete_bash jarvis-voice-unlock --machine restart mo 2>"$out" | xargs)" = models ]
ok $? 'bash: the same after --machine'
[ "$(complete_bash jarvis-voice-unlock configure system. 2>"$out" | xargs -n1 | sort | xargs)" = 'system.machine system.mode' ]
ok $? 'bash: keys of the configuration'
if command -v zsh >/dev/null; then
	check 'zsh: its completion parses' zsh -n "$prefix/share/zsh/site-functions/_jarvis-voice-unlock"
else
	skip 'zsh: its completion parses' 'no zsh'
fi
"$bin/jarvis-voice-unlock" stop >"$out" 2>&1
ok $? 'the installed suite stops'

# ---- units and property lists ----

unit=$prefix/lib/systemd/system/voice-unlock.service
! grep -rl '@PREFIX@' "$root" >"$out"
ok $? 'folders are filled in everywhere'
grep -q '^ExecStart=/opt/vu/bin/vu-supervisor$' "$unit"
ok $? 'the unit starts what was installed'
if command -v systemd-analyze >/dev/null; then
	mkdir "$work/units"
	# Verified without the program, which is not at its place.
	for kind in system user; do
		sed 's|^ExecStart=.*|ExecStart=/bin/true|' "$prefix/lib/systemd/$kind/voice-unlock.service" >"$work/units/voice-unlock.service"
		SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no $([ $kind = user ] && echo --user) "$work/units/voice-unlock.service" >"$out" 2>&1
		! grep 'voice-unlock.service' "$out" | grep -qiE 'unknown|invalid|failed to parse|ignoring'
		ok $? "systemd understands the $kind unit"
	done
	systemd-analyze security --offline=true "$unit" >"$out" 2>&1
	exposure=$(sed -nE 's/.*Overall exposure level.*: ([0-9.]+).*/\1/p' "$out")
	echo "# exposure of the system unit: $exposure"
	[ -n "$exposure" ] && awk -v e="$exposure" 'BEGIN { exit !(e <= 2.0) }'
	ok $? 'the system unit is hardened: exposure at most 2.0'
else
	skip 'systemd understands the units' 'no systemd-analyze'
	skip 'the system unit is hardened' 'no systemd-analyze'
fi
check 'the property lists are right' python3 - deploy/launchd/*.plist <<'END'
import plistlib, sys
for path in sys.argv[1:]:
    with open(path, "rb") as f:
        d = plistlib.load(f)
    assert path.endswith("/" + d["Label"] + ".plist"), path
    assert d["ProgramArguments"] == ["@PREFIX@/bin/vu-supervisor"], path
    assert d["Umask"] == 0o077 and d["KeepAlive"] == {"SuccessfulExit": False}, path
    known = {"Label", "ProgramArguments", "RunAtLoad", "KeepAlive", "LimitLoadToSessionType", "ProcessType", "Umask",
             "ThrottleInterval", "ExitTimeOut", "UserName", "EnvironmentVariables"}
    assert set(d) <= known, set(d) - known
END
check 'what a Mac shows when it asks for the microphone is right' python3 - deploy/macos/Info.plist deploy/launchd/org.voiceunlock.suite.plist <<'END'
import plistlib, sys
info, agent = (plistlib.load(open(path, "rb")) for path in sys.argv[1:])
assert len(info["NSMicrophoneUsageDescription"]) > 20
assert info["CFBundleIdentifier"] == agent["Label"]
assert info["CFBundleVersion"] == info["CFBundleShortVersionString"] == "@VERSION@"
END
# What make would do on a Mac, without doing it.
make -n install UNAME=Darwin BREW=/opt/homebrew DESTDIR=/staged PREFIX=/opt/vu >"$out" 2>&1
app=/staged/opt/vu/libexec/voice-unlock/VoiceUnlock.app
grep -qE "^codesign .* --identifier org.voiceunlock.suite /staged/opt/vu/bin/vu-supervisor $app\$" "$out" &&
	grep -qE -- '-o build/bin/vu-capture .*info_plist\.o' "$out" && grep -qE 'launchd/org.voiceunlock.suite.plist' "$out" &&
	! grep -q systemd "$out"
ok $? 'make install of a Mac signs the programs that hear, and installs no unit'
# The steps that make the bundle, on files of any kind: the signature is macOS's own.
mkdir -p "$work/mac/opt/vu/bin" && echo program >"$work/mac/opt/vu/bin/vu-capture" && make -s build/obj/bundle/Info.plist >"$out" 2>&1 &&
	make -n install UNAME=Darwin BREW=/opt/homebrew DESTDIR="$work/mac" PREFIX=/opt/vu 2>/dev/null | sed -n '/^install -d .*Contents.MacOS$/,/^codesign/p' |
	grep -v '^codesign' >"$work/steps" && [ "$(wc -l <"$work/steps")" = 4 ] && sh -e "$work/steps" >"$out" 2>&1 &&
	[ "$(cat "$work/mac/opt/vu/bin/vu-capture")" = program ] && [ -L "$work/mac/opt/vu/bin/vu-capture" ]
ok $? 'the program that hears is reached where it was, and lies in its bundle'
check 'whose property list names it' python3 - "$work/mac/opt/vu/libexec/voice-unlock/VoiceUnlock.app/Contents" <<'END'
import os, plistlib, sys
info = plistlib.load(open(sys.argv[1] + "/Info.plist", "rb"))
assert info["CFBundlePackageType"] == "APPL" and len(info["NSMicrophoneUsageDescription"]) > 20
assert os.access(sys.argv[1] + "/MacOS/" + info["CFBundleExecutable"], os.R_OK)
END

# ---- scripts ----

for arguments in '--nonsense' '--prefix' '--prefix relative' '--key' '--machine --key nowhere' '--key systemd-creds' \
	'--machine --key keychain'; do
	# shellcheck disable=SC2086
	scripts/install $arguments >"$out" 2>&1
	[ $? -eq 2 ]
	ok $? "scripts/install $arguments is refused before anything is done"
done
check 'scripts/install says what it does' scripts/install --help

# ---- away again ----

make -s uninstall DESTDIR="$root" PREFIX=/opt/vu PAM_OUT="$work/pam" PAGES="$work/pages" >"$out" 2>&1
left=$(find "$root" ! -type d)
[ -z "$left" ] || echo "$left" >>"$out"
[ -z "$left" ]
ok $? 'make uninstall leaves no file'
make -s uninstall DESTDIR="$root" PREFIX=/opt/vu PAM_OUT="$work/pam" PAGES="$work/pages" >"$out" 2>&1
grep -q '/var/lib/voice-unlock' "$out" && grep -q 'local/state/voice-unlock' "$out"
ok $? 'and says where the templates are'
[ -d "$work/home" ]
ok $? 'which it does not touch'

# scripts/uninstall, for a user whose home is this: nothing of the system's is asked or touched.
uninstall() {
	mkdir -p "$work/nobody" "$work/prefix/bin"
	env -u VOICE_UNLOCK_HOME -u XDG_STATE_HOME -u XDG_CONFIG_HOME -u XDG_RUNTIME_DIR -u DBUS_SESSION_BUS_ADDRESS \
		HOME="$work/nobody" MAKEFLAGS= scripts/uninstall --prefix "$work/prefix" "$@" >"$out" 2>&1
}
if [ "$(uname -s)" = Linux ]; then
	theirs=$work/nobody/.config
	mkdir -p "$theirs/voice-unlock" "$theirs/voice-unlock-keys" "$theirs/other" "$work/nobody/.local/state/voice-unlock"
	touch "$theirs"/voice-unlock-keys/master.key{,.place,.audit} "$work/nobody/.local/state/voice-unlock/x"
	uninstall && [ -e "$theirs/voice-unlock-keys/master.key" ] && [ -e "$work/nobody/.local/state/voice-unlock/x" ]
	ok $? 'scripts/uninstall keeps templates and key'
	uninstall --erase && grep -q 'erased: .*voice-unlock and its key' "$out" &&
		[ "$(find "$work/nobody" -iname '*voice*')" = '' ] && [ -d "$theirs/other" ]
	ok $? 'scripts/uninstall --erase takes both, and nothing else'
	# The machine suite's places are fixed, so they are others in a mount namespace of this test's own.
	machines=(/var/lib/voice-unlock /var/lib/voice-unlock-keys /etc/voice-unlock)
	in_machine() { # SCRIPT…: where a machine suite is installed
		unshare -m bash -c '
			mkdir -p "$0/varlib" && { [ -d "$0/etc" ] || cp -a /etc "$0/etc"; } &&
				mount --bind "$0/varlib" /var/lib && mount --bind "$0/etc" /etc || exit 99
			eval "$1"' "$work" "$1"
	}
	if [ "$(id -u)" -ne 0 ] || ! in_machine true >"$out" 2>&1; then
		skip 'templates of a machine suite' 'unable to make a mount namespace here'
	else
		export -f uninstall
		export work out
		install_machine='mkdir -p "$work/prefix/lib/systemd/system" /var/lib/voice-unlock{,-keys} /etc/voice-unlock
			touch "$work/prefix/lib/systemd/system/voice-unlock.service" /var/lib/voice-unlock/x /var/lib/voice-unlock-keys/master.key'
		check 'scripts/uninstall keeps what a machine suite has learned' in_machine \
			"$install_machine; uninstall && [ -e /var/lib/voice-unlock/x ] && [ -e /var/lib/voice-unlock-keys/master.key ] && [ -d /etc/voice-unlock ]"
		in_machine "$install_machine; touch /var/lib/other; uninstall --erase && ! ls -d ${machines[*]} 2>/dev/null && [ -e /var/lib/other ] && [ -e /etc/passwd ]"
		[ $? -eq 0 ] && grep -q 'erased: /var/lib/voice-unlock, .* of the machine suite; its user _voiceunlock stays' "$out"
		ok $? 'scripts/uninstall --erase takes that, too'
		# A key sealed by systemd, whose programs are these here: what was called of them is in calls.
		mkdir -p "$work/aids" "$work/machine-run"
		printf '#!/bin/sh\n[ "$1" != --user ] || exit 1\necho "$@" >>"%s/calls"\n' "$work" >"$work/aids/systemctl"
		chmod 755 "$work/aids/systemctl"
		# shellcheck disable=SC2016 # for in_machine
		install_sealed="$install_machine"'
			mount --bind "$work/machine-run" /run && PATH=$work/aids:$PATH drop=/etc/systemd/system/voice-unlock.service.d || exit 99
			mkdir -p "$drop" && touch "$drop/master-key.conf" "${drop%.d}" /etc/voice-unlock/master-key.cred || exit 99
			cred=/etc/voice-unlock/master-key.cred key=/var/lib/voice-unlock-keys/master.key; rm -f "$work/calls"'
		check 'scripts/uninstall takes the unit and the line of a sealed key where systemd does not run, asking it nothing' in_machine \
			"$install_sealed"'; touch "$drop/own.conf"; uninstall && [ ! -e "${drop%.d}" ] && [ "$(ls "$drop")" = own.conf ] && rm "$drop/own.conf" &&
				[ ! -e "$work/calls" ] && [ -e "$cred" ] && [ -e "$key" ] && grep -q "^kept: $cred, which alone opens $key" "$out"'
		check 'and stops and disables the suite where it runs; what opens the key stays' in_machine \
			"$install_sealed"'; mkdir -p /run/systemd/system; uninstall && [ "$(cat "$work/calls")" = "disable --now voice-unlock.service" ] &&
				[ ! -e "${drop%.d}" ] && [ ! -e "$drop" ] && [ -e "$cred" ] && [ -e "$key" ] && grep -q "^kept: $cred" "$out"'
		check 'unless it is to be erased' in_machine \
			"$install_sealed"'; uninstall --erase && [ ! -e "${drop%.d}" ] && [ ! -e "$drop" ] && [ ! -e "$cred" ] && [ ! -e "$key" ] &&
				[ "$(cat "$work/calls")" = "disable --now voice-unlock.service" ] && ! grep -q ^kept: "$out"'
	fi
fi

# ---- the Debian package ----

if command -v dpkg-deb >/dev/null && command -v dpkg-shlibdeps >/dev/null; then
	check 'make deb' make -s deb
	deb=$(ls build/voice-unlock_*.deb 2>/dev/null | head -n 1)
	dpkg-deb --field "$deb" Depends >"$out" 2>&1
	grep -q 'libnng1' "$out" && grep -q 'libsodium' "$out" && grep -q 'libpam0g' "$out"
	ok $? 'it depends on what its programs link'
	dpkg-deb --contents "$deb" >"$out" 2>&1
	! awk '$2 != "root/root"' "$out" | grep -q . && grep -q '/security/pam_voice_unlock.so' "$out" &&
		grep -q './usr/share/man/man8/pam_voice_unlock.8.gz' "$out" && grep -q './lib/systemd/system/voice-unlock.service' "$out"
	ok $? 'its files are root'\''s and where Debian has them'
	mkdir "$work/deb"
	dpkg-deb -x "$deb" "$work/deb" && "$work/deb/usr/bin/jarvis-voice-unlock" version >"$out" 2>&1
	ok $? 'what is in it runs'
	dpkg-deb -e "$deb" "$work/deb/control" && (cd "$work/deb" && md5sum --quiet -c control/md5sums) >"$out" 2>&1
	ok $? 'its sums are right'
	for script in postinst prerm postrm; do
		check "$script is a shell script" sh -n "$work/deb/control/$script"
	done
else
	skip 'the Debian package' 'no dpkg-dev'
fi
echo "1..$count"
