# What the scripts of a batch share. Paths begin with "./" and are below the root, which
# is the working folder.

fail() { printf 'fail\000%s\000%s\000' "$1" "$2"; }
note() { printf 'note\000%s\000%s\000' "$1" "$2"; }
there() { [ -e "$1" ] || [ -L "$1" ]; }
folder() { [ -d "$1" ] && [ ! -L "$1" ]; }

# Whether no folder above a path is a link.
safe() {
  above=$1
  while :
  do
    case $above in */*) above=${above%/*} ;; *) return 0 ;; esac
    [ ! -L "$above" ] || return 1
  done
}

# Print the word for what a tool said.
code_of() {
  case $1 in
    *[Rr]ead-only*) echo read-only ;;
    *ermission\ denied* | *not\ permitted*) echo permission-denied ;;
    *[Nn]o\ space* | *[Qq]uota*) echo disk-full ;;
    *[Bb]usy*) echo busy ;;
    *too\ long*) echo name-too-long ;;
    *No\ such\ file*) echo missing-parent ;;
    *) echo failed ;;
  esac
}

# Whether a folder is a mount point, or holds one. The system tells blanks in octal.
mounted() {
  [ -r /proc/self/mountinfo ] || return 1
  place=$(pwd -P)
  place=${place%/}/${1#./}
  while read -r _ _ _ _ point _
  do
    case $point in *\\*) point=$(printf '%b.' "$point"); point=${point%.} ;; esac
    case $point in "$place" | "$place"/*) return 0 ;; esac
  done </proc/self/mountinfo
  return 1
}

# Remove a folder that is empty, but for byte-code; with $recursive any folder in which
# nothing is mounted. If it stays, $why is the word for it.
drop_folder() {
  rmdir "$1" 2>/dev/null && return
  why=not-empty
  if [ ! "$recursive" ]
  then
    for left in "$1"/* "$1"/.[!.]* "$1"/..?*
    do
      case ${left##*/} in __pycache__ | *.pyc) continue ;; esac
      if there "$left"; then return 1; fi
    done
  fi
  if mounted "$1"; then why=busy; return 1; fi
  find "$1" -xdev ! -type d -exec rm -f {} + 2>/dev/null
  find "$1" -xdev -depth -type d -exec rmdir {} \; 2>/dev/null
  ! there "$1"
}

drop_byte_code() {
  case $1 in *.py) ;; *) return 0 ;; esac
  stem=${1##*/} above=${1%/*}
  stem=${stem%.py}
  [ ! -L "$above/__pycache__" ] || return 0
  for old in "$above/__pycache__/$stem".*.pyc "$above/$stem.pyc"
  do
    [ ! -f "$old" ] || rm -f "$old" 2>/dev/null || note byte-code-kept "$old"
  done
}
