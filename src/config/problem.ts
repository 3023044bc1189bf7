import { GatewayError } from '../errors.ts'
import { frame } from './frame.ts'

/** Steps from the top of the file to a value: names of keys and positions in lists. */
export type Path = readonly (string | number)[]

/** A place in the text, both from 1, and how many characters from there belong to it. */
export interface Place {
  readonly line: number
  readonly column: number
  readonly length: number
}

/** Something to say about one place of the configuration, before it is known where in the file that is. */
export interface Finding {
  readonly path: Path
  /** What is named in the message, where that is not the place: an unknown key concerns the block it stands in. */
  readonly about?: Path
  /** The key that an unknown one was probably meant to be. */
  readonly meant?: Path
  /** The key itself (unknown or missing things), or what stands behind it. */
  readonly at: 'key' | 'value'
  readonly message: string
  readonly hint?: string
}

/** One thing wrong, or odd, in a configuration file. */
export interface Problem {
  readonly file: string
  /** From 1; 0 when it concerns the file as a whole. */
  readonly line: number
  readonly column: number
  /** `devices.boiler.unit_id`; '' for the file as a whole. */
  readonly path: string
  /** What is wrong, the value found and the values allowed, without a full stop. */
  readonly message: string
  /** What to write or do. */
  readonly hint?: string
  /** The line in question with a caret beneath, secrets masked; '' for the file as a whole. */
  readonly frame: string
}

/** The configuration was refused, whole. The message lists every problem with its place, ready to print below a title. */
export class ConfigInvalid extends GatewayError {
  readonly problems: readonly Problem[]

  /** `title` and `hint`: where it is not the configuration that is to be corrected. */
  constructor(problems: readonly Problem[], options: { readonly title?: string; readonly hint?: string } = {}) {
    const file = problems[0]?.file ?? ''
    const title = options.title ?? `the configuration ${file} has ${counted(problems.length, 'error')}`
    super('config_invalid', `${title}\n${formatProblems(problems)}`, {
      hint: options.hint ?? `correct the file, then: tidegate check ${file}`,
    })
    this.name = 'ConfigInvalid'
    this.problems = problems
  }
}

/** Place, path and message of each problem with its code frame: the one way problems are shown. */
export function formatProblems(problems: readonly Problem[]): string {
  const places = problems.map((problem) =>
    problem.line === 0 ? problem.file : `${problem.file}:${problem.line}:${problem.column}`,
  )
  const width = Math.max(...places.map((place) => place.length))
  return problems
    .map((problem, index) => {
      const place = (places[index] ?? '').padEnd(width)
      const head = `${place}  ${problem.path === '' ? '' : `${problem.path}   `}${problem.message}`
      if (problem.frame !== '') return `${head}\n${problem.frame}`
      return problem.hint === undefined ? head : `${head}\n      ${problem.hint}`
    })
    .join('\n')
}

/** A problem of the file as a whole: it is missing, empty, not text. */
export function fileProblem(file: string, message: string, hint?: string): Problem {
  return { file, line: 0, column: 0, path: '', message, frame: '', ...(hint === undefined ? {} : { hint }) }
}

/** A problem at a place of the text. `length` characters from the column on are marked. */
export function placedProblem(
  file: string,
  text: string,
  found: Place & Pick<Finding, 'path' | 'about' | 'message' | 'hint'>,
): Problem {
  return {
    file,
    line: found.line,
    column: found.column,
    path: formatPath(found.about ?? found.path),
    message: found.message,
    ...(found.hint === undefined ? {} : { hint: found.hint }),
    frame: frame(text, found),
  }
}

/** `uplinks.cloud.url[1]` */
function formatPath(path: Path): string {
  return path.map((step, index) => (typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`)).join('')
}

/** `1 error`, `2 errors` */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
