import type { TestContext } from 'node:test'

const endings = new WeakMap<TestContext, (() => unknown)[]>()

/**
 * Like `test.after`, but what was begun last ends first: node:test runs its own hooks in the order they were given, and
 * would remove a folder before the programs that work in it end.
 */
export function atEnd(test: TestContext, end: () => unknown): void {
  const known = endings.get(test)
  if (known) {
    known.push(end)
    return
  }
  const ends = [end]
  endings.set(test, ends)
  test.after(async () => {
    const failures: unknown[] = []
    for (const each of ends.reverse()) {
      try {
        await each()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  })
}
