import { GatewayError, messageOf } from '../errors.ts'

/** problem+json (RFC 9457); `code` and `hint` are those of our errors. */
export function problemAnswer(status: number, detail: string, more: { code?: string; hint?: string } = {}): Response {
  return new Response(JSON.stringify({ type: 'about:blank', status, ...more, detail }), {
    status,
    headers: { 'content-type': 'application/problem+json' },
  })
}

/** The answer to a question or an order that was refused. */
export function refusalAnswer(error: GatewayError): Response {
  return problemAnswer(httpStatus(error), error.message, facts(error))
}

function httpStatus({ code }: GatewayError): number {
  if (code === 'usage') return 400
  if (code === 'unknown_uplink' || code === 'unknown_device' || code === 'unknown_key') return 404
  return code === 'conflict' || code === 'still_configured' ? 409 : 500
}

function facts({ code, hint }: GatewayError): { code: string; hint?: string } {
  return { code, ...(hint === undefined ? {} : { hint }) }
}

/** How often a long answer says how far it is. */
const PROGRESS_EVERY_MS = 200

/**
 * A long answer: JSON lines `{"done":N,"of":M}` while it goes on, then the line `{"result":...}` or `{"error":...}`. When
 * the other side goes away, the work ends by itself and nobody is told.
 */
export function longAnswer(work: (onProgress: (done: number, of: number) => void) => Promise<unknown>): Response {
  const encoder = new TextEncoder()
  const body = new ReadableStream<Uint8Array>({
    async start(stream) {
      let gone = false
      let told = 0
      const say = (line: unknown) => {
        if (gone) return
        try {
          stream.enqueue(encoder.encode(`${JSON.stringify(line)}\n`))
        } catch {
          gone = true
        }
      }
      // The first line at once: whoever asked knows that somebody works on it.
      say({ done: 0, of: 0 })
      try {
        const result = await work((done, of) => {
          const now = performance.now()
          if (now - told < PROGRESS_EVERY_MS) return
          told = now
          say({ done, of })
        })
        say({ result: result ?? null })
      } catch (error) {
        say({ error: { detail: messageOf(error), ...(error instanceof GatewayError ? facts(error) : {}) } })
      }
      if (!gone) stream.close()
    },
  })
  return new Response(body, { headers: { 'content-type': 'application/x-ndjson' } })
}
