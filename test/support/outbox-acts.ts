/** Does what a step says, to the outbox and to its twin. */
import assert from 'node:assert/strict'
import { type OldestRows, oldestQuestion } from '../../src/outbox/operations.ts'
import { turn } from './outbox-clock.ts'
import { COMMIT_INTERVAL_MS, type OutboxRun } from './outbox-run.ts'
import type { NewStep, Step } from './outbox-steps.ts'
import { madeUp, tally } from './outbox-twin.ts'

/** Does one step. Resolves at once: what it sets off goes on behind, until the run lets thread and timers work. */
export async function perform(run: OutboxRun, step: Step): Promise<void> {
  switch (step.do) {
    case 'append':
      return append(run, step.records, step.how)
    case 'read':
      return read(run, step.uplink, step.max)
    case 'read live':
      return readLive(run, step.uplink, step.max)
    case 'answer':
      return step.together ? answerTogether(run, step, step.together) : answer(run, step)
    case 'thread':
      run.storage.work(step.works)
      return run.storage.arrive(step.arrives)
    case 'wait':
      return run.clock.advance(step.ms)
    case 'step the clock':
      run.clock.stepWall(step.ms)
      run.outbox.boots.observe({ mono: run.clock.mono(), wall: run.clock.wall(), clockKnown: step.clockKnown })
      return run.outbox.storeBoot()
    case 'drop':
      return dropOldest(run, step.count, step.kinds)
    case 'rewind':
      return rewind(run, step.uplink)
    case 'crash':
      await run.crash()
      return run.open(step.next)
    case 'stop':
      await run.stop()
      return run.open(step.next)
    case 'thread dies':
      return run.storage.restartThread()
    case 'end loss episodes':
      return endLossEpisodes(run)
    case 'disk':
      run.storage.mood = step.mood
      return
    default:
      return operate(run, step)
  }
}

type Operation = Step & {
  do: 'pause' | 'resume' | 'forget' | 'replay' | 'release kept' | 'drop before' | 'retry' | 'discard'
}

/** What an operator does by hand. */
function operate(run: OutboxRun, step: Operation): void {
  if (step.do === 'release kept') {
    run.outbox.releaseKept(numberAt(run, step.through))
    return
  }
  const isHere = step.uplink === undefined || run.outbox.cursors.some(({ name }) => name === step.uplink)
  const done = isHere || step.do === 'forget' ? begin(run, step) : undefined
  if (done) run.note(done)
}

function numberAt(run: OutboxRun, part: number): number {
  return Math.ceil(part * run.outbox.head())
}

function begin(run: OutboxRun, step: Operation): Promise<unknown> | undefined {
  const { twin } = run
  const { operator } = run.outbox
  switch (step.do) {
    case 'forget':
      return forget(run, step.uplink)
    case 'pause':
    case 'resume':
      twin.uplink(step.uplink).paused = step.do === 'pause'
      return step.do === 'pause' ? operator.pause(step.uplink) : operator.resume(step.uplink)
    case 'replay':
      return operator.replay(step.uplink, { from: numberAt(run, step.from), through: numberAt(run, step.through) })
    case 'drop before': {
      const before = numberAt(run, step.part)
      twin.mayDropBefore = Math.max(twin.mayDropBefore, before)
      return operator.dropBefore(before, step.uplink)
    }
    case 'retry':
      return operator.retryRejected(step.uplink, 'all')
    case 'discard':
      return operator.discardRejected(step.uplink, 'all')
    default:
      return undefined
  }
}

function forget(run: OutboxRun, name: string): Promise<unknown> | undefined {
  if (!run.outbox.absent.some((cursor) => cursor.name === name)) return undefined
  run.twin.uplink(name).isForgotten = true
  return run.outbox.operator.forget(name)
}

function append(run: OutboxRun, records: readonly NewStep[], how: 'later' | 'durable' | 'report'): void {
  const news = records.map((record) => madeUp({ ...record, mono: run.clock.mono() }))
  const { outbox, twin } = run
  const confirm = () => {
    const issued = twin.issue(outbox, run.clock.elapsed)
    return () => {
      if (run.isLiving(outbox)) twin.confirmed.push(...issued)
    }
  }
  if (how === 'later') {
    outbox.append(news)
    twin.issue(outbox, run.clock.elapsed)
  } else if (how === 'durable') {
    const promise = outbox.append(news, { durable: true })
    run.note(promise.then(confirm()))
  } else {
    const operations = news.map((record) => outbox.report(record))
    for (let seq = outbox.head() - news.length + 1; seq <= outbox.head(); seq += 1) twin.reported.add(seq)
    const promise = run.storage.transact(operations)
    run.note(promise.then(confirm()))
  }
}

function read(run: OutboxRun, name: string, max: number): void {
  const { outbox, twin } = run
  const cursor = outbox.cursors.find((candidate) => candidate.name === name)
  if (!cursor || twin.uplink(name).reading) return
  const answer = cursor.next(max)
  if (!(answer instanceof Promise)) {
    assert.ok(answer.length === 0 || !twin.uplink(name).paused, `${name} is paused and gets records`)
    twin.receive(cursor, answer, run)
    return
  }
  twin.uplink(name).reading = true
  run.note(
    answer.then((records) => {
      if (!run.isLiving(outbox)) return
      twin.uplink(name).reading = false
      twin.receive(cursor, records, run)
    }),
  )
}

function readLive(run: OutboxRun, name: string, max: number): void {
  const cursor = run.outbox.cursors.find((candidate) => candidate.name === name)
  if (!cursor) return
  const records = cursor.nextLive(max)
  assert.ok(records.length === 0 || !run.twin.uplink(name).paused, `${name} is paused and gets live records`)
  run.twin.receive(cursor, records, { isDurable: run.isDurable, lane: 'live' })
}

/** The same for all of them in one call, in the order of the picks. */
function answerTogether(run: OutboxRun, step: { uplink: string; picks: readonly number[] }, how: string): void {
  const cursor = run.outbox.cursors.find((candidate) => candidate.name === step.uplink)
  if (!cursor) return
  const { inFlight } = run.twin.uplink(step.uplink)
  const records = [...new Set(step.picks.map((pick) => inFlight[pick % Math.max(1, inFlight.length)]))]
  const settled = records.filter((record) => record !== undefined)
  const { outbox } = run
  if (how === 'delivered') cursor.delivered(settled)
  else {
    tally.spent += settled.length
    const spent = cursor.spend(settled).then(() => {
      if (!run.isLiving(outbox)) return
      for (const { seq, again } of settled) assert.ok(again || run.isSettled(step.uplink, seq), `${seq} is not spent`)
    })
    run.note(spent)
  }
  for (const record of settled) run.twin.settle(cursor, record, false)
}

/** Settles some of what is in flight, in any order. */
function answer(run: OutboxRun, step: Omit<Step & { do: 'answer' }, 'do'>): void {
  const cursor = run.outbox.cursors.find((candidate) => candidate.name === step.uplink)
  if (!cursor) return
  for (const pick of step.picks) {
    const { inFlight } = run.twin.uplink(step.uplink)
    const record = inFlight[pick % Math.max(1, inFlight.length)]
    if (!record) return
    if (step.rejected) cursor.rejected(record, 'too large')
    else cursor.delivered([record])
    run.twin.settle(cursor, record, step.rejected)
  }
}

function rewind(run: OutboxRun, name: string): void {
  const cursor = run.outbox.cursors.find((candidate) => candidate.name === name)
  if (cursor) run.rewind(cursor)
}

/** What the keeper does at a limit, with time between its question and its decision; one at a time. */
function dropOldest(run: OutboxRun, count: number, kinds: 'data' | 'all'): void {
  if (run.isDropping) return
  run.isDropping = true
  const { outbox, twin } = run
  const reading = run.storage.read(oldestQuestion({ after: 0, recordsMax: count, kinds }))
  const dropping = reading.then((rows: OldestRows) => {
    if (!run.isLiving(outbox)) return undefined
    const records = Array.from(rows.seqs, (seq, index) => ({
      seq,
      boot: rows.boots[index] ?? 0,
      mono: rows.monos[index] ?? 0,
      target: rows.targets[index] ?? 0,
    }))
    for (const cursor of outbox.cursors) {
      for (const { seq, again } of twin.uplink(cursor.name).inFlight) assert.ok(again || cursor.isOutstanding(seq))
    }
    const free = records.filter(({ seq }) => !outbox.cursors.some((cursor) => cursor.isOutstanding(seq)))
    twin.mayGiveUp = new Set(free.map(({ seq }) => seq))
    const given = outbox.giveUp(records, 'max_size')
    for (const { name, pending, isForgotten } of twin.uplinks.values()) {
      for (const { seq } of free) assert.ok(isForgotten || !pending.has(seq), `${name} still waits for ${seq}`)
    }
    return given
  })
  const done = dropping.then((given) => {
    if (run.isLiving(outbox)) run.isDropping = false
    if (given !== undefined) assert.ok(given <= count)
  })
  run.note(done)
}

function endLossEpisodes(run: OutboxRun): void {
  run.outbox.endLossEpisodes()
  run.twin.issue(run.outbox, run.clock.elapsed)
}

/** Every uplink gets and takes everything. */
export async function drain(run: OutboxRun): Promise<void> {
  const { outbox, twin } = run
  for (const cursor of outbox.cursors) {
    rewind(run, cursor.name)
    if (cursor.paused) await run.finish(outbox.operator.resume(cursor.name))
    twin.uplink(cursor.name).paused = false
  }
  for (let quiet = 0; quiet < 3; ) {
    await run.finish(Promise.resolve())
    const before = twin.head
    for (const { name } of outbox.cursors) {
      read(run, name, 100)
      readLive(run, name, 100)
      await run.finish(turn())
      const { inFlight } = twin.uplink(name)
      quiet = inFlight.length > 0 ? 0 : quiet
      answer(run, { uplink: name, picks: Array(inFlight.length).fill(0), rejected: false })
    }
    run.clock.advance(COMMIT_INTERVAL_MS)
    endLossEpisodes(run)
    quiet = twin.head === before ? quiet + 1 : 0
  }
  for (let turns = 0; turns < 5; turns += 1) {
    // What nobody needs any more goes with the next commit, whatever it is for.
    run.note(outbox.append([], { durable: true }))
    await run.finish(turn())
    run.clock.advance(COMMIT_INTERVAL_MS)
  }
  await run.finish(turn())
}
