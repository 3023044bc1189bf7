import { HTTPException } from 'hono/http-exception'
import { problemAnswer } from './answers.ts'

/** Far more than an order with 10,000 record numbers. */
const BODY_BYTES_MAX = 256 * 1024

/**
 * The text of a body, of which no more than its limit is ever in memory. Throws HTTPException 413. Not hono's `bodyLimit`:
 * a body without a length goes through the global Request there, which does not take that of the server.
 */
export async function bodyText({ body }: Request): Promise<string> {
  const reader = body?.getReader()
  const chunks: Uint8Array[] = []
  for (let bytes = 0; reader; ) {
    const { done, value } = await reader.read()
    if (done) break
    bytes += value.length
    // What is left is thrown away with the connection; cancelling would close it before the answer.
    if (bytes > BODY_BYTES_MAX) throw tooLong()
    chunks.push(value)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function tooLong(): HTTPException {
  return new HTTPException(413, { res: problemAnswer(413, `the body is longer than ${BODY_BYTES_MAX} bytes`) })
}
