# Send a signal to the processes whose command line holds a text: of a family only the
# eldest, and no shell that was merely told to start it. Arguments: the signal, the text.
found= told=
for folder in /proc/[0-9]*
do
  pid=${folder#/proc/}
  [ "$pid" != $$ ] && [ "$pid" != "$PPID" ] || continue
  line=$(tr '\000' ' ' <"$folder/cmdline" 2>/dev/null)
  case $line in
    sh\ -c\ * | */sh\ -c\ * | bash\ -c\ * | */bash\ -c\ * | ash\ -c\ * | */ash\ -c\ *) ;;
    *"$2"*) found="$found $pid " ;;
  esac
done
for pid in $found
do
  read -r fields 2>/dev/null <"/proc/$pid/stat" || continue
  fields=${fields##*) }
  fields=${fields#* }
  case $found in *" ${fields%% *} "*) continue ;; esac
  if kill -s "$1" "$pid"; then echo "SIG$1 sent to $pid"; told=1; fi
done
if [ ! "$found" ]; then echo "no process matches"; fi
[ "$told" ]
