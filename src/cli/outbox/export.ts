import { recordText } from '../../uplink/formats/envelope.ts'
import { formatNumberOf, formatSize } from '../format.ts'
import { progressLine } from '../progress.ts'
import { type ChoiceFlags, eachPage } from './listing.ts'
import { type OutboxFlags, withOutbox } from './source.ts'

/** `tidegate outbox export`: records as JSON lines on standard output, each as it is sent by default. */
export function exportRecords(flags: Omit<OutboxFlags, 'json'> & ChoiceFlags): Promise<number> {
  const { stateDir, ...choice } = flags
  return withOutbox(stateDir, async (reader) => {
    const progress = progressLine('exporting')
    let records = 0
    let bytes = 0
    const onPage = ({ from, through, examined }: { from: number; through: number; examined: number }) => {
      const text = `${formatNumberOf(records, 'record')}, ${formatSize(bytes)}`
      progress.show(examined - from + 1, through - from + 1, text)
    }
    for await (const page of eachPage(reader, choice, { onPage })) {
      if (page.length === 0) continue
      const text = `${page.map(recordText).join('\n')}\n`
      records += page.length
      bytes += Buffer.byteLength(text)
      await written(text)
    }
    progress.clear()
    console.error(`${formatNumberOf(records, 'record')}, ${formatSize(bytes)}`)
    return 0
  })
}

/** Waits until it is taken: whoever reads slowly must not fill our memory. */
function written(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => (error ? reject(error) : resolve()))
  })
}
