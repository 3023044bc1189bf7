import { type Loaded, type LoadOptions, loadSettings } from '../config/load.ts'
import { ConfigInvalid, counted, formatProblems } from '../config/problem.ts'
import { exitStatus } from '../errors.ts'
import { forecast } from './check/forecast.ts'
import { pollPlan } from './check/poll-plan.ts'
import { type CheckResult, checkReport } from './check/report.ts'

export interface CheckOptions {
  readonly file: string
  readonly json: boolean
  /** Default: standard output. */
  readonly write?: (text: string) => void
  /** Default: this process and this machine. */
  readonly host?: LoadOptions
}

/**
 * Says whether a configuration is good: every error with its place, or what the configuration will do. Touches no device
 * and no network. Status 0 or 78.
 */
export async function check(options: CheckOptions): Promise<number> {
  const write = options.write ?? ((text: string) => process.stdout.write(text))
  let loaded: Loaded
  try {
    loaded = loadSettings(options.file, options.host)
  } catch (error) {
    if (!(error instanceof ConfigInvalid)) throw error
    write(options.json ? invalidJson(options.file, error) : invalidText(error))
    return exitStatus(error)
  }
  const { settings } = loaded
  const result: CheckResult = {
    file: options.file,
    loaded,
    plan: pollPlan(settings.connections),
    forecast: forecast(settings),
  }
  write(options.json ? validJson(result) : checkReport(result))
  return 0
}

function invalidText(error: ConfigInvalid): string {
  const count = counted(error.problems.length, 'error')
  return `${formatProblems(error.problems)}\n${count}. A running gateway keeps its current configuration.\n`
}

function invalidJson(file: string, error: ConfigInvalid): string {
  return json({ file, valid: false, errors: error.problems, warnings: [] })
}

function validJson({ file, loaded, plan, forecast: estimate }: CheckResult): string {
  const { summary, warnings } = loaded
  return json({ file, valid: true, errors: [], warnings, summary, plan, forecast: estimate })
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
