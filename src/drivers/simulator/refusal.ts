/** A request that is answered with an exception (MODBUS Application Protocol V1.1b3, section 7). */
export class Refusal extends Error {
  readonly exception: number
  constructor(exception: number) {
    super(`exception ${exception}`)
    this.exception = exception
  }
}

export const ILLEGAL_FUNCTION = 1
export const ILLEGAL_ADDRESS = 2
export const ILLEGAL_VALUE = 3
