import { connectAsync, type MqttClient } from 'mqtt'

/** What a subscriber that knows nothing of the gateway saw, in the order in which it saw it. */
export class MqttChecker {
  readonly messages: { readonly topic: string; readonly payload: string }[] = []
  readonly #client: MqttClient

  private constructor(client: MqttClient) {
    this.#client = client
    client.on('message', (topic, payload) => this.messages.push({ topic, payload: payload.toString() }))
  }

  /** Subscribes at QoS 1. `protocolVersion` 4 is MQTT 3.1.1. With `session`, the server keeps what comes while we are away. */
  static async connect(
    url: string,
    options: { filter: string; protocolVersion?: 4 | 5; session?: string },
  ): Promise<MqttChecker> {
    const { protocolVersion = 5, session } = options
    const client = await connectAsync(url, {
      protocolVersion,
      reconnectPeriod: 50,
      ...(session === undefined ? {} : { clientId: session, clean: false }),
      ...(session === undefined || protocolVersion === 4 ? {} : { properties: { sessionExpiryInterval: 3_600 } }),
    })
    const checker = new MqttChecker(client)
    await client.subscribeAsync(options.filter, { qos: 1 })
    return checker
  }

  /** Seqs in the ids of all records seen, single or in arrays. */
  seqs(): number[] {
    return this.messages.flatMap(({ payload }) => {
      const parsed = JSON.parse(payload) as { id: string } | { id: string }[]
      return [parsed].flat().map(({ id }) => Number(id.split('/').at(-1)))
    })
  }

  async publish(topic: string, payload: string, options: { retain?: boolean } = {}): Promise<void> {
    await this.#client.publishAsync(topic, payload, { qos: 1, retain: options.retain ?? false })
  }

  async close(): Promise<void> {
    await this.#client.endAsync(true)
  }
}

/** Seqs that came more than once, seqs of 1..count that never came, and whether first sightings came in order. */
export function account(seqs: readonly number[], count: number) {
  const seen = new Set<number>()
  let inOrder = true
  let highest = 0
  for (const seq of seqs) {
    if (!seen.has(seq) && seq < highest) inOrder = false
    highest = Math.max(highest, seq)
    seen.add(seq)
  }
  const missing = Array.from({ length: count }, (_, index) => index + 1).filter((seq) => !seen.has(seq))
  return { missing, duplicates: seqs.length - seen.size, inOrder }
}
