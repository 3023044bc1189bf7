import type { ConnectionSettings, DeviceSettings, PointSettings, Settings } from '../../settings.ts'
import type { UplinkSettings } from '../../uplink-settings.ts'
import { pollsOf, speaksByItself } from './polls.ts'

/** Estimates, said as such: how much data a configuration makes, how long an outage it survives, what that writes. */
export interface Forecast {
  readonly recordsPerSecond: number
  /** Bytes of an average record as sent. */
  readonly recordBytes: number
  readonly uplinks: readonly UplinkForecast[]
  readonly outbox: {
    /** Days of an outage that fit into max_size. */
    readonly sizeDays: number
    readonly maxAgeDays: number
    /** Bytes on disk when the first of the two limits is reached. */
    readonly usedBytesMax: number
  }
  /** Bytes a day written to the storage device during an outage. */
  readonly flashBytesPerDayOffline: number
}

export interface UplinkForecast {
  readonly uplink: string
  /** On the wire, before compression. */
  readonly bytesPerDay: number
  readonly messagesPerSecond: number
  /** It sends less than is made, by its own pace: a backlog would grow for ever. */
  readonly fallsBehind: boolean
}

const dayMs = 86_400_000

/** A text device speaks when it likes; a scale with traffic sends about so many messages. */
const textMessagesPerSecond = 1
/** `1234.5`, `false`. */
const valueCharacters = 6
/** `{"id":"","ts":1763683200123,"device":"","values":{}}` with epoch and seq, without the gateway's name. */
const envelopeCharacters = 74
/** Fixed header, lengths, packet id and properties of a PUBLISH (MQTT 5.0, 3.3). */
const publishBytes = 8
/** Row header, seq, stamps, source and checksum of a stored record; the id and the time are not stored with it. */
const rowBytes = 30
/** Of the database (storage/database.ts). */
export const pageBytes = 1024
/** A page in the write-ahead log has a header (https://sqlite.org/fileformat2.html#walformat). */
const framePageBytes = pageBytes + 24
/** Of a page, what rows that are only ever added behind each other fill. */
const pageFill = 0.9
/** What the card is given at once: the file system's block. */
const blockBytes = 4096
/** ext4 writes its journal at most so often for a log that only changes its time, three blocks each. */
const journalMs = 5_000
const journalBytes = 3 * blockBytes

export function forecast(settings: Settings): Forecast {
  const devices = settings.connections.flatMap((connection) =>
    connection.devices.map((device) => deviceRate(device, { settings, connection })),
  )
  const recordsPerSecond = sum(devices.map((device) => device.perSecond))
  const recordBytes =
    recordsPerSecond === 0 ? 0 : sum(devices.map((one) => one.perSecond * one.bytes)) / recordsPerSecond
  const stored = storedBytes(settings, recordBytes)
  const perDay = recordsPerSecond * (dayMs / 1000)
  const sizeDays = settings.outbox.maxSizeBytes / (perDay * stored)
  const maxAgeDays = settings.outbox.maxAgeMs / dayMs
  return {
    recordsPerSecond,
    recordBytes,
    uplinks: settings.uplinks.map((uplink) => uplinkForecast(uplink, devices)),
    outbox: { sizeDays, maxAgeDays, usedBytesMax: Math.min(sizeDays, maxAgeDays) * perDay * stored },
    flashBytesPerDayOffline:
      flashBytesPerSecond(settings.outbox.commitIntervalMs, { recordsPerSecond, stored }) * (dayMs / 1000),
  }
}

interface DeviceRate {
  readonly name: string
  readonly perSecond: number
  readonly bytes: number
  /** In one record, about. */
  readonly points: number
}

/** One record a poll; points with a longer interval that is a multiple share it. */
function deviceRate(
  device: DeviceSettings,
  { settings, connection }: { readonly settings: Settings; readonly connection: ConnectionSettings },
): DeviceRate {
  const fixed = envelopeCharacters + settings.gateway.id.length + device.name.length
  if (speaksByItself(connection, device)) {
    const bytes = fixed + sum(device.points.map(pointCharacters))
    return { name: device.name, perSecond: textMessagesPerSecond, bytes, points: device.points.length }
  }
  const polls = pollsOf(device)
  const often = polls[0]?.everyMs
  if (often === undefined) return { name: device.name, perSecond: 0, bytes: 0, points: 0 }
  const apart = polls.filter(
    ({ everyMs, schedule }) => everyMs === often || schedule !== undefined || everyMs % often !== 0,
  )
  const perSecond = sum(apart.map(({ everyMs }) => 1000 / everyMs))
  const values = sum(polls.map(({ everyMs, points }) => sum(points.map(pointCharacters)) * (1000 / everyMs)))
  const read = sum(polls.map(({ everyMs, points }) => points.length * (1000 / everyMs)))
  if (perSecond === 0) return { name: device.name, perSecond, bytes: 0, points: 0 }
  return { name: device.name, perSecond, bytes: fixed + values / perSecond, points: read / perSecond }
}

/** `"name":value,` */
function pointCharacters(point: PointSettings): number {
  return point.name.length + 4 + (point.type === 'string' ? point.length * 2 + 2 : valueCharacters)
}

/** What one uplink makes of it: of its devices, thinned, as messages of its form. */
function uplinkForecast(uplink: UplinkSettings, devices: readonly DeviceRate[]): UplinkForecast {
  const { filter, pace } = uplink
  const recordsMax = filter?.thinToMs === undefined ? Number.POSITIVE_INFINITY : 1000 / filter.thinToMs
  const wanted = devices
    .filter(({ name }) => filter?.devices?.includes(name) ?? true)
    .map((device) => ({ ...device, perSecond: Math.min(device.perSecond, recordsMax) }))
  const records = sum(wanted.map(({ perSecond }) => perSecond))
  const payload = sum(wanted.map(({ perSecond, bytes }) => perSecond * bytes))
  const perPoint = uplink.topics.data.includes('{point}')
  const messages = perPoint ? sum(wanted.map((one) => one.perSecond * one.points)) : records / gathered(uplink, records)
  const topics = messages * uplink.topics.data.length
  // Each message of a point has the head of a record of its own.
  const heads = perPoint ? Math.max(0, messages - records) * envelopeCharacters : 0
  const bytes = payload + topics + heads
  const isBehind = (limit: number | undefined, made: number) => limit !== undefined && limit < made
  return {
    uplink: uplink.name,
    bytesPerDay: (bytes + messages * publishBytes) * (dayMs / 1000),
    messagesPerSecond: messages,
    fallsBehind: isBehind(pace?.messagesPerSecond, messages) || isBehind(pace?.bytesPerSecond, bytes),
  }
}

/** Records in one message. */
function gathered(uplink: UplinkSettings, recordsPerSecond: number): number {
  if (uplink.batch === undefined) return 1
  return Math.min(uplink.batch.recordsMax, 1 + (recordsPerSecond * uplink.batch.waitMaxMs) / 1000)
}

/** A row holds the record without id and time. */
function storedBytes(settings: Settings, recordBytes: number): number {
  const notStored = envelopeCharacters - 22 + settings.gateway.id.length
  return Math.max(0, recordBytes - notStored) + rowBytes
}

/**
 * Bytes a second during an outage, as measured on ext4 (docs/figures.md): each commit writes the pages that its rows touch
 * into the log, in whole blocks, and later each page goes once into the database. `stored` are the bytes of a row.
 */
export function flashBytesPerSecond(
  commitIntervalMs: number,
  load: { readonly recordsPerSecond: number; readonly stored: number },
): number {
  const { recordsPerSecond, stored } = load
  if (recordsPerSecond === 0) return 0
  // A commit is due when its oldest record is one interval old; the next interval begins with the next record.
  const commits = recordsPerSecond / (1 + (recordsPerSecond * commitIntervalMs) / 1000)
  const newPages = ((recordsPerSecond / commits) * stored) / (pageBytes * pageFill)
  // The page that was last; and with new ones the one above them, the map of pages and the first of the file.
  const pages = 1 + newPages + 3 * Math.min(1, newPages)
  const log = commits * (pages * framePageBytes + blockBytes)
  const journal = Math.min(commits, 1000 / journalMs) * journalBytes
  return log + journal + (recordsPerSecond * stored) / pageFill
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
