import type { DeviceSettings } from '../../settings.ts'
import type { MqttSettings, SurfaceSettings } from '../../uplink-settings.ts'
import { matchesFilter, queueOf } from '../topics.ts'
import type { Context } from './context.ts'

/** A topic this uplink publishes to, and what it sends there. */
interface Published {
  readonly topic: string
  readonly what: string
  /** Not of the records. */
  readonly ofSurface: boolean
}

/** Tells of topics that mean two things: to this uplink, or to another one at the same broker. */
export function checkClashes(
  context: Context,
  uplinks: readonly MqttSettings[],
  devices: readonly DeviceSettings[],
): void {
  const states = new Map<string, string>()
  const events = new Map<string, string>()
  for (const uplink of uplinks) {
    const published = publishedBy(context, uplink, devices)
    checkOwnCommands(context, uplink, published)
    checkSurface(context, uplink, published)
    checkStates(context, uplink, states)
    checkEvents(context, uplink, events)
  }
}

/** What a subscription brings is taken for a command, also what the gateway itself has sent (MQTT knows no sender). */
function checkOwnCommands(context: Context, uplink: MqttSettings, published: readonly Published[]): void {
  if (uplink.commands === undefined) return
  const path = ['uplinks', uplink.name, 'commands']
  const queue = queueOf(uplink.commands.subscribe)
  const filter = queue === undefined ? uplink.commands.subscribe : queue.filter
  const own = published.find(({ topic }) => filter !== undefined && matchesFilter(topic, filter))
  if (own === undefined) return
  const written = context.written([...path, 'subscribe'])
  context.warning(
    written ? [...path, 'subscribe'] : path,
    `it covers ${own.topic}, so ${own.what} come back as commands`,
    {
      hint: 'write a narrower topic filter',
      at: written ? 'value' : 'key',
    },
  )
}

function checkSurface(context: Context, uplink: MqttSettings, published: readonly Published[]): void {
  const records = new Map(published.filter((one) => !one.ofSurface).map(({ topic, what }) => [topic, what]))
  const both = published.find(({ topic, ofSurface }) => ofSurface && records.has(topic))
  if (both === undefined) return
  const path = ['uplinks', uplink.name]
  const key = ['surface', 'topic'].find((one) => context.written([...path, one]))
  context.warning(
    key === undefined ? path : [...path, key],
    `${both.what} and ${records.get(both.topic)} share the topic ${both.topic}`,
    {
      hint: 'write another topic, or another root under surface',
      at: 'key',
    },
  )
}

/** Each uplink has its own `after`, so one id would come with two contents. */
function checkEvents(context: Context, uplink: MqttSettings, events: Map<string, string>): void {
  const { event } = uplink.topics
  const path = ['uplinks', uplink.name]
  for (const url of uplink.urls) {
    const place = `${event} at ${new URL(url).hostname}`
    const other = events.get(place)
    if (other !== undefined && other !== uplink.name) {
      const message = `uplinks.${other} sends its events to ${event} at this broker too: they come twice, each with its own "after"`
      context.warning(path, message, { hint: 'write another event_topic', at: 'key' })
      return
    }
    events.set(place, uplink.name)
  }
}

/** Of two uplinks with one state topic, the will of the one says offline while the other is there. */
function checkStates(context: Context, uplink: MqttSettings, states: Map<string, string>): void {
  const { state } = uplink.surface
  if (state === undefined) return
  const path = ['uplinks', uplink.name]
  for (const url of uplink.urls) {
    const place = `${state} at ${new URL(url).hostname}`
    const other = states.get(place)
    if (other !== undefined && other !== uplink.name) {
      const message = `uplinks.${other} says ${state} at this broker too: when one of them goes, the other counts as offline`
      context.warning(path, message, { hint: 'write surface: false, or another root under surface', at: 'key' })
      return
    }
    states.set(place, uplink.name)
  }
}

function publishedBy(context: Context, uplink: MqttSettings, devices: readonly DeviceSettings[]): Published[] {
  const { topics, surface } = uplink
  const wanted = devices.filter(({ name }) => uplink.filter?.devices?.includes(name) ?? true)
  const perPoint = topics.data.includes('{point}')
  const readings = wanted.flatMap((device) => {
    const topic = topics.data.replaceAll('{device}', () => device.name)
    if (!perPoint) return [topic]
    return device.points.map((point) => topic.replaceAll('{point}', () => point.name))
  })
  const results = context.names(['commands']).map((key) => topics.result.replaceAll('{key}', () => key))
  const records = [
    ...readings.map((topic) => ({ topic, what: 'readings' })),
    { topic: topics.event, what: 'events' },
    ...results.map((topic) => ({ topic, what: 'results of commands' })),
  ]
  return [
    ...records.map((one) => ({ ...one, ofSurface: false })),
    ...surfaceTopics(surface, wanted).map((topic) => ({ topic, what: 'surface topics', ofSurface: true })),
  ]
}

function surfaceTopics(surface: SurfaceSettings, devices: readonly DeviceSettings[]): string[] {
  const { availability } = surface
  const single = [surface.state, surface.info, surface.health?.topic, surface.devices]
  const each =
    availability === undefined ? [] : devices.map(({ name }) => availability.replaceAll('{device}', () => name))
  return [...single.filter((topic) => topic !== undefined), ...each]
}
