# Print what is in some folders, and where links point. Each name ends its line: those
# that hold a newline, or what sha256sum would escape, are left out.
find "$@" -mindepth 1 -maxdepth 1 ! -name '*
*' ! -name '*\\*' ! -name '.syncd-*' -exec stat -c 'e %f %s %n' {} + 2>/dev/null
find "$@" -mindepth 1 -maxdepth 1 -type l ! -name '*
*' ! -name '*\\*' -exec sh -c '
  for link
  do
    target=$(readlink "$link"; echo .)
    target=${target%??}
    case $target in
      *"
"*) ;;
      *) printf "l %s\nt %s\n" "$link" "$target" ;;
    esac
  done' sh {} + 2>/dev/null
exit 0
