/** What the gateway does when a command tells it to, with pollers that answer as the test says. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LinkError } from '../src/drivers/driver.ts'
import type { Reading, Sample } from '../src/model.ts'
import { gatewayVerbs } from '../src/verbs.ts'
import { VirtualClock } from './support/bus-clock.ts'
import { deviceWith, pointWith, rtuSettings, tcpSettings, textSettings } from './support/bus-settings.ts'

const good: readonly Sample[] = [
  { point: 'a', value: 1 },
  { point: 'b', error: 'exception_2' },
]
const names = (...all: string[]) => all.map((name) => deviceWith({ name, points: [pointWith({ name: 'a' })] }))

function rig(answers: Readonly<Record<string, readonly Sample[] | LinkError>>, offline: readonly string[] = []) {
  const asked: string[] = []
  const recorded: Reading[] = []
  const poller = {
    isOnline: (device: string) => !offline.includes(device),
    readNow: async (device: string) => {
      asked.push(device)
      const answer = answers[device] ?? good
      if (answer instanceof LinkError) throw answer
      return answer
    },
  }
  const connections = [
    tcpSettings(names('plc', 'pump')),
    rtuSettings(names('meter1', 'meter2', 'meter3', 'meter4', 'meter5', 'meter6')),
    textSettings([
      deviceWith({ name: 'gps', pattern: '^(?<a>.)', points: [pointWith({ name: 'a', type: 'string' })] }),
    ]),
  ]
  const verbs = gatewayVerbs({
    connections,
    pollers: connections.map(() => poller),
    clock: new VirtualClock(),
    record: (reading) => void recorded.push(reading),
    flush: async () => {},
    restart: undefined,
  })
  return { verbs, asked, recorded }
}

test('a device that is named is read and recorded, with what could not be read of it', async () => {
  const { verbs, asked, recorded } = rig({}, ['meter2'])
  assert.equal(await verbs.readNow('meter2'), undefined)
  assert.deepEqual(asked, ['meter2'])
  assert.deepEqual(
    recorded.map(({ device, samples }) => [device, samples]),
    [['meter2', good]],
  )
})

test('all devices but those that are silent or speak by themselves are read', async () => {
  const { verbs, asked, recorded } = rig({}, ['meter2'])
  assert.equal(await verbs.readNow(), 'not read: meter2: offline')
  assert.deepEqual(asked.toSorted(), ['meter1', 'meter3', 'meter4', 'meter5', 'meter6', 'plc', 'pump'])
  assert.equal(recorded.length, 7)
})

test('why nothing was read is told, of many devices only the first names', async () => {
  const { verbs, recorded } = rig({
    plc: [{ point: 'a', error: 'timeout' }],
    pump: [],
    meter1: new LinkError('closed', 'the bus is not open'),
  })
  assert.equal(await verbs.readNow('gps'), 'not read: gps: it speaks by itself')
  assert.equal(await verbs.readNow('pump'), 'not read: pump: it has nothing to read')
  assert.equal(await verbs.readNow(), 'not read: plc: timeout, pump: it has nothing to read, meter1: closed')
  assert.equal(recorded.length, 5)
  const silent = rig({}, ['meter1', 'meter2', 'meter3', 'meter4', 'meter5', 'meter6'])
  assert.match((await silent.verbs.readNow()) ?? '', /meter5: offline and 1 more$/)
})

test('a gateway that nobody starts again has no restart', () => {
  assert.equal(rig({}).verbs.restart, undefined)
})
