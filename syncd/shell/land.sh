# Put a staged batch in place.
. "$stage/words.sh"
staged() {
  [ -d "$stage/new" ] || { echo 0; return; }
  find "$stage/new" ! -type d -print0 | tr -dc '\000' | wc -c
}
recursive=
[ ! -f "$stage/recursive" ] || recursive=1
export recursive
if [ -s "$stage/void" ]; then (cd "$stage/new" && xargs -0 rm -f <"$stage/void"); fi
all=$(staged)
if [ -s "$stage/deletes" ]; then xargs -0 sh "$stage/delete.sh" <"$stage/deletes"; fi
if [ -s "$stage/folders" ]; then xargs -0 sh "$stage/folders.sh" <"$stage/folders"; fi
if [ -d "$stage/new" ]; then find "$stage/new" -type d -exec sh "$stage/place.sh" {} +; fi
for list in "$stage"/mode.*
do
  [ ! -s "$list" ] || xargs -0 sh "$stage/modes.sh" "${list##*.}" <"$list"
done
printf 'ok %s %s\n' "$batch" $((all - $(staged)))
