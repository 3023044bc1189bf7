/** One record that is given up. */
export interface GivenUp {
  readonly seq: number
  readonly boot: number
  readonly mono: number
  /** Number of the uplink that alone wants it, or 0. */
  readonly target: number
}
