import { accessSync, constants, statSync } from 'node:fs'
import { basename, isAbsolute } from 'node:path'
import type { ExecTarget, ValueRule } from '../../command-settings.ts'
import { messageOf } from '../../errors.ts'
import { matchesPattern, wholePattern } from '../../value-pattern.ts'
import type { Path } from '../problem.ts'
import type { Command } from '../schema/command.ts'
import { checkScript } from './command-scripts.ts'
import { buildRule, valueWord } from './command-values.ts'
import type { Context } from './context.ts'

/** They need what the sandbox of the service takes away. */
const privileged = ['sudo', 'doas', 'su', 'pkexec']

/** A program that a command runs; undefined when it is wrong, which is told. */
export function buildProgram(
  context: Context,
  path: Path,
  options: { readonly exec: NonNullable<Command['exec']>; readonly values: Command['values'] },
): ExecTarget | undefined {
  const { program, args, timeout } = options.exec
  const told = context.errors.length
  const texts = args.map((text, index) => ({ place: [...path, 'exec', 'args', index], text }))
  const value = buildRule(context, path, { values: options.values, texts })
  checkProgram(context, [...path, 'exec', 'program'], program)
  const listed = (value.oneOf ?? []).map((one, index) => {
    return { place: [...path, 'values', 'one_of', index], text: String(one) }
  })
  for (const { place, text } of [...texts, ...listed]) {
    if (text.includes('\0')) context.error(place, 'holds a character 0, which ends an argument')
  }
  checkScript(context, [...path, 'exec', 'args'], { program, args })
  checkOptions(context, [...path, 'exec', 'args'], { args, value })
  if (context.errors.length > told) return undefined
  return { type: 'exec', program, args, value, timeoutMs: timeout }
}

function checkProgram(context: Context, place: Path, program: string): void {
  if (program.includes(valueWord)) {
    context.error(place, 'a value never says which program runs', { hint: `write ${valueWord} in args` })
    return
  }
  if (!isAbsolute(program)) {
    const word = program.split(/\s/)[0] ?? ''
    const hint = /^[\w.+-]+$/.test(word) ? `command -v ${word} shows it` : undefined
    context.error(place, `expected the whole path of a program, got "${program}"`, { hint })
    return
  }
  const missing = whyNotRun(program)
  if (missing !== undefined) {
    const hint = /\s/.test(program) ? 'words behind the program belong into args' : 'such commands fail until then'
    context.warning(place, missing, { hint })
  }
  if (privileged.includes(basename(program))) {
    const hint = 'let the user tidegate do it itself, by a group or a rule of udev'
    context.warning(place, `as a service the gateway cannot gain rights, so ${basename(program)} fails`, { hint })
  }
}

/** Why the program cannot be run as it is now; undefined when it can. */
function whyNotRun(program: string): string | undefined {
  try {
    if (!statSync(program).isFile()) return `${program} is no file`
    accessSync(program, constants.X_OK)
    return undefined
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT' || code === 'ENOTDIR') return `there is no file ${program}`
    if (code === 'EACCES') return `${program} may not be run by this user`
    return `${program} cannot be run: ${messageOf(error)}`
  }
}

/** A text at the beginning of an argument can be an option of the program. */
function checkOptions(
  context: Context,
  place: Path,
  options: { readonly args: readonly string[]; readonly value: ValueRule },
): void {
  const { args, value } = options
  if (value.pattern === undefined || !accepts(value.pattern, ['-h', '--help'])) return
  const index = args.findIndex((text) => text.startsWith(valueWord))
  if (index < 0 || args.slice(0, index).includes('--')) return
  context.warning([...place, index], 'a value such as --help would be taken for an option', {
    hint: 'write "--" before it, or a pattern that begins with a letter',
  })
}

function accepts(pattern: string, texts: readonly string[]): boolean {
  try {
    return texts.some((text) => matchesPattern(wholePattern(pattern), text) === true)
  } catch {
    return false // no regular expression, and told
  }
}
