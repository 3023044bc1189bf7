import type { Path } from '../problem.ts'
import type { Context } from './context.ts'
import { checkName, dottedName, name, nameLengthMax, nameRules } from './name.ts'

/** Checks the names given in the file, and that the blocks that cannot be empty are not. */
export function checkNames(context: Context): void {
  const { file } = context
  const place: Path = file.gateway.id === undefined ? ['gateway'] : ['gateway', 'id']
  if (!dottedName.test(context.gatewayId) || context.gatewayId.length > nameLengthMax) {
    const whose = file.gateway.id === undefined ? 'host name' : 'gateway id'
    const message = `the ${whose} "${context.gatewayId}" cannot be used: ${nameRules.replace('_', '_, dots')}`
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
    if (context.lacksProfile(device)) continue // nothing is known of its points
    if (!context.attempted(path) && !context.attempted(['devices', device, 'profile'])) {
      context.error(['devices', device], 'missing "points"', { hint: 'or name a profile', at: 'key' })
    }
    if (isEmptyBlock(context, path)) context.error(path, 'a device needs at least one point', { at: 'key' })
    for (const point of context.names(path)) checkName(context, [...path, point], name)
  }
}

function checkLabels(context: Context, path: Path): void {
  for (const label of context.names(path)) checkName(context, [...path, label], dottedName)
}

function isEmptyBlock(context: Context, path: Path): boolean {
  if (!context.written(path)) return false
  const parent = path.slice(0, -1).reduce<unknown>((value, key) => Object(value)[key], context.raw)
  const block: unknown = Object(parent)[String(path.at(-1))]
  return typeof block === 'object' && block !== null && !Array.isArray(block) && Object.keys(block).length === 0
}
