# bash completion for vu-pki.
_vu_pki() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
	COMPREPLY=()
	case $previous in
	--folder) mapfile -t COMPREPLY < <(compgen -d -- "$current") ;;
	--role) mapfile -t COMPREPLY < <(compgen -W 'orchestrator features antispoof none' -- "$current") ;;
	--host) mapfile -t COMPREPLY < <(compgen -A hostname -- "$current") ;;
	--name | --days) ;;
	*)
		if [ "$COMP_CWORD" -eq 1 ]; then
			mapfile -t COMPREPLY < <(compgen -W 'init issue revoke refresh list' -- "$current")
		else
			mapfile -t COMPREPLY < <(compgen -W '--folder --name --host --role --days --help' -- "$current")
		fi
		;;
	esac
}
complete -F _vu_pki vu-pki
