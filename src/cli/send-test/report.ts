import { wrappedTable } from '../narrow.ts'
import { wrapped } from '../wrapped.ts'
import type { Limit } from './announced.ts'
import { hintOf, meaningOf } from './meaning.ts'
import type { Step } from './steps.ts'
import type { Trial } from './trial.ts'

const INDENT = '  '

/** What `tidegate send-test` prints about one broker, in 80 columns but for what is there to be copied. Pure. */
export function trialText(trial: Trial): string[] {
  const last = trial.good ? ['', 'Good: the broker has the message.'] : trial.failures.flatMap(failureLines)
  return [
    ...wrapped(`${trial.uplink}  ${trial.url}  as ${trial.clientId}`, INDENT),
    '',
    ...wrappedTable(
      trial.steps.map((step) => stepRow(step, trial)),
      { right: [1] },
    ),
    ...limitLines(trial.limits),
    ...last,
    ...(trial.remarks.length === 0 ? [] : ['', ...trial.remarks.flatMap((remark) => wrapped(remark))]),
    ...(trial.see === undefined ? [] : ['', 'To see it arrive, start this and test again:', trial.see]),
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
  return [`${INDENT}${step.step}`, milliseconds(step.ms), failed ? 'FAILED' : (details[step.step] ?? '')]
}

/** "0.42 ms", "41 ms" */
function milliseconds(ms: number): string {
  return `${ms < 9.95 ? ms.toFixed(1) : Math.round(ms)} ms`
}

function limitLines(limits: readonly Limit[]): string[] {
  if (limits.length === 0) return []
  const rows = limits.map(({ what, value, meaning }) => [`${INDENT}${what}`, value, meaning])
  return ['', 'The broker announced:', ...wrappedTable(rows)]
}

function failureLines(failure: Trial['failures'][number]): string[] {
  const { step, code, message } = failure
  return [
    '',
    ...wrapped(`Bad: ${step}: ${message} (${code})`, INDENT),
    ...wrapped(meaningOf(step)),
    ...wrapped(`Try: ${hintOf(failure)}`, INDENT),
  ]
}

function withDetail(detail: string | undefined): { detail?: string } {
  return detail === undefined ? {} : { detail }
}
