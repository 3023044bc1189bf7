import type { BatchSettings, MqttSettings, UplinkSettings } from '../../uplink-settings.ts'
import type { Path } from '../problem.ts'
import type { Uplink } from '../schema/uplink.ts'
import { isReference, readSecret } from '../secrets.ts'
import { fillGateway } from '../topics.ts'
import { formatDuration } from '../units.ts'
import { type BrokerUrl, isLoopback, parseBrokerUrl } from '../urls.ts'
import type { Context } from './context.ts'
import { buildIntake } from './intake.ts'
import { buildTls } from './tls.ts'
import { buildTopics } from './uplink-topics.ts'

/** Uplinks with secrets read and {gateway} filled in. What is wrong is told. */
export function buildUplinks(context: Context): UplinkSettings[] {
  const taken = new Map<string, string>()
  const uplinks = Object.entries(context.file.uplinks).map(([name, uplink]) =>
    buildMqtt(context, { name, uplink, taken }),
  )
  const takesCommands = Object.values(context.file.uplinks).some((uplink) => uplink.commands !== undefined)
  const offers = context.names(['commands']).length > 0
  if (offers && !takesCommands && context.names(['uplinks']).length === uplinks.length) {
    context.warning(['commands'], 'no uplink takes commands', { at: 'key', hint: 'add commands: {} to an uplink' })
  }
  return uplinks
}

function buildMqtt(
  context: Context,
  options: { readonly name: string; readonly uplink: Uplink; readonly taken: Map<string, string> },
): MqttSettings {
  const { name, uplink, taken } = options
  const path = ['uplinks', name]
  const urls = buildUrls(context, [...path, 'url'], uplink.url)
  const clientId = fillGateway(uplink.client_id ?? context.gatewayId, context.gatewayId)
  checkClientId(context, path, { clientId, urls, taken })
  checkTimes(context, path, uplink)
  checkFormerName(context, path, uplink.formerly)
  const password = buildSecret(context, [...path, 'password'], uplink.password)
  if (password !== undefined) checkPlainPassword(context, path, { password: uplink.password ?? '', urls })
  const username =
    buildSecret(context, [...path, 'username'], uplink.username) ??
    (password === undefined ? undefined : context.gatewayId)
  const commands = buildIntake(context, path, uplink)
  const batch = uplink.batch && buildBatch(context, path, uplink.batch)
  return {
    name,
    type: 'mqtt',
    urls: urls.map((url) => url.url),
    protocol: uplink.protocol === '3.1.1' ? 3 : 5,
    fallback: false,
    clientId,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    keepaliveMs: uplink.keepalive,
    sessionExpiryMs: uplink.session_expiry,
    connectTimeoutMs: uplink.connect_timeout,
    tls: buildTls(context, [...path, 'tls'], { tls: uplink.tls, urls }),
    topics: buildTopics(context, path, uplink),
    topicAliases: true,
    properties: { contentType: false, id: false, user: {} },
    surface: {},
    format: { type: 'json' },
    window: uplink.window,
    order: 'oldest_first',
    ackTimeoutMs: uplink.ack_timeout,
    delivery: 'at_least_once',
    startAt: uplink.start_at,
    ...(uplink.formerly === undefined ? {} : { formerly: uplink.formerly }),
    ...(batch === undefined ? {} : { batch }),
    backoff: { minMs: uplink.backoff.min, maxMs: uplink.backoff.max },
    ...(commands === undefined ? {} : { commands }),
  }
}

function buildUrls(context: Context, path: Path, given: string | string[]): BrokerUrl[] {
  const list = Array.isArray(given) ? given : [given]
  return list.flatMap((text, index) => {
    const parsed = parseBrokerUrl(text)
    if ('value' in parsed) return [parsed.value]
    context.error(Array.isArray(given) ? [...path, index] : path, parsed.problem, { hint: parsed.hint })
    return []
  })
}

function buildSecret(context: Context, path: Path, text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const read = readSecret(text, context.host)
  if ('value' in read) return read.value
  context.error(path, read.problem, { hint: read.hint })
  return undefined
}

function checkPlainPassword(
  context: Context,
  path: Path,
  options: { password: string; urls: readonly BrokerUrl[] },
): void {
  const place = [...path, 'password']
  if (!isReference(options.password)) {
    context.warning(place, 'the password stands in the file', {
      hint: 'secret:NAME, env:NAME or file:/path keep it out',
    })
  }
  const open = options.urls.find((url) => !url.encrypted && !isLoopback(url.host))
  if (open) context.warning(place, `the password goes to ${open.host} unencrypted`, { hint: 'use mqtts://' })
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
  for (const key of ['keepalive', 'session_expiry'] as const) {
    if (uplink[key] % 1000 !== 0) {
      context.error([...path, key], `MQTT knows whole seconds only, got ${formatDuration(uplink[key])}`)
    }
  }
  const { min, max } = uplink.backoff
  if (min > max) {
    const place = context.written([...path, 'backoff', 'min']) ? 'min' : 'max'
    context.error([...path, 'backoff', place], `min ${formatDuration(min)} is above max ${formatDuration(max)}`)
  }
  if (uplink.protocol === '3.1.1' && context.written([...path, 'session_expiry'])) {
    context.warning([...path, 'session_expiry'], 'MQTT 3.1.1 has no session expiry', { at: 'key', hint: 'remove it' })
  }
}

function buildBatch(context: Context, path: Path, batch: NonNullable<Uplink['batch']>): BatchSettings {
  const commitInterval = context.file.outbox.commit_interval
  if (batch.max_wait >= commitInterval) {
    const place = context.written([...path, 'batch', 'max_wait']) ? [...path, 'batch', 'max_wait'] : [...path, 'batch']
    const wait = formatDuration(batch.max_wait)
    const message = `max_wait ${wait} is not below outbox.commit_interval ${formatDuration(commitInterval)}, so every reading is written to flash`
    context.warning(place, message, { hint: 'a shorter max_wait spares the card' })
  }
  return { recordsMax: batch.max_records, bytesMax: batch.max_bytes, waitMaxMs: batch.max_wait }
}
