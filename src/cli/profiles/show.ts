import { formatProblems } from '../../config/problem.ts'
import type { Profile, ProfilePoint } from '../../config/profile-file.ts'
import { loadProfile } from '../../config/profiles.ts'
import { formatRef } from '../../config/ref.ts'
import { describeLine } from '../../drivers/line.ts'
import { formatDuration } from '../format.ts'
import { table } from '../table.ts'
import { foldersFor, type ListFlags } from './list.ts'

/** `tidegate profiles show`: one profile, checked. Status 0, or 78 when its file is wrong. */
export async function show(name: string, { config, json }: ListFlags): Promise<number> {
  const profile = loadProfile(name, { folders: foldersFor(config) })
  if (json) console.log(JSON.stringify(profile, plainly, 2))
  else console.log(profileScreen(profile).join('\n'))
  if (profile.warnings.length > 0) console.error(formatProblems(profile.warnings))
  return 0
}

/** The file, its points as a table, and lines to paste. Pure. */
export function profileScreen(profile: Profile): string[] {
  const { name, title, source, file, defaults, unitId, lines } = profile
  return [
    `${name}   ${title}   ${profile.points.length} points`,
    ...table([
      ['  source', source],
      ['  file', file],
      ['  factory', lines.length === 0 ? 'on the network, or not known' : lines.map(describeLine).join(', ')],
      ['  unit', unitId === undefined ? 'no default' : String(unitId)],
      ['  read', `every ${formatDuration(defaults.intervalMs)}, ${requestText(profile)}`],
      ...identifyRows(profile),
    ]),
    '',
    ...table([['  POINT', 'ref', 'type', 'scale', 'unit', 'expected', ''], ...profile.points.map(pointRow)]),
    '',
    '* essential: asked first by a scan',
    '',
    ...snippet(profile),
  ]
}

function requestText({ defaults }: Profile): string {
  const order = defaults.byteOrder === 'ABCD' ? '' : `, byte order ${defaults.byteOrder}`
  const single = defaults.onePointPerRequest ? ', one point a request' : ''
  return `at most ${defaults.registersMax} registers a request, holes up to ${defaults.holeMax}${order}${single}`
}

function identifyRows({ identify }: Profile): string[][] {
  return identify.map(({ point, equals }, index) => [
    index === 0 ? '  identified' : '',
    `by ${formatRef(point)} (${point.register} ${point.address}): ${equals.map(String).join(' or ')}`,
  ])
}

function pointRow(point: ProfilePoint): string[] {
  const { name, type, scale, offset, scaleFrom, unit, plausible, essential, kind } = point
  const factor = scaleFrom === undefined ? (scale === 1 ? '' : String(scale)) : `10^${scaleFrom}`
  return [
    `${essential ? '*' : ' '} ${name}`,
    formatRef(point),
    type === 'string' ? `string ${point.length}` : type,
    offset === 0 ? factor : `${factor} ${offset > 0 ? '+' : ''}${offset}`.trim(),
    unit ?? '',
    plausible === undefined ? '' : `${plausible.min}..${plausible.max}`,
    kind === 'counter' ? 'counter' : '',
  ]
}

/** What a configuration with it looks like. */
function snippet({ name, unitId, lines }: Profile): string[] {
  const [line] = lines
  const connection = line
    ? `  bus-a: { type: modbus-rtu, port: /dev/serial/by-id/..., line: ${describeLine(line)} }`
    : '  lan: { type: modbus-tcp, host: 192.168.10.20 }'
  return [
    'connections:',
    connection,
    'devices:',
    `  ${name.split('/').at(-1)}:`,
    `    connection: ${line ? 'bus-a' : 'lan'}`,
    `    unit_id: ${unitId ?? 'N'}`,
    `    profile: ${name}`,
  ]
}

/** 64-bit integers as strings, so that no digit is lost in JSON. */
function plainly(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}
