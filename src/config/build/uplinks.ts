import type { DeviceSettings } from '../../settings.ts'
import type { BatchSettings, MqttSettings, UplinkSettings } from '../../uplink-settings.ts'
import type { Path } from '../problem.ts'
import type { Uplink } from '../schema/uplink.ts'
import { fillGateway } from '../topics.ts'
import { formatDuration } from '../units.ts'
import { type BrokerUrl, isLoopback } from '../urls.ts'
import { buildProxy, buildUrls } from './addresses.ts'
import { checkClashes } from './clashes.ts'
import type { Context } from './context.ts'
import { buildFilter } from './filter.ts'
import { buildFormat } from './format.ts'
import { buildIntake } from './intake.ts'
import { buildProperties } from './properties.ts'
import { buildSecret, warnOfPlain } from './secret.ts'
import { buildSurface } from './surface.ts'
import { buildTls } from './tls.ts'
import { buildTopics } from './uplink-topics.ts'

/** Uplinks with secrets read and {gateway} filled in. What is wrong is told. */
export function buildUplinks(context: Context, devices: readonly DeviceSettings[]): UplinkSettings[] {
  const taken = new Map<string, string>()
  const uplinks = Object.entries(context.file.uplinks).map(([name, uplink]) =>
    buildMqtt(context, { name, uplink, taken, devices }),
  )
  checkClashes(context, uplinks, devices)
  const takesCommands = Object.values(context.file.uplinks).some((uplink) => uplink.commands !== undefined)
  const offers = context.names(['commands']).length > 0
  if (offers && !takesCommands && context.names(['uplinks']).length === uplinks.length) {
    context.warning(['commands'], 'no uplink takes commands', { at: 'key', hint: 'add commands: {} to an uplink' })
  }
  return uplinks
}

function buildMqtt(
  context: Context,
  options: {
    readonly name: string
    readonly uplink: Uplink
    readonly taken: Map<string, string>
    readonly devices: readonly DeviceSettings[]
  },
): MqttSettings {
  const { name, uplink, taken, devices } = options
  const path = ['uplinks', name]
  const urls = buildUrls(context, [...path, 'url'], uplink.url)
  const clientId = fillGateway(uplink.client_id ?? context.gatewayId, context.gatewayId)
  checkClientId(context, path, { clientId, urls, taken })
  checkTimes(context, path, uplink)
  checkFormerName(context, path, uplink.formerly)
  checkDelivery(context, path, uplink)
  const password = buildSecret(context, [...path, 'password'], uplink.password)
  if (password !== undefined) checkPlainPassword(context, path, { password: uplink.password ?? '', urls })
  const username =
    buildSecret(context, [...path, 'username'], uplink.username) ??
    (password === undefined ? undefined : context.gatewayId)
  const proxy = buildProxy(context, [...path, 'proxy'], uplink.proxy)
  const commands = buildIntake(context, path, uplink)
  return {
    name,
    type: 'mqtt',
    urls: urls.map((url) => url.url),
    protocol: uplink.protocol.version,
    fallback: uplink.protocol.fallback,
    clientId,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    keepaliveMs: uplink.keepalive,
    sessionExpiryMs: uplink.session_expiry,
    connectTimeoutMs: uplink.connect_timeout,
    ...(uplink.max_packet === undefined ? {} : { packetBytesMax: uplink.max_packet }),
    tls: buildTls(context, [...path, 'tls'], { tls: uplink.tls, urls }),
    ...(proxy === undefined ? {} : { proxy }),
    ...buildSending(context, path, { uplink, devices }),
    topics: buildTopics(context, path, uplink),
    topicAliases: uplink.topic_aliases,
    properties: buildProperties(context, path, uplink),
    surface: buildSurface(context, [...path, 'surface'], uplink.surface),
    startAt: uplink.start_at,
    ...(uplink.formerly === undefined ? {} : { formerly: uplink.formerly }),
    backoff: { minMs: uplink.backoff.min, maxMs: uplink.backoff.max },
    ...(commands === undefined ? {} : { commands }),
  }
}

/** What is sent, when and how fast, wherever it goes. */
function buildSending(
  context: Context,
  path: Path,
  options: { readonly uplink: Uplink; readonly devices: readonly DeviceSettings[] },
): Pick<MqttSettings, 'window' | 'order' | 'ackTimeoutMs' | 'delivery' | 'filter' | 'pace' | 'format' | 'batch'> {
  const { uplink } = options
  const filter = buildFilter(context, path, options)
  const batch = uplink.batch && buildBatch(context, path, uplink.batch)
  const { messages, bytes } = uplink.pace ?? {}
  const pace = {
    ...(messages === undefined ? {} : { messagesPerSecond: messages.perSecond }),
    ...(bytes === undefined ? {} : { bytesPerSecond: bytes.perSecond }),
  }
  return {
    window: uplink.window,
    order: uplink.order,
    ackTimeoutMs: uplink.ack_timeout,
    delivery: uplink.delivery,
    ...(filter === undefined ? {} : { filter }),
    ...(Object.keys(pace).length === 0 ? {} : { pace }),
    format: buildFormat(context, path, uplink),
    ...(batch === undefined ? {} : { batch }),
  }
}

function checkPlainPassword(
  context: Context,
  path: Path,
  options: { password: string; urls: readonly BrokerUrl[] },
): void {
  const place = [...path, 'password']
  warnOfPlain(context, place, { text: options.password, noun: 'the password' })
  const open = options.urls.find((url) => !url.encrypted && !isLoopback(url.host))
  if (open) {
    const scheme = open.url.startsWith('ws') ? 'wss' : 'mqtts'
    context.warning(place, `the password goes to ${open.host} unencrypted`, { hint: `use ${scheme}://` })
  }
}

/** Two sessions with one client id throw each other out for ever (MQTT 5.0, 3.1.4-3). */
function checkClientId(
  context: Context,
  path: Path,
  options: { clientId: string; urls: readonly BrokerUrl[]; taken: Map<string, string> },
): void {
  const { clientId, urls, taken } = options
  const name = String(path[1])
  for (const { host, port } of urls) {
    const session = `${clientId} at ${host}:${port}`
    const other = taken.get(session)
    if (other !== undefined && other !== name) {
      const place = context.written([...path, 'client_id']) ? [...path, 'client_id'] : [...path, 'url']
      context.error(place, `uplinks.${other} is ${session} too; they would throw each other out`, {
        hint: `write client_id: "{gateway}-${name}"`,
      })
      return
    }
    taken.set(session, name)
  }
}

/** A position has one owner, else two uplinks would share out the records. */
function checkFormerName(context: Context, path: Path, formerly: string | undefined): void {
  if (formerly === undefined) return
  const place = [...path, 'formerly']
  const own = String(path[1])
  if (formerly === own) {
    context.error(place, `${own} is its name today`, { hint: 'remove it' })
    return
  }
  if (context.names(['uplinks']).includes(formerly)) {
    const message = `uplinks.${formerly} is in the file too and keeps its position`
    context.error(place, message, { hint: `remove this, or uplinks.${formerly}` })
    return
  }
  const claims = Object.entries(context.file.uplinks).filter(([, uplink]) => uplink.formerly === formerly)
  const other = claims.find(([name]) => name !== own)
  if (other) context.error(place, `uplinks.${other[0]} was formerly ${formerly} too; only one can go on for it`)
}

function checkTimes(context: Context, path: Path, uplink: Uplink): void {
  for (const key of ['keepalive', 'session_expiry', 'message_expiry'] as const) {
    const given = uplink[key]
    if (given !== undefined && given % 1000 !== 0) {
      context.error([...path, key], `MQTT knows whole seconds only, got ${formatDuration(given)}`)
    }
  }
  const { min, max } = uplink.backoff
  if (min > max) {
    const place = context.written([...path, 'backoff', 'min']) ? 'min' : 'max'
    context.error([...path, 'backoff', place], `min ${formatDuration(min)} is above max ${formatDuration(max)}`)
  }
}

function checkDelivery(context: Context, path: Path, uplink: Uplink): void {
  if (uplink.delivery !== 'at_most_once') return
  context.warning([...path, 'delivery'], 'every reading is written to flash before it is sent', {
    hint: 'at_least_once spares the card; who reads can drop repeated ids',
  })
}

function buildBatch(context: Context, path: Path, batch: NonNullable<Uplink['batch']>): BatchSettings {
  const commitInterval = context.file.outbox.commit_interval
  if (batch.max_wait >= commitInterval) {
    const place = context.written([...path, 'batch', 'max_wait']) ? [...path, 'batch', 'max_wait'] : [...path, 'batch']
    const wait = formatDuration(batch.max_wait)
    const message = `max_wait ${wait} is not below outbox.commit_interval ${formatDuration(commitInterval)}, so every reading is written to flash`
    context.warning(place, message, { hint: 'a shorter max_wait spares the card' })
  }
  return { recordsMax: batch.max_records, bytesMax: batch.max_bytes, waitMaxMs: batch.max_wait, gzip: batch.gzip }
}
