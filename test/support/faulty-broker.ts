/**
 * A broker that fails by plan: each connection has its own way to begin, to answer and to end, drawn from the seed. After
 * `badConnections` it is a good broker, so that everything can come to rest.
 */
import { type BrokerConnection, type Greeting, type Publish, ScriptedBroker } from './broker.ts'
import { type Chance, chanceOf } from './seeded.ts'

export interface FaultPlan {
  readonly seed: number
  readonly protocol: 5 | 3
  /** So many connections are bad; those after them are good. */
  readonly badConnections: number
  /** Identifies what a message is about, so that what is refused for good is always refused. */
  readonly idsIn: (payload: Uint8Array, topic: string) => readonly string[]
}

/** How a connection ends, and after how many publishes. */
type Ending =
  | 'cut'
  | 'store-and-cut'
  | 'half-ack-and-reset'
  | 'reset-in-a-packet'
  | 'deaf'
  | 'store-and-say-nothing'
  | 'lose-and-say-nothing'
  | 'noise'
  | 'disconnect'

const endings: readonly Ending[] = [
  'cut',
  'store-and-cut',
  'store-and-cut',
  'half-ack-and-reset',
  'reset-in-a-packet',
  'deaf',
  'store-and-say-nothing',
  'lose-and-say-nothing',
  'noise',
  'disconnect',
]

/** Codes of DISCONNECT: those a server has for a publisher, and some that make no sense. */
const disconnectCodes = [
  0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x93, 0x94, 0x96, 0x97, 0x98, 0x9c, 0xa0, 0xff,
]
const connackCodes5 = [0x80, 0x81, 0x83, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x97, 0x9c, 0x9f]
const connackCodes3 = [2, 3, 4, 5]
/** PUBACK: refused for good. */
const rejectingCodes = [0x95, 0x99]
/** PUBACK: not now; 0x87 and 0x90 are about the topic. */
const keepingCodes = [0x80, 0x83, 0x87, 0x90, 0x97, 0xc3]
const limits = [undefined, undefined, 1, 3, 20, 1_000]

/** What a connection does with publishes while it lasts. */
interface Manner {
  readonly delays: boolean
  readonly reorders: boolean
  readonly repeatsAcks: boolean
  readonly strangeAcks: boolean
  readonly keeps: boolean
  readonly loses: boolean
  /** Bytes of a piece on the wire; undefined: as written. */
  readonly pieceBytes: number | undefined
}

const goodManner: Manner = {
  delays: false,
  reorders: false,
  repeatsAcks: false,
  strangeAcks: false,
  keeps: false,
  loses: false,
  pieceBytes: undefined,
}

export class FaultyBroker {
  readonly broker: ScriptedBroker
  /** Ids of records in messages that were refused or lost at least once: they may come out of order. */
  readonly disturbed = new Set<string>()
  /** Ids of records the broker refused when they were alone in their message. */
  readonly refused = new Set<string>()
  /** Connections on which a topic was refused for a while: all that is for it waits, however small the window. */
  readonly parkedOn = new Set<number>()
  /** Receive Maximum of each connection, by its number. */
  readonly receiveMaximums = new Map<number, number>()
  /** Larger packets end the connection, whether that was announced or not; undefined: there is no limit. */
  readonly packetBytesMax: number | undefined
  readonly #announcesPacketBytesMax: boolean
  /** What was done, for the message of a failed test. */
  readonly story: string[] = []
  readonly plan: FaultPlan
  readonly #pending = new Set<NodeJS.Timeout>()
  readonly #never: (id: string) => number | undefined
  readonly #conducts = new Map<BrokerConnection, (publish: Publish) => void>()

  private constructor(broker: ScriptedBroker, plan: FaultPlan) {
    this.broker = broker
    this.plan = plan
    this.#never = refusalOf(plan)
    const chance = chanceOf(plan.seed + 1)
    this.packetBytesMax = plan.protocol === 5 ? chance.oneOf([undefined, undefined, 600, 1_500]) : undefined
    this.#announcesPacketBytesMax = chance.hits(0.5)
    broker.greet = (_, connection) => this.#greet(connection)
    broker.react = (_, connection) => this.#conducts.get(connection) ?? 'ack'
  }

  static async start(plan: FaultPlan): Promise<FaultyBroker> {
    return new FaultyBroker(await ScriptedBroker.start(), plan)
  }

  async close(): Promise<void> {
    for (const timer of this.#pending) clearTimeout(timer)
    await this.broker.close()
  }

  #greet(connection: BrokerConnection): Greeting {
    const chance = chanceOf(this.plan.seed * 1_009 + connection.number)
    const isBad = connection.number <= this.plan.badConnections
    this.broker.connackCode = 0
    // MQTT 3.1.1 has no properties.
    const receiveMaximum = this.plan.protocol === 5 ? chance.oneOf(limits) : undefined
    this.receiveMaximums.set(connection.number, receiveMaximum ?? 65_535)
    const topicAliasMaximum = chance.oneOf([undefined, 1, 10])
    this.broker.connackProperties = {
      ...(receiveMaximum === undefined ? {} : { receiveMaximum }),
      ...(this.#announcesPacketBytesMax && this.packetBytesMax !== undefined
        ? { maximumPacketSize: this.packetBytesMax }
        : {}),
      ...(topicAliasMaximum === undefined ? {} : { topicAliasMaximum }),
    }
    this.#conducts.set(connection, this.#conduct(connection, { chance, isBad }))
    return isBad ? this.#badGreeting(connection, chance) : 'accept'
  }

  #badGreeting(connection: BrokerConnection, chance: Chance): Greeting {
    if (!chance.hits(0.3)) return 'accept'
    const how = chance.oneOf(['refuse', 'refuse', 'ignore', 'cut', 'late', 'noise', 'half'] as const)
    this.#tell(connection, `CONNECT: ${how}`)
    switch (how) {
      case 'refuse':
        this.broker.connackCode = chance.oneOf(this.plan.protocol === 5 ? connackCodes5 : connackCodes3)
        return 'accept'
      case 'ignore':
      case 'cut':
        return how
      case 'late':
        return (accept) => this.#later(chance.between(1, 30), accept)
      case 'noise':
        return () => connection.socket.write(Uint8Array.of(0xf0, 0xff, 0xff, 0xff, 0xff))
      case 'half':
        return () => connection.socket.write(Uint8Array.of(0x20), () => connection.socket.destroy())
    }
  }

  #conduct(connection: BrokerConnection, options: { chance: Chance; isBad: boolean }): (publish: Publish) => void {
    const { chance, isBad } = options
    const manner = isBad ? mannerOf(chance) : goodManner
    const ending = chance.oneOf(endings)
    let left = isBad ? chance.between(1, 150) : Number.POSITIVE_INFINITY
    let acks: (() => void)[] = []
    if (manner.pieceBytes !== undefined) dribble(connection, manner.pieceBytes)
    const acknowledge = (ack: () => void) => {
      if (!manner.reorders) return ack()
      acks.push(ack)
      if (acks.length === 1) {
        this.#later(chance.between(0, 4), () => {
          const group = acks
          acks = []
          for (const each of shuffled(group, chance)) each()
        })
      }
    }
    return (publish) => {
      left -= 1
      if (this.#isTooLarge(publish)) return
      if (left <= 0) return this.#end(publish, { ending, first: left === 0, chance })
      const code = this.#refusal(publish, { manner, chance })
      if (code !== undefined) return acknowledge(() => publish.answer(code))
      if (manner.loses && publish.packet.qos > 0 && chance.hits(0.02)) return this.#disturb(publish)
      publish.store()
      acknowledge(() => {
        // An answer to a publish that is not on its way must have no effect, 0 is no id at all.
        if (manner.strangeAcks && chance.hits(0.1)) this.#strangeAck(connection, chance)
        const answer = () => {
          publish.answer(chance.hits(0.1) ? 0x10 : 0)
          if (manner.repeatsAcks && chance.hits(0.1)) publish.answer()
        }
        if (manner.delays) this.#later(chance.between(0, 6), answer)
        else answer()
      })
    }
  }

  /** Too large a packet ends the connection; to send one against what was announced breaks the protocol. */
  #isTooLarge({ packet, connection }: Publish): boolean {
    const bytes = (packet.length ?? 0) + 1 + ((packet.length ?? 0 > 127) ? 2 : 1)
    if (this.packetBytesMax === undefined || bytes <= this.packetBytesMax) return false
    if (this.#announcesPacketBytesMax) this.broker.violations.push(`a packet of ${bytes} bytes`)
    this.#tell(connection, `packet of ${bytes} bytes`)
    connection.deaf = true
    connection.send({ cmd: 'disconnect', reasonCode: 0x95 })
    connection.socket.end()
    return true
  }

  /** The code this publish is refused with, if it is. MQTT 3.1.1 has none. */
  #refusal(publish: Publish, options: { manner: Manner; chance: Chance }): number | undefined {
    if (this.plan.protocol !== 5) return undefined
    const ids = this.#ids(publish)
    const never = ids.map(this.#never).find((code) => code !== undefined)
    if (never === undefined && !(options.manner.keeps && options.chance.hits(0.03))) return undefined
    this.#disturb(publish)
    if (never === undefined) {
      const code = options.chance.oneOf(keepingCodes)
      if (code === 0x87 || code === 0x90) this.parkedOn.add(publish.connection.number)
      return code
    }
    if (ids.length === 1) for (const id of ids) this.refused.add(id)
    return never
  }

  #end(publish: Publish, how: { ending: Ending; first: boolean; chance: Chance }): void {
    const { connection } = publish
    const { ending, first, chance } = how
    if (first) this.#tell(connection, ending)
    switch (ending) {
      case 'store-and-say-nothing':
        publish.store()
        return
      case 'lose-and-say-nothing':
        // At QoS 0 nobody would ever notice.
        if (publish.packet.qos === 0) connection.socket.destroy()
        return
      case 'deaf':
        connection.deaf = true
        return
      case 'cut':
        connection.socket.destroy()
        return
      case 'store-and-cut':
        publish.store()
        connection.socket.destroy()
        return
      case 'half-ack-and-reset':
        publish.store()
        connection.socket.write(Uint8Array.of(0x40, 2, 0), () => connection.socket.resetAndDestroy())
        return
      case 'reset-in-a-packet':
        connection.socket.resetAndDestroy()
        return
      case 'noise':
        if (first) connection.socket.write(Buffer.from([0xff, 0xff, 0x00, 0x01, 0x40]))
        return
      case 'disconnect':
        if (connection.version === 5 && first)
          connection.send({ cmd: 'disconnect', reasonCode: chance.oneOf(disconnectCodes) })
        connection.socket.end()
        return
    }
  }

  #strangeAck(connection: BrokerConnection, chance: Chance): void {
    connection.send({ cmd: 'puback', messageId: chance.oneOf([65_001, 65_535, 60_000]), reasonCode: 0 })
  }

  #disturb(publish: Publish): void {
    for (const id of this.#ids(publish)) this.disturbed.add(id)
  }

  #ids({ packet }: Publish): readonly string[] {
    return this.plan.idsIn(Buffer.from(packet.payload), packet.topic)
  }

  #later(ms: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.#pending.delete(timer)
      act()
    }, ms)
    this.#pending.add(timer)
  }

  #tell(connection: BrokerConnection, what: string): void {
    this.story.push(`connection ${connection.number}, after ${this.broker.publishes} publishes: ${what}`)
  }
}

function mannerOf(chance: Chance): Manner {
  const often = () => chance.hits(0.35)
  return {
    delays: often(),
    reorders: often(),
    repeatsAcks: often(),
    strangeAcks: often(),
    keeps: often(),
    loses: chance.hits(0.15),
    pieceBytes: chance.oneOf([undefined, undefined, undefined, 1, 3, 64]),
  }
}

/** About one record in fifty is never taken: a property of its id, so that it is the same in every message it is in. */
function refusalOf({ seed }: FaultPlan): (id: string) => number | undefined {
  return (id) => {
    let hash = seed | 0
    for (const letter of id) hash = Math.imul(hash ^ letter.charCodeAt(0), 0x01000193)
    const part = (hash >>> 8) % 50
    return part === 0 ? rejectingCodes[(hash >>> 16) % rejectingCodes.length] : undefined
  }
}

/** The bytes go out in pieces of this size, each as a write of its own. */
function dribble(connection: BrokerConnection, pieceBytes: number): void {
  connection.write = (bytes) => {
    for (let at = 0; at < bytes.length && connection.socket.writable; at += pieceBytes) {
      connection.socket.write(bytes.subarray(at, at + pieceBytes))
    }
  }
}

function shuffled<T>(items: readonly T[], chance: Chance): T[] {
  const keyed = items.map((item) => ({ item, key: chance.next() }))
  return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item)
}
