import { told } from './orders.ts'
import { type OutboxFlags, outboxOfAgent } from './source.ts'

/** `tidegate outbox pause`: nothing is sent to this uplink until it is resumed, also after a restart. */
export async function pause(uplink: string, { stateDir, json }: OutboxFlags): Promise<number> {
  await outboxOfAgent(stateDir).pause(uplink)
  return told({}, { json, text: `${uplink} is paused: its records wait until tidegate outbox resume ${uplink}` })
}

/** `tidegate outbox resume` */
export async function resume(uplink: string, { stateDir, json }: OutboxFlags): Promise<number> {
  await outboxOfAgent(stateDir).resume(uplink)
  return told({}, { json, text: `${uplink} goes on.` })
}
