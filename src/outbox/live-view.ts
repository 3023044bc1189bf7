import type { Outbox } from './outbox.ts'
import type { Position, View } from './view.ts'

/** The running outbox as those see it who only look. Nothing is copied: it shows what is true when it is asked. */
export function liveView(outbox: Outbox): View {
  const cursorOf = (position: Position) => outbox.cursors.find(({ name }) => name === position.name)
  return {
    get head() {
      return outbox.head()
    },
    get tailFirst() {
      return outbox.supply.tailFirst()
    },
    get epochs() {
      return outbox.epochs
    },
    get boots() {
      return outbox.boots
    },
    get positions() {
      return [...outbox.cursors, ...outbox.absent]
    },
    get mono() {
      return outbox.supply.mono()
    },
    tailEntry: (seq) => outbox.supply.tailEntry(seq),
    isGone: (seq) => outbox.supply.isGone(seq),
    goneNow: () => outbox.goneNow(),
    isBeingSent: (position, seq) => cursorOf(position)?.isOutstanding(seq) ?? false,
    isLate: (position, seq) => cursorOf(position)?.isLate(seq) ?? false,
  }
}
