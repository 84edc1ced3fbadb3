# Run a command in a folder. Arguments: the folder, the command.
cd "$1" && shift && exec "$@"
