# Run a command in a folder. Arguments: the folder, after how many seconds it is killed,
# the command. Old tools called `timeout` take other words, and then there is no limit.
cd "$1" || exit
limit=$2
shift 2
if timeout 9 true 2>/dev/null; then set -- timeout -s KILL "$limit" "$@"; fi
exec "$@" </dev/null
