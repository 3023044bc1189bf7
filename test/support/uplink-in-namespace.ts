/**
 * A program for a network namespace of its own: mosquitto, an uplink and a subscriber, with what the firewall does to the
 * uplink's packets in the middle. `node uplink-in-namespace.ts RULE...`; prints what came of it as one line of JSON.
 */
import { execFileSync } from 'node:child_process'
import { systemClock } from '../../src/clock.ts'
import { silentLogger } from '../../src/log.ts'
import { MqttTransport } from '../../src/uplink/mqtt/mqtt.ts'
import { Uplink } from '../../src/uplink/uplink.ts'
import { BrokerProgram } from './broker-program.ts'
import { MemoryFeed } from './feed.ts'
import { freePort } from './field-process.ts'
import { mosquittoWith } from './mosquitto-recipe.ts'
import { account, MqttChecker } from './mqtt-checker.ts'
import { until } from './until.ts'
import { mqttSettings } from './uplink-settings.ts'

/** What came of it. */
export interface Outcome {
  readonly missing: number
  readonly duplicates: number
  readonly inOrder: boolean
  readonly downs: readonly string[]
  readonly counted: number
}

const WINDOW = 50
const RECORDS = 1_000

function nft(...words: string[]): string {
  return execFileSync('nft', words, { encoding: 'utf8' })
}

/** `PORT` in a rule is that of the uplink. */
async function run(rules: readonly string[]): Promise<Outcome> {
  execFileSync('ip', ['link', 'set', 'lo', 'up'])
  nft('add table inet f')
  nft('add chain inet f in { type filter hook input priority 0 ; policy accept ; }')
  const plainPort = await freePort()
  const broker = await BrokerProgram.start(mosquittoWith(plainPort))
  const checker = await MqttChecker.connect(`mqtt://127.0.0.1:${plainPort}`, { filter: 't/#', session: 'checker' })
  const settings = mqttSettings(broker.url, { window: WINDOW, ackTimeoutMs: 1_000, connectTimeoutMs: 500 })
  const feed = new MemoryFeed({ async: true })
  const downs: string[] = []
  const uplink = new Uplink(settings, {
    transport: new MqttTransport(settings),
    feed,
    accept: () => Promise.resolve(),
    clock: systemClock,
    log: silentLogger,
    onLink: (up, headline) => void (up || downs.push(headline)),
  })
  uplink.start()
  try {
    feed.append(RECORDS / 2)
    await until(() => feed.pending < RECORDS / 2, { what: 'the first records' })
    for (const rule of rules) nft(`add rule inet f in ${rule.replaceAll('PORT', String(broker.port))}`)
    feed.append(RECORDS / 2)
    // A rule that takes everything ends the session; one that takes a part of it lets all through in the end.
    await until(() => downs.length > 0 || feed.pending === 0, { what: 'an effect', timeoutMs: 30_000 })
    const counted = Number(/packets (\d+)/.exec(nft('list chain inet f in'))?.[1])
    nft('flush chain inet f in')
    await until(() => feed.pending === 0, { what: 'all records acknowledged', timeoutMs: 30_000 })
    await until(() => new Set(checker.seqs()).size === RECORDS, { what: 'all records with the subscriber' })
    const { missing, duplicates, inOrder } = account(checker.seqs(), RECORDS)
    return { missing: missing.length, duplicates, inOrder, downs, counted }
  } finally {
    await uplink.stop()
    await checker.close()
    await broker.close()
  }
}

console.log(JSON.stringify(await run(process.argv.slice(2))))
