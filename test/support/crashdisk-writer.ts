/**
 * crashdisk-writer.ts DIRECTORY MARKS SEED STEPS
 *
 * A gateway without devices and cloud: the product's own outbox, inbox and storage thread work in DIRECTORY, and whatever
 * they confirm is written to MARKS. Three epochs; the last one just ends.
 */
import { openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { systemClock } from '../../src/clock.ts'
import { Inbox } from '../../src/inbox/inbox.ts'
import { silentLogger } from '../../src/log.ts'
import type { NewRecord, StoredRecord, Value } from '../../src/model.ts'
import type { Cursor } from '../../src/outbox/cursor.ts'
import { oldestQuestion } from '../../src/outbox/operations.ts'
import { Outbox } from '../../src/outbox/outbox.ts'
import type { Operation } from '../../src/storage/operation.ts'
import { StorageThread } from '../../src/storage/storage.ts'
import type { Mark } from './crashdisk-marks.ts'
import { bodyOf, commandSettings, DATABASE, GATEWAY, isLoss, UPLINKS } from './crashdisk-site.ts'
import { chanceOf } from './seeded.ts'

const EPOCHS = 3
const BOOT = 'the only boot'
const log = silentLogger
const clock = systemClock

const [directory = '', marks = '', seed = '0', steps = '0'] = process.argv.slice(2)
const chance = chanceOf(Number(seed))
const markFile = openSync(marks, 'w')

function mark(said: Mark): void {
  writeSync(markFile, JSON.stringify(said))
}

/** One run of the gateway. */
class Run {
  readonly #storage: StorageThread
  readonly #outbox: Outbox
  readonly #inbox: Inbox
  readonly #cursors: readonly Cursor[]
  #deviceOnline = true
  #isGivingUp = false

  constructor(storage: StorageThread, outbox: Outbox) {
    this.#storage = storage
    this.#outbox = outbox
    this.#cursors = UPLINKS.map((name) => outbox.cursor(name))
    this.#inbox = new Inbox(commandSettings, {
      storage,
      clock,
      log,
      report: (record) => this.#report(record),
      devices: {
        isOnline: () => this.#deviceOnline,
        write: (_device, _point, value) => this.#write(value),
        send: () => Promise.reject(new Error('no device takes texts')),
        read: async (_device, points) => points.map(() => 0),
      },
      verbs: { readNow: async () => undefined, flush: async () => {} },
      now: () => ({ boot: BOOT, mono: clock.mono(), wall: clock.wall(), clockKnown: true }),
      bootOffset: () => undefined,
      random: () => 0,
    })
    outbox.onCommitted = () => mark({ mark: 'stored', through: outbox.storedRange.last })
  }

  async work(count: number): Promise<void> {
    await this.#inbox.open()
    const underWay: Promise<void>[] = []
    for (let step = 0; step < count; step += 1) {
      underWay.push(this.#step())
      await pause(chance.between(0, 3))
    }
    await Promise.all(underWay)
    await this.#inbox.close()
  }

  #step(): Promise<void> {
    const kind = chance.between(1, 11)
    if (kind === 11) return this.#giveUp()
    if (kind <= 4) return this.#append()
    if (kind === 5) return this.#appendDurably()
    if (kind <= 8) return this.#acknowledge(chance.oneOf(this.#cursors))
    if (kind === 9) return this.#command()
    this.#deviceOnline = !this.#deviceOnline
    if (this.#deviceOnline) this.#inbox.deviceOnline('boiler')
    return Promise.resolve()
  }

  #records(): NewRecord[] {
    const first = this.#outbox.head() + 1
    const count = chance.between(1, 12)
    mark({ mark: 'issued', through: first + count - 1 })
    return Array.from({ length: count }, (_, index) => ({
      kind: 'data',
      source: 'meter',
      body: bodyOf(this.#outbox.epoch, first + index),
      mono: clock.mono(),
    }))
  }

  async #append(): Promise<void> {
    this.#outbox.append(this.#records())
  }

  async #appendDurably(): Promise<void> {
    const synced = this.#outbox.append(this.#records(), { durable: true })
    const through = this.#outbox.head()
    await synced
    mark({ mark: 'stored', through })
  }

  /** The cloud takes some records, not always the oldest. */
  async #acknowledge(cursor: Cursor): Promise<void> {
    if (chance.hits(0.05)) cursor.rewind()
    const records = await cursor.next(chance.between(1, 40))
    const from = chance.hits(0.2) ? Math.floor(records.length / 2) : 0
    const taken = records.slice(from)
    const outcomes = taken.filter((record) => record.kind === 'outcome').map(commandIdOf)
    const losses = taken.filter(isLoss).map((record) => record.seq)
    mark({ mark: 'acked', uplink: cursor.name, seqs: taken.map((record) => record.seq), outcomes, losses })
    const refused = chance.hits(0.2) ? taken.find((record) => record.kind === 'data') : undefined
    if (refused) cursor.rejected(refused, 'too large')
    cursor.delivered(taken.filter((record) => record !== refused))
  }

  /** A limit takes the oldest readings, as the keeper does it. */
  async #giveUp(): Promise<void> {
    if (this.#isGivingUp) return
    this.#isGivingUp = true
    const question = oldestQuestion({ after: 0, recordsMax: chance.between(1, 15), kinds: 'data' })
    const { seqs, boots, monos, targets } = await this.#storage.read(question)
    const records = Array.from(seqs, (seq, index) => ({
      seq,
      boot: boots[index] ?? 0,
      mono: monos[index] ?? 0,
      target: targets[index] ?? 0,
    }))
    mark({ mark: 'given', seqs: [...seqs] })
    await this.#outbox.giveUp(records, 'max_size')
    this.#isGivingUp = false
  }

  async #command(): Promise<void> {
    const value = chance.between(1, 2 ** 31 - 1)
    const key = chance.oneOf(['level', 'level', 'batch'])
    const id = `${key}-${value}`
    const payload = Buffer.from(JSON.stringify({ id, value }))
    await this.#inbox.accept({ uplink: 'cloud', key, payload, retained: false })
    mark({ mark: 'command', key, id, value })
  }

  async #write(value: Value): Promise<void> {
    mark({ mark: 'written', value: Number(value) })
    await pause(chance.between(0, 4))
    if (chance.hits(0.2))
      throw Object.assign(new Error('no reply'), { code: 'timeout', happened: 'maybe', retriable: true })
  }

  #report(record: NewRecord): Operation {
    mark({ mark: 'issued', through: this.#outbox.head() + 1, outcome: true })
    const operation = this.#outbox.report(record)
    const seq = this.#outbox.head()
    const { id, state } = JSON.parse(`{${record.body}}`) as { id: string; state: string }
    return {
      ...operation,
      committed(answer) {
        operation.committed?.(answer)
        mark({ mark: 'outcome', id, state, seq })
      },
    }
  }
}

function commandIdOf(record: StoredRecord): string {
  return (JSON.parse(`{${record.body}}`) as { id: string }).id
}

for (let epoch = 1; epoch <= EPOCHS; epoch += 1) {
  const storage = await StorageThread.open(join(directory, DATABASE), { clock, log })
  const outbox = await Outbox.open({
    storage,
    clock,
    log,
    commitIntervalMs: 20,
    start: {
      gateway: GATEWAY,
      boot: BOOT,
      mono: clock.mono(),
      wall: clock.wall(),
      clockKnown: true,
      uplinks: UPLINKS.map((name) => ({ name, startAt: 'head' as const })),
    },
  })
  await outbox.begun
  const tag = outbox.epoch
  mark({ mark: 'epoch', tag, first: outbox.head() })
  await new Run(storage, outbox).work(Math.ceil(Number(steps) / EPOCHS))
  if (epoch === EPOCHS) process.exit()
  await outbox.close()
  mark({ mark: 'closed', tag, through: outbox.head() })
  await storage.close()
}
