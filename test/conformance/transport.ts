import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import {
  type Closed,
  ConnectError,
  type Delivery,
  type Fate,
  type Message,
  type Session,
  type Transport,
} from '../../src/uplink/transport.ts'
import { until } from '../support/until.ts'

/** A cloud to test a transport against. */
export interface TransportRig {
  /** A transport to this cloud, or to another port of 127.0.0.1 where something else is, with a time to connect. */
  transport(options?: { port?: number; connectTimeoutMs?: number }): Transport
  /** What the cloud has taken, in order. */
  taken(): readonly { readonly topic: string; readonly payload: string }[]
  /** Sends the gateway a message; kept for it while it is away. Resolves when the cloud has it. */
  send(payload: string): void | Promise<void>
  /** The topic on which `send` sends. */
  readonly commandTopic: string
  /** Does this cloud mark what it sends again, as it must? */
  readonly marksRedeliveries: boolean
  /** Does it send them under a new packet id, against MQTT 3.1.1 section 4.4? Then nobody can tell them from new ones. */
  readonly renumbersRedeliveries?: boolean
  /** Does it take in confirmations behind our back, so that one right before the end may be lost and the message come again? */
  readonly mayForgetConfirmations?: boolean
  /** Ends every connection without a word, from the cloud's side. */
  cut(): void | Promise<void>
  close(): Promise<void>
}

interface Opened {
  readonly session: Session
  readonly deliveries: Delivery[]
  readonly closings: Closed[]
}

const TOPIC = 't/d/data'

async function open(transport: Transport): Promise<Opened> {
  const deliveries: Delivery[] = []
  const closings: Closed[] = []
  const handlers = {
    onDelivery: (delivery: Delivery) => void deliveries.push(delivery),
    onClosed: (closed: Closed) => void closings.push(closed),
  }
  const session = await transport.connect(handlers, new AbortController().signal)
  return { session, deliveries, closings }
}

const text = (delivery: Delivery | undefined) => Buffer.from(delivery?.payload ?? []).toString()

/**
 * What every transport has to do, as tests. `makeRig` gives a fresh cloud, or undefined when this machine has none (the
 * test was skipped then).
 */
export function transportConformance(
  name: string,
  makeRig: (t: TestContext) => Promise<TransportRig | undefined>,
): void {
  const claim = (what: string, run: (rig: TransportRig) => Promise<void>) => {
    test(`${name}: ${what}`, async (t) => {
      const rig = await makeRig(t)
      if (!rig) return
      try {
        await run(rig)
      } finally {
        await rig.close()
      }
    })
  }
  publishing(claim)
  receiving(claim)
  ending(claim)
  connecting(claim)
}

type Claim = (what: string, run: (rig: TransportRig) => Promise<void>) => void

function publishing(claim: Claim): void {
  claim('messages arrive unchanged and in order, each fate comes later and with its own message', async (rig) => {
    const { session } = await open(rig.transport())
    const fates: [Fate['fate'], number][] = []
    const bodies = Array.from(
      { length: 15 },
      (_, index) => `{"n":${index},"text":"Überdruck 漏れ 🔥${'x'.repeat(index * 400)}"}`,
    )
    bodies.forEach((payload, index) => {
      const message: Message & { index: number } = { topic: TOPIC, payload, index }
      session.publish(message, (fate, same) => fates.push([fate.fate, same.index]))
    })
    assert.equal(fates.length, 0, 'a fate came during publish')
    await until(() => fates.length === bodies.length, { what: 'all fates' })
    const numbers = bodies.map((_, index) => index)
    assert.deepEqual(
      fates.map(([, index]) => index).sort((a, b) => a - b),
      numbers,
    )
    assert.ok(fates.every(([fate]) => fate === 'accepted'))
    await until(() => rig.taken().length >= bodies.length, { what: 'all messages in the cloud' })
    assert.deepEqual(
      rig.taken().map(({ payload }) => payload),
      bodies,
    )
    assert.ok(rig.taken().every(({ topic }) => topic === TOPIC))
    await session.close()
  })

  claim('bytes are sent as they are, and the size of a packet covers all of it', async (rig) => {
    const { session } = await open(rig.transport())
    const message = { topic: TOPIC, payload: Buffer.from('{"bytes":true}') }
    assert.ok(session.packetBytes(message) > message.payload.length + TOPIC.length)
    assert.equal(session.packetBytes({ ...message, payload: '{"bytes":true}' }), session.packetBytes(message))
    const fate = await new Promise<Fate>((resolve) => session.publish(message, resolve))
    assert.equal(fate.fate, 'accepted')
    await until(() => rig.taken()[0]?.payload === '{"bytes":true}', { what: 'the message in the cloud' })
    await session.close()
  })
}

function receiving(claim: Claim): void {
  claim('a message from the cloud is handed over once, and never again after it was confirmed', async (rig) => {
    const transport = rig.transport()
    const first = await open(transport)
    for (const value of ['1', '2', '3']) await rig.send(value)
    await until(() => first.deliveries.length === 3, { what: 'three deliveries' })
    assert.deepEqual(first.deliveries.map(text), ['1', '2', '3'])
    assert.ok(first.deliveries.every(({ topic, duplicate }) => topic === rig.commandTopic && !duplicate))
    // In any order: the transport puts them right.
    for (const index of [2, 0, 1]) first.deliveries[index]?.confirm()
    await first.session.close()
    const second = await open(transport)
    await rig.send('4')
    await until(() => second.deliveries.some((delivery) => text(delivery) === '4'), { what: 'the fourth delivery' })
    if (rig.mayForgetConfirmations !== true) assert.deepEqual(second.deliveries.map(text), ['4'])
    await second.session.close()
  })

  claim('what was not confirmed comes again in the next session, recognisable and marked', async (rig) => {
    const transport = rig.transport()
    const first = await open(transport)
    assert.equal(first.session.sessionResumed, false)
    await rig.send('1')
    await rig.send('2')
    await until(() => first.deliveries.length === 2, { what: 'two deliveries' })
    first.deliveries[0]?.confirm()
    await first.session.close()
    const second = await open(transport)
    assert.equal(second.session.sessionResumed, true)
    const isAgain = (delivery: Delivery) => rig.mayForgetConfirmations !== true || text(delivery) === '2'
    await until(() => second.deliveries.some(isAgain), { what: 'the delivery that comes again', timeoutMs: 60_000 })
    const again = second.deliveries.find(isAgain)
    assert.equal(text(again), '2')
    assert.ok(again?.redelivery)
    if (rig.marksRedeliveries) assert.equal(again.duplicate, true)
    assert.equal(again.redelivery === first.deliveries[1]?.redelivery, rig.renumbersRedeliveries !== true)
    assert.notEqual(again.redelivery, first.deliveries[0]?.redelivery)
    again.confirm()
    await second.session.close()
  })

  claim('a confirmation after the end is void and harmless', async (rig) => {
    const transport = rig.transport()
    const first = await open(transport)
    await rig.send('1')
    await until(() => first.deliveries.length === 1, { what: 'a delivery' })
    await first.session.close()
    first.deliveries[0]?.confirm()
    const second = await open(transport)
    await until(() => second.deliveries.length === 1, { what: 'the delivery that comes again' })
    second.deliveries[0]?.confirm()
    await second.session.close()
  })
}

function ending(claim: Claim): void {
  claim('close ends the session once, with the reason given, and may be called again', async (rig) => {
    const { session, closings } = await open(rig.transport())
    const because = { reason: 'ack_timeout', detail: 'as the test says', hurry: 'soon' } as const
    await Promise.all([session.close(because), session.close()])
    await session.close()
    assert.deepEqual(closings, [because])
  })

  claim('a cut ends the session once; no fate comes after it, and a new session works', async (rig) => {
    const transport = rig.transport()
    const { session, closings } = await open(transport)
    let fatesAfterwards = 0
    await rig.cut()
    await until(() => closings.length > 0, { what: 'the end of the session' })
    session.publish({ topic: TOPIC, payload: '{}' }, () => fatesAfterwards++)
    await session.close()
    assert.equal(closings.length, 1)
    assert.equal(closings[0]?.hurry, 'soon')
    const next = await open(transport)
    const fate = await new Promise<Fate>((resolve) => next.session.publish({ topic: TOPIC, payload: '{}' }, resolve))
    assert.equal(fate.fate, 'accepted')
    await next.session.close()
    assert.equal(fatesAfterwards, 0)
  })
}

function connecting(claim: Claim): void {
  const nothing = { onDelivery() {}, onClosed: () => assert.fail('a session that never was has ended') }

  claim('connecting to a port where nobody listens fails with a reason', async (rig) => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    await new Promise((resolve) => server.close(resolve))
    assert.ok(typeof address === 'object' && address !== null)
    const trying = rig.transport({ port: address.port }).connect(nothing, new AbortController().signal)
    await assert.rejects(trying, (error) => error instanceof ConnectError && error.closed.reason === 'tcp')
  })

  claim('a server that says nothing is given up after the time to connect, and at once when aborted', async (rig) => {
    const server = createServer((socket) => socket.on('error', () => {}).resume())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    assert.ok(typeof address === 'object' && address !== null)
    const { port } = address
    const late = rig.transport({ port, connectTimeoutMs: 100 }).connect(nothing, new AbortController().signal)
    await assert.rejects(late, (error) => error instanceof ConnectError && error.closed.reason.endsWith('_timeout'))
    const stop = new AbortController()
    const stopped = rig.transport({ port, connectTimeoutMs: 60_000 }).connect(nothing, stop.signal)
    const connected = new Promise((resolve) => server.once('connection', resolve))
    await connected
    stop.abort()
    await assert.rejects(stopped, (error) => error instanceof ConnectError && error.closed.reason === 'aborted')
    await assert.rejects(
      rig.transport({ port }).connect(nothing, stop.signal),
      (error) => error instanceof ConnectError && error.closed.reason === 'aborted',
    )
    // Resolves only when no connection is left open.
    await new Promise((resolve) => server.close(resolve))
  })
}
