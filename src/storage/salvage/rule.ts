import type { Database } from 'better-sqlite3'
import type { LastKey } from './carver.ts'
import type { Value } from './values.ts'

/** What became of a row that was found. */
export type Verdict = 'wanted' | 'settled' | 'implausible'

/** What was found out about a damaged database before its successor is opened. */
export interface Found {
  /** Was every row of this table taken over? */
  readonly isComplete: (table: string) => boolean
  /** The highest key of the carved table. */
  readonly last: LastKey
  /** No more rows than this can be missing from the carved table. */
  readonly rowsMissingMax: number
}

/** What a stage knows of its tables: which one is too large to be copied at the start, and how to judge its rows. */
export interface SalvageRule {
  /** The table whose rows are carved from the pages behind the commits. All others are copied at once. */
  readonly table: string
  /** Sets right what does not fit together after the small tables were copied; answers a note kept with the salvage. */
  repair(database: Database, found: Found): string
  /** Once per slice. `row` has one value per column, by name. `note` is what `repair` answered. */
  judge(database: Database, note: string): (row: Readonly<Record<string, Value>>) => Verdict
}
