# Remove paths, the deepest first; what is gone already, or behind a link, is as good.
. "$stage/words.sh"
remove_files() {
  given=$#
  for path
  do
    if safe "$path" && there "$path" && ! folder "$path"; then set -- "$@" "$path"; fi
  done
  shift "$given"
  [ $# = 0 ] || rm -f "$@" 2>/dev/null
}
remove_files "$@"
for path
do
  if ! safe "$path"
  then
    continue
  elif folder "$path"
  then
    drop_folder "$path" || fail "$why" "$path"
  elif there "$path"
  then
    said=$(rm -f "$path" 2>&1)
    fail "$(code_of "$said")" "$path"
  else
    drop_byte_code "$path"
  fi
done
