/** One record that is given up. */
export interface GivenUp {
  readonly seq: number
  readonly boot: number
  readonly mono: number
  /** Who wants it (see Audiences). */
  readonly target: number
}
