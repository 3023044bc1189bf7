/**
 * outbox-victim.ts FOLDER SEED
 *
 * The process that is killed: appends to four uplinks (see IDENTITIES), durably and not, delivers, acknowledges, rejects, begins sessions
 * anew, gives records up at a limit, and writes into a file what it promised to whom, one line each, before it goes on. A
 * line ends with `;`, so that one torn by the kill is known. Says `ready` on standard output.
 *
 *   S            the process runs and is about to open the database
 *   O tag        the outbox is open, with this epoch
 *   C n what     transaction n begins; what is in it, a letter each (see `contentsOf`)
 *   E n          it is synced
 *   T id         this record is for north only
 *   P id         this record is not of the meter
 *   H id         this outcome may be seen by nobody before it is synced
 *   A id         confirmed as durable
 *   D name id body   handed to the cloud of uplink `name`
 *   L name id body   the same, by the live lane
 *   U id body    about to be spent by east
 *   X name id    refused by that cloud for good
 *   R name       a new session begins
 *   G id         it may be given up at a limit
 */
import { openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../src/clock.ts'
import { silentLogger } from '../../src/log.ts'
import type { NewRecord, StoredRecord } from '../../src/model.ts'
import type { Cursor } from '../../src/outbox/cursor.ts'
import { type CommitArgs, oldestQuestion } from '../../src/outbox/operations.ts'
import { Outbox } from '../../src/outbox/outbox.ts'
import type { Operation, Results, Storage } from '../../src/storage/operation.ts'
import { StorageThread } from '../../src/storage/storage.ts'
import { IDENTITIES } from './outbox-testimony.ts'
import { chanceOf } from './seeded.ts'

const [, , folder = '', seed = '0'] = process.argv
const testimony = openSync(join(folder, 'testimony'), 'a')
const chance = chanceOf(Number(seed))
tell('\nS')

const thread = await StorageThread.open(join(folder, 'tidegate.db'), { clock: systemClock, log: silentLogger })
let transactions = 0

/** Tells what is given to the storage thread, and when it is synced. */
const storage: Storage = {
  read: (question) => thread.read(question),
  async transact<const Ops extends readonly Operation[]>(operations: Ops): Promise<Results<Ops>> {
    transactions += 1
    const number = transactions
    tell(`C ${number} ${contentsOf(operations)}`)
    const results = await thread.transact(operations)
    tell(`E ${number}`)
    return results
  },
}

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
    uplinks: IDENTITIES,
  },
})
await outbox.begun

let made = 0
tell(`O ${outbox.epoch}`)
console.log('ready')
void deliver(outbox.cursor('north'), { window: 50, pauseMs: 1 })
void deliver(outbox.cursor('south'), { window: 50, pauseMs: 4 })
void deliver(outbox.cursor('west'), { window: 20, pauseMs: 9 })
void spend(outbox.cursor('east'))
void keepLimits()
for (;;) {
  const from = outbox.head() + 1
  const how = chance.hits(0.5) ? 'durable' : chance.hits(0.2) ? 'report' : 'later'
  const to = how === 'report' || chance.hits(0.2) ? 'north' : undefined
  const source = chance.hits(0.4) ? 'pump' : 'meter'
  const records = makeUp(how === 'report' ? 1 : chance.between(1, 40), { to, source })
  const through = outbox.head() + records.length
  // Told before: a kill may come when they are on disk already and this thread has not had its turn.
  if (to !== undefined) tellEach('T', from, through)
  if (source === 'pump') tellEach('P', from, through)
  if (how === 'durable') {
    await outbox.append(records, { durable: true })
    tellEach('A', from, through)
  } else if (how === 'report') {
    tellEach('H', from, from)
    await storage.transact(records.map((record) => outbox.report({ ...record, kind: 'outcome' })))
    tellEach('A', from, from)
  } else {
    outbox.append(records)
    await systemClock.wait(chance.between(0, 3))
  }
}

/** Takes what there is, refuses a record, and loses the connection with what was in flight, each now and then. */
async function deliver(cursor: Cursor, pace: { readonly window: number; readonly pauseMs: number }): Promise<void> {
  cursor.rewind()
  for (;;) {
    const live = cursor.nextLive(chance.between(1, pace.window))
    tellGiven('L', cursor, live)
    const backlog = await cursor.next(pace.window)
    tellGiven('D', cursor, backlog)
    const records = [...backlog, ...live]
    await systemClock.wait(pace.pauseMs)
    if (chance.hits(0.05)) {
      cursor.rewind()
      tell(`R ${cursor.name}`)
      continue
    }
    const refused = chance.hits(0.1) ? records.find((record) => record.kind === 'data') : undefined
    if (refused) {
      tell(`X ${cursor.name} ${idOf(refused)}`)
      cursor.rejected(refused, 'too large')
    }
    // Answers come in any order.
    cursor.delivered(records.filter((record) => record !== refused).sort(() => chance.next() - 0.5))
  }
}

/** At most once: nothing is handed to the cloud before it is settled for good. */
async function spend(cursor: Cursor): Promise<void> {
  for (;;) {
    const records = await cursor.next(chance.between(1, 60))
    if (records.length > 0) tell(records.map((one) => `U ${idOf(one)} ${one.body}`).join(';\n'))
    if (chance.hits(0.05)) {
      cursor.rewind()
      continue
    }
    await cursor.spend(records)
    tellGiven('D', cursor, records)
    await systemClock.wait(chance.between(0, 5))
  }
}

/** As the keeper does it: asks for the oldest readings, and gives them up in one transaction. */
async function keepLimits(): Promise<void> {
  for (;;) {
    await systemClock.wait(chance.between(1, 6))
    const rows = await storage.read(oldestQuestion({ after: 0, recordsMax: chance.between(1, 60), kinds: 'data' }))
    const records = Array.from(rows.seqs, (seq, index) => ({
      seq,
      boot: rows.boots[index] ?? 0,
      mono: rows.monos[index] ?? 0,
      target: rows.targets[index] ?? 0,
    }))
    if (records.length === 0) continue
    tell(records.map((record) => `G ${outbox.supply.describe(record).idPrefix}${record.seq}`).join(';\n'))
    await outbox.giveUp(records, 'max_size')
  }
}

/** `s` the start of an epoch, `r` rows are removed, `l` a limit gives records up, `x` rejected records, `-` none of them. */
function contentsOf(operations: readonly Operation[]): string {
  const commits = operations.filter(({ op }) => op === 'outbox.commit').map(({ args }) => args as CommitArgs)
  const has = (letter: string, is: (commit: CommitArgs) => boolean) => (commits.some(is) ? letter : '')
  const letters = [
    has('s', ({ absent }) => absent !== undefined),
    has('r', ({ remove = [] }) => remove.length > 0),
    has('l', ({ losses = [] }) => losses.length > 0),
    has('x', ({ rejected = [] }) => rejected.length > 0),
  ]
  return letters.join('') || '-'
}

function makeUp(count: number, { to, source }: { to: string | undefined; source: string }): NewRecord[] {
  return Array.from({ length: count }, () => {
    made += 1
    const body = `"n":"${process.pid}-${made}"`
    return { kind: 'data', source, body, mono: systemClock.mono(), ...(to === undefined ? {} : { to }) }
  })
}

function idOf(record: StoredRecord): string {
  return record.idPrefix + record.seq
}

function tellGiven(word: 'D' | 'L', cursor: Cursor, records: readonly StoredRecord[]): void {
  if (records.length > 0) tell(records.map((one) => `${word} ${cursor.name} ${idOf(one)} ${one.body}`).join(';\n'))
}

function tellEach(word: string, from: number, through: number): void {
  const seqs = Array.from({ length: through - from + 1 }, (_, index) => from + index)
  tell(seqs.map((seq) => `${word} gw/${outbox.epoch}/${seq}`).join(';\n'))
}

function tell(lines: string): void {
  writeSync(testimony, `${lines};\n`)
}
