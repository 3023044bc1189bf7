import { basename } from 'node:path'
import type { Path } from '../problem.ts'
import { valueWord } from './command-values.ts'
import type { Context } from './context.ts'

/** Programs whose first operand, or an option, is a program in a language of their own. */
const interpreters = /^((ba|da|a|z|k|c|tc|fi|pw)?sh|(python|lua|php)[\d.]*|perl|ruby|node|nodejs|tclsh|expect)$/
/** The option before such an argument: sh -c, bash -lc, perl -E, php -r, node --eval. */
const scriptOption = /^(-\w*[ceEprRBF]|--(eval|print|command|run|process-code|process-begin|process-end|init-command))$/
/** Options of interpreters with an argument of their own: sh -o, python -W, perl -I, php -d. */
const argumentOption = /^-[WXIod]$/
/** An option of a script. */
const namedOption = /^--[\w-]+=\{value\}$/
/** What they are given is a program, an expression or a command line in any case. */
const languages = /^([gmn]?awk|sed|ssh|find|su|runuser|eval)$/
/** They run what stands behind their options. */
const wrappers =
  /^(busybox|env|xargs|nsenter|unshare|timeout|nice|ionice|chrt|taskset|nohup|setsid|stdbuf|flock|chroot|setpriv|systemd-run)$/

/**
 * In a script a value can become anything that a script can do, however well it is quoted there. Interpreters are looked for
 * behind other programs, too, which may start them.
 */
export function checkScript(
  context: Context,
  place: Path,
  options: { readonly program: string; readonly args: readonly string[] },
): void {
  const { program, args } = options
  const words = [program, ...args]
  for (const [index, word] of words.entries()) {
    if (!isStarted(words, index)) continue
    const name = basename(word)
    const rest = words.slice(index + 1)
    const at = isLanguage(name) ? wordOf(rest) : interpreters.test(name) ? scriptOf(rest) : undefined
    const found = at ?? (wrappers.test(name) ? programOf(rest) : undefined)
    if (found !== undefined) {
      const shell = name.endsWith('sh') && name !== 'ssh'
      const example = shell ? `, as in [-c, 'set-lamp "$1"', sh, "${valueWord}"]` : ''
      const message = `${name} would read ${valueWord} as a part of a script`
      const hint = isLanguage(name)
        ? 'run a program of your own that takes it as an argument'
        : `make it an argument of the script${example}`
      context.error([...place, index + found], message, { hint })
      return
    }
    // What stands behind an interpreter is the business of its script.
    if (interpreters.test(name)) return
  }
}

function isLanguage(name: string): boolean {
  return languages.test(name)
}

/** A program, or what a program may start: by its path, behind a wrapper, or with an option of its own. */
function isStarted(words: readonly string[], index: number): boolean {
  const word = words[index] ?? ''
  if (index === 0 || word.startsWith('/')) return true
  const isWrapped = words.slice(0, index).some((before) => wrappers.test(basename(before)))
  return isWrapped || (words[index + 1]?.startsWith('-') ?? false)
}

/** Where the value stands at all. */
function wordOf(rest: readonly string[]): number | undefined {
  const at = rest.findIndex((text) => text.includes(valueWord))
  return at < 0 ? undefined : at
}

/** Where the value is a script, a part of one, the name of one, or a part of an argument that a script may take apart. */
function scriptOf(rest: readonly string[]): number | undefined {
  let at = 0
  let hasScript = false
  while (rest[at]?.startsWith('-')) {
    const option = rest[at] ?? ''
    if (option.includes(valueWord)) return at
    const isScript = scriptOption.test(option)
    if (isScript && rest[at + 1]?.includes(valueWord)) return at + 1
    hasScript ||= isScript
    at += isScript || argumentOption.test(option) ? 2 : 1
  }
  if (!hasScript && rest[at]?.includes(valueWord)) return at
  const behind = rest.findIndex((text, index) => {
    return index >= at && text.includes(valueWord) && text !== valueWord && !namedOption.test(text)
  })
  return behind < 0 ? undefined : behind
}

/** Where the value would say which program a wrapper runs. */
function programOf(rest: readonly string[]): number | undefined {
  const at = wordOf(rest)
  if (at === undefined) return undefined
  const isNamed = rest.slice(0, at).some((word) => !/^-|=|^[\d.]+[smhd]?$/.test(word))
  return isNamed ? undefined : at
}
