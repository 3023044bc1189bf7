import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { IncomingCommand, NewRecord } from '../../src/model.ts'
import type { SurfaceContent } from '../../src/uplink/surface.ts'
import {
  type Closed,
  ConnectError,
  type Delivery,
  type Session,
  type SessionHandlers,
  STOPPED,
  type Transport,
} from '../../src/uplink/transport.ts'
import { Uplink } from '../../src/uplink/uplink.ts'
import type { MqttSettings } from '../../src/uplink-settings.ts'
import { MemoryFeed } from '../support/feed.ts'
import { mqttSettings } from '../support/uplink-settings.ts'
import { ManualClock, turn } from './manual-clock.ts'
import { logTo } from './rig.ts'
import { ScriptedSession } from './scripted-session.ts'

const SURFACE: MqttSettings['surface'] = { state: 'r/state', info: 'r/info' }
const CUT: Closed = { reason: 'closed', detail: 'the broker ended the connection', hurry: 'soon' }

/** A transport whose sessions the test opens, answers and cuts. */
class ScriptedTransport implements Transport {
  readonly sessions: ScriptedSession[] = []
  /** Why no session comes to be. */
  refusal: Closed | undefined
  tries = 0
  /** Set what a session can do before it is used. */
  prepare: (session: ScriptedSession) => void = () => {}
  #handlers: SessionHandlers | undefined

  connect(handlers: SessionHandlers): Promise<Session> {
    this.tries += 1
    if (this.refusal) return Promise.reject(new ConnectError(this.refusal))
    this.#handlers = handlers
    const session = new ScriptedSession()
    session.answers = () => ({ fate: 'accepted' })
    session.close = (because) => {
      session.closedBecause ??= because
      handlers.onClosed(because ?? CUT)
      return Promise.resolve()
    }
    this.prepare(session)
    this.sessions.push(session)
    return Promise.resolve(session)
  }

  cut(closed = CUT): void {
    this.#handlers?.onClosed(closed)
  }

  deliver(topic: string, payload: string): { confirmed: boolean } {
    const state = { confirmed: false }
    const delivery: Delivery = {
      topic,
      payload: Buffer.from(payload),
      retained: false,
      userProperties: {},
      duplicate: false,
      confirm: () => {
        state.confirmed = true
      },
    }
    this.#handlers?.onDelivery(delivery)
    return state
  }
}

/** Some of its records are late until the test says otherwise. */
class LateFeed extends MemoryFeed {
  late = false

  override hasLate(): boolean {
    return this.late
  }
}

function rig(
  t: TestContext,
  changes: Partial<MqttSettings> = { surface: SURFACE },
  beforehand: (transport: ScriptedTransport) => void = () => {},
) {
  const clock = new ManualClock()
  const transport = new ScriptedTransport()
  beforehand(transport)
  const feed = new LateFeed()
  const reports: NewRecord[] = []
  const commands: IncomingCommand[] = []
  const lines: string[] = []
  const now = { info: '{"n":1}', online: true }
  const content: SurfaceContent = {
    info: () => now.info,
    devices: () => '{}',
    health: () => '{}',
    verdicts: () => '',
    availability: () => [{ device: 'd', text: String(now.online) }],
  }
  const uplink = new Uplink(mqttSettings('mqtt://unused', changes), {
    transport,
    feed,
    accept: (command) => {
      commands.push(command)
      return Promise.resolve()
    },
    content,
    append: (record) => reports.push(record),
    clock,
    log: logTo(lines),
    random: () => 0.5,
  })
  t.after(() => uplink.stop())
  uplink.start()
  return { clock, transport, feed, reports, commands, lines, now, uplink }
}

const topicsOf = (session: ScriptedSession | undefined) => session?.sent.map(({ topic }) => topic)

describe('what goes on beside the records', () => {
  test('the gateway tells of itself before it sends records, and anew with each session', async (t) => {
    const { clock, transport, feed } = rig(t)
    feed.append(2)
    await turn()
    assert.deepEqual(topicsOf(transport.sessions[0]), ['r/state', 'r/info', 't/d/data', 't/d/data'])
    transport.cut()
    await clock.pass(200)
    assert.deepEqual(topicsOf(transport.sessions[1]), ['r/state', 'r/info'])
    assert.equal(feed.pending, 0)
  })

  test('a change is told when somebody says so, and else within a second', async (t) => {
    const { clock, transport, now, uplink } = rig(t, { surface: { availability: 'r/{device}' } })
    await turn()
    now.online = false
    uplink.look()
    await turn()
    assert.equal(transport.sessions[0]?.sent.at(-1)?.payload, 'false')
    now.online = true
    await clock.pass(1_000)
    assert.equal(transport.sessions[0]?.sent.at(-1)?.payload, 'true')
  })

  test('a stop says goodbye first, and then DISCONNECT may be normal', async (t) => {
    const { transport, uplink } = rig(t)
    await turn()
    await uplink.stop()
    const { sent, closedBecause } = transport.sessions[0] ?? {}
    assert.deepEqual([sent?.at(-1)?.topic, sent?.at(-1)?.payload], ['r/state', '{"state":"offline"}'])
    assert.equal(closedBecause, STOPPED)
  })

  test('a goodbye that the server does not take is left to the will', async (t) => {
    const { clock, transport, uplink } = rig(t)
    await turn()
    const session = transport.sessions[0]
    if (session) session.answers = undefined
    const stopped = uplink.stop()
    await clock.pass(2_010)
    await stopped
    assert.equal(session?.closedBecause?.reason, 'stopped')
    assert.notEqual(session?.closedBecause, STOPPED)
  })

  test('a refusal is said once, and the records go on', async (t) => {
    const refusal = { fate: 'kept', reason: 'unspecified (0x80)', delayMs: 1_000, triesMax: 8 } as const
    const { clock, transport, feed, lines, uplink } = rig(t, { surface: SURFACE }, (before) => {
      before.prepare = (session) => {
        session.answers = ({ topic }) => (topic.startsWith('r/') ? refusal : { fate: 'accepted' })
      }
    })
    feed.append(5)
    await clock.pass(3_000)
    assert.equal(feed.pending, 0)
    const { problem, shortfalls } = uplink.status()
    assert.equal(problem, undefined)
    assert.deepEqual(
      shortfalls?.map(({ code }) => code),
      ['surface_refused'],
    )
    assert.equal(lines.filter((line) => line.startsWith('warn') && line.includes('r/state')).length, 1)
    assert.equal(transport.sessions[0]?.sent.length, 7)
  })

  test('what is too large for the server is not sent, and said', async (t) => {
    const { transport, now, uplink } = rig(t, { surface: SURFACE }, (before) => {
      before.prepare = (session) => {
        session.packetBytesMax = 500
      }
    })
    now.info = JSON.stringify('x'.repeat(1_000))
    await turn()
    assert.deepEqual(topicsOf(transport.sessions[0]), ['r/state'])
    assert.match(uplink.status().shortfalls?.[0]?.message ?? '', /on r\/info: packet too large: 1018 bytes, .* 500$/)
  })

  test('the canary goes through and is no command; everything else is', async (t) => {
    const { transport, commands } = rig(t, {
      commands: {
        subscribe: 'cmd/+',
        key: { from: 'topic', level: -1 },
        receiveMaximum: 10,
        canary: { topic: 'cmd/canary', everyMs: 60_000 },
      },
    })
    await turn()
    const sent = transport.sessions[0]?.sent[0]
    assert.equal(sent?.topic, 'cmd/canary')
    assert.equal(transport.deliver('cmd/canary', sent.payload).confirmed, true)
    transport.deliver('cmd/setpoint', '55')
    assert.deepEqual(
      commands.map(({ key }) => key),
      ['setpoint'],
    )
  })
})

describe('the report of an outage', () => {
  test('comes when everything from before is delivered, and counts what had no answer', async (t) => {
    const { clock, transport, feed, reports } = rig(t, {})
    await turn()
    const session = transport.sessions[0]
    if (session) session.answers = undefined
    feed.append(3)
    await turn()
    transport.prepare = (next) => {
      next.answers = undefined
    }
    feed.late = true
    transport.cut()
    await clock.pass(1_500)
    assert.equal(transport.sessions.length, 2)
    assert.equal(reports.length, 0, 'three records are still on their way')
    for (const { answer } of transport.sessions[1]?.sent ?? []) answer({ fate: 'accepted' })
    feed.late = false
    await clock.pass(1_000)
    assert.equal(reports.length, 1)
    assert.deepEqual([reports[0]?.to, reports[0]?.kind], ['cloud', 'event'])
    const { duration_ms, ...facts } = JSON.parse(`{${reports[0]?.body}}`) as Record<string, unknown>
    assert.deepEqual(facts, { event: 'outage', reason: 'closed', cuts: 1, late: 0, duplicates: 3, missing: 0 })
    assert.ok(Number(duration_ms) > 0)
    await clock.pass(3_000)
    assert.equal(reports.length, 1)
  })

  test('is not made of a first session that comes at once, nor of a stop', async (t) => {
    const { clock, feed, reports, uplink } = rig(t, {})
    feed.append(1)
    await clock.pass(2_000)
    await uplink.stop()
    assert.deepEqual(reports, [])
  })

  test('is made of a start at which no server was there', async (t) => {
    const { clock, transport, reports } = rig(t, {}, (before) => {
      before.refusal = { reason: 'dns', detail: 'no such host', hurry: 'soon' }
    })
    await clock.pass(300)
    transport.refusal = undefined
    await clock.pass(200)
    assert.match(reports[0]?.body ?? '', /^"event":"outage","reason":"dns","cuts":0,/)
  })
})

describe('the next try', () => {
  test('waits at least as long as the reason demands, and a little more', async (t) => {
    const { clock, transport, uplink } = rig(t, {})
    await turn()
    transport.cut({ ...CUT, reason: 'banned', hint: 'ask the operator of the broker', pauseMinMs: 300_000 })
    await turn()
    const { problem, nextTryInMs } = uplink.status()
    assert.deepEqual(problem, {
      code: 'banned',
      message: 'the broker ended the connection',
      hint: 'ask the operator of the broker',
    })
    assert.equal(nextTryInMs, 337_500)
    clock.jump(337_480)
    await clock.pass(10)
    assert.equal(transport.tries, 1)
    await clock.pass(20)
    assert.equal(transport.tries, 2)
  })
})

describe('a link that comes and goes', () => {
  test('is said once in the log, and stays in the status while it is up for a moment', async (t) => {
    const { clock, transport, lines, uplink } = rig(t, {})
    const cut: Closed = { ...CUT, reason: 'cut_again', hint: 'is there a second gateway with this id?' }
    await turn()
    transport.cut(cut)
    await clock.pass(200)
    assert.deepEqual([uplink.status().state, uplink.status().shortfalls], ['online', undefined])
    transport.cut(cut)
    await clock.pass(200)
    assert.equal(uplink.status().state, 'online')
    assert.deepEqual(uplink.status().shortfalls, [
      {
        code: 'cut_again',
        message: 'the broker ended the connection',
        hint: 'is there a second gateway with this id?',
      },
    ])
    assert.equal(lines.filter((line) => line.startsWith('warn')).length, 1)
    await clock.pass(60_000)
    assert.equal(uplink.status().shortfalls, undefined, 'it lasts')
    transport.cut(cut)
    await turn()
    assert.equal(lines.filter((line) => line.startsWith('warn')).length, 2, 'this is a new one')
  })
})
