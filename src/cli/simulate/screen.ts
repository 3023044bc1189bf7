/** What `tidegate simulate` shows. Pure. */
import type { SimulatedConnection, SimulatedUnitSettings } from '../../simulation.ts'
import { formatCount, formatDuration, formatNumberOf, formatRate } from '../format.ts'
import { table } from '../table.ts'
import type { ConnectionFacts, DeviceFacts, SimulationFacts } from './facts.ts'

/** What is served where, a line per device. */
export function servedLines(
  file: string,
  connections: readonly { readonly settings: SimulatedConnection; readonly address: string }[],
): string[] {
  const rows = connections.flatMap(({ settings, address }) =>
    settings.units.map((unit, index) => {
      const head = index === 0 ? [settings.name, settings.type, address] : ['', '', '']
      return ['', ...head, unit.name, `unit ${unit.unitId}`, describeUnit(unit)]
    }),
  )
  return [`Simulating ${file}; Ctrl-C ends it`, ...table(rows)]
}

function describeUnit(unit: SimulatedUnitSettings): string {
  const { points, faults } = unit
  const scripted = faults.length === 0 ? [] : [formatNumberOf(faults.length, 'scripted fault')]
  const declared = points.filter(({ isModelCode }) => isModelCode !== true)
  return [formatNumberOf(declared.length, 'point'), ...scripted].join(', ')
}

/** "41 s  84 requests/s  2 exceptions  3 faults  meter 42/s  boiler 21/s dead 3": since `before`, and in all. */
export function progressText(before: SimulationFacts, now: SimulationFacts): string {
  const seconds = Math.max(now.seconds - before.seconds, 0.001)
  const rate = (count: number, earlier: number) => formatRate((count - earlier) / seconds)
  const devices = now.devices.map((device, index) => {
    const pace = rate(device.requests, before.devices[index]?.requests ?? 0)
    return [`${device.name} ${pace}/s`, ...kinds(device)].join(' ')
  })
  return [
    formatDuration(now.seconds * 1000),
    `${rate(now.requests, before.requests)} requests/s`,
    formatNumberOf(now.exceptions, 'exception'),
    formatNumberOf(now.faults, 'fault'),
    ...devices,
  ].join('  ')
}

/** What it was, in the end. */
export function summaryLines(facts: SimulationFacts): string[] {
  const rows = facts.devices.map((device) => [
    device.name,
    String(device.unitId),
    formatCount(device.requests),
    formatCount(device.exceptions),
    kinds(device).join(', ') || '-',
  ])
  const odd = facts.connections.flatMap(oddities)
  return [
    ...table([['DEVICE', 'unit', 'requests', 'exceptions', 'faults'], ...rows], { right: [1, 2, 3] }),
    ...odd,
    `${formatNumberOf(facts.requests, 'request')} in ${formatDuration(facts.seconds * 1000)}.`,
  ]
}

function oddities({ name, unknownUnits, broadcasts, noise, collisions }: ConnectionFacts): string[] {
  const said = [
    unknownUnits > 0 ? `${formatNumberOf(unknownUnits, 'request')} to units that are not there` : '',
    broadcasts > 0 ? formatNumberOf(broadcasts, 'broadcast') : '',
    noise > 0 ? `${formatNumberOf(noise, 'byte')} that ${noise === 1 ? 'was' : 'were'} no request` : '',
    collisions > 0 ? `${formatNumberOf(collisions, 'transmission')} met another one` : '',
  ].filter((text) => text !== '')
  return said.length === 0 ? [] : [`${name}: ${said.join(', ')}`]
}

function kinds({ faults }: DeviceFacts): string[] {
  return Object.entries(faults).map(([kind, count]) => `${kind} ${formatCount(count)}`)
}
