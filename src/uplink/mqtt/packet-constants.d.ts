declare module 'mqtt-packet/constants.js' {
  const constants: { readonly MQTT5_PUBACK_PUBREC_CODES: Record<number, string> }
  // biome-ignore lint/style/noDefaultExport: this is how a CommonJS module without types is seen
  export default constants
}
