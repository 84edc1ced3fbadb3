# Give paths a mode, the first argument.
. "$stage/words.sh"
mode=$1
shift
for path
do
  safe "$path" && [ ! -L "$path" ] && there "$path" || continue
  chmod "$mode" "$path" 2>/dev/null || note mode-refused "$path"
done
