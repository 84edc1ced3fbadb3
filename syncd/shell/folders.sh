# Make folders, those above first, in place of whatever else is there.
. "$stage/words.sh"
for path
do
  if ! safe "$path"
  then
    fail blocked "$path"
  elif ! folder "$path"
  then
    said=$({ rm -f "$path" && mkdir "$path"; } 2>&1) || fail "$(code_of "$said")" "$path"
  fi
done
