import { hostname } from 'node:os'
import { dirname } from 'node:path'
import type { Settings } from '../settings.ts'
import { buildSettings } from './build/build.ts'
import { Context, type Host } from './build/context.ts'
import { parseText, type Tree } from './document.ts'
import { explain } from './explain.ts'
import { serialFolder } from './ports.ts'
import { ConfigInvalid, type Finding, fileProblem, type Path, type Problem, placedProblem } from './problem.ts'
import { applySchema } from './prune.ts'
import { readSource } from './source.ts'

export interface Loaded {
  /** Complete and frozen. */
  readonly settings: Settings
  /** What is allowed but odd, in the order of the file. */
  readonly warnings: readonly Problem[]
  readonly summary: Summary
}

/** How much there is of everything. */
export interface Summary {
  readonly connections: number
  readonly devices: number
  readonly points: number
  readonly commands: number
  readonly uplinks: number
}

/** Where the configuration looks beside its own file. Default: this process and this machine. */
export type LoadOptions = Partial<Host>

/** Reads and checks a configuration file. Throws ConfigInvalid with every problem at once. */
export function loadSettings(path: string, options: LoadOptions = {}): Loaded {
  return parseSettings(readSource(path), path, options)
}

/** As `loadSettings`, from a text; `file` names it in problems, and paths in it are relative to its folder. */
export function parseSettings(text: string, file: string, options: LoadOptions = {}): Loaded {
  const problem = (tree: Tree) => (finding: Finding) =>
    placedProblem(file, text, { ...tree.place(finding.path, finding.at), ...finding })
  const { tree, syntax, findings } = parseText(text)
  const broken = syntax.map((found) => placedProblem(file, text, { ...found.place, ...found, path: [] }))
  if (tree === undefined) throw new ConfigInvalid(sorted(broken))
  if (tree.value === null) throw new ConfigInvalid([fileProblem(file, 'there are only comments in this file')])
  const { issues, usable } = applySchema(tree.value)
  // What the text itself got wrong need not be told again as a wrong value.
  const told = new Set(findings.map((finding) => JSON.stringify(finding.path)))
  const explained = explain(issues, tree.value).filter((finding) => !told.has(JSON.stringify(finding.path)))
  const errors = [...findings, ...explained]
  const host: Host = {
    env: options.env ?? process.env,
    folder: options.folder ?? dirname(file),
    hostname: options.hostname ?? hostname(),
    serialFolder: options.serialFolder ?? serialFolder,
  }
  const misspelt = errors.flatMap((error) => (error.meant === undefined ? [] : [error.meant]))
  const source = (path: Path) => tree.source(path)
  const context = usable && new Context(usable, { raw: tree.value, host, source, misspelt })
  const settings = context && buildSettings(context)
  const problems = [...broken, ...[...errors, ...(context?.errors ?? [])].map(problem(tree))]
  if (problems.length > 0) throw new ConfigInvalid(sorted(problems))
  if (context === undefined || settings === undefined) throw new Error('a file without issues always has a usable form')
  return {
    settings: freeze(settings),
    warnings: sorted(context.warnings.map(problem(tree))),
    summary: summaryOf(settings),
  }
}

function sorted(problems: readonly Problem[]): Problem[] {
  return [...problems].sort((a, b) => a.line - b.line || a.column - b.column)
}

function summaryOf(settings: Settings): Summary {
  const devices = settings.connections.flatMap((connection) => connection.devices)
  return {
    connections: settings.connections.length,
    devices: devices.length,
    points: devices.reduce((sum, device) => sum + device.points.length, 0),
    commands: settings.commands.length,
    uplinks: settings.uplinks.length,
  }
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const inner of Object.values(value)) freeze(inner)
  }
  return value
}
