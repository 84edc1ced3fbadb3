# Stage a batch, then run the part of it that lands it. Arguments: the root, the number
# of the batch, how many bytes of tar come on stdin, and the container that it is for, as
# the probe named it. All of stdin is read, whatever happens: a process that ends with its
# stdin unread may leave the stream open for ever. It comes after here.sh.
LC_ALL=C
export LC_ALL
root=$1 batch=$2 size=$3 container=$4
refuse() { printf 'bad %s %s\n' "$batch" "$1"; exit 0; }
if [ "$container" ] && [ "$container" != "$(here)" ]
then
  head -c "$size" >/dev/null
  refuse elsewhere
fi
if ! cd "$root" 2>/dev/null
then
  head -c "$size" >/dev/null
  refuse root-missing
fi
name=.syncd-sh-$(uname -n)-$(readlink /proc/self/ns/pid 2>/dev/null | tr -dc 0-9)
for old in "$name"-*
do
  [ -d "/proc/${old##*-}" ] || rm -rf "$old"
done
name=$name-$$ near=1
stage=$PWD/$name
if ! mkdir -m 700 "$stage" 2>/dev/null
then
  near= stage=${TMPDIR:-/tmp}/$name
  if ! mkdir -m 700 "$stage" 2>/dev/null
  then
    head -c "$size" >/dev/null
    refuse no-room
  fi
fi
trap 'rm -rf "$stage"' EXIT
trap 'exit 1' HUP INT TERM PIPE
said=$(head -c "$size" | {
  umask 0 # BusyBox takes it off the modes that are in the tar, except for root
  tar -x -o -p -m -f - -C "$stage" 2>&1
  code=$?
  cat >/dev/null
  exit $code
})
if [ $? != 0 ] || [ ! -f "$stage/done" ]
then
  case $said in
    *[Nn]o\ space* | *[Qq]uota*) refuse disk-full ;;
    *ermission\ denied*) refuse permission-denied ;;
    *) refuse torn ;;
  esac
fi
export stage near batch name
. "$stage/land.sh"
