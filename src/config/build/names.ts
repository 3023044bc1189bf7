import type { Path } from '../problem.ts'
import type { Context } from './context.ts'

/** Names become topic levels, metric labels and words on the command line. */
const name = /^[\p{L}\p{N}][\p{L}\p{N}_-]*$/u
const dottedName = /^[\p{L}\p{N}][\p{L}\p{N}_.-]*$/u
const nameLengthMax = 64

const rules = 'letters, digits, _ and -, beginning with a letter or digit'

/** Checks the names given in the file, and that the blocks that cannot be empty are not. */
export function checkNames(context: Context): void {
  const { file } = context
  const place: Path = file.gateway.id === undefined ? ['gateway'] : ['gateway', 'id']
  if (!dottedName.test(context.gatewayId) || context.gatewayId.length > nameLengthMax) {
    const whose = file.gateway.id === undefined ? 'host name' : 'gateway id'
    const message = `the ${whose} "${context.gatewayId}" cannot be used: ${rules.replace('_', '_, dots')}`
    context.error(place, message, { hint: 'set id under gateway' })
  }
  checkLabels(context, ['gateway', 'labels'])
  for (const section of ['connections', 'devices', 'uplinks']) {
    const names = context.names([section])
    if (names.length === 0 && isEmptyBlock(context, [section])) {
      context.error([section], `${section} is empty; at least one is needed`, { at: 'key' })
    }
    for (const one of names) checkName(context, [section, one], name)
  }
  for (const command of context.names(['commands'])) checkName(context, ['commands', command], dottedName)
  for (const device of context.names(['devices'])) {
    checkLabels(context, ['devices', device, 'labels'])
    const path = ['devices', device, 'points']
    if (isEmptyBlock(context, path)) context.error(path, 'a device needs at least one point', { at: 'key' })
    for (const point of context.names(path)) checkName(context, [...path, point], name)
  }
}

function checkLabels(context: Context, path: Path): void {
  for (const label of context.names(path)) checkName(context, [...path, label], dottedName)
}

function checkName(context: Context, path: Path, allowed: RegExp): void {
  const given = String(path.at(-1))
  if (given.length > nameLengthMax) {
    context.error(path, `this name has ${given.length} characters, at most ${nameLengthMax} are allowed`, { at: 'key' })
  } else if (!allowed.test(given)) {
    const clean = given.replace(/[^\p{L}\p{N}_-]+/gu, '-').replace(/^[-_]+|-+$/g, '')
    const hint = clean === '' || clean === given ? undefined : `write ${clean}`
    context.error(path, `"${given}" cannot be a name: ${rules}`, { hint, at: 'key' })
  }
}

function isEmptyBlock(context: Context, path: Path): boolean {
  if (!context.written(path)) return false
  const parent = path.slice(0, -1).reduce<unknown>((value, key) => Object(value)[key], context.raw)
  const block: unknown = Object(parent)[String(path.at(-1))]
  return typeof block === 'object' && block !== null && !Array.isArray(block) && Object.keys(block).length === 0
}
