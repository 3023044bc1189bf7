/** The part of node:test's events that is looked at here. */
export interface TestEvent {
  readonly type: string
  readonly data: {
    readonly name?: string
    readonly file?: string
    readonly nesting?: number
    readonly message?: string
    readonly skip?: string | boolean
  }
}

/** Hands on all events, and before the closing lines of the whole run adds the list of what was skipped. */
export async function* addSkippedList(events: AsyncIterable<TestEvent>): AsyncGenerator<TestEvent> {
  const skipped: { name: string; reason: string }[] = []
  let listed = false
  for await (const event of events) {
    const { data } = event
    if (event.type === 'test:pass' && data.skip !== undefined && data.skip !== false) {
      skipped.push({ name: data.name ?? '', reason: data.skip === true ? '' : data.skip })
    }
    if (!listed && isFirstClosingLine(event)) {
      listed = true
      for (const message of skippedLines(skipped)) {
        yield { type: 'test:diagnostic', data: { nesting: 0, message } }
      }
    }
    yield event
  }
}

/** The whole run closes with "tests N", "suites N", "pass N" and so on; diagnostics of a test carry its file. */
function isFirstClosingLine({ type, data }: TestEvent): boolean {
  return (
    type === 'test:diagnostic' &&
    data.file === undefined &&
    data.nesting === 0 &&
    /^tests \d+$/.test(data.message ?? '')
  )
}

/** Empty when nothing was skipped. */
export function skippedLines(skipped: readonly { readonly name: string; readonly reason: string }[]): string[] {
  const packages = new Set<string>()
  const wanting: string[] = []
  const others: string[] = []
  for (const { name, reason } of skipped) {
    const needed = /\(apt-get install (.+)\)$/.exec(reason)?.[1]
    if (needed === undefined) others.push(`  ${name}: ${reason || 'no reason given'}`)
    else {
      for (const aptPackage of needed.split(' ')) packages.add(aptPackage)
      wanting.push(`  ${name}: needs ${needed}`)
    }
  }
  const install = `install: apt-get install ${[...packages].sort().join(' ')}`
  return [
    ...(wanting.length === 0 ? [] : [`Skipped for want of system packages: ${wanting.length}; ${install}`, ...wanting]),
    ...(others.length === 0 ? [] : [`Skipped for other reasons: ${others.length}`, ...others]),
  ]
}
