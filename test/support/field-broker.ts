import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FieldProcess, freePort, listening } from './field-process.ts'

/** Mosquitto as the cloud, on one port for the whole test, started and ended at will. */
export class Broker {
  readonly port: number
  readonly #folder: string
  #process: FieldProcess | undefined

  private constructor(folder: string, port: number) {
    this.#folder = folder
    this.port = port
  }

  static async start(folder: string): Promise<Broker> {
    const broker = new Broker(join(folder, 'broker'), await freePort())
    mkdirSync(broker.#folder)
    writeFileSync(join(broker.#folder, 'mosquitto.conf'), broker.#configuration())
    await broker.start()
    return broker
  }

  async start(): Promise<void> {
    const words = ['-c', join(this.#folder, 'mosquitto.conf')]
    const started = new FieldProcess('mosquitto', words, { outputFile: join(this.#folder, 'log') })
    this.#process = started
    await listening(this.port, started)
  }

  /** SIGTERM: it saves its sessions. SIGKILL: it keeps what it saved after the last change it noticed. */
  async end(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    await this.#process?.end(signal)
  }

  /**
   * No limit to what it queues or has in flight to a subscriber: then a message is on its way to a connected subscriber
   * before it is acknowledged to the publisher.
   */
  #configuration(): string {
    return `
      listener ${this.port} 127.0.0.1
      allow_anonymous true
      max_inflight_messages 0
      max_queued_messages 0
      persistence true
      persistence_location ${this.#folder}/
      autosave_on_changes true
      autosave_interval 1
      ${process.getuid?.() === 0 ? 'user root' : ''}
      `.replace(/^\s+/gm, '')
  }
}
