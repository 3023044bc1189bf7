/** What short codes mean, for people. MODBUS Application Protocol V1.1b3, section 7, for the exceptions. */
const meanings: Readonly<Record<string, string>> = {
  timeout: 'no reply',
  crc: 'a damaged reply: other line settings, or a disturbed line',
  short_reply: 'half a reply',
  foreign_reply: 'a reply of somebody else',
  noise: 'bytes that are no reply: other line settings?',
  io: 'the connection broke',
  exception_1: 'the device does not know this function: another table?',
  exception_2: 'the device has nothing at this address',
  exception_3: 'the device refuses this count or value',
  exception_4: 'the device failed',
  exception_5: 'the device is at it, and takes long',
  exception_6: 'the device is busy',
  exception_10: 'the gateway has no path to it',
  exception_11: 'the gateway got no reply from it',
  invalid: 'no value (a marker of the device, or no number)',
  write_only: 'can only be written',
  read_only: 'can only be read',
  unsupported: 'it cannot be asked; it speaks by itself: tidegate watch',
  checksum: 'the checksum is wrong',
  pattern: 'a message that is not understood',
}

/** "exception_2: the device has nothing at this address" */
export function explained(code: string): string {
  const meaning = meanings[code]
  return meaning === undefined ? code : `${code}: ${meaning}`
}
