import type { Verification, VerifiedEpoch } from '../../outbox-api.ts'
import { formatCount, formatNumberOf } from '../format.ts'
import { progressLine } from '../progress.ts'
import { table } from '../table.ts'
import { type OutboxFlags, withOutbox } from './source.ts'

/** `tidegate outbox verify`: counts again from the rows. Status 0 only if the books are right. */
export function verify(flags: OutboxFlags): Promise<number> {
  return withOutbox(flags.stateDir, async (reader) => {
    const progress = progressLine('counting')
    const result = await reader.verify((done, of) => progress.show(done, of)).finally(() => progress.clear())
    console.log(flags.json ? JSON.stringify(result, null, 2) : verifiedText(result).join('\n'))
    return result.ok ? 0 : 1
  })
}

/** Epochs without a loss and with nothing left are only counted on the screen. */
const EPOCHS_SHOWN_MAX = 20

/** Pure. */
export function verifiedText(result: Verification): string[] {
  const interesting = result.epochs.filter((epoch) => epoch.missing !== 0)
  const shown = [...interesting, ...result.epochs.filter((epoch) => epoch.missing === 0).slice(-EPOCHS_SHOWN_MAX)]
  const rest = result.epochs.length - shown.length
  const head = ['UPLINK', 'epoch', 'issued', 'delivered', 'waiting', 'dropped', 'rejected', 'not its', '']
  return [
    ...table([head, ...shown.map(row)], { right: [2, 3, 4, 5, 6, 7] }),
    ...(rest > 0 ? [`and ${formatNumberOf(rest, 'epoch')} before, which add up`] : []),
    '',
    verdict(result),
  ]
}

function row(epoch: VerifiedEpoch): string[] {
  const { uplink, epoch: tag, issued, delivered, waiting, dropped, rejected, notWanted, skipped, missing } = epoch
  const numbers = [issued, delivered, waiting, dropped, rejected, notWanted + skipped].map(formatCount)
  return [uplink, tag, ...numbers, missing === 0 ? '' : `! ${missing > 0 ? 'lacks' : 'too many:'} ${Math.abs(missing)}`]
}

function verdict({ ok, rows, head }: Verification): string {
  const counted = `${formatNumberOf(rows, 'row')} counted, through record ${formatCount(head)}`
  return ok
    ? `Everything adds up: ${counted}.`
    : `! The books are not right: ${counted}. Please report this, with: tidegate outbox verify --json`
}
