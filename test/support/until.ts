import { setTimeout as delay } from 'node:timers/promises'

/**
 * Waits until `fact` gives something truthy and returns it; fails with `what` after the deadline. Tests wait for facts,
 * never for time.
 */
export async function until<T>(
  fact: () => T | Promise<T>,
  options: { readonly what: string; readonly timeoutMs?: number },
): Promise<Exclude<T, false | 0 | '' | null | undefined>> {
  const deadline = performance.now() + (options.timeoutMs ?? 10_000)
  for (;;) {
    const value = await fact()
    if (value) return value as Exclude<T, false | 0 | '' | null | undefined>
    if (performance.now() > deadline) throw new Error(`waited in vain for: ${options.what}`)
    await delay(5)
  }
}
