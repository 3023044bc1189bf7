/** Takes items one batch after the other: what comes while a batch is open waits and is handled together. */
export class Lane<Item, Result> {
  readonly #handle: (items: readonly Item[]) => Promise<readonly Result[]>
  readonly #batchMax: number
  #waiting: {
    readonly item: Item
    readonly resolve: (result: Result) => void
    readonly reject: (error: unknown) => void
  }[] = []
  #open = false

  /** `handle` gives one result for each item, in order. At most `batchMax` items go into one batch. */
  constructor(batchMax: number, handle: (items: readonly Item[]) => Promise<readonly Result[]>) {
    this.#batchMax = batchMax
    this.#handle = handle
  }

  /** Resolves with the item's result when its batch is done. The first item of an idle lane starts at once. */
  submit(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject })
      if (!this.#open) void this.#run()
    })
  }

  async #run(): Promise<void> {
    this.#open = true
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, this.#batchMax)
      try {
        const results = await this.#handle(batch.map((entry) => entry.item))
        for (const [index, entry] of batch.entries()) entry.resolve(results[index] as Result)
      } catch (error) {
        // Only programming errors come here; whoever waits for the item must not wait for ever.
        for (const entry of batch) entry.reject(error)
      }
    }
    this.#open = false
  }
}
