import type { PropertiesSettings } from '../../uplink-settings.ts'
import type { Path } from '../problem.ts'
import type { Uplink } from '../schema/uplink.ts'
import type { Context } from './context.ts'

/** What MQTT 3.1.1 has no room for; and what it is called there. */
const newerKeys = {
  session_expiry: 'session expiry',
  content_type: 'content type',
  message_id: 'user properties',
  user_properties: 'user properties',
  message_expiry: 'message expiry',
  topic_aliases: 'topic aliases',
} as const

/** What accompanies each message of records. */
export function buildProperties(context: Context, path: Path, uplink: Uplink): PropertiesSettings {
  if (uplink.protocol.version === 3) {
    for (const [key, noun] of Object.entries(newerKeys)) {
      if (!context.written([...path, key])) continue
      context.warning([...path, key], `MQTT 3.1.1 has no ${noun}`, { at: 'key', hint: 'remove it' })
    }
  }
  const taken = [
    ...(uplink.message_id ? [{ name: 'id', by: 'message_id' }] : []),
    ...(uplink.batch?.gzip === true ? [{ name: 'content-encoding', by: 'batch.gzip' }] : []),
  ]
  for (const { name, by } of taken) {
    if (!Object.hasOwn(uplink.user_properties, name)) continue
    const message = `${by} sends a user property ${name}, too`
    context.error([...path, 'user_properties', name], message, {
      at: 'key',
      hint: 'remove it, or give it another name',
    })
  }
  return {
    contentType: uplink.content_type,
    id: uplink.message_id,
    user: { ...uplink.user_properties },
    ...(uplink.message_expiry === undefined ? {} : { expirySeconds: Math.floor(uplink.message_expiry / 1000) }),
  }
}
