import { GatewayError } from '../../errors.ts'

/** `DEVICE.POINT`, or a device alone. Names have no dots. */
export function splitName(text: string): { readonly device: string; readonly point?: string } {
  const [device = '', point, ...more] = text.split('.')
  if (device === '' || point === '' || more.length > 0) {
    throw new GatewayError('usage', `"${text}" is no name: expected DEVICE or DEVICE.POINT`, { hint: 'tidegate plan' })
  }
  return { device, ...(point === undefined ? {} : { point }) }
}
