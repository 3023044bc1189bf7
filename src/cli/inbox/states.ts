import type { CommandState } from '../../model.ts'

/** Under way. */
export const liveStates: readonly CommandState[] = ['waiting', 'applying']

export const finalStates: readonly CommandState[] = [
  'applied',
  'verified',
  'failed',
  'refused',
  'superseded',
  'expired',
  'cancelled',
  'unknown',
]
