import { table } from '../table.ts'
import type { Limit } from './announced.ts'
import { hintOf, meaningOf } from './meaning.ts'
import type { Step } from './steps.ts'
import type { Trial } from './trial.ts'

/** What `tidegate send-test` prints about one broker. Pure. */
export function trialText(trial: Trial): string[] {
  const last = trial.good ? ['', 'Good: the broker has the message.'] : trial.failures.flatMap(failureLines)
  return [
    `${trial.uplink}  ${trial.url}  as ${trial.clientId}`,
    '',
    ...table(
      trial.steps.map((step) => stepRow(step, trial)),
      { right: [1] },
    ).map(indented),
    ...limitLines(trial.limits),
    ...last,
    ...(trial.remarks.length === 0 ? [] : ['', ...trial.remarks]),
  ]
}

/** The same for programs. */
export function trialDocument(trials: readonly Trial[]): object {
  return {
    good: trials.every(({ good }) => good),
    tests: trials.map(({ details, failures, ...trial }) => ({
      ...trial,
      steps: trial.steps.map((step) => ({ ...step, ...withDetail(details[step.step]) })),
      failures: failures.map((failure) => ({
        ...failure,
        meaning: meaningOf(failure.step),
        hint: hintOf(failure),
      })),
    })),
  }
}

function stepRow(step: Step, { details, failures }: Trial): string[] {
  const failed = failures.some((failure) => failure.step === step.step)
  return [step.step, milliseconds(step.ms), failed ? 'FAILED' : (details[step.step] ?? '')]
}

/** "0.42 ms", "41 ms" */
function milliseconds(ms: number): string {
  return `${ms < 9.95 ? ms.toFixed(1) : Math.round(ms)} ms`
}

function limitLines(limits: readonly Limit[]): string[] {
  if (limits.length === 0) return []
  const rows = limits.map(({ what, value, meaning }) => [what, value, meaning])
  return ['', 'The broker announced:', ...table(rows).map(indented)]
}

function failureLines(failure: Trial['failures'][number]): string[] {
  const { step, code, message } = failure
  return ['', `Bad: ${step}: ${message} (${code})`, meaningOf(step), `Try: ${hintOf(failure)}`]
}

function indented(line: string): string {
  return `  ${line}`
}

function withDetail(detail: string | undefined): { detail?: string } {
  return detail === undefined ? {} : { detail }
}
