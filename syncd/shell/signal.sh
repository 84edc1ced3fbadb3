# Send a signal to the processes whose command line holds a text: of a family only the
# eldest, no shell that was merely told to start it, and nothing of another container that
# shares the processes of its Pod. Arguments: the signal, the text.
found= told=
inside() {
  [ -r /proc/self/cgroup ] || return 0
  [ -r "$1" ] || return 1
  while read -r ours && read -r theirs <&3
  do
    case $theirs/ in "${ours%/}/../"*) return 1 ;; "${ours%/}/"*) ;; *) return 1 ;; esac
  done </proc/self/cgroup 3<"$1"
}
for folder in /proc/[0-9]*
do
  pid=${folder#/proc/}
  [ "$pid" != $$ ] && [ "$pid" != "$PPID" ] || continue
  line=$(tr '\000' ' ' <"$folder/cmdline" 2>/dev/null)
  case $line in
    sh\ -c\ * | */sh\ -c\ * | bash\ -c\ * | */bash\ -c\ * | ash\ -c\ * | */ash\ -c\ *) ;;
    *"$2"*) if inside "$folder/cgroup"; then found="$found $pid "; fi ;;
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
