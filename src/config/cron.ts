import { validateDetailed } from 'node-cron'
import { counted } from './problem.ts'
import type { Parsed } from './units.ts'

const fields = 'minute, hour, day of month, month, day of week'

/** `0 6,14,22 * * *`: a cron expression as node-cron understands it, with blanks made single. */
export function parseSchedule(text: string): Parsed<string> {
  const expression = text.trim().replace(/\s+/g, ' ')
  const count = expression === '' ? 0 : expression.split(' ').length
  if (count !== 5 && count !== 6) {
    const problem = `"${text}" is no schedule: it has ${counted(count, 'field')}, and 5 are needed (or 6, with seconds first)`
    return { problem, hint: `${fields}: "0 6,14,22 * * *" is 6:00, 14:00 and 22:00` }
  }
  const { valid, errors } = validateDetailed(expression)
  if (valid) return { value: expression }
  const [first] = errors
  const said = first === undefined ? '' : `: ${first.message.replace(/ is a invalid expression for /, ' is no ')}`
  return { problem: `"${text}" is no schedule${said}`, hint: fields }
}
