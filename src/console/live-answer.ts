/** Lines that wait for a reader who does not take them. Further ones are counted instead. */
const LINES_WAITING_MAX = 1000
/** A sign of life where nothing happens, so that both sides notice when the other is gone. */
const ALIVE_EVERY_MS = 5000

/**
 * What happens, as it happens: JSON lines until the reader goes away; empty lines are signs of life. `watch` is given what
 * takes the lines, and gives the function that ends it. What it throws is thrown before anything is answered.
 */
export function liveAnswer(watch: (onLine: (line: object) => void) => () => void): Response {
  const encoder = new TextEncoder()
  const { stream, controller, onCancel } = openStream()
  let missed = 0
  const hasRoom = () => (controller.desiredSize ?? 0) > 1
  const say = (line: string) => controller.enqueue(encoder.encode(`${line}\n`))
  const stop = watch((line) => {
    if (!hasRoom()) {
      missed += 1
      return
    }
    if (missed > 0) say(JSON.stringify({ missed }))
    missed = 0
    say(JSON.stringify(line))
  })
  const alive = setInterval(() => {
    if (hasRoom()) say('')
  }, ALIVE_EVERY_MS)
  onCancel(() => {
    clearInterval(alive)
    stop()
  })
  return new Response(stream, { headers: { 'content-type': 'application/x-ndjson' } })
}

function openStream() {
  let controller!: ReadableStreamDefaultController<Uint8Array>
  let cancelled = () => {}
  const stream = new ReadableStream<Uint8Array>(
    {
      start(given) {
        controller = given
      },
      cancel: () => cancelled(),
    },
    new CountQueuingStrategy({ highWaterMark: LINES_WAITING_MAX }),
  )
  const onCancel = (act: () => void) => {
    cancelled = act
  }
  return { stream, controller, onCancel }
}
