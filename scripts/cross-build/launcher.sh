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
# A gateway has little memory and is in no hurry: young objects get 2 MiB instead of 16, one compiler less, one heap of the C
# library for all threads. Saves a third and costs no CPU that could be measured (docs/figures.md).
export MALLOC_ARENA_MAX="${MALLOC_ARENA_MAX:-1}"
exec "$folder/../node/bin/node" --disable-warning=DEP0169 --max-semi-space-size=2 --no-maglev "$folder/tidegate.mjs" "$@"
