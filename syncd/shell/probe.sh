# Say who this is and what is here, and end what an earlier probe's session left behind.
# Arguments: the session, the sync roots. It comes after here.sh.
LC_ALL=C
export LC_ALL
session=$1
shift
echo "uid $(id -u 2>/dev/null)"
echo "user $(id -un 2>/dev/null)"
echo "container $(here)"
echo "time $(date +%s 2>/dev/null)"
echo "tar $(tar --version 2>&1 </dev/null | head -n 1)"
for tool in cat chmod cp find head mkdir mv readlink rm rmdir sha256sum stat tar tr uname wc xargs
do
  if command -v "$tool" >/dev/null 2>&1; then echo "tool $tool"; fi
done
for root
do
  for stage in "$root"/.syncd-sh-* "${TMPDIR:-/tmp}"/.syncd-sh-*
  do
    pid=${stage##*-}
    case $(tr '\0' ' ' <"/proc/$pid/cmdline") in
      *" syncd-$session "*) kill -9 "$pid"; rm -rf "$stage" ;;
    esac
  done 2>/dev/null
  kind=-
  [ ! -e "$root" ] || kind=o
  [ ! -f "$root" ] || kind=f
  [ ! -d "$root" ] || kind=d
  writable=-
  [ ! -w "$root" ] || writable=w
  echo "root $kind $writable"
done
echo end
