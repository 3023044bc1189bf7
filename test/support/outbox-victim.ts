/**
 * The process that is killed: appends to two uplinks, durably and not, delivers and acknowledges, and writes into a file
 * what it confirmed to whom, one line each, before it goes on. Says `ready` on standard output.
 *
 *   T id       this record is for north only
 *   A id       confirmed as durable
 *   D name id after body   handed to the cloud of uplink `name`
 *   B, E       a commit that somebody waits for begins, ends
 */
import { openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../src/clock.ts'
import { silentLogger } from '../../src/log.ts'
import type { NewRecord } from '../../src/model.ts'
import type { Cursor } from '../../src/outbox/cursor.ts'
import { Outbox } from '../../src/outbox/outbox.ts'
import { StorageThread } from '../../src/storage/storage.ts'
import { chanceOf } from './seeded.ts'

const WINDOW = 50
const [, , folder = '', seed = '0'] = process.argv
const testimony = openSync(join(folder, 'testimony'), 'a')
const chance = chanceOf(Number(seed))

const storage = await StorageThread.open(join(folder, 'tidegate.db'), { clock: systemClock, log: silentLogger })
const outbox = await Outbox.open({
  storage,
  clock: systemClock,
  log: silentLogger,
  commitIntervalMs: 20,
  start: {
    gateway: 'gw',
    boot: 'boot',
    mono: systemClock.mono(),
    wall: systemClock.wall(),
    clockKnown: true,
    uplinks: [
      { name: 'north', startAt: 'tail' },
      { name: 'south', startAt: 'tail' },
    ],
  },
})

let made = 0
tell('started')
console.log('ready')
void deliver(outbox.cursor('north'), 1)
void deliver(outbox.cursor('south'), 4)
for (;;) {
  const from = outbox.head() + 1
  const to = chance.hits(0.2) ? 'north' : undefined
  const records = makeUp(chance.between(1, 40), to)
  const through = outbox.head() + records.length
  // Told before: a kill may come when they are on disk already and this thread has not had its turn.
  if (to !== undefined) tellEach('T', from, through)
  if (chance.hits(0.6)) {
    tell('B')
    await outbox.append(records, { durable: true })
    tell('E')
    tellEach('A', from, through)
  } else {
    outbox.append(records)
    await systemClock.wait(chance.between(0, 3))
  }
}

/** Takes what there is, loses an acknowledgement now and then, and begins a new session. */
async function deliver(cursor: Cursor, pauseMs: number): Promise<void> {
  for (;;) {
    const records = await cursor.next(WINDOW)
    const lines = records.map((r) => `D ${cursor.name} ${r.idPrefix}${r.seq} ${r.after ?? r.seq - 1} ${r.body}\n`)
    if (lines.length > 0) writeSync(testimony, lines.join(''))
    await systemClock.wait(pauseMs)
    if (chance.hits(0.05)) {
      cursor.rewind()
      tell(`R ${cursor.name}`)
    } else cursor.delivered(records)
  }
}

function makeUp(count: number, to: string | undefined): NewRecord[] {
  return Array.from({ length: count }, () => {
    made += 1
    const body = `"n":"${process.pid}-${made}"`
    return { kind: 'data', source: 'm', body, mono: systemClock.mono(), ...(to === undefined ? {} : { to }) }
  })
}

function tellEach(word: string, from: number, through: number): void {
  let lines = ''
  for (let seq = from; seq <= through; seq += 1) lines += `${word} gw/${outbox.epoch}/${seq}\n`
  writeSync(testimony, lines)
}

function tell(line: string): void {
  writeSync(testimony, `${line}\n`)
}
