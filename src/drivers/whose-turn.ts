import type { PolledDevice } from './polled-device.ts'

/** Of the devices that are due, the one that waited longest for a turn; else the one that is due first. Pure. */
export function whoseTurn(
  devices: readonly PolledDevice[],
  now: number,
  options: { readonly dueAt: (device: PolledDevice) => number },
): PolledDevice | undefined {
  const { dueAt } = options
  const rank = (device: PolledDevice) => (dueAt(device) <= now ? [0, device.servedAt] : [1, dueAt(device)])
  let most: PolledDevice | undefined
  for (const device of devices) {
    if (Number.isFinite(dueAt(device)) && (!most || isBefore(rank(device), rank(most)))) most = device
  }
  return most
}

function isBefore(a: readonly number[], b: readonly number[]): boolean {
  const [kindA = 0, timeA = 0] = a
  const [kindB = 0, timeB = 0] = b
  return kindA === kindB ? timeA < timeB : kindA < kindB
}
