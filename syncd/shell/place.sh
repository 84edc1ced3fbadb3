# Move what was staged in some folders to where it belongs. Each folder takes one `mv`
# for all that is in it, which renames; where that is another file system, or `mv` left
# something behind, each file goes by way of a temporary beside its target, and if that
# cannot be, over what is there.
. "$stage/words.sh"
device() { stat -c %d "$1" 2>/dev/null; }
home=$(device "$stage")

place_one() {
  # BusyBox does not move anything over a link that leads to itself.
  if [ -L "$2" ] && [ ! -e "$2" ]; then rm -f "$2" 2>/dev/null; fi
  temporary=${2%/*}/$name-$$
  said=$({ cp -pP "$1" "$temporary" && mv -f "$temporary" "$2"; } 2>&1) && rm -f "$1" && return
  rm -f "$temporary" 2>/dev/null
  if [ -f "$2" ] && [ ! -L "$2" ] && [ ! -L "$1" ] && [ -w "$2" ] && cat "$1" >"$2"
  then
    rm -f "$1"
    note in-place "$2"
  else
    fail "$(code_of "$said")" "$2"
  fi
}

place_all() {
  from=$1 to=.${1#"$stage/new"}
  set --
  for file in "$from"/* "$from"/.[!.]* "$from"/..?*
  do
    if ! there "$file" || folder "$file"; then continue; fi
    target=$to/${file##*/}
    if ! safe "$target" || [ ! -d "$to" ]
    then
      if [ -d "$to" ]; then fail blocked "$target"; else fail missing-parent "$target"; fi
    elif folder "$target" && ! drop_folder "$target"
    then
      fail "$why" "$target"
    else
      drop_byte_code "$target"
      set -- "$@" "$file"
    fi
    if [ $# -ge 200 ]; then move "$@"; set --; fi
  done
  [ $# = 0 ] || move "$@"
}

move() {
  if [ "$near" ] && [ "$(device "$to")" = "$home" ]; then mv -f "$@" "$to/" 2>/dev/null; fi
  for file
  do
    if there "$file"; then place_one "$file" "$to/${file##*/}"; fi
  done
}

for from
do
  place_all "$from"
done
