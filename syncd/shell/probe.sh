# Say who this is and what is here. Arguments: the sync roots.
LC_ALL=C
export LC_ALL
echo "uid $(id -u 2>/dev/null)"
echo "user $(id -un 2>/dev/null)"
echo "time $(date +%s 2>/dev/null)"
echo "tar $(tar --version 2>&1 </dev/null | head -n 1)"
for tool in cat chmod cp find head mkdir mv readlink rm rmdir sha256sum stat tar tr uname wc xargs
do
  if command -v "$tool" >/dev/null 2>&1; then echo "tool $tool"; fi
done
for root
do
  kind=-
  [ ! -e "$root" ] || kind=o
  [ ! -f "$root" ] || kind=f
  [ ! -d "$root" ] || kind=d
  writable=-
  [ ! -w "$root" ] || writable=w
  echo "root $kind $writable"
done
echo end
