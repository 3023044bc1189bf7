/** What the main thread keeps until the storage thread has answered. */
import type { Worker } from 'node:worker_threads'
import type { Operation } from './operation.ts'
import type { PlainOperation } from './protocol.ts'

export interface Job {
  readonly operations: readonly Operation[]
  readonly resolve: (results: unknown[]) => void
  readonly reject: (error: Error) => void
}

export interface Committing {
  readonly id: number
  readonly jobs: readonly Job[]
  readonly restores: boolean
  readonly by: Worker | undefined
}

export interface Question {
  readonly question: PlainOperation
  readonly resolve: (answer: unknown) => void
  readonly reject: (error: Error) => void
}
