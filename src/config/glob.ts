/** Is a name one of `voltage_*`? `*` stands for any characters, `?` for one. */
export function glob(pattern: string): (name: string) => boolean {
  return (name) => matches(pattern, name)
}

/** In at most as many steps as pattern times name: the last star only takes more where something behind it fails. */
function matches(pattern: string, name: string): boolean {
  let at = 0
  let star = -1
  let taken = 0
  for (let index = 0; index < name.length; ) {
    const wanted = pattern[at]
    if (wanted === '*') {
      star = at++
      taken = index
    } else if (wanted === '?' || wanted === name[index]) {
      at++
      index++
    } else if (star >= 0) {
      at = star + 1
      index = ++taken
    } else {
      return false
    }
  }
  return /^\**$/.test(pattern.slice(at))
}
