/** A storage thread in a process of its own, which a shim can be loaded into: `put ID` on standard input, `confirmed ID` back. */
import { createInterface } from 'node:readline'
import { systemClock } from '../../src/clock.ts'
import { silentLogger } from '../../src/log.ts'
import { StorageThread } from '../../src/storage/storage.ts'
import { put } from './storage-thread.ts'

const [file] = process.argv.slice(2)
if (file === undefined) throw new Error('the database file is wanted')
const storage = await StorageThread.open(file, { clock: systemClock, log: silentLogger })
process.stdout.write(`opened ${storage.status().problem?.code ?? ''}\n`)
for await (const line of createInterface({ input: process.stdin })) {
  const id = line.replace(/^put /, '')
  void put(storage, [id]).then(() => process.stdout.write(`confirmed ${id}\n`))
}
// The end of the input is the end of the process, as cut off: nothing is closed in good order.
process.kill(process.pid, 'SIGKILL')
