/**
 * Words that belong to Tidegate's configuration but do not work in this version. Naming them keeps an operator from
 * looking for a spelling mistake in a file that is only ahead of the program.
 */
const keys = ['console', 'homeassistant']

const values = [
  'tencent-iothub',
  'tencent-iot-explorer',
  'onenet',
  'cmq',
  'kafka',
  'http',
  'stdout',
  'senml',
  'sparkplug',
  'cbor',
  'thingsboard',
  'neuron-values',
]

/** Is this key one of a later version? */
export function isLaterKey(key: string): boolean {
  return keys.includes(key)
}

/** Is this value (of a `type` or `format`) one of a later version? */
export function isLaterValue(value: string): boolean {
  return values.includes(value)
}
