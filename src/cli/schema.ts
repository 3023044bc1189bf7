import { jsonSchema } from '../config/json-schema.ts'

export interface SchemaOptions {
  /** Default: standard output. */
  readonly write?: (text: string) => void
}

/** Prints the JSON Schema of the configuration, for editors. */
export async function schema(options: SchemaOptions): Promise<number> {
  const write = options.write ?? ((text: string) => process.stdout.write(text))
  write(`${JSON.stringify(jsonSchema(), null, 2)}\n`)
  return 0
}
