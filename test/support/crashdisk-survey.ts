import { existsSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { systemClock } from '../../src/clock.ts'
import { messageOf } from '../../src/errors.ts'
import { silentLogger } from '../../src/log.ts'
import type { StoredRecord } from '../../src/model.ts'
import { Outbox } from '../../src/outbox/outbox.ts'
import type { Storage } from '../../src/storage/operation.ts'
import { StorageThread } from '../../src/storage/storage.ts'
import type { Promised } from './crashdisk-marks.ts'
import { bodyOf, DATABASE, GATEWAY, isLoss, UPLINKS } from './crashdisk-site.ts'
import { brokenBooks, recount } from './outbox-recount.ts'
import { HeldStorage } from './outbox-storage.ts'

/** What the next start of the gateway finds. */
interface Found {
  readonly epoch: string
  /** The first record of the new epoch. */
  readonly started: { readonly seq: number; readonly previous?: Previous }
  /** uplink -> what it is sent, the new epoch's first record included */
  readonly fed: ReadonlyMap<string, readonly StoredRecord[]>
  readonly integrity: string
  /** Books that do not add up, as the cut left them and after a clean stop. */
  readonly books: readonly string[]
  readonly commands: readonly CommandRow[]
}

interface Previous {
  readonly epoch: string
  readonly first: number
  readonly stored_through: number
  readonly clean: boolean
}

interface CommandRow {
  readonly key: string
  readonly id: string
  readonly value: string
  readonly state: string
  readonly attempts: number
}

/**
 * Starts the product on what the power cut left and gives the promises that are broken. `inThread` starts its storage
 * thread too; without, the same operations run on this one, in a third of the time.
 */
export async function survey(
  directory: string,
  promised: Promised,
  options: { readonly inThread: boolean },
): Promise<string[]> {
  if (!existsSync(join(directory, DATABASE))) return ['there is no database']
  let found: Found
  try {
    found = await start(join(directory, DATABASE), options.inThread ? openThread : openHere)
  } catch (error) {
    return [messageOf(error)]
  }
  return [
    ...(found.integrity === 'ok' ? [] : [`integrity check: ${found.integrity.slice(0, 80)}`]),
    ...found.books,
    ...epochFaults(found, promised),
    ...UPLINKS.flatMap((uplink) => feedFaults(uplink, found, promised)),
    ...commandFaults(found, promised),
    ...outcomeFaults(found, promised),
  ]
}

interface OpenStorage {
  readonly storage: Storage
  close(): Promise<void>
}

async function openThread(file: string): Promise<OpenStorage> {
  const storage = await StorageThread.open(file, { clock: systemClock, log: silentLogger })
  const { setAside, damage } = storage.opened
  if (setAside === undefined) return { storage, close: () => storage.close() }
  await storage.close()
  throw new Error(`the database was set aside: ${damage}`)
}

async function openHere(file: string): Promise<OpenStorage> {
  const database = new Database(file)
  return { storage: new HeldStorage(database), close: async () => void database.close() }
}

async function start(file: string, open: (file: string) => Promise<OpenStorage>): Promise<Found> {
  const clock = systemClock
  const books = look(file, booksOf)
  const { storage, close } = await open(file)
  try {
    const uplinks = UPLINKS.map((name) => ({ name, startAt: 'head' as const }))
    const identity = { gateway: GATEWAY, boot: 'the boot after', mono: clock.mono(), wall: clock.wall() }
    const start = { ...identity, clockKnown: true, uplinks }
    const outbox = await Outbox.open({ storage, clock, log: silentLogger, commitIntervalMs: 1000, start })
    await outbox.begun
    const fed = new Map<string, StoredRecord[]>()
    for (const name of UPLINKS) fed.set(name, await drain(outbox, name))
    const first = fed.get(UPLINKS[0])?.find(({ idPrefix }) => idPrefix === `${GATEWAY}/${outbox.epoch}/`)
    if (first === undefined) throw new Error('the first record of the new epoch is missing')
    const { previous } = JSON.parse(`{${first.body}}`) as { previous?: Previous }
    await outbox.close()
    await close()
    return {
      epoch: outbox.epoch,
      started: { seq: first.seq, ...(previous ? { previous } : {}) },
      fed,
      ...look(file, (database) => ({
        integrity: String(database.pragma('integrity_check', { simple: true })),
        books: [...books, ...booksOf(database)],
        commands: commandsOf(database),
      })),
    }
  } finally {
    await close()
  }
}

function look<T>(file: string, at: (database: Database.Database) => T): T {
  const database = new Database(file)
  try {
    return at(database)
  } finally {
    database.close()
  }
}

function booksOf(database: Database.Database): string[] {
  return brokenBooks(recount(database))
}

function commandsOf(database: Database.Database): CommandRow[] {
  return database.prepare('SELECT key, id, value, state, attempts FROM command ORDER BY arrival').all() as CommandRow[]
}

async function drain(outbox: Outbox, uplink: string): Promise<StoredRecord[]> {
  const cursor = outbox.cursor(uplink)
  const records: StoredRecord[] = []
  for (;;) {
    const page = await cursor.next(1000)
    if (page.length === 0) return records
    records.push(...page)
  }
}

/** P3 and P4: numbers go on, ids never return, and what never became durable is named. */
function epochFaults({ epoch, started }: Found, promised: Promised): string[] {
  const faults: string[] = []
  const { previous } = started
  const through = started.seq - 1
  const last = promised.epochs.at(-1)
  if (through < promised.storedThrough) faults.push(`${promised.storedThrough} was stored, ${through} is the last one`)
  if (promised.epochs.some(({ tag }) => tag === epoch)) faults.push(`the epoch ${epoch} came again`)
  if (last && !previous) faults.push(`the epoch ${last.tag} is forgotten`)
  if (!previous) return faults
  if (previous.stored_through !== through) faults.push(`${previous.stored_through} is named, ${through} is stored`)
  const known = promised.epochs.find(({ tag }) => tag === previous.epoch)
  if (last && last !== known && previous.first <= last.first) faults.push(`${previous.epoch} came before ${last.tag}`)
  // An epoch of which nobody was told yet has issued its first record, and one of the loss ledger for each uplink.
  const issued = known ? promised.issuedThrough : previous.first + UPLINKS.length
  if (through > Math.max(issued, previous.first)) faults.push(`${through} is claimed, ${issued} is the last one issued`)
  if (promised.closed.has(previous.epoch) && !previous.clean) faults.push(`${previous.epoch} had ended cleanly`)
  return faults
}

/** P1: every number up to the last one stored is still there for an uplink, or it has acknowledged it. */
function feedFaults(uplink: string, { fed, started }: Found, promised: Promised): string[] {
  const records = fed.get(uplink) ?? []
  const faults = records.flatMap((record) => contentFault(record))
  const acked = promised.acked.get(uplink)
  const sent = new Set(records.map((record) => record.seq))
  const foreign = foreignSeqs(uplink, fed, promised)
  const missing: number[] = []
  for (let seq = 1; seq < started.seq; seq += 1) {
    if (!sent.has(seq) && !acked?.has(seq) && !promised.given.has(seq) && !foreign.has(seq)) missing.push(seq)
  }
  if (missing.length > 0) faults.push(`${uplink} lacks ${missing.length} of ${started.seq - 1}, first ${missing[0]}`)
  return faults
}

/** Numbers that only another uplink wants: outcomes of its commands, records of its loss ledger. */
function foreignSeqs(uplink: string, fed: Found['fed'], promised: Promised): Set<number> {
  const seqs = uplink === 'cloud' ? new Set<number>() : outcomeSeqs(fed, promised)
  for (const other of UPLINKS.filter((name) => name !== uplink)) {
    for (const seq of promised.ackedLosses.get(other) ?? []) seqs.add(seq)
    for (const record of fed.get(other) ?? []) if (isLoss(record)) seqs.add(record.seq)
  }
  return seqs
}

/** Outcomes are for the uplink that brought the command. */
function outcomeSeqs(fed: Found['fed'], promised: Promised): Set<number> {
  const seqs = new Set(promised.outcomeSeqs)
  for (const record of fed.get('cloud') ?? []) if (record.kind === 'outcome') seqs.add(record.seq)
  return seqs
}

function contentFault(record: StoredRecord): string[] {
  if (record.kind !== 'data') return []
  const tag = record.idPrefix.split('/')[1] ?? ''
  const same = record.idPrefix === `${GATEWAY}/${tag}/` && record.body === bodyOf(tag, record.seq)
  return same ? [] : [`${record.idPrefix}${record.seq} has the content ${record.body.slice(0, 60)}`]
}

/** P2 and P8: a confirmed command is there, only the newest of a key waits, and none was written before it was noted. */
function commandFaults({ commands }: Found, promised: Promised): string[] {
  const faults: string[] = []
  const byId = new Map(commands.map((row) => [row.id, row]))
  for (const { key, id, value } of promised.commands) {
    const row = byId.get(id)
    if (row?.key !== key || row.value !== String(value)) faults.push(`the confirmed command ${id} is lost`)
  }
  const values = new Map(commands.map((row) => [Number(row.value), row]))
  for (const value of promised.written) {
    if ((values.get(value)?.attempts ?? 0) < 1) faults.push(`${value} was written to the device, and nothing says so`)
  }
  const levels = commands.filter((row) => row.key === 'level')
  const waiting = levels.filter((row) => row.state === 'waiting')
  if (waiting.length > 1 || (waiting[0] && waiting[0] !== levels.at(-1))) faults.push('an older command of a key waits')
  return faults
}

/** A command is settled exactly when its outcome is on its way: they are one transaction. */
function outcomeFaults({ commands, fed }: Found, promised: Promised): string[] {
  const told = new Map<string, string>()
  for (const record of fed.get('cloud') ?? []) {
    if (record.kind !== 'outcome') continue
    const { id, state } = JSON.parse(`{${record.body}}`) as { id: string; state: string }
    told.set(id, state)
  }
  return commands.flatMap(({ id, state }) => {
    const settled = state !== 'waiting' && state !== 'applying'
    const promisedState = promised.outcomes.get(id)
    if (promisedState !== undefined && promisedState !== state) return [`${id} was ${promisedState} and is ${state}`]
    if (settled && !told.has(id) && !promised.ackedOutcomes.has(id)) return [`nobody is told that ${id} was ${state}`]
    if (told.has(id) && told.get(id) !== state) return [`${id} is ${state}, the cloud is told ${told.get(id)}`]
    return []
  })
}
