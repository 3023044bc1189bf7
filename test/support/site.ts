/** A configuration with one Modbus TCP device and one MQTT uplink; both ports may be closed. */
export function siteYaml(options: { modbusPort?: number; mqttPort?: number } = {}): string {
  return `version: 1
gateway: { id: test-gw }
connections:
  plc: { type: modbus-tcp, host: 127.0.0.1, port: ${options.modbusPort ?? 1}, timeout: 200ms }
devices:
  meter:
    connection: plc
    interval: 100ms
    points:
      power: { address: 0, type: uint16, unit: W }
uplinks:
  cloud: { type: mqtt, url: "mqtt://127.0.0.1:${options.mqttPort ?? 1}" }
`
}
