#!/bin/sh
# Starts Tidegate under the Node that lies in the package, wherever the package was put and however it is linked.
self=$0
while [ -h "$self" ]; do
  target=$(readlink "$self")
  case $target in
    /*) self=$target ;;
    *) self=${self%/*}/$target ;;
  esac
done
case $self in
  */*) folder=${self%/*} ;;
  *) folder=. ;;
esac
# A library inside the bundle still calls url.parse, which is no news to the person at the cabinet.
exec "$folder/../node/bin/node" --disable-warning=DEP0169 "$folder/tidegate.mjs" "$@"
