import { createReadStream, rmSync } from 'node:fs'
import { rm, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { Hono } from 'hono'
import { GatewayError, messageOf } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { OutboxDesk } from '../outbox-api.ts'
import { longAnswer, problemAnswer } from './answers.ts'

/** Whoever asked for a copy fetches it at once; it takes the room of a second database. */
const COPY_KEPT_MS = 600_000

/**
 * PUBLIC: a copy of the database of the running agent. POST makes it, GET fetches it, DELETE removes it. The agent keeps it
 * in its own state directory for that time: it may write nowhere else, and who asks may not write there. One that nobody
 * fetches or removes goes by itself, at the next start at the latest.
 */
export function backupRoutes(desk: OutboxDesk, log: Logger): Hono {
  const routes = new Hono()
  const file = join(desk.stateDir, 'tidegate.db.backup')
  let making = false
  let expiry: NodeJS.Timeout | undefined
  const keep = () => {
    clearTimeout(expiry)
    // While it is still being sent, only its name goes.
    expiry = setTimeout(() => removeCopy(file, log), COPY_KEPT_MS).unref()
  }
  removeCopy(file, log)
  routes.post('/', async () => {
    if (making) throw new GatewayError('conflict', 'a backup is being made already', { hint: 'wait for it' })
    making = true
    clearTimeout(expiry)
    return longAnswer(async (onProgress) => {
      try {
        await makeRoom(desk, file, log)
        await desk.backup(file, onProgress)
        const { size } = await stat(file)
        keep()
        log.info('backup made, asked for over the socket', { bytes: size })
        return { bytes: size }
      } catch (error) {
        await rm(file, { force: true })
        throw error
      } finally {
        making = false
      }
    })
  })
  routes.get('/', async () => {
    const bytes = making ? undefined : await sizeOf(file)
    if (bytes === undefined) return problemAnswer(404, 'there is no backup', { hint: 'POST makes one' })
    keep()
    const body = Readable.toWeb(createReadStream(file)) as ReadableStream<Uint8Array>
    const headers = { 'content-type': 'application/vnd.sqlite3', 'content-length': String(bytes) }
    return new Response(body, { headers })
  })
  routes.delete('/', async () => {
    if (making) throw new GatewayError('conflict', 'a backup is being made', { hint: 'wait for it' })
    clearTimeout(expiry)
    await rm(file, { force: true })
    return new Response(null, { status: 204 })
  })
  return routes
}

/** With what an agent left that was killed while it wrote it. */
function removeCopy(file: string, log: Logger): void {
  try {
    for (const suffix of ['', '.partial', '.partial-journal', '.partial-wal', '.partial-shm']) {
      rmSync(file + suffix, { force: true })
    }
  } catch (error) {
    log.warn('cannot remove a copy of the database', { file, problem: messageOf(error) })
  }
}

/** A full disk would stop the gateway from storing what it reads: rather no backup. */
async function makeRoom(desk: OutboxDesk, file: string, log: Logger): Promise<void> {
  removeCopy(file, log)
  const { disk } = await desk.report()
  const { bavail, bsize } = await statfs(desk.stateDir)
  const left = bavail * bsize - disk.usedBytes
  if (left >= (disk.minFreeBytes ?? 0)) return
  throw new GatewayError('conflict', `a copy of ${disk.usedBytes} bytes would leave too little room on the disk`, {
    hint: 'stop the agent and run this again: then the copy goes straight to its place',
  })
}

async function sizeOf(file: string): Promise<number | undefined> {
  try {
    return (await stat(file)).size
  } catch {
    return undefined
  }
}
